"""The room `sdk`."""

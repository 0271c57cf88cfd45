"""The room `kernel`."""

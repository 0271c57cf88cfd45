"""The room `lua`."""

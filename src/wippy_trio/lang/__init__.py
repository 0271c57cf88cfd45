"""The room `lang`."""

"""The room `modules`."""

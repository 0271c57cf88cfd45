"""The room `security`."""

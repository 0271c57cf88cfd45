"""``fs.*``: file systems."""

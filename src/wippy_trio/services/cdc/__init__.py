"""``db.cdc.postgres``: what changes in tables, as it is committed (modules-io 7)."""

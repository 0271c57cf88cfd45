"""The numbered rules of the core, chapter by chapter."""

"""`yaml`: reading and writing, as pure functions."""

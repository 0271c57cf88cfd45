"""`json`: what of it is done in Python."""

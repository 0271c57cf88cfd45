"""Relays: a connection that becomes a process others can send to (modules-io 8.6)."""

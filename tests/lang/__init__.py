"""Tests of the room `lang`."""

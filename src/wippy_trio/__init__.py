"""Isolated Lua processes on Trio."""

from wippy_trio._version import __version__

__all__ = ["__version__"]

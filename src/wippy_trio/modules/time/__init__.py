"""`time`: durations, waits, timers, moments in places.

The calendar itself is :mod:`wippy_trio.expr`'s, since expressions have dates too; the
waits are the engine's, and the Lua part beside this file builds on both.
"""

from __future__ import annotations

from importlib import resources

from wippy_trio.sdk import LuaModule

__all__ = ["MODULE"]

MODULE = LuaModule(
    "time",
    classes=("time", "nondeterministic", "workflow"),
    source=(resources.files(__name__) / "time.lua").read_bytes(),
)

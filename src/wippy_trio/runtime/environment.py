"""Environment variables and storages of the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from wippy_trio.runtime.boot import RunningRuntime

__all__ = ["Environment"]


class Environment:
    """Find variables by public name or entry id (apps 2.7)."""

    def __init__(self, runtime: RunningRuntime) -> None:
        self.runtime = runtime

    def lookup(self, name: str) -> Any:
        """Give the value of a variable, or ``None``."""
        del name

    async def close(self) -> None:
        """Release what the storages hold."""
        await trio.lowlevel.checkpoint()

"""Isolated Lua processes on Trio: the front door.

`open_runtime` runs an application for the length of a block; `Error` is what fails.
Names are imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wippy_trio._version import __version__

if TYPE_CHECKING:
    from wippy_trio.errors import Error
    from wippy_trio.runtime.front import (
        OpenRuntime,
        RuntimeExitedError,
        RuntimeFailedError,
        open_runtime,
    )

_HOME = {
    "Error": "wippy_trio.errors",
    "OpenRuntime": "wippy_trio.runtime.front",
    "RuntimeExitedError": "wippy_trio.runtime.front",
    "RuntimeFailedError": "wippy_trio.runtime.front",
    "open_runtime": "wippy_trio.runtime.front",
}

__all__ = [
    "Error",
    "OpenRuntime",
    "RuntimeExitedError",
    "RuntimeFailedError",
    "__version__",
    "open_runtime",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)

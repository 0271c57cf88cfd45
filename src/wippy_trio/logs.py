"""Loggers that cost nothing until something is logged.

structlog takes 40 to 80 ms to import, since it brings asyncio and, where they are
installed, rich and pygments. A program whose log is silent, which is what ``run -x``
is, never needs it. So every room gets its logger here; the first record that somebody
may read imports structlog and goes to it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Logger", "get_logger", "silence"]

_silent = False


def silence(silent: bool = True) -> None:
    """Drop all records, unless the program configures structlog itself."""
    global _silent  # noqa: PLW0603 - one log a process, as structlog's own settings
    _silent = silent


def _drop(event: str, **fields: Any) -> None:
    del event, fields


class Logger:
    """Hand every record to the structlog logger of a name."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def _method(self, level: str) -> Callable[..., Any]:
        if _silent:
            # Whoever configures structlog itself decides what becomes of our records.
            known = sys.modules.get("structlog")
            if known is None or not known.is_configured():
                return _drop
        import structlog  # noqa: PLC0415 - start-up cost

        method: Callable[..., Any] = getattr(structlog.get_logger(self._name), level)
        return method

    @property
    def silent(self) -> bool:
        """Whether all records are dropped: then their facts need not be collected."""
        return _silent and self._method("debug") is _drop

    def debug(self, event: str, **fields: Any) -> None:
        """Log what only a developer wants to read."""
        self._method("debug")(event, **fields)

    def info(self, event: str, **fields: Any) -> None:
        """Log what happened."""
        self._method("info")(event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Log what somebody should look at."""
        self._method("warning")(event, **fields)

    def error(self, event: str, **fields: Any) -> None:
        """Log a failure."""
        self._method("error")(event, **fields)

    def exception(self, event: str, **fields: Any) -> None:
        """Log a failure with the exception that is being handled."""
        self._method("exception")(event, **fields)


def get_logger(name: str) -> Logger:
    """Give the logger of a name."""
    return Logger(name)

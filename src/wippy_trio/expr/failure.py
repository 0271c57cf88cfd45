"""How expressions fail: one error for the user, one signal between our own files."""

from __future__ import annotations

from wippy_trio.errors import InvalidError

__all__ = ["ExpressionError", "Fault"]


class Fault(Exception):  # noqa: N818 - a signal inside this room, never seen outside
    """Report what an operation refused; the caller knows where it stands."""


class ExpressionError(InvalidError):
    """Name what is wrong in an expression, and where.

    The message ends with ``(line:column)``, both from 1, then the source line and a
    line with a caret under the place. ``details`` has ``line`` and ``column``.

    Source: modules-data 11.
    """

    def __init__(self, reason: str, source: str, offset: int) -> None:
        offset = min(offset, len(source))
        start = source.rfind("\n", 0, offset) + 1
        end = source.find("\n", offset)
        line_text = source[start : len(source) if end < 0 else end]
        self.reason = reason
        self.line = source.count("\n", 0, offset) + 1
        self.column = offset - start + 1
        shown = line_text.replace("\t", " ")
        super().__init__(
            f"{reason} ({self.line}:{self.column})\n"
            f" | {shown}\n"
            f" | {'.' * (self.column - 1)}^",
            details={"line": self.line, "column": self.column},
        )

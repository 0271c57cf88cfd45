"""What the language says about a source: diagnostics and how they are printed.

A position is a byte offset while a source is worked on; only a diagnostic has lines
and columns. Both are 1-based, and a column counts characters of the UTF-8 text: a tab
is one there and widens only when it is printed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from typing import Literal, NamedTuple

from wippy_trio.errors import InvalidError

__all__ = [
    "Diagnostic",
    "Lines",
    "LuaSyntaxError",
    "Severity",
    "TypeCheckError",
    "position",
    "render",
    "syntax_error",
]

Severity = Literal["error", "warning", "hint"]

_WIDTH = 120  # of a shown line, in characters
_LINE = re.compile(r"[^\r\n]*+(?:\r\n|\n\r|\n|\r|\Z)")


class Diagnostic(NamedTuple):
    """One finding in one source.

    Source: types 3.8.
    """

    code: str
    severity: Severity
    message: str
    line: int
    column: int
    end: tuple[int, int]
    notes: tuple[str, ...] = ()
    help: str | None = None


class Lines:
    """Turn offsets of a source into lines and columns.

    Args:
      text: The source, one character for each byte (latin-1).
    """

    __slots__ = ("_breaks", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        lines = _LINE.findall(text)
        while lines and not lines[-1].endswith(("\n", "\r")):
            lines.pop()  # the last line has no end
        self._breaks = [0, *accumulate(map(len, lines))]

    def line(self, offset: int) -> int:
        """Return the 1-based line of an offset."""
        return bisect_right(self._breaks, offset)

    def position(self, offset: int) -> tuple[int, int]:
        """Return the 1-based line and column of an offset."""
        line = bisect_right(self._breaks, offset)
        before = self.text[self._breaks[line - 1] : offset]
        return line, len(_decode(before)) + 1

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a line and column; the nearest one if there is none."""
        if line < 1:
            return 0
        if line > len(self._breaks):
            return len(self.text)
        start = self._breaks[line - 1]
        content = self.content(line)
        before = content[: max(column - 1, 0)]
        if content.isascii():
            return start + len(before)
        raw = self.text[start : start + 4 * len(content)].encode("latin-1")
        shown = raw.decode("utf-8", "surrogateescape")
        return start + len(shown[: len(before)].encode("utf-8", "surrogateescape"))

    def content(self, line: int) -> str:
        """Return the text of a line without its end."""
        start = self._breaks[line - 1]
        end = self._breaks[line] if line < len(self._breaks) else len(self.text)
        return _decode(self.text[start:end].rstrip("\r\n"))

    def diagnostic(
        self,
        code: str,
        severity: Severity,
        message: str,
        start: int,
        end: int,
        *,
        help: str | None = None,  # noqa: A002 - the field's own name
    ) -> Diagnostic:
        """Build the diagnostic of a span of the source."""
        line, column = self.position(start)
        stop = self.position(max(end, start))
        return Diagnostic(code, severity, message, line, column, stop, (), help)


class LuaSyntaxError(InvalidError):
    """A source is not in the language.

    ``str()`` of it is the rendered block, ``diagnostic`` the finding itself.

    Args:
      diagnostic: The finding, code ``P0001``.
      name: The chunk's name, for the arrow line.
      source: The line it stands in, if the source is at hand.
    """

    def __init__(
        self, diagnostic: Diagnostic, name: str, source: str | None = None
    ) -> None:
        super().__init__(render(diagnostic, name, source))
        self.diagnostic = diagnostic
        self.name = name


class TypeCheckError(InvalidError):
    """An entry is refused for its types (types 3.12)."""


def position(text: str, offset: int) -> tuple[int, int]:
    """Return the 1-based line and column of one offset of a source."""
    if "\r" in text:
        return Lines(text).position(offset)
    before = text[text.rfind("\n", 0, offset) + 1 : offset]
    return text.count("\n", 0, offset) + 1, len(_decode(before)) + 1


def syntax_error(
    lines: Lines, name: str, message: str, start: int, end: int
) -> LuaSyntaxError:
    """Build the error of a span that is not in the language."""
    found = lines.diagnostic("P0001", "error", message, start, end)
    return LuaSyntaxError(found, name, lines.content(found.line))


def render(diagnostic: Diagnostic, name: str, source: str | None = None) -> str:
    """Print a diagnostic as a block for a terminal.

    Args:
      diagnostic: What was found.
      name: The file or entry it was found in.
      source: The text of its line; without it the result is one line.

    Returns:
      The block without a final newline.

    Source: types 1.12, 3.8.
    """
    if source is None:
        place = f"{name}:{diagnostic.line}:{diagnostic.column}"
        return f"{place}: {diagnostic.message}"
    number = str(diagnostic.line)
    margin = " " * (len(number) + 2)
    start = diagnostic.column - 1
    stop = len(source)
    if diagnostic.end[0] == diagnostic.line:
        stop = min(stop, diagnostic.end[1] - 1)
    source, start, stop = _window(source, start, max(start, stop))
    indent = len(source[:start].expandtabs(8))
    width = max(1, len(source[:stop].expandtabs(8)) - indent)
    shown = [
        f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}",
        f"{margin[1:]}--> {name}:{diagnostic.line}:{diagnostic.column}",
        f"{margin}|",
        f" {number} | {source.expandtabs(8)}".rstrip(),
        f"{margin}| {' ' * indent}{'^' * width}",
    ]
    shown.extend(f"{margin}= note: {note}" for note in diagnostic.notes)
    if diagnostic.help is not None:
        shown.append(f"{margin}= help: {diagnostic.help}")
    return "\n".join(shown)


def _window(source: str, start: int, stop: int) -> tuple[str, int, int]:
    """Cut a line too long to show around what is marked in it."""
    if len(source) <= _WIDTH:
        return source, start, stop
    left = max(0, start - _WIDTH // 2)
    right = min(len(source), left + _WIDTH)
    lead = "..." if left else ""
    shown = lead + source[left:right] + ("..." if right < len(source) else "")
    shift = len(lead) - left
    return shown, start + shift, min(stop, right) + shift


def _decode(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("latin-1").decode("utf-8", "replace")

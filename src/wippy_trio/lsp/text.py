"""The text of a buffer, and three ways to name a place in it.

An editor counts lines from 0 and in them, also from 0, UTF-16 units or whatever else
was agreed on; the language counts bytes from the start; and a diagnostic has a line and
a column of characters from 1, where a line may end in any of the ways of Lua. All of it
is clamped: a place outside the text is the nearest one inside.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

from wippy_trio.lang.diagnostics import Lines
from wippy_trio.lang.parser import read_source

__all__ = ["Place", "Span", "Text"]

_MARK = b"\xef\xbb\xbf"
_ENDS = re.compile(r"\r\n|\n|\r")


class Place(NamedTuple):
    """A line and a unit in it, both from 0."""

    line: int
    character: int


class Span(NamedTuple):
    """From one place up to another."""

    start: Place
    end: Place


class Text:
    """The text of a buffer.

    Args:
      string: The text.
      encoding: What the editor counts: units of ``utf-16``, ``utf-8`` or ``utf-32``.

    Attributes:
      source: Its bytes, as the language reads them.
      string: What it was made from.
    """

    __slots__ = (
        "_language",
        "_lines",
        "_size",
        "_starts",
        "_surplus",
        "source",
        "string",
    )

    def __init__(self, string: str, encoding: str = "utf-16") -> None:
        self.string = string
        self._size = _SIZES.get(encoding, _utf16)
        self.source = _encode(string)
        # Offsets of the language do not count a byte-order mark.
        self._surplus = len(_MARK) if self.source.startswith(_MARK) else 0
        self._lines: list[str] = []
        self._starts: list[int] = []
        begin, offset = 0, -self._surplus
        for match in _ENDS.finditer(string):
            offset = self._add(string[begin : match.start()], match.group(), offset)
            begin = match.end()
        self._add(string[begin:], "", offset)
        self._language: Lines | None = None

    def _add(self, line: str, end: str, offset: int) -> int:
        self._lines.append(line)
        self._starts.append(offset)
        return offset + len(_encode(line)) + len(end)

    def offset(self, place: Place) -> int:
        """Return the byte offset of a place."""
        if place.line < 0:
            return 0
        if place.line >= len(self._lines):
            return len(self.source) - self._surplus
        line = self._lines[place.line]
        start = self._starts[place.line]
        wanted = max(place.character, 0)
        if line.isascii():
            return max(start + min(wanted, len(line)), 0)
        units = 0
        for index, char in enumerate(line):
            if units >= wanted:
                return max(start + len(_encode(line[:index])), 0)
            units += self._size(char)
        return max(start + len(_encode(line)), 0)

    def place(self, offset: int) -> Place:
        """Return the place of a byte offset."""
        number = max(bisect_right(self._starts, offset) - 1, 0)
        line = self._lines[number]
        within = max(offset - self._starts[number], 0)
        if line.isascii():
            return Place(number, min(within, len(line)))
        units = size = 0
        for char in line:
            if size >= within:
                break
            size += len(_encode(char))
            units += self._size(char)
        return Place(number, units)

    def span(self, start: int, end: int) -> Span:
        """Return the span between two byte offsets."""
        return Span(self.place(start), self.place(max(start, end)))

    def spot(self, line: int, column: int) -> int:
        """Return the byte offset of the line and column of a diagnostic."""
        if self._language is None:
            self._language = Lines(read_source(self.source))
        return self._language.offset(line, column)

    @property
    def whole(self) -> Span:
        """The span of all of it."""
        last = self._lines[-1]
        units = sum(map(self._size, last))
        return Span(Place(0, 0), Place(len(self._lines) - 1, units))


def _utf16(char: str) -> int:
    return 2 if char > "\uffff" else 1


def _utf8(char: str) -> int:
    return len(_encode(char))


def _utf32(char: str) -> int:
    return 1


_SIZES = {"utf-16": _utf16, "utf-8": _utf8, "utf-32": _utf32}


def _encode(string: str) -> bytes:
    if string.isascii():
        return string.encode()
    try:
        return string.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair, which is no text
        return "".join("?" if "\ud800" <= c < "\udc80" else c for c in string).encode(
            "utf-8", "replace"
        )

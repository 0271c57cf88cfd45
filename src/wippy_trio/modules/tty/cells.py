"""Text as a terminal shows it: cells, escape sequences, lines.

A *piece* is what cannot be cut: an escape sequence, which takes no cell, or a grapheme
cluster, which takes none, one or two. Bytes that are no UTF-8 come as lone surrogates
and take one cell each, as terminals show them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["height", "pieces", "size", "take", "text_of", "width", "wrap"]

_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC, DCS and other strings
    r"|[ -/]*[0-~])"
)
_PLAIN = re.compile(r"[ -~]*")


def text_of(data: bytes) -> str:
    """Read bytes; `str.encode` with ``surrogateescape`` gives the same back."""
    return data.decode("utf-8", "surrogateescape")


def _clusters(text: str) -> Iterator[tuple[str, int]]:
    if _PLAIN.fullmatch(text):
        for character in text:
            yield character, 1
        return
    import wcwidth  # noqa: PLC0415 - an extra

    for cluster in wcwidth.iter_graphemes(text):
        if "\udc80" <= cluster <= "\udcff":
            yield cluster, 1
        else:
            yield cluster, max(wcwidth.wcswidth(cluster), 0)


def pieces(text: str) -> Iterator[tuple[str, int]]:
    """Cut one line: each piece and its cells."""
    start = 0
    for found in _ESCAPE.finditer(text):
        yield from _clusters(text[start : found.start()])
        yield found.group(), 0
        start = found.end()
    yield from _clusters(text[start:])


def _line_width(line: str) -> int:
    if "\x1b" in line:
        line = _ESCAPE.sub("", line)
    if _PLAIN.fullmatch(line):
        return len(line)
    return sum(cells for _, cells in _clusters(line))


def width(text: str) -> int:
    """Tell how many cells the widest line takes."""
    return max(map(_line_width, text.split("\n")))


def height(text: str) -> int:
    """Tell how many lines it is."""
    return text.count("\n") + 1


def size(texts: Iterable[str]) -> tuple[int, int]:
    """Tell the largest width and the largest height."""
    each = list(texts)
    return max(map(width, each), default=0), max(map(height, each), default=0)


def take(line: str, limit: int) -> str:
    """Keep the first cells of a line, and all its escape sequences."""
    if _line_width(line) <= limit:
        return line
    kept, used, full = [], 0, False
    for piece, cells in pieces(line):
        if piece[0] == "\x1b":
            kept.append(piece)
        elif not full and used + cells <= limit:
            kept.append(piece)
            used += cells
        else:
            full = True
    return "".join(kept)


def wrap(text: str, limit: int) -> str:
    """Break lines between words, and words that are longer than a line.

    A hyphen ends a word. The spaces at a break are left out, and those before a first
    word that does not fit behind them; others stay.
    """
    return "\n".join(
        broken for line in text.split("\n") for broken in _Wrapping(limit).of(line)
    )


class _Wrapping:
    """One line on its way: what is placed, the spaces after it, the open word."""

    def __init__(self, limit: int) -> None:
        self._limit = max(limit, 1)
        self._lines: list[str] = []
        self._line, self._line_cells = "", 0
        self._space, self._space_cells = "", 0
        self._word, self._word_cells = "", 0

    def of(self, text: str) -> list[str]:
        if _line_width(text) <= self._limit:
            return [text]
        for piece, cells in pieces(text):
            if piece == " ":
                self._place()
                self._space += piece
                self._space_cells += cells
                continue
            if self._word_cells + cells > self._limit:
                self._place()  # a word longer than a line goes on in the next one
            self._word += piece
            self._word_cells += cells
            if self._line_cells + self._space_cells + self._word_cells > self._limit:
                self._break()
            if piece == "-":
                self._place()
        self._place()
        if self._line_cells + self._space_cells <= self._limit:
            self._line += self._space
        return [*self._lines, self._line]

    def _place(self) -> None:
        """Put the open word behind what is placed."""
        if not self._word:
            return
        self._line += self._space + self._word
        self._line_cells += self._space_cells + self._word_cells
        self._space, self._space_cells = "", 0
        self._word, self._word_cells = "", 0

    def _break(self) -> None:
        if self._line:
            self._lines.append(self._line)
        self._line, self._line_cells = "", 0
        self._space, self._space_cells = "", 0

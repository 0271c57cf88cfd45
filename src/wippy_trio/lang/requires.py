"""The modules that a source asks for by a literal name."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.lang.diagnostics import position
from wippy_trio.lang.strings import string_value

if TYPE_CHECKING:
    from wippy_trio.lang.parser import Chunk

__all__ = ["Require", "find_requires"]


class Require(NamedTuple):
    """A ``require`` of a literal name, and where the call begins."""

    name: str
    line: int
    column: int


def find_requires(chunk: Chunk) -> list[tuple[Require, int, int]]:
    """List the calls of the global ``require`` with one string literal, and spans."""
    found: list[tuple[Require, int, int]] = []
    tokens = chunk.tokens
    if "require" not in tokens.words:
        return found
    kinds = tokens.kinds
    for node in chunk.notes.globals:
        if node.name != "require":
            continue
        at = bisect_left(tokens.starts, node.end)
        last = at
        if kinds[at] == "(" and kinds[at + 1] == "string" and kinds[at + 2] == ")":
            at, last = at + 1, at + 2
        if kinds[at] == "string":
            name = string_value(tokens.texts[at]).decode("utf-8", "replace")
            place = position(chunk.text, node.start)
            found.append((Require(name, *place), node.start, tokens.ends[last]))
    return found

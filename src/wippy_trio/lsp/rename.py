"""Giving a variable another name, where that changes nothing else.

The new text is parsed and bound again, and every name in it must still mean what it
meant; so a rename that would capture a variable, or be captured, is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.errors import InvalidError
from wippy_trio.lang.bind import Bindings, Symbol, bind_chunk
from wippy_trio.lang.diagnostics import LuaSyntaxError
from wippy_trio.lang.lexer import CONTEXTUAL, KEYWORDS
from wippy_trio.lang.parser import parse
from wippy_trio.lsp.places import KEY, symbol_at, word_at

if TYPE_CHECKING:
    from wippy_trio.lsp.workspace import View

__all__ = ["Renaming", "rename", "renameable"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class Renaming(NamedTuple):
    """Where a name stands, and what is to stand there."""

    places: list[tuple[int, int]]
    name: str


def renameable(view: View, offset: int) -> tuple[int, int] | None:
    """Return the span of the name at an offset if it is a variable's."""
    found = _symbol(view, offset)
    return None if found is None else found[1]


def rename(view: View, offset: int, name: str) -> Renaming:
    """Give the variable at an offset another name.

    Raises:
      InvalidError: There is none, the source does not parse, the name is no name, or
        another variable would be meant somewhere.
    """
    found = _symbol(view, offset)
    if found is None:
        raise InvalidError("rename: wanted a local variable or a parameter here")
    if not view.whole:
        raise InvalidError("rename: the source has a syntax error; mend that first")
    if not _NAME.fullmatch(name) or name in KEYWORDS or name in CONTEXTUAL:
        raise InvalidError(f"rename: wanted a name, got {name!r}")
    symbol, _ = found
    size = len(symbol.name)
    starts = sorted({symbol.start, *symbol.reads, *symbol.writes, *symbol.mentions})
    places = [(start, start + size) for start in starts]
    if name != symbol.name:
        _check(view, symbol, starts, name)
    return Renaming(places, name)


def _symbol(view: View, offset: int) -> tuple[Symbol, tuple[int, int]] | None:
    word = word_at(view.chunk.tokens, offset)
    if word is None or word.kind not in KEY or not word.text:
        return None
    symbol = symbol_at(view.checked.bindings, word.start)
    if symbol is None or symbol.name != word.text or symbol.end <= symbol.start:
        return None  # self has no place of its own
    return symbol, (word.start, word.end)


def _check(view: View, symbol: Symbol, starts: list[int], name: str) -> None:
    """See that every name still means what it meant."""
    text = view.chunk.text
    size, grown = len(symbol.name), len(name) - len(symbol.name)
    parts: list[str] = []
    last = 0
    for start in starts:
        parts += (text[last:start], name)
        last = start + size
    parts.append(text[last:])
    try:
        chunk = parse("".join(parts).encode("latin-1"), view.id)
    except LuaSyntaxError:
        raise InvalidError(f"rename: {name!r} cannot stand here") from None
    bindings = view.checked.bindings
    assert bindings is not None

    def moved(offset: int) -> int:
        return offset + grown * sum(1 for start in starts if start < offset)

    before = {moved(use): moved(of) for use, of in _meaning(bindings).items()}
    if before != _meaning(bind_chunk(chunk)):
        raise InvalidError(
            f"rename: {name!r} is another variable where {symbol.name!r} is used"
        )


def _meaning(bindings: Bindings) -> dict[int, int]:
    """Return where each name is declared, by where it stands."""
    found = {start: symbol.start for start, symbol in bindings.uses.items()}
    for symbol in bindings.symbols:
        found.update(dict.fromkeys(symbol.mentions, symbol.start))
    return found

"""Names that the translated text keeps for itself, in the author's hands.

The prologue owns ``_ENV``, and names of two underscores, one small letter and digits
belong to what is planted. An author may use them all the same (types 1.11, 4.3): his
variables get another name, his globals are reached through the environment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wippy_trio.lang.bind import bind_chunk

if TYPE_CHECKING:
    from wippy_trio.lang.jumps import Jumps
    from wippy_trio.lang.lexer import Tokens
    from wippy_trio.lang.parser import Chunk

__all__ = ["fresh_names", "rename_reserved", "reserved_words"]

_RESERVED = re.compile(r"_ENV|__[a-z][0-9]*")


def reserved_words(tokens: Tokens) -> frozenset[str]:
    """Return the names in a source that the translated text keeps for itself."""
    if "__" not in tokens.text and "_ENV" not in tokens.text:
        return frozenset()
    return frozenset(
        word for word in tokens.words if word[:1] == "_" and _RESERVED.fullmatch(word)
    )


def fresh_names(tokens: Tokens, reserved: frozenset[str]) -> dict[str, str]:
    """Choose a name that a source does not have for each of ``reserved``."""
    fresh: dict[str, str] = {}
    for name in sorted(reserved):
        other = f"_{name}_"
        while other in tokens.words or other in fresh.values():
            other += "_"
        fresh[name] = other
    return fresh


def rename_reserved(
    chunk: Chunk,
    fresh: dict[str, str],
    jumps: Jumps | None,
    edits: list[tuple[int, int, str]],
) -> None:
    """Add the edits that give the author's variables and labels their fresh names."""
    bindings = bind_chunk(chunk)
    for start, symbol in bindings.uses.items():
        if symbol.name in fresh and chunk.text.startswith(symbol.name, start):
            edits.append((start, start + len(symbol.name), fresh[symbol.name]))
    for use in bindings.globals:
        if use.name in fresh:
            node = use.node
            edits.append((node.start, node.end, f"_ENV.{use.name}"))
    if jumps is not None:
        for jump in jumps.names:
            name = jump.name
            if name in fresh:
                at = chunk.text.index(name, jump.start + 2)
                edits.append((at, at + len(name), fresh[name]))

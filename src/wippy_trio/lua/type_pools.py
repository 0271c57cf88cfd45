"""The types of a unit's chunks, as its VM asks for them.

A VM asks once per chunk, and only when a program uses a declared type as a value. The
answer holds the types of imported libraries, too: in a unit every name of the closure
stands for one library or module (core MOD-6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.errors import InvalidError
from wippy_trio.lua.codec import encode

if TYPE_CHECKING:
    from wippy_trio.lang import Chunk
    from wippy_trio.lua.chunks import Chunks
    from wippy_trio.lua.units import Units

__all__ = ["TypePools", "matches"]


class TypePools:
    """Describe the types of chunks."""

    def __init__(self, units: Units, chunks: Chunks) -> None:
        self._units = units
        self._chunks = chunks

    def describe(self, unit: int, chunk: int) -> bytes:
        """Describe the types of a chunk in a unit, in the wire format."""
        from wippy_trio.lang import describe_types  # noqa: PLC0415 - few programs ask

        closure = self._units.by_key(unit)
        libraries = dict(closure.imports)
        modules = dict(closure.modules)
        trees: dict[int, Chunk] = {}

        def imported(name: str) -> Chunk | str | None:
            key = libraries.get(name)
            if key is None:
                return modules.get(name)
            if key not in trees:
                trees[key] = self._chunks.tree(key)
            return trees[key]

        found = describe_types(self._chunks.tree(chunk), imported)
        return encode([found._asdict()])


def matches(pattern: bytes, subject: bytes) -> bool | None:
    """Tell whether a regular expression matches somewhere; ``None`` if it is none.

    Time grows with the length of the subject, whatever the expression (types 2.7).
    """
    from wippy_trio.expr import compile_matcher  # noqa: PLC0415 - few types have one

    try:
        matcher = compile_matcher(pattern.decode("utf-8", "surrogateescape"))
        return matcher.search(subject.decode("utf-8", "surrogateescape"))
    except InvalidError:
        return None

"""Units of code that changed: still there for who is on the way, gone soon after."""

from __future__ import annotations

import pytest

from wippy_trio.errors import UnavailableError
from wippy_trio.lua.chunks import Chunks
from wippy_trio.lua.units import Code, Units


class Sources:
    """Entries by id; a version number is their text."""

    def __init__(self) -> None:
        self.version = 0

    def code(self, id: str) -> Code | None:  # noqa: A002
        imports = {} if id == "app:library" else {"library": "app:library"}
        text = "return 0" if id == "app:library" else f"return {self.version}"
        return Code(id, text.encode(), imports=imports)

    def has_module(self, _name: str) -> bool:
        return True


def test_forgotten_units_and_chunks_do_not_pile_up() -> None:
    sources = Sources()
    chunks = Chunks(lua_version="5.4")
    units = Units(sources, chunks)
    other = units.get("app:other")
    seen = []
    for version in range(50):
        sources.version = version
        unit = units.get("app:main")
        assert units.forget(frozenset({"app:main"})) == [unit]
        assert units.by_key(unit.key) is unit, "a birth on its way finds it"
        assert chunks.erased(unit.main)
        seen.append(unit)
        assert len(units) <= 3
        assert len(chunks) <= 4  # the library, the other one, the old and the new
    assert units.by_key(other.key) is other
    assert chunks.erased(other.imports[0][1]), "it has the library in common"
    with pytest.raises(UnavailableError, match="changed meanwhile"):
        units.by_key(seen[0].key)


def test_a_text_that_comes_back_keeps_its_chunk() -> None:
    sources = Sources()
    chunks = Chunks(lua_version="5.4")
    units = Units(sources, chunks)
    first = units.get("app:main")
    units.forget(frozenset({"app:main"}))
    second = units.get("app:main")
    assert second.main == first.main
    units.forget(frozenset())
    assert chunks.erased(second.main)

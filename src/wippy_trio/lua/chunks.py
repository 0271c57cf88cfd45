"""Compiled sources, by content: what a VM asks for when it has no prototype yet."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wippy_trio.lang import Chunk, Erased

__all__ = ["Chunks", "KnownTexts"]


class KnownTexts(Protocol):
    """Translations of earlier runs."""

    def key(self, source: bytes, *facts: str) -> str:
        """Give the key of a translation."""
        ...

    def get(self, key: str) -> bytes | None:
        """Give one, if it is known."""
        ...

    def put(self, key: str, text: bytes) -> None:
        """Keep one."""
        ...


class Chunks:
    """Erase and keep the sources of one engine.

    A key is a small integer that stands for one (name, source, budget); VMs and units
    speak of chunks by it.
    """

    def __init__(self, *, lua_version: str) -> None:
        self._version = lua_version
        self._keys: dict[tuple[str, str, bytes], int] = {}
        self._chunks: dict[int, tuple[str, str, bytes, Erased | None]] = {}
        self._last = 0
        self._texts: dict[int, bytes] = {}
        self.known: KnownTexts | None = None

    def key(self, name: str, source: bytes, *, budget: str = "full") -> int:
        """Give the key of a source; it is compiled when a VM first wants it.

        Args:
          name: What error positions show, the entry's id.
          source: The text.
          budget: ``full``, ``loops`` or ``off``; see `compile_chunk`.
        """
        digest = hashlib.sha256(source).digest()
        known = self._keys.get((name, budget, digest))
        if known is None:
            self._last = known = self._last + 1
            self._chunks[known] = (name, budget, source, None)
            self._keys[name, budget, digest] = known
        return known

    def erased(self, key: int) -> Erased:
        """Compile a chunk, or give what was compiled.

        Raises:
          LuaSyntaxError: The source is no Lua of ours.
        """
        from wippy_trio.lang import compile_chunk  # noqa: PLC0415 - start-up cost

        name, budget, source, done = self._chunks[key]
        if done is None:
            done = compile_chunk(
                source,
                name,
                lua_version=self._version,
                budget=budget,  # type: ignore[arg-type]
            )
            self._chunks[key] = (name, budget, source, done)
        return done

    def text(self, key: int) -> bytes:
        """Give what a VM loads of a chunk.

        Raises:
          LuaSyntaxError: The source is no Lua of ours.
        """
        text = self._texts.get(key)
        if text is not None:
            return text
        name, budget, source, _ = self._chunks[key]
        known = self.known
        at = known.key(source, name, budget, self._version) if known else ""
        text = known.get(at) if known else None
        if text is None:
            text = self.erased(key).text
            if known is not None:
                known.put(at, text)
        self._texts[key] = text
        return text

    def plain(self, key: int) -> Erased:
        """Compile a chunk without checks, for one that hits a limit with them."""
        from wippy_trio.lang import compile_chunk  # noqa: PLC0415 - start-up cost

        name, _, source, _ = self._chunks[key]
        return compile_chunk(source, name, lua_version=self._version, plant=False)

    def tree(self, key: int) -> Chunk:
        """Parse a chunk again, for its types: most programs never ask."""
        from wippy_trio.lang import parse  # noqa: PLC0415 - see above

        name, _, source, _ = self._chunks[key]
        return parse(source, name)

    def forget(self, key: int) -> None:
        """Drop a chunk that nobody will ask for again."""
        name, budget, source, _ = self._chunks.pop(key)
        self._texts.pop(key, None)
        del self._keys[name, budget, hashlib.sha256(source).digest()]

    def name(self, key: int) -> str:
        """Tell what error positions of a chunk show."""
        return self._chunks[key][0]

    def __len__(self) -> int:
        return len(self._chunks)

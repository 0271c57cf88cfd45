"""`treesitter`: parse programs, walk their trees, query them (modules-data 12)."""

from __future__ import annotations

import time
from typing import Any

from wippy_trio.modules.treesitter.declarations import DECLARES
from wippy_trio.modules.treesitter.nodes import (
    NAMES,
    PACKAGES,
    Cursor,
    Language,
    Node,
    Tree,
    language_of,
    nanoseconds,
    whole,
)
from wippy_trio.modules.treesitter.query import Query
from wippy_trio.sdk import InternalError, InvalidError, LuaModule, MisuseError, method

__all__ = ["MODULE"]

MODULE = LuaModule(
    "treesitter",
    classes=("encoding", "deterministic"),
    extra=("treesitter", PACKAGES),
    declares=DECLARES
    + """
    supported_languages: () -> {[string]: boolean}
    language: (name: string) -> (Language?, Error?)
    parser: () -> (Parser?, Error?)
    parse: (language: string, code: string) -> (Tree?, Error?)
    query: (language: string, pattern: string) -> (Query?, Error?)
    """,
)
LARGE = 64 * 1024
_PIECE = 4096

for _class in (Language, Node, Cursor, Tree, Query):
    MODULE.handle(_class)


class _Reading:
    """Hand a text to the library piece by piece, until the time is up.

    The library has no other way to be stopped: for it, the text is then at its end.
    """

    def __init__(self, code: bytes, limit: int) -> None:
        self._code = code
        self._last = time.perf_counter_ns() + limit
        self.late = False

    def __call__(self, offset: int, _place: Any) -> bytes:
        self.late = self.late or time.perf_counter_ns() > self._last
        return b"" if self.late else self._code[offset : offset + _PIECE]


@MODULE.handle
class Parser:
    """A parser that keeps its language and ranges."""

    lua_name = "treesitter.Parser"

    def __init__(self) -> None:
        import tree_sitter  # noqa: PLC0415 - an extra

        self._library = tree_sitter
        self._inner = tree_sitter.Parser()
        self._language: Language | None = None
        self._closed = False
        self._timeout = 0

    def _open(self) -> Any:
        if self._closed:
            raise MisuseError("parser already closed")
        return self._inner

    def set_language(self, name: str) -> tuple[Any, ...]:
        """Choose the language."""
        parser = self._open()
        try:
            language = language_of(name)
        except InvalidError:
            told = f"language {name} is not found"
            return False, InvalidError(told, retryable=False)
        parser.language = language._inner
        self._language = language
        return True, None

    @method(pair=False)
    def get_language(self) -> str:
        """Name the language."""
        self._open()
        if self._language is None:
            raise InvalidError("language is not set", retryable=False)
        return self._language._name

    @method(pair=False, offload=LARGE)
    def parse(self, code: bytes, old: Tree | None = None) -> Tree:
        """Parse a text; what an edited older tree still has is taken over."""
        parser = self._open()
        if self._language is None:
            raise InvalidError("language is not set", retryable=False)
        source: Any = code if self._timeout == 0 else _Reading(code, self._timeout)
        if old is None:
            made = parser.parse(source)
        else:
            made = parser.parse(source, old._open())
        if made is None or (source is not code and source.late):
            parser.reset()
            raise InternalError("failed to parse code")
        return Tree(made, code, self._language)

    @method(pair=False)
    def reset(self) -> None:
        """Begin anew with the next text."""
        self._open().reset()

    @method(pair=False)
    def set_timeout(self, limit: Any) -> None:
        """Bound the time of parsing: nanoseconds, or text such as ``5s``."""
        self._open()
        self._timeout = nanoseconds(limit)

    def set_ranges(self, ranges: list[Any]) -> tuple[Any, ...]:
        """Parse only parts of a text."""
        parser = self._open()
        made = []
        try:
            for row in ranges if isinstance(ranges, list) else ():
                given = row if isinstance(row, dict) else {}
                n = {
                    f: whole(given.get(f), f)
                    for f in (
                        "start_byte", "end_byte", "start_row", "start_col", "end_row",
                        "end_col",
                    )
                }  # fmt: skip
                first, last = n["start_row"], n["end_row"]
                made.append(
                    self._library.Range(
                        (first, n["start_col"]),
                        (last, n["end_col"]),
                        n["start_byte"],
                        n["end_byte"],
                    )
                )
            parser.included_ranges = made
        except InvalidError as error:
            return False, error
        except ValueError as error:
            return False, InvalidError(str(error), retryable=False)
        return True, None

    @method(pair=False)
    def close(self) -> None:
        """Close it; nothing happens the second time."""
        self._closed = True


@MODULE.export(pair=False)
def supported_languages() -> dict[str, bool]:
    """Name the languages."""
    return dict.fromkeys(NAMES, True)


@MODULE.export(pair=False)
def language(name: str) -> Language:
    """Find a language by name or alias."""
    return language_of(name)


@MODULE.export(pair=False)
def parser() -> Parser:
    """Make a parser."""
    return Parser()


@MODULE.export(pair=False, offload=LARGE)
def parse(name: str, code: bytes) -> Tree:
    """Parse a text once."""
    found = language_of(name)
    made = Parser()
    made.set_language(found._name)
    return made.parse(code)


@MODULE.export(pair=False)
def query(name: str, pattern: str) -> Query:
    """Compile a pattern."""
    return Query(language_of(name), pattern)

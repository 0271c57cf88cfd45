"""`treesitter`: parse programs, walk their trees, query them (modules-data 12)."""

from __future__ import annotations

from typing import Any

from wippy_trio.modules.treesitter.nodes import (
    NAMES,
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
    extra=("treesitter", ("tree_sitter", "tree_sitter_go", "tree_sitter_lua")),
    declares="""
    supported_languages: () -> {[string]: boolean}
    language: (name: string) -> (Language?, Error?)
    parser: () -> (Parser?, Error?)
    parse: (language: string, code: string) -> (Tree?, Error?)
    query: (language: string, pattern: string) -> (Query?, Error?)
    """,
)
LARGE = 64 * 1024

for _class in (Language, Node, Cursor, Tree, Query):
    MODULE.handle(_class)


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

    def get_language(self) -> str:
        """Name the language."""
        self._open()
        if self._language is None:
            raise InvalidError("language is not set", retryable=False)
        return self._language._name

    @method(offload=LARGE)
    def parse(self, code: bytes, old: Tree | None = None) -> Tree:
        """Parse a text; what an edited older tree still has is taken over."""
        parser = self._open()
        if self._language is None:
            raise InvalidError("language is not set", retryable=False)
        if old is None:
            made = parser.parse(code)
        else:
            made = parser.parse(code, old._open())
        if made is None:
            raise InternalError("failed to parse code")
        return Tree(made, code, self._language)

    @method(pair=False)
    def reset(self) -> None:
        """Begin anew with the next text."""
        self._open().reset()

    @method(pair=False)
    def set_timeout(self, limit: Any) -> None:
        """Note a time limit; parsing in memory is linear and is not cut short."""
        self._open()
        nanoseconds(limit)

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


@MODULE.export
def language(name: str) -> Language:
    """Find a language by name or alias."""
    return language_of(name)


@MODULE.export
def parser() -> Parser:
    """Make a parser."""
    return Parser()


@MODULE.export(offload=LARGE)
def parse(name: str, code: bytes) -> Tree:
    """Parse a text once."""
    found = language_of(name)
    made = Parser()
    made.set_language(found._name)
    return made.parse(code)


@MODULE.export
def query(name: str, pattern: str) -> Query:
    """Compile a pattern."""
    return Query(language_of(name), pattern)

"""Whatever the bytes, the answer is a tree or one diagnostic; and Lua itself agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lang.machine import loads
from tests.lang.programs import PROGRAMS
from wippy_trio.lang import (
    Chunk,
    LuaSyntaxError,
    bind_chunk,
    compile_chunk,
    lint_chunk,
    parse,
)
from wippy_trio.lang.lexer import CONTEXTUAL, KEYWORDS, tokenize
from wippy_trio.lang.parser import read_source
from wippy_trio.lang.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable

OPERATORS = """
+ - * / % ^ # & ~ | << >> // == ~= <= >= < > = ( ) { } [ ] ; : , . .. ...
"""
ADDITIONS = ":: -> ? ! @ type T number string self"
PLAIN_TOKENS = [
    *sorted(KEYWORDS),
    *OPERATORS.split(),
    "x",
    "y",
    "f",
    "t",
    "1",
    "2.5",
    "0x1F",
    '"s"',
    "'\\n'",
    "[[long]]",
    "--[[c]]",
    "-- c\n",
    "\n",
]
TYPED_TOKENS = [*sorted(CONTEXTUAL), *ADDITIONS.split()]
ALL_TOKENS = [*PLAIN_TOKENS, *TYPED_TOKENS, "$", "\t"]
PIECES = [
    "local x = 1",
    "x = y",
    "f(x)",
    "local function f() return x end",
    "if x then",
    "else",
    "end",
    "while x do",
    "for i = 1, 9 do",
    "for i in f do",
    "repeat",
    "until x",
    "do",
    "goto a",
    "goto b",
    "::a::",
    "::b::",
    "break",
    "return",
    "local a",
]


def outcome(source: bytes) -> Chunk | LuaSyntaxError:
    try:
        return parse(source, "fuzz")
    except LuaSyntaxError as error:
        return error


def check_error(error: LuaSyntaxError, source: bytes) -> None:
    found = error.diagnostic
    assert found.code == "P0001"  # types 1.12
    assert found.line >= 1
    assert found.column >= 1
    assert found.end >= (found.line, found.column)
    assert found.line <= source.count(b"\n") + source.count(b"\r") + 1
    assert found.message in str(error)


def check_all(source: bytes) -> None:
    """Run every consumer over a source."""
    found = outcome(source)
    if isinstance(found, LuaSyntaxError):
        check_error(found, source)
    else:
        for node in walk(found.main):
            assert 0 <= node.start <= node.end <= len(found.text)
        bind_chunk(found)
    lint_chunk(source, "fuzz", known=frozenset(), rules=True)
    for version in ("5.3", "5.5"):
        try:
            text = compile_chunk(source, "fuzz", lua_version=version).text
        except LuaSyntaxError as error:
            check_error(error, source)
        else:
            assert text.startswith(b"local _ENV, __t, __w, __x = ...; ")


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes_give_a_tree_or_a_diagnostic(source: bytes) -> None:
    check_all(source)


@given(st.text(max_size=100))
@settings(max_examples=100)
def test_any_text_gives_a_tree_or_a_diagnostic(source: str) -> None:
    check_all(source.encode("utf-8", "surrogatepass"))


@given(st.lists(st.sampled_from(PLAIN_TOKENS + TYPED_TOKENS), max_size=30))
@settings(max_examples=400)
def test_any_tokens_give_a_tree_or_a_diagnostic(tokens: list[str]) -> None:
    check_all(" ".join(tokens).encode())


@given(st.data())
@settings(max_examples=200)
def test_damaged_programs_give_a_tree_or_a_diagnostic(data: st.DataObject) -> None:
    source = PROGRAMS[data.draw(st.sampled_from(sorted(PROGRAMS)))].encode()
    start = data.draw(st.integers(0, len(source)))
    end = data.draw(st.integers(start, min(len(source), start + 12)))
    put = data.draw(st.sampled_from([*PLAIN_TOKENS, *TYPED_TOKENS, "", "\xff"]))
    check_all(source[:start] + put.encode("latin-1") + source[end:])


def agrees(source: bytes) -> None:
    """Compare with Lua 5.4, which is the law for sources without additions."""
    refused = loads(source)
    found = outcome(source)
    if isinstance(found, Chunk):
        try:
            text = compile_chunk(source, "fuzz").text
        except LuaSyntaxError as error:
            found = error
        else:
            assert loads(text) == "", text
    assert isinstance(found, Chunk) == (not refused), (source, refused, found)


@given(st.lists(st.sampled_from(PLAIN_TOKENS), max_size=14))
@settings(max_examples=600)
def test_plain_sources_are_accepted_as_lua_accepts_them(tokens: list[str]) -> None:
    agrees(" ".join(["", *tokens]).encode())


@given(st.lists(st.sampled_from(PIECES), max_size=12))
@settings(max_examples=800)
def test_blocks_and_jumps_are_accepted_as_lua_accepts_them(pieces: list[str]) -> None:
    agrees("\n".join(pieces).encode())  # types 4.8


@given(st.lists(st.sampled_from(PIECES), max_size=16))
@settings(max_examples=200)
def test_accepted_blocks_load_in_every_version(pieces: list[str]) -> None:
    source = "\n".join(pieces).encode()
    if isinstance(outcome(source), LuaSyntaxError):
        return
    for version in ("5.3", "5.5"):
        try:
            text = compile_chunk(source, "fuzz", lua_version=version).text
        except LuaSyntaxError:
            return
        assert loads(text, version=version) == ""
        assert text.count(b"\n") == source.count(b"\n")  # types 4.3


DEEP: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: "x = " + "(" * n + "1" + ")" * n,
    "tables": lambda n: "x = " + "{" * n + "}" * n,
    "calls": lambda n: "f(" * n + ")" * n,
    "indexes": lambda n: "x = " + "t[" * n + "1" + "]" * n,
    "unary": lambda n: "x = " + "not " * n + "1",
    "powers": lambda n: "x = " + "2^" * n + "1",
    "concatenations": lambda n: "x = " + "a .. " * n + "b",
    "blocks": lambda n: "do " * n + "end " * n,
    "ifs": lambda n: "if x then " * n + "end " * n,
    "loops": lambda n: "while x do " * n + "end " * n,
    "functions": lambda n: "function f() " * n + "end " * n,
    "function arguments": lambda n: "f(function() " * n + "end)" * n,
    "table types": lambda n: "local x: " + "{" * n + "a" + "}" * n,
    "function types": lambda n: "local x: " + "() -> " * n + "a",
    "type arguments": lambda n: "local x: " + "A<" * n + "B" + ">" * n,
    "parenthesised types": lambda n: "local x: " + "(" * n + "B" + ")" * n,
    "optional results": lambda n: "type F = " + "() -> (" * n + "A" + ")?" * n,
    "index types": lambda n: "local x: " + "A[" * n + "B" + "]" * n,
    "typeof": lambda n: "x = " + "typeof(" * n + "1" + ")" * n,
    "typeof types": lambda n: "local x: " + "typeof(1 as " * n + "A" + ")" * n,
    "conditional types": lambda n: "type T = " + "A extends B ? C : " * n + "D",
}
LONG: dict[str, Callable[[int], str]] = {
    "elseif": lambda n: "if x then " + "elseif y then " * n + "end",
    "additions": lambda n: "x = " + "a + " * n + "b",
    "conjunctions": lambda n: "x = " + "a and " * n + "b",
    "call chains": lambda n: "f" + "()" * n,
    "method chains": lambda n: "f" + ":m()" * n,
    "field chains": lambda n: "x = t" + ".a" * n,
    "casts": lambda n: "x = y" + " as T" * n,
    "assertions": lambda n: "x = y" + "!" * n,
    "unions": lambda n: "type T = " + "A | " * n + "B",
    "mixed unions": lambda n: "type T = " + "A | B & " * n + "B",
    "optionals": lambda n: "type T = A" + "?" * n,
    "arrays": lambda n: "type T = A" + "[]" * n,
    "validators": lambda n: "type T = A" + " @min(1)" * n,
    "statements": lambda n: "x = 1\n" * n,
    "semicolons": lambda n: ";" * n,
    "labels": lambda n: "".join(f"::l{k}:: goto l{k} " for k in range(n)),
    "strings": lambda n: 'x = "' + "\\z  " * n,
    "long brackets": lambda n: "[[" * n,
    "levels": lambda n: "".join("x = [" + "=" * k + "[" for k in range(min(n, 300))),
    "blanks": lambda n: " " * n + "$",
}


@pytest.mark.parametrize("name", DEEP)
def test_nesting_beyond_the_limit_is_told(name: str) -> None:
    found = outcome(DEEP[name](10_000).encode())
    assert isinstance(found, LuaSyntaxError)
    assert found.diagnostic.message == "nesting too deep"  # types 4.2
    check_all(DEEP[name](20).encode())
    assert isinstance(outcome(DEEP[name](20).encode()), Chunk)


@pytest.mark.parametrize("name", LONG)
def test_length_is_no_nesting(name: str) -> None:
    check_all(LONG[name](10_000).encode())


def test_caller_may_be_nested_deeply_itself() -> None:
    """The recursion limit of Python is the caller's, not the source's."""

    def down(levels: int) -> object:
        if levels:
            return down(levels - 1)
        return outcome(DEEP["functions"](60).encode())

    assert isinstance(down(850), Chunk)


@given(st.lists(st.sampled_from(ALL_TOKENS), max_size=30))
@settings(max_examples=200)
def test_tokens_tile_the_source(words: list[str]) -> None:
    source = " ".join(words).encode("latin-1")
    tokens = tokenize(read_source(source))
    assert tokens.kinds[-2:] == ["eof", "eof"]
    assert tokens.kinds.index("eof") == len(tokens.texts) - 1
    for text, start, end in zip(tokens.texts, tokens.starts, tokens.ends, strict=True):
        assert tokens.text[start:end] == text
    assert tokens.starts == sorted(tokens.starts)

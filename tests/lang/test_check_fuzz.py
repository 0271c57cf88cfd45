"""Whatever the source, the checker answers: no exception, no internal fault."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lang.programs import PROGRAMS
from tests.lang.test_fuzz import ALL_TOKENS, PIECES
from tests.lang.typed_programs import TYPED_PROGRAMS
from wippy_trio.lang import LuaSyntaxError
from wippy_trio.lang.check import check_chunk
from wippy_trio.lang.parser import parse

if TYPE_CHECKING:
    from wippy_trio.lang import Diagnostic

TYPES = [
    "number",
    "string?",
    "{number}",
    "{[string]: T}",
    "{a: number, b?: T}",
    "T | U",
    "(a: T, ...number) -> (T, U?)",
    "Box<T>",
    "keyof(T)",
    'T["a"]',
    "T extends string ? U : never",
    "typeof(x)",
    "readonly {T}",
    "any",
    "unknown",
    "never",
    "interface {m: (self: Self) -> T}",
    "Nope",
    '"lit"',
    "nil",
    "Channel<T>",
    "m.T",
]
STATEMENTS = [
    "local x: {} = y",
    "local x, err = f(y)",
    "local function f(a: {}, b: {}): {} return a end",
    "function M:m(a: {}) self.x = a return self end",
    "type T = {}",
    "type Box<T> = {{value: T, of: {}}}",
    "x = y as {}",
    "if type(x) == 'string' then y = x:upper() end",
    "if x == nil or y.a then return end",
    "for i, v in ipairs(x) do y = v end",
    "while x do x = x.next end",
    "repeat local z = f() until z",
    "local t = {{a = 1, b = x, 2, f()}}",
    "t.a.b = x t[1] = y",
    "assert(x, 'm')",
    "local r = channel.select{{x:case_receive()}}",
    "goto l ::l::",
    "x(y, {{}}, function(a) return a end)",
    "return x, y!",
    "T:is(x) local v = T(x)",
    "local y = x and x.a or #t .. -x",
    "setmetatable(t, {{__index = M, __add = f}})",
    "error(x)",
]


def checked(source: str) -> list[Diagnostic]:
    """Check a source, whatever it is; nothing may be raised or told as our fault."""
    try:
        chunk = parse(source.encode("utf-8", "surrogateescape"), "fuzz")
    except LuaSyntaxError:
        return []
    result = check_chunk(chunk, keep=True)
    faults = [each for each in result.findings if each.code == "E9999"]
    assert not faults, source
    return result.findings


def statement(draw_type: str, form: str) -> str:
    return (
        form.format(*[draw_type] * form.count("{}"))
        if "{}" in form
        else (form.replace("{{", "{").replace("}}", "}"))
    )


@given(
    st.lists(
        st.builds(statement, st.sampled_from(TYPES), st.sampled_from(STATEMENTS)),
        max_size=12,
    )
)
@settings(max_examples=150, deadline=None)
def test_random_typed_statements(lines: list[str]) -> None:
    """Types in every place, in any order."""
    ends = ("return", "error")
    body = [f"do {each} end" if each.startswith(ends) else each for each in lines]
    checked("\n".join(body))


@given(st.lists(st.sampled_from([*ALL_TOKENS, *PIECES]), max_size=40))
@settings(max_examples=100, deadline=None)
def test_random_tokens(tokens: list[str]) -> None:
    """Mostly no program at all."""
    checked(" ".join(tokens))


@given(
    st.sampled_from([*PROGRAMS.values(), *TYPED_PROGRAMS.values()]),
    st.integers(0, 10_000),
    st.sampled_from([*ALL_TOKENS, "nil", "x.y", "f()", "{1, a = 2}", '"s"', ": any"]),
)
@settings(max_examples=150, deadline=None)
def test_programs_with_a_word_replaced(source: str, place: int, word: str) -> None:
    """One token of a real program is another one."""
    parts = source.split(" ")
    parts[place % len(parts)] = word
    checked(" ".join(parts))


WRONG_ON_PURPOSE = {
    "a numeric loop refuses a bad limit",
    "error positions",
    "integers and floats",  # arithmetic on numeric strings
    "names that look like types",  # a field that strings lack
    "precedence",  # the same
}


@pytest.mark.parametrize("name", sorted(set(PROGRAMS) - WRONG_ON_PURPOSE))
def test_plain_programs_have_no_errors(name: str) -> None:
    """Programs that walk the manual, without a type in them."""
    found = [each for each in checked(PROGRAMS[name]) if each.severity == "error"]
    assert found == []


DEEP = {
    "parentheses": "return " + "(" * 150 + "1" + ")" * 150,
    "elseif": "local x: number? if x == 0 then "
    + "".join(f"elseif x == {n} then x = nil " for n in range(10_000))
    + "end",
    "addition": "local x: number = " + " + ".join(["1"] * 10_000),
    "or": "local x = " + " or ".join(["a"] * 5_000),
    "calls": "local x = f" + "()" * 10_000,
    "fields": "local x = a" + ".b" * 10_000,
    "methods": "local x = a" + ":b()" * 5_000,
    "casts": "local x = a" + " as any" * 5_000,
    "type suffixes": "local x: number" + "[]" * 10_000 + " = {}",
    "optionals": "local x: number" + "?" * 10_000 + " = nil",
    "union": "local x: " + " | ".join(f'"{n}"' for n in range(5_000)) + ' = "1"',
    "functions": "local f = " + "function() return " * 60 + "1" + " end" * 60,
    "tables": "local t: {a: any} = " + "{a = " * 150 + "1" + "}" * 150,
    "not": "local x = " + "not " * 150 + "y",
    "blocks": "do " * 150 + "end " * 150,
    "loops": "while x do " * 100 + "x = y " + "end " * 100,
    "locals": "\n".join(f"local v{n} = {n}" for n in range(190)),
    "fields of a record": "type R = {"
    + ", ".join(f"f{n}: number" for n in range(3_000))
    + "} local r: R = {} as any r.f1 = 2",
    "aliases": "\n".join(f"type T{n} = T{n + 1}?" for n in range(2_000))
    + "\ntype T2000 = number local x: T0 = 1",
    "recursive generic": "type A<T> = {a: A<{T}>?} local x: A<number> = {} "
    "local y: A<string> = x",
    "unions in literals": "type U = {a: U} | {b: U} | {c: U} | {d: number} "
    "local u: U = " + "{a = " * 12 + "{d = 1}" + "}" * 12,
}


@pytest.mark.parametrize("name", list(DEEP))
def test_deep_and_long_sources_are_answered_soon(name: str) -> None:
    """Neither the stack nor the clock runs out."""
    begin = time.perf_counter()
    checked(DEEP[name])
    assert time.perf_counter() - begin < 20

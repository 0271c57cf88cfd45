"""Descriptions of types: names are resolved, the rest is the machine's matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from wippy_trio.lang import Chunk, TypeDescription, describe_types, parse
from wippy_trio.lang.rtypes import literal_number

if TYPE_CHECKING:
    from collections.abc import Mapping


def describe(
    source: str, modules: Mapping[str, Chunk | str] | None = None
) -> TypeDescription:
    return describe_types(parse(source.encode(), "a:main"), (modules or {}).get)


def unfold(found: TypeDescription, at: int, depth: int = 6) -> Any:
    """Give a node with the nodes it refers to, names left alone below the top."""
    mark, *parts = found.nodes[at - 1]
    inner = {"?": [0], "!": [0], "a": [0], "ro": [0], "k": [0], "R": [0], "@": [0]}
    inner |= {"m": [0, 1], "[": [0, 1], "=": [1], "c": [0, 1, 2, 3]}
    if depth == 0 or mark in "pluv":
        return (mark, *parts)
    if mark == "=" and depth < 6:
        return parts[0]
    if mark in ("|", "&", "x"):
        return (mark, *(unfold(found, part, depth - 1) for part in parts))
    if mark == "b":
        return (mark, parts[0], *(unfold(found, p, depth - 1) for p in parts[1:]))
    if mark == "r":
        types = [unfold(found, part, depth - 1) for part in parts[1]]
        return (mark, dict(zip(parts[0], types, strict=True)), parts[2])
    if mark == "f":
        types = [unfold(found, part, depth - 1) for part in parts[0]]
        results = parts[3] and [unfold(found, part, depth - 1) for part in parts[3]]
        rest = parts[2] and unfold(found, parts[2], depth - 1)
        return (mark, types, parts[1], rest, results)
    if mark == "g":
        return (mark, len(parts[0]), unfold(found, parts[1], depth - 1))
    shown = [
        unfold(found, part, depth - 1) if i in inner.get(mark, ()) else part
        for i, part in enumerate(parts)
    ]
    return (mark, *shown)


def content(source: str, modules: Mapping[str, Chunk | str] | None = None) -> Any:
    """Describe a source and give what its type ``T`` stands for."""
    found = describe(source, modules)
    return unfold(found, found.names["T"])[2]


NUMBER, STRING, INTEGER = ("p", "number"), ("p", "string"), ("p", "integer")


@pytest.mark.parametrize(
    ("written", "described"),
    [
        ("number", NUMBER),
        ("int", INTEGER),
        ("bool", ("p", "boolean")),
        ("Error", ("p", "error")),
        ("nil", ("p", "nil")),
        ("'a\\65'", ("l", b"aA")),
        ("-0x10", ("l", -16)),
        ("true", ("l", True)),
        ("number?[]", ("a", ("?", NUMBER))),
        ("{[string]: number}", ("m", STRING, NUMBER)),
        ("{a: number, b?: string}", ("r", {"a": NUMBER, "b": STRING}, [0, 1])),
        ("{a: number, a: string}", ("r", {"a": STRING}, [0])),
        ("number | string & nil", ("&", ("|", NUMBER, STRING), ("p", "nil"))),
        ("readonly {number}", ("ro", ("a", NUMBER))),
        ("keyof({a: number})", ("k", ("r", {"a": NUMBER}, [0]))),
        ("{number}[integer]", ("[", ("a", NUMBER), INTEGER)),
        ("(a: number, ...string) -> ()", ("f", [NUMBER], ["a"], STRING, [])),
        ("fun(number)", ("f", [NUMBER], [""], 0, 0)),
        ("number @min(-1) @max(2)", ("@", NUMBER, [["min", -1], ["max", 2]])),
        ("string @pattern('x')", ("@", STRING, [["pattern", b"x"]])),
        ("number @min(f()) @odd", NUMBER),
        ("{a: number} @min_len(1)", ("r", {"a": NUMBER}, [0])),
        ("{[string]: number} @min_len(1)", ("m", STRING, NUMBER)),
        ("{number} @min_len(1)", ("@", ("a", NUMBER), [["min_len", 1]])),
        ("Channel<string>", ("b", "channel.Channel", STRING)),
        ("process.Message", ("b", "process.Message")),
        ("Nope", ("u", "Nope")),
        ("a.Nope", ("u", "a.Nope")),
        ("T?", ("?", "T")),
        (
            "string extends nil ? never : string",
            ("c", STRING, ("p", "nil"), ("p", "never"), STRING),
        ),
    ],
)
def test_type_is_described(written: str, described: Any) -> None:
    assert content(f"type T = {written}") == described  # types 1.5


def test_names_are_those_of_the_innermost_scope() -> None:
    """Aliases of blocks hide outer ones; type parameters of functions are unknown."""
    source = """
type A = number
type T = A
local function f<B>(x: B)
  type A = {B}
  do
    type A = string
    type C = A
  end
  type D = A
end
type E = A
"""
    found = describe(source)
    kinds = [unfold(found, at)[2] for at in found.declared]
    assert kinds == [
        NUMBER,
        "A",
        ("a", ("p", "unknown")),
        STRING,
        "A",
        "A",
        "A",
    ]  # types 1.8, 2.1
    targets = [found.nodes[at - 1][2] for at in found.declared]
    assert targets[4] == found.declared[3]
    assert targets[5] == found.declared[2]
    assert targets[6] == found.declared[0]


def test_imported_types_are_written_into_the_same_list() -> None:
    """By the local's name, by the bare name, through another library, by brand."""
    inner = parse(b"type Deep = {n: number}", "a:inner")
    lib = parse(
        b'local i = require("inner") type User = {d: i.Deep} type Box<X> = {v: X}', "l"
    )
    modules: dict[str, Chunk | str] = {"lib": lib, "inner": inner, "clock": "time"}
    source = """
local mine = require("lib")
local c = require("clock")
type T = {a: mine.User, b: User, c: mine.Box<Deep2>, d: c.Time, e: Duration, f: Deep}
"""
    mark, fields, _ = content(source, modules)
    assert mark == "r"
    assert fields == {
        "a": "User",
        "b": "User",
        "c": ("x", "Box", ("u", "Deep2")),
        "d": ("b", "time.Time"),
        "e": ("b", "time.Duration"),
        "f": ("u", "Deep"),
    }  # types 1.9


def test_two_modules_that_require_each_other_end() -> None:
    first = parse(b'local b = require("b") type A = {b: b.B}', "a")
    second = parse(b'local a = require("a") type B = {a: a.A?}', "b")
    found = describe_types(first, {"a": first, "b": second}.get)
    assert list(found.names) == ["A"]


@pytest.mark.parametrize(
    ("expression", "guessed"),
    [
        ("1", INTEGER),
        ("1.5", NUMBER),
        ("0x1p4", NUMBER),
        ("'x' .. 1", STRING),
        ("1 + 2", INTEGER),
        ("1 / 2", NUMBER),
        ("1 < 2", ("p", "boolean")),
        ("not x", ("p", "boolean")),
        ("#x", INTEGER),
        ("-1", INTEGER),
        ("{1, 2}", ("a", INTEGER)),
        ("{a = 1, b = 'x'}", ("r", {"a": INTEGER, "b": STRING}, [0, 0])),
        ("{[1] = 2}", ("p", "table")),
        ("x as string", STRING),
        ("o!", ("!", ("?", NUMBER))),
        ("(o)", ("?", NUMBER)),
        ("o or 1", ("|", ("!", ("?", NUMBER)), INTEGER)),
        ("n", INTEGER),
        ("f(1)", ("R", ("f", [NUMBER], ["a"], 0, [STRING]))),
        ("r.a", ("[", ("r", {"a": NUMBER}, [0]), ("l", b"a"))),
    ],
)
def test_static_type_is_told(expression: str, guessed: Any) -> None:
    source = (
        "local o: number? = 1 local n = 1 local r: {a: number} = {a = 1}"
        f" local function f(a: number): string end local v = typeof({expression})"
    )
    found = describe(source)
    assert unfold(found, found.typeofs[0], 5) == guessed  # types 2.9


@pytest.mark.parametrize("expression", ["x", "x.y", "f2()", "x and 1", "...", "a:b()"])
def test_static_type_is_left_to_the_value(expression: str) -> None:
    assert describe(f"local v = typeof({expression})").typeofs == [0]


def test_long_chains_need_no_stack() -> None:
    """Aliases, postfixes, unions and guesses as long as a source likes."""
    chain = "".join(f"type C{i} = {{v: C{i + 1}?}}\n" for i in range(3000))
    postfix = "type P = number" + "[]" * 3000 + "?" * 2000
    union = "type U = " + "|".join(f'"k{i}"' for i in range(3000))
    doubled = "local x0 = {1} " + " ".join(
        f"local x{i + 1} = {{a = x{i}, b = x{i}}}" for i in range(60)
    )
    found = describe(f"{chain}{postfix}\n{union}\n{doubled}\ntype T = typeof(x60)")
    assert len(found.nodes) < 30_000


def test_numbers_are_read_as_lua_reads_them() -> None:
    assert literal_number("0xffffffffffffffff") == -1
    assert literal_number("9223372036854775808") == 2.0**63
    assert literal_number("-0x10") == -16
    assert literal_number("1e2") == 100.0
    assert literal_number("0x.8p1") == 1.0


def test_typeof_is_followed_by_suffixes() -> None:
    """``typeof(v):kind()`` is a call of a method: acceptance case 118."""
    chunk = parse(b"return typeof(a):elem():kind(), typeof(b).x, typeof(c)(d)", "a")
    assert len(chunk.notes.typeofs) == 3

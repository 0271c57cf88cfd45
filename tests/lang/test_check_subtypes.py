"""Which type fits where, and how types are written (types 3.2, 3.3, 3.9)."""

from __future__ import annotations

import pytest

from tests.lang.checking import codes
from wippy_trio.lang import parse
from wippy_trio.lang.resolve import Resolver, Surroundings
from wippy_trio.lang.subtype import Relation
from wippy_trio.lang.types import Declaration, Type, expand
from wippy_trio.lang.typetext import show

ALIASES = """
type List = {value: number, next: List?}
type Chain = {value: number, next: Chain?}
type Named = {name: string}
type Box<T> = {value: T}
type NN<T> = T extends nil ? never : T
type P = {x: number, y: string}
type K = keyof(P)
type X = P["x"]
type Q = Named & {age: number}
interface Shape function area(self): number end
interface Round: Shape function radius(self): number end
interface Mark end
"""


def types(*texts: str) -> list[Type]:
    """Return the meaning of written types."""
    lines = "\n".join(f"type T{n} = {text}" for n, text in enumerate(texts))
    chunk = parse((ALIASES + lines).encode(), "types")
    resolver = Resolver(Surroundings(), Relation())
    resolver.declare_top(chunk.notes.aliases)
    found = [resolver.statement(node) for node in chunk.notes.aliases]
    made: list[Type] = []
    for each in found[-len(texts) :]:
        assert isinstance(each, Declaration)
        made.append(each.target)
    return made


FITS = [
    ("never", "string"),
    ("string", "any"),
    ("any", "unknown"),
    ("unknown", "any"),
    ("integer", "number"),
    ('"x"', "string"),
    ("3", "integer"),
    ("3", "number"),
    ("true", "boolean"),
    ("nil", "string?"),
    ("string", "string?"),
    ("string?", "string?"),
    ("string | number", "number | string | nil"),
    ("boolean", "true | false"),
    ("{integer}", "{number}"),
    ("{integer}", "{[integer]: integer}"),
    ("{a: integer, b: integer}", "{[string]: integer}"),
    ("{a: integer}", "table"),
    ("{number}", "table"),
    ("Shape", "table"),
    ("{a: number, b: string}", "{a: number}"),
    ("{a: integer}", "{a: number}"),
    ("{a: number}", "{a: number?}"),
    ("{a: number}", "{a?: number}"),
    ("{a: number}", "{}"),
    ("{a: string}", "readonly {a: string}"),
    ("(number) -> integer", "(integer) -> number"),
    ("() -> number", "(string) -> number"),
    ("(string?) -> ()", "() -> ()"),
    ("(...number) -> ()", "(number, number) -> ()"),
    ("() -> (number, string)", "() -> number"),
    ("() -> never", "() -> string"),
    ("Round", "Shape"),
    ("List", "Chain"),
    ("Box<number>", "Box<number>"),
    ("Box<number>", "{value: number}"),
    ("Q", "{name: string, age: number}"),
    ('NN<string?>', "string"),
    ("K", '"x" | "y"'),
    ("X", "number"),
    ("number @min(3)", "number"),
    ("number", "number @min(3)"),
    ("fun(a: number): string", "(number) -> string"),
    ("{speak: (self: Named) -> string}", "{speak: (self: Shape) -> string}"),
]  # fmt: skip

DOES_NOT = [
    ("any", "string"),
    ("unknown", "string"),
    ("number", "integer"),
    ("string", '"x"'),
    ('"x"', '"y"'),
    ("string?", "string"),
    ("nil", "string"),
    ("string | number", "string"),
    ("{number}", "{integer}"),
    ("readonly {number}", "{number}"),
    ("{[string]: integer}", "{[string]: number}"),
    ("{a: string}", "{[string]: number}"),
    ("{a: number}", "{a: number, b: string}"),
    ("{a?: number}", "{a: number}"),
    ("{a: number}", "{a: string}"),
    ("readonly {a: string}", "{a: string}"),
    ("(integer) -> ()", "(number) -> ()"),
    ("() -> string", "() -> number"),
    ("() -> ()", "() -> number"),
    ("(number) -> ()", "() -> ()"),
    ("string", "table"),
    ("string", "error"),
    ("error", "string"),
    ("Shape", "Round"),
    ("Named", "Mark"),
    ("Box<number>", "Box<string>"),
    ("{number}", "() -> ()"),
    ("boolean", "true"),
]


@pytest.mark.parametrize(("one", "other"), FITS)
def test_fits(one: str, other: str) -> None:
    """The left type may stand where the right one is wanted."""
    mine, theirs = types(one, other)
    assert Relation().fits(mine, theirs)  # types 3.3


@pytest.mark.parametrize(("one", "other"), DOES_NOT)
def test_does_not_fit(one: str, other: str) -> None:
    """The left type may not stand where the right one is wanted."""
    mine, theirs = types(one, other)
    assert not Relation().fits(mine, theirs)  # types 3.3


TEXTS = [
    ("number?", "number?"),
    ("number??", "number?"),
    ("string | nil", "string?"),
    ("(string | number)?", "(string | number)?"),
    ("any?", "any"),
    ("never?", "nil"),
    ('"a" | string', "string"),
    ("true | false", "boolean"),
    ("string | never", "string"),
    ("number | any", "any"),
    ("{string}", "string[]"),
    ("{string | number}", "(string | number)[]"),
    ("{string?}", "string?[]"),
    ("{[string]: number}", "{[string]: number}"),
    ("{a: number, b?: string}", "{a: number, b?: string}"),
    ("readonly {a: number}", "{readonly a: number}"),
    ("{}", "{}"),
    ("() -> ()", "fun() -> ()"),
    ("(x: number, ...string) -> boolean", "fun(x: number, ...string) -> boolean"),
    ("(number) -> (string, nil)", "fun(number) -> (string, nil)"),
    ("Box<string>", "Box<string>"),
    ("List?", "List?"),
    ('"a\\"b"', '"a\\"b"'),
    ("bool", "boolean"),
    ("int", "integer"),
    ("string & number", "never"),
]


@pytest.mark.parametrize(("written", "shown"), TEXTS)
def test_normal_form_and_text(written: str, shown: str) -> None:
    """Unions are flat, nil makes an optional, and all is printed one way."""
    assert show(types(written)[0]) == shown  # types 3.2, 3.9


def test_a_long_union_is_cut() -> None:
    """At most six members are written."""
    written = " | ".join(f'"{n}"' for n in range(9))
    assert show(types(written)[0]).endswith('"5" | ...')


def test_a_long_record_is_cut() -> None:
    """At most eight fields are written."""
    written = "{" + ", ".join(f"f{n}: number" for n in range(9)) + "}"
    assert show(types(written)[0]).endswith("f7: number, ...}")


def test_equality_ignores_names() -> None:
    """Two aliases of one structure are one type."""
    mine, theirs = types("List", "Chain")
    assert expand(mine) is not expand(theirs)
    assert Relation().same(mine, theirs)


def test_alias_inside_a_block_ends_with_it() -> None:
    """It may hide an outer one and is gone afterwards (types 1.8)."""
    source = "type T = string do type T = number local x: T = 1 end local y: T = "
    assert codes(source + '"a"') == []
    assert codes(source + "1") == ["E0000"]

"""The acceptance cases of grammar and erasure, by number (types 5.1)."""

from __future__ import annotations

import pytest

from tests.lang.machine import VERSIONS, run, translate
from wippy_trio.lang import LuaSyntaxError, parse
from wippy_trio.lang import syntax as lua
from wippy_trio.lang import typesyntax as ty
from wippy_trio.lang.lexer import CONTEXTUAL

PARSES = [
    (2, 'local a: number, b: string = 1, "x"'),
    (3, "function f(a: number, ...: string): (number, string) return a, ... end"),
    (4, 'local function f(): number, string return 1, "a" end'),
    (5, "local function f(): () end"),
    (6, "local g = function<T>(x: T): T return x end"),
    (7, "M = {} function M.f<T: Named>(x: T): T return x end"),
    (7, "M = {} function M:m<T>(x: T) end"),
    (8, "type A = {x: number, y?: number,}"),
    (15, "type L = {value: number, next: L?}"),
    (16, "type G<A, B: number> = {a: A, b: B}"),
    (17, "local b: Box<Box<string>> = v"),
    (18, "local a: number[] = {}; local c: {number} = a"),
    (22, "M = {} function M:is(v) return v end; M:is(1); M.as = 2"),
    (24, "local x = y :: number"),
    (26, "local n = v :: number; ::here:: \n return n"),
    (27, "f = type f(1) ::top:: \n if type(1) == 1 then goto top end"),
    (27, "local c, i while c do i = i + 1 ::continue:: end"),
    (29, "u = {} t = {} k = 1 f = print return (u!).name, t[k]!, (f())!"),
    (30, "f = print return (f!)()"),
    (31, "return x as A as B, y!!"),
    (33, "for i: integer = 1, 3 do end"),
    (33, "t = {} for k: string, v: number in pairs(t) do end"),
    (37, "interface Shape function area(self): number end\ninterface R: Shape end"),
    (39, 'local p: string @pattern("^a") @min_len(1) = "zzz"'),
    (40, "type A = number @whatever(1)"),
    (45, "while true do break; print(1) end"),
    (46, "local x = " + "(" * 150 + "1" + ")" * 150),
    (50, "local function c(v: any): asserts v is string end"),
]  # fmt: skip

REJECTED = [
    (9, "type A = {x: number; y: number}", "unexpected ';'"),
    (10, "type A = {x: number, [string]: number}", "unexpected '['"),
    (11, "type A = {: number}", "unexpected ':'"),
    (16, "type T<> = number", "unexpected '>'"),
    *(
        (23, f"local {word} = 1", f"unexpected '{word}', expected name")
        for word in sorted(CONTEXTUAL)
    ),
    (30, "return f!()", "unexpected '('"),
    (31, "return a :: T :: V", "unexpected '::'"),
    (34, "local x <const> = 1", "attributes are not part of the dialect"),
    (35, "local x = 1 @@ 2", "unexpected '@'"),
    (35, "local x: number< = 42", "unexpected '=', expected type"),
    (35, "local x:", "unexpected end of file"),
    (36, "type T = keyof", "unexpected end of file"),
    (36, "local x: ->", "unexpected '->'"),
    (36, "interface end", "unexpected 'end', expected name"),
    (36, "::1a::", "malformed number '1a'"),
    (43, "foo Bar = 1", "unexpected identifier 'foo'"),
    (46, "local x = " + "(" * 5000 + "1" + ")" * 5000, "nesting too deep"),
    (53, 'local s = "unclosed', "unfinished string"),
    (53, "if true then", "'end' expected to close 'if' at line 1"),
]

RESULTS = [
    (1, "local n: number = 1 return n", "integer:1"),
    (4, 'local function f(): number, string return 1, "a" end return f()',
        "integer:1 string:a"),
    (5, "local function f(): () end return f()", ""),
    (19, "type = 3; return type", "integer:3"),
    (20, 'local type = type; return type("a")', "string:string"),
    (21, 'local t = {type = "a", is = 1, as = 2}; return t.type, t.is, t.as',
        "string:a integer:1 integer:2"),
    (24, "local y = 7 local x = y :: number return x", "integer:7"),
    (25, "goto done \n print(1) \n ::done::", ""),
    (28, "local x = 2 return -x as number", "integer:-2"),
    (32, "local x = 5 local v = x as string | number return v", "integer:5"),
    (44, r'return "\d+"', "string:d+"),
    (44, r'return "\x41"', "string:A"),
    (48, "local b, f = error, type\nlocal a = b\ntype T = any\n(f or a)(1)\nreturn 1",
        "integer:1"),
    (49, "local function f() return 1, 2 end local a, b = f() as T return a, b",
        "integer:1 nil:nil"),
    (51, "return 7 // 2, 7 & 3, 1 << 4, ~0",
        "integer:3 integer:3 integer:16 integer:-1"),
    (54, "local t = {fun = 1, extends = 2} return t.fun, t.extends",
        "integer:1 integer:2"),
]  # fmt: skip


def first_statement(source: str) -> lua.Statement:
    return parse(source.encode(), "test:case").main.body.statements[0]


def alias(source: str) -> ty.Type:
    node = first_statement(source)
    assert isinstance(node, lua.TypeAlias)
    return node.type


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("number", "source"), PARSES)
def test_source_is_accepted_and_loads(number: int, source: str, version: str) -> None:
    outcome = run(source, version=version)
    assert outcome.ok != "load", outcome.results  # types 5.1


@pytest.mark.parametrize(("number", "source", "fragment"), REJECTED)
def test_source_is_rejected(number: int, source: str, fragment: str) -> None:
    with pytest.raises(LuaSyntaxError) as caught:
        translate(source)
    assert caught.value.diagnostic.code == "P0001"  # types 5.1
    assert fragment in caught.value.diagnostic.message  # types 1.12


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("number", "source", "results"), RESULTS)
def test_source_returns(number: int, source: str, results: str, version: str) -> None:
    outcome = run(source, version=version)
    assert outcome.ok is True, outcome.results
    assert outcome.results == results  # types 5.1
    assert outcome.printed == ""


def test_union_containing_a_function_needs_parentheses() -> None:
    both = alias("type A = ((number) -> number) | string")
    assert isinstance(both, ty.UnionType)  # types 5.1 12
    assert [type(member) for member in both.members] == [ty.FunctionType, ty.TypeName]
    one = alias("type A = (number) -> number | string")
    assert isinstance(one, ty.FunctionType)  # types 5.1 13
    assert one.results is not None
    assert [type(result) for result in one.results] == [ty.UnionType]


def test_union_and_intersection_share_one_level() -> None:
    found = alias("type A = X | Y & Z")
    assert isinstance(found, ty.IntersectionType)  # types 5.1 14
    left, right = found.members
    assert isinstance(left, ty.UnionType)
    assert isinstance(right, ty.TypeName)


def test_two_spellings_of_an_array_are_one_type() -> None:
    assert isinstance(alias("type A = number[]"), ty.ArrayType)  # types 5.1 18
    assert isinstance(alias("type A = {number}"), ty.ArrayType)


def test_function_type_has_two_spellings() -> None:
    one = alias("type F = fun(a: number, ...string): boolean")
    other = alias("type F = (a: number, ...string) -> boolean")
    for found in (one, other):
        assert isinstance(found, ty.FunctionType)  # types 5.1 38
        assert [each.name for each in found.parameters] == ["a"]
        assert found.variadic is not None
        assert isinstance(found.variadic.type, ty.TypeName)
        assert found.results is not None
        assert len(found.results) == 1


def test_keyof_index_access_and_conditional_are_types() -> None:
    assert isinstance(alias("type K = keyof(P)"), ty.KeyofType)  # types 5.1 41
    assert isinstance(alias('type X = P["x"]'), ty.IndexType)
    found = alias("type NN<T> = T extends nil ? never : T")
    assert isinstance(found, ty.ConditionalType)  # types 5.1 42
    assert isinstance(found.bound, ty.LiteralType)


def test_cast_to_a_union_is_one_cast() -> None:
    node = first_statement("local v = x as string | number")
    assert isinstance(node, lua.Local)
    (cast,) = node.values
    assert isinstance(cast, lua.Cast)  # types 5.1 32
    assert isinstance(cast.type, ty.UnionType)


def test_unexpected_identifier_stands_at_its_own_place() -> None:
    with pytest.raises(LuaSyntaxError) as caught:
        translate("foo Bar = 1")
    found = caught.value.diagnostic
    assert (found.line, found.column) == (1, 1)  # types 5.1 43


@pytest.mark.parametrize("version", VERSIONS)
def test_lines_of_a_type_statement_count(version: str) -> None:
    source = 'type T = {\n a: number,\n b: string,\n c: any,\n}\n\nerror("boom")'
    outcome = run(source, version=version)
    assert outcome.ok is False
    assert ":7:" in outcome.results  # types 5.1 47


def test_only_the_first_error_is_told() -> None:
    source = "local a = 1\nlocal b = 2\nlocal = 3\n\n\n\n\n\nlocal = 9"
    with pytest.raises(LuaSyntaxError) as caught:
        translate(source)
    assert caught.value.diagnostic.line == 3  # types 5.1 52


def test_unfinished_string_is_told_at_its_quote() -> None:
    with pytest.raises(LuaSyntaxError) as caught:
        translate('local s = "unclosed')
    assert caught.value.diagnostic.column == 11  # types 5.1 53


@pytest.mark.parametrize("version", VERSIONS)
def test_shebang_keeps_its_line(version: str) -> None:
    source = '#!/usr/bin/lua\nlocal x: number = 1\nerror("e")'
    outcome = run(source, version=version)
    assert ":3:" in outcome.results  # types 5.1 55


@pytest.mark.parametrize(
    "source",
    [
        "type F = () -> (string | number)?",
        "local x: Box<Box<number>>= v",  # types 5.6 267
        "local y: {a: Box<string>}? = nil",
        "local function f(b?: string): (A | B)? end",  # types 1.6
        "type A = -1 | 2",  # types 1.5
        "type A = B extends (C?) ? X : Y",  # types 1.7
        "local x = v :: number ::done::",  # types 1.7
        "type F = (...number) -> number",
        "type R = readonly {number}",
        "type R = readonly {x: number} | readonly {[string]: number}",
        "type P = Pair<string, {number}>",
        "type F = fun(self, a: number, ...): (number, string)",
        "type F = fun() type G = (fun(): number)?",
        "type F = (...: number) -> ()",
        "type V = string @min_len(1, 2) @a @b()",
        "type T = Self | true | false | nil | 'x' | 1.5",
        "interface A: B, mod.C function is(self, x?: number): (number, string) end",
        "interface A function ok(self, v: any): asserts v is string end",
        "local function f(): (fun(): number) | nil end",
        "local function f(v): asserts v end",
        "local function f(): A & B, C[] end",
        "type I = interface {area: (self: Self) -> number}",
        "type A = {is: boolean, fun: number, type: string, typeof: any}",
        "type A = mod.T[] | {[string]: {x: number}?}",
        "type S = typeof({a = 1, b = f() as T})",
        "M = {} function M.is(v) end M.type = 1",  # types 5.6 266
        'return {type = "x", interface = 1, is = 2}, t.as',
    ],
)
def test_more_sources_are_accepted(source: str) -> None:
    assert run(source).ok != "load"


@pytest.mark.parametrize(
    "source",
    [
        "local x: number |",
        "local y = x ::",
        ":: ::",
        "local t: {: number}",
        "type = ",
        "type Point {x: number}",
        "local x = 1 = 2",
        "return 1, ",
        "f() as T",
        "local function f(a, ) end",
        "break",
        "for i = 1, 2 do end break",
        "function f() return ... end",
        "x = }",
        "a.b",
        "(a)",
        "a.b, c() = 1",
        'return "\\300"',
        "x = 0x",
        "x = 1..2",
        "function M.1() end",
        "function M.a:b.c() end",
        "interface A function 1() end end",
        "interface A function f() end end",
        "type T = readonly number",
        "type T = interface number",
        "type T = typeof x",
        "type T = (number, string)",
        "type T = (number",
        "type T = () -> ",
        "type T = A extends B ? C",
        "type T = Box<A",
        "type T = {x: number",
        "local function f(a?) end",
        "function f(): asserts end",
        "t:m",
        "t.1",
        "for x do end",
        "for 1 = 1, 2 do end",
        "a, b",
        "a, 1 = 2",
        "if x the y end",
        "--[==[ never closed ]]",
        "x = [=x",
        "x = \u00e9",
    ],
)
def test_more_sources_are_rejected(source: str) -> None:
    with pytest.raises(LuaSyntaxError):
        translate(source)  # types 1.12

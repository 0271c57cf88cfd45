"""What the translated text looks like, and what is reported beside it."""

from __future__ import annotations

import pytest

from tests.lang.machine import VERSIONS, loads, run, run_plain, translate
from wippy_trio.errors import InvalidError
from wippy_trio.lang import LuaSyntaxError, compile_chunk
from wippy_trio.lang import syntax as lua

HEAD = b"local _ENV, __t, __w, __x = ...; "


def bare(source: str, **options: str) -> str:
    """Return the translated text without checks, prologue and end."""
    text = translate(source, budget="off", **options).text.decode("latin-1")
    start = text.index("return function(...) ") + len("return function(...) ")
    text = text[start:]
    return text.removesuffix(" end") if text.endswith(" end") else text[: -len("\nend")]


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("local x: number = 1", "local x = 1"),
        ("local a: T, b: {x: number}, c = 1", "local a, b, c = 1"),
        (
            "function f<T>(a: T, ...: number): (T, string) end",
            "function f(a, ...) end",
        ),
        ("function f(a?: string) end", "function f(a) end"),
        ("function M:f<T>(a) : T return a end", "function M:f(a)  return a end"),
        ("x = (v :: User).name", "x = (v).name"),
        ("x = y as T", "x = y"),
        ("x = y!", "x = y"),
        ("x = y as A as B", "x = y"),
        ("x = y :: number!", "x = y"),
        ("return x as T end", None),
        ("do return x as T end", "do return x end"),
        ("x = y as{number}z = 1", "x = y z = 1"),
        ("x = 1 as number..y", "x = 1 ..y"),
        ("x = f() as T", "x = (f())"),
        ("x = t:m()!", "x = (t:m())"),
        ("x = ... as T", "x = (...)"),
        ("return f() as T as U", "return (f())"),
        ("type A = {\n x: number,\n}\ny = 1", ";\n\n\ny = 1"),
        ("interface A\n function f(self): number\nend", ";\n\n"),
        ("local function f(a: {\n number},\n b) end", "local function f(a\n,\n b) end"),
        ("for i: integer = 1, 3 do end", "for i = 1, 3 do end"),
        ("for k: string, v in t do end", "for k, v in t do end"),
        (r'x = "a\.b\d"', 'x = "a.bd"'),
        (r'x = "a\n\x41\65\z  b"', r'x = "a\n\x41\65\z  b"'),
        (r"x = '\xg\u'", "x = 'xgu'"),
        (r'x = [[a\.b]]', r"x = [[a\.b]]"),
        ("x = typeof(y)", "x = __t.typeof(y, 1)"),
        ("x = typeof(f())", "x = __t.typeof(f(), 1)"),
        ("local b: Box<Box<string>> = v", "local b = v"),
        ("local b: Box<string>= v", "local b= v"),
    ],
)  # fmt: skip
def test_types_leave_no_trace(source: str, output: str | None) -> None:
    if output is None:
        with pytest.raises(LuaSyntaxError):
            translate(source)
    else:
        assert bare(source) == output  # types 4.3


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("x = string(y)", "x = __t.string(y)"),
        ('x = integer "3"', 'x = __t.integer "3"'),
        ("x = number{}", "x = __t.number{}"),
        ("x = string:is(y)", "x = __t.string:is(y)"),
        ("x = integer.is(y)", "x = __t.integer.is(y)"),
        ("x = string.upper(y)", "x = string.upper(y)"),
        ("x = table.concat(y), table(y)", "x = table.concat(y), __t.table(y)"),
        ("x = int(y), bool(y)", "x = __t.integer(y), __t.boolean(y)"),
        ("x = Number(y), Number", "x = __t.number(y), Number"),
        ("x = string, number", "x = string, number"),
        ("x = error(y)", "x = error(y)"),
        ("return string(y)", "return (__t.string(y))"),
        ("return string:is(y)", "return (__t.string:is(y))"),
        ("return string(y), 1", "return __t.string(y), 1"),
        ("local string = f x = string(y)", "local string = f x = string(y)"),
        ("string = f x = string(y)", "string = f x = string(y)"),
        ("function f(number) return number(1) end", None),
        ("function string.trim(s) end", None),
        ("x = t.string(y), t:number(1)", "x = t.string(y), t:number(1)"),
        ("x = {string = 1, a = string(1)}", "x = {string = 1, a = __t.string(1)}"),
        ("type P = {x: number} x = P, P(1), P.x", "; x = __t.P, __t.P(1), __t.P.x"),
        ("x = P type P = number", "x = __t.P ;"),
        ("interface P end x = P", "; x = __t.P"),
        ("type P = number local P = 5 x = P", "; local P = 5 x = P"),
        ("type P = number P = 5", "; P = 5"),
        ("type P = number return P(1)", "; return (__t.P(1))"),
        ("do type P = number x = P end y = P", "do ; x = __t[1] end y = P"),
        (
            "type A = number do type P = number type A = string x = P, A end y = A",
            "; do ; ; x = __t[2], __t[3] end y = __t.A",
        ),
        (
            "function f() type P = number return function() return P end end",
            "function f() ; return function() return __t[1] end end",
        ),
    ],
)  # fmt: skip
def test_names_of_types_become_entries_of_the_type_table(
    source: str, output: str | None
) -> None:
    assert bare(source) == (source if output is None else output)  # types 2.1, 4.3


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("t[k] = 1", "t[k==nil and __k or k] = 1"),
        ("t[a.b.c] = 1", "t[a.b.c==nil and __k or a.b.c] = 1"),
        ("t[1] = 1", "t[1] = 1"),
        ("t['x'] = 1", "t['x'] = 1"),
        ("t[#t + 1] = 1", "t[#t + 1] = 1"),
        ("t[f()] = 1", "t[f()] = 1"),
        ("x = t[k]", "x = t[k]"),
        ("type k = number; t[k] = 1", ";; t[__t.k] = 1"),
        ("t[k], u[j] = 1, 2", "t[k==nil and __k or k], u[j==nil and __k or j] = 1, 2"),
        ("for i = 1, 2 do t[i] = 1 end", None),
        ("for k, v in pairs(t) do u[k], u[v] = v, k end", None),
        ("for k, v in f() do u[k] = v end", None),
        (
            "for k, v in f() do u[v] = k end",
            "for k, v in f() do u[v==nil and __k or v] = k end",
        ),
        (
            "for k in pairs(t) do k = nil u[k] = 1 end",
            "for k in pairs(t) do k = nil u[k==nil and __k or k] = 1 end",
        ),
        (
            "for k in pairs(t) do local k u[k] = 1 end",
            "for k in pairs(t) do local k u[k==nil and __k or k] = 1 end",
        ),
        ("x = {[k] = 1, [1] = 2}", "x = {[k==nil and __k or k] = 1, [1] = 2}"),
    ],
)
def test_key_that_may_be_nil_is_guarded(source: str, output: str | None) -> None:
    assert bare(source) == (source if output is None else output)  # types 4.9


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("P.f = nil", "P.f = nil;__m(P);"),
        ("a.b.f = nil (g)()", "a.b.f = nil;__m(a.b); (g)()"),
        ("a.b.f = nil\n;(g)()", "a.b.f = nil;__m(a.b);\n;(g)()"),
        ("P['f'] = nil", "P['f'] = nil;__m(P);"),
        ("P[1] = nil", "P[1] = nil"),
        ("f().x = nil", "f().x = nil"),
        ("P.f, P.g = nil", "P.f, P.g = nil"),
        ("P.f = nil, 1", "P.f = nil, 1"),
        ("x = nil", "x = nil"),
        ("P.f = false", "P.f = false"),
    ],
)
def test_table_that_loses_a_field_is_entered(source: str, output: str) -> None:
    assert bare(source) == output  # types 4.9


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("x = {a = y}", "x = __o{a = y}"),
        ("x = {a = f(), b = t.c, ['d'] = y}", "x = __o{a = f(), b = t.c, ['d'] = y}"),
        ("return{a = y}", "return __o{a = y}"),
        ("x = {a = nil}", "x = __o{a = nil}"),
        ("x = {a = y or z}", "x = __o{a = y or z}"),
        ("x = {a = y and 1}", "x = __o{a = y and 1}"),
        ("f({a = y})", "f(__o{a = y})"),
        ("f{a = y}", "f{a = y}"),
        ("t:m{a = y}", "t:m{a = y}"),
        ("x = {}", "x = {}"),
        ("x = {a = 1, b = y}", "x = {a = 1, b = y}"),
        ("x = {a = y, b = {}}", "x = {a = y, b = {}}"),
        ("x = {a = y .. z}", "x = {a = y .. z}"),
        ("x = {a = y or 1}", "x = {a = y or 1}"),
        ("x = {a = function() end}", "x = {a = function() end}"),
        ("x = {a = not y}", "x = {a = not y}"),
        ("x = {a = y, z}", "x = {a = y, z}"),
        ("x = {a = y, [z] = 1}", "x = {a = y, [z==nil and __k or z] = 1}"),
        ("x = {a = {b = y}}", "x = {a = __o{b = y}}"),
    ],
)
def test_constructor_that_may_come_out_empty_is_entered(
    source: str, output: str
) -> None:
    assert bare(source) == output  # types 4.9


def test_prologue_names_only_what_is_used() -> None:
    text = translate("local x = 1").text
    assert text == HEAD + b"return function(...) local x = 1 end"
    text = translate("t[k] = 1 t.f = nil x = {a = y}").text
    names = b"local __k, __o, __m = __x.NILKEY, __x.object, __x.emptied; "
    assert text.startswith(HEAD + names)


@pytest.mark.parametrize(
    ("source", "end"),
    [
        ("x = 1", b" end"),
        ("x = 1\n", b"\n end"),
        ("x = 1 -- last", b"\nend"),
        ("x = 1 --[[ last ]]", b"\nend"),
        ("x = 1 -- not last\n", b"\n end"),
        ("x = '--'", b"' end"),
        ("", b" end"),
        ("--", b"--\nend"),
        ("return 1;", b"; end"),
    ],
)
def test_end_stands_where_no_comment_swallows_it(source: str, end: bytes) -> None:
    text = translate(source).text
    assert text.endswith(end)  # types 4.3
    assert loads(text) == ""


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_kind_are_kept(newline: str) -> None:
    source = newline.join(
        ("local x: {", " a: number,", "} = {a = 1}", "type T =", "any", "error('here')")
    )
    outcome = run(source)
    assert outcome.results.startswith("string:test:case:6:")  # types 4.3


def test_byte_order_mark_is_skipped() -> None:
    assert run("\ufeffreturn 1").results == "integer:1"  # types 1.2
    with pytest.raises(LuaSyntaxError) as caught:
        translate("\ufeffx y")
    assert caught.value.diagnostic.column == 1


def test_any_byte_survives() -> None:
    source = b'return "' + bytes(b for b in range(1, 256) if b not in b'\n\r"\\') + b'"'
    text = compile_chunk(source, "x").text
    assert source in text.replace(b"function(...) ", b"")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "source",
    [
        "local _ENV = {x = 5} return x == nil, _ENV.x",
        "return _ENV",
        "_ENV = 3 return _ENV, type(print)",
        "local function f(_ENV) return _ENV end return f(4)",
        "for _ENV = 1, 2 do print(_ENV) end",
        "__n, __c = 1, 2 return __n + __c",
        "local __n, __c = 1, 2 while __n < 99 do __n = __n + 1 end return __n, __c",
        "local __w, __t = 3, 4 local function f() return __w, __t end return f()",
        "goto __k1 do return 5 end ::__k1:: return 6",
        "local s = 0 for __i = 1, 300 do s = s + __i end return s",
        "local s = 0 for __c, __n in ipairs({5, 6}) do s = s + __c * __n end return s",
        "local t = {__n = 1, _ENV = 2} return t.__n, t._ENV, (t.__c)",
        "local __i, __l, __j = 1, 2, 3 for i = 1, 300 do __l = __l + i end return __l",
        "local function __w(...) return ... end return __w(1, 2)",
        "function __o() return 7 end return __o(), ({a = __o()}).a",
        "local __k = nil local t = {} t[__k or 1] = 2 return t[1]",
    ],
)
def test_reserved_names_are_the_authors_all_the_same(source: str, version: str) -> None:
    written = run_plain(source.replace("_ENV", "ENV"), version=version)
    outcome = run(source, version=version)
    assert outcome.ok is True
    assert (outcome.printed, outcome.results) == (written.printed, written.results)


def test_env_is_an_ordinary_name() -> None:
    assert run("return _ENV").results == "nil:nil"  # types 1.11
    assert run("_ENV = 3 return _ENV, type(print)").results == (
        "integer:3 string:function"
    )
    assert run("local _ENV = {x = 5} x = 1 return x, _ENV.x").results == (
        "integer:1 integer:5"
    )


def test_requires_are_listed_with_their_places() -> None:
    source = (
        'local a = require("json")\nlocal b = require "time"\n'
        "local c = require(name)\nlocal d = require('x' .. y)\n"
        'print(require("a").b, t.require("no"))\n'
        "do local require = f require('mine') end\n"
        'type T = typeof(require("typed"))\n'
    )
    found = translate(source).requires
    assert [tuple(each) for each in found] == [
        ("json", 1, 11),
        ("time", 2, 11),
        ("a", 5, 7),
        ("typed", 7, 17),
    ]


def test_declared_types_are_listed_in_order() -> None:
    source = (
        "type A<T> = {x: T}\ninterface B: A end\n"
        "local function f() type C = number end\ntype A = string"
    )
    erased = translate(source)
    assert erased.exports == ("A", "B")  # types 1.9
    assert [(each.name, each.kind, each.exported) for each in erased.types] == [
        ("A", "alias", True),
        ("B", "interface", True),
        ("C", "alias", False),
        ("A", "alias", True),
    ]
    first = erased.types[0]
    assert source[first.start : first.end] == "type A<T> = {x: T}"
    assert isinstance(first.node, lua.TypeAlias)
    assert [each.name for each in first.node.generics] == ["T"]
    assert erased.warnings == ()


def test_syntax_error_is_an_invalid_error_with_a_rendered_block() -> None:
    with pytest.raises(LuaSyntaxError) as caught:
        translate("local x = 1\n\tlocal y = = 2")
    error = caught.value
    assert isinstance(error, InvalidError)
    assert error.kind == "Invalid"
    assert str(error) == (
        "error[P0001]: unexpected '=', expected expression\n"
        "  --> test:case:2:12\n"
        "   |\n"
        " 2 |         local y = = 2\n"
        "   |                   ^"
    )  # types 1.12


@pytest.mark.parametrize("version", VERSIONS)
def test_cast_yields_one_value(version: str) -> None:
    source = (
        "local function f() return 1, 2 end\n"
        "local t = {f() as any, f() :: any, f()!}\n"
        "return #t, f() as any"
    )
    assert run(source, version=version).results == "integer:3 integer:1"  # types 1.4


@pytest.mark.parametrize("version", VERSIONS)
def test_nil_key_is_accepted(version: str) -> None:
    source = "local t = {} local k t[k] = 1 t[t.none] = 2 return {[k] = 1} ~= nil"
    assert run(source, version=version).results == "boolean:true"  # types 5.6 272


def test_emptied_and_new_objects_reach_the_engine() -> None:
    outcome = run("local o = {} o.x = true o.x = nil local p = {a = nil} return o")
    assert (outcome.emptied, outcome.objects) == (1, 1)  # types 5.6 273


def test_a_computed_key_that_may_be_a_name_reaches_the_engine() -> None:
    """A key of a counting loop cannot be one; a call is not made twice."""
    outcome = run(
        "local o, k = {}, 'x' o[k] = nil o['a' .. 1] = nil o[o.k or k] = nil"
        " for i = 1, 2 do o[i] = nil end for name in pairs({ a = 1 }) do o[name] = nil"
        " end return o"
    )
    assert outcome.emptied == 3  # types 4.9


@pytest.mark.parametrize("version", VERSIONS)
def test_failing_type_call_tells_the_callers_line(version: str) -> None:
    outcome = run("local x = 1\nreturn string(5)", version=version)
    assert outcome.ok is False
    assert ":2: expected string, got number" in outcome.results  # types 4.3


def test_runtime_positions_follow_the_author() -> None:
    source = "type T = {\n a: number,\n}\nlocal x: T? =\n  nil\nreturn x.a"
    assert "test:case:6:" in run(source).results  # types 4.8

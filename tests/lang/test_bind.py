"""Every name is the variable that Lua takes it for."""

from __future__ import annotations

from wippy_trio.lang import Bindings, Symbol, bind_chunk, parse


def bound(source: str) -> Bindings:
    return bind_chunk(parse(source.encode(), "test:case"))


def symbol(bindings: Bindings, name: str, nth: int = 0) -> Symbol:
    return [each for each in bindings.symbols if each.name == name][nth]


def test_value_of_a_local_does_not_see_it() -> None:
    source = "local x = 1 local x = x + 1 return x"
    bindings = bound(source)
    first, second = bindings.symbols
    assert first.reads == [source.index("x + 1")]
    assert second.reads == [source.rindex("x")]
    assert second.shadows is None  # the same scope


def test_local_function_sees_itself() -> None:
    bindings = bound("local function f() return f() end")
    (f,) = bindings.symbols
    assert len(f.reads) == f.own_reads == 1
    assert f.captured


def test_repeat_condition_sees_the_body() -> None:
    bindings = bound("repeat local done = f() until done")
    assert len(symbol(bindings, "done").reads) == 1
    assert [use.name for use in bindings.globals] == ["f"]


def test_loop_variables_end_with_their_loop() -> None:
    bindings = bound("for i, v in f(i) do g(i, v) end return i, v")
    assert len(symbol(bindings, "i").reads) == 1
    assert sorted(use.name for use in bindings.globals) == ["f", "g", "i", "i", "v"]


def test_writes_are_told_from_reads() -> None:
    bindings = bound(
        "local x x = 1 y = x function z() end local function w() end w = 1"
    )
    assert (len(symbol(bindings, "x").reads), len(symbol(bindings, "x").writes)) == (
        1,
        1,
    )
    assert len(symbol(bindings, "w").writes) == 1
    assert [use.name for use in bindings.globals if use.written] == ["y", "z"]


def test_write_to_a_field_reads_the_variable() -> None:
    bindings = bound(
        "local t = {} t.x, t[1] = 1, 2 function t.f() end function t:m() end"
    )
    assert len(symbol(bindings, "t").reads) == 4


def test_variable_of_an_inner_function_is_captured() -> None:
    bindings = bound("local a, b = 1, 2 local function f() a = b end f()")
    a, b = symbol(bindings, "a"), symbol(bindings, "b")
    assert a.captured
    assert b.captured
    assert a.assigned_in_loop  # whoever calls may call again
    assert not b.assigned_in_loop


def test_assignment_in_a_loop_is_marked_if_the_variable_is_older() -> None:
    bindings = bound("local a while f() do local b = a a = 1 b = 2 end")
    assert symbol(bindings, "a").assigned_in_loop
    assert not symbol(bindings, "b").assigned_in_loop


def test_methods_have_a_self() -> None:
    bindings = bound("local M = {} function M:f(x) return self, x end")
    me = symbol(bindings, "self")
    assert me.kind == "parameter"
    assert len(me.reads) == 1
    assert me.function is symbol(bindings, "x").function


def test_type_that_names_a_module_uses_it() -> None:
    bindings = bound("local m = f() local x: {m.T?} = g(typeof(x as m.U))")
    assert symbol(bindings, "m").in_type
    assert not symbol(bindings, "x").in_type


def test_shadowed_variable_is_known() -> None:
    bindings = bound("local x do local x do local x end end")
    outer, middle, inner = bindings.symbols
    assert middle.shadows is outer
    assert inner.shadows is middle
    assert outer.shadows is None


def test_each_use_finds_its_declaration() -> None:
    source = "local a = 1 local function f(a) return a end return f(a)"
    bindings = bound(source)
    outer, inner = symbol(bindings, "a"), symbol(bindings, "a", 1)
    assert bindings.uses[source.index("a end")] is inner
    assert bindings.uses[source.rindex("a")] is outer
    assert bindings.uses[inner.start] is inner


def test_every_place_of_a_type_is_looked_at() -> None:
    kinds = (
        "type T<X: a.T> = b.T",
        "type T = {x: a.T, y: {[b.T]: c.T}}",
        "interface I: a.T function m(self, x: b.T, ...: c.T): (d.T, e.T) end",
        "local function f<X: a.T>(x: b.T?, ...: c.T): (d.T) end",
        "local function f(x): asserts x is a.T end",
        "interface I function m(self, v: any): asserts v is a.T end",
        "type T = a.T extends b.T ? c.T : d.T",
        "type T = (a.T, ...b.T) -> (c.T, d.T)",
        "type T = a.T['x'] & keyof(b.T) & readonly {c.T} & interface {x: d.T}",
        "type T = a.T @min(1) | 'literal' | Box<b.T>",
        "for x: a.T in f do end for x: b.T = 1, 2 do end",
        "return (x as a.T), x :: b.T",
        "function f() return function(x: a.T) return x as b.T end end",
    )
    for kind in kinds:
        found = bound("local a, b, c, d, e = f() " + kind)
        used = {each.name for each in found.symbols if each.in_type}
        assert used == {name for name in "abcde" if f"{name}.T" in kind}, kind

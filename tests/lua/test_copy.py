"""Copies: what a receiver gets of what a sender gave."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.lua.data_prelude import VERSIONS, DataVM, shared_vm
from tests.lua.graphs import EQUAL, Graph, graphs


@pytest.fixture(params=VERSIONS)
def vm(request: pytest.FixtureRequest) -> DataVM:
    version: str = request.param
    return shared_vm(version)


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_a_copy_is_an_equal_graph_of_other_tables(version: str, graph: Graph) -> None:
    """Values, key types, holes, sharing and cycles survive."""  # core M-40 to M-42
    vm = shared_vm(version)
    assert vm.run(
        f"""
        local equal = (function() {EQUAL} end)()
        local function build() {graph.source()} end
        local v = build()
        local c = P.copy(v)
        assert(equal(v, c))
        -- Again, now that the names are known.
        assert(equal(v, P.copy(v)))
        return equal(v, build())
        """
    )


def test_tables_of_every_small_width_are_copied(vm: DataVM) -> None:
    """Zero to twelve fields, a nested table or a function in every place."""
    assert vm.run(
        f"""
        local equal = (function() {EQUAL} end)()
        local cases = 0
        for round = 1, 2 do
          for width = 0, 12 do
            for odd = 0, width do
              local v, wanted = {{}}, {{}}
              for i = 1, width do
                local value = i == odd and {{ a = {{ i }} }} or i
                v["k" .. i], wanted["k" .. i] = value, value
              end
              assert(equal(wanted, P.copy(v)))
              if odd > 0 then
                v["k" .. odd], wanted["k" .. odd] = print, nil
                assert(equal(wanted, P.copy(v)))  -- core M-47
              end
              cases = cases + 1
            end
          end
        end
        return cases
        """
    ) == 2 * sum(range(1, 14))


def test_arrays_keep_their_length_with_holes(vm: DataVM) -> None:
    assert vm.run("""
      local v = { 1, nil, 3, nil, { 5 } }
      local c = P.copy(v)
      -- Lua 5.5 finds another border, in the original too.
      assert(#c == #v or _VERSION == "Lua 5.5")
      return c[1], c[2], c[3], c[5][1], c[5] ~= v[5]
    """) == (1, None, 3, 5, True)  # core M-41


def test_arrays_of_every_length(vm: DataVM) -> None:
    assert vm.run(
        f"""
        local equal = (function() {EQUAL} end)()
        for n = 0, 500, 7 do
          local flat, rows = {{}}, {{}}
          for i = 1, n do
            flat[i], rows[i] = i, {{ id = i }}
          end
          assert(equal(flat, P.copy(flat)) and equal(rows, P.copy(rows)))
          flat.name = "x"
          assert(equal(flat, P.copy(flat)))
        end
        return true
        """
    )


def test_functions_threads_and_handles_become_nil(vm: DataVM) -> None:
    assert vm.run("""
      local class = P.class("secret", {})
      local handle = P.raw.setrawmetatable({ [P.key("state")] = 1 }, class)
      local co = coroutine.create(print)
      assert(P.copy(print) == nil and P.copy(handle) == nil and P.copy(co) == nil)
      local c = P.copy { a = 1, f = print, h = handle, t = co,
        list = { 1, print, handle, 4 }, [handle] = 1, [print] = 2, [{ 1 }] = 3 }
      local n, key = 0, nil
      for k in pairs(c) do
        n = n + 1
        if type(k) == "table" then key = k end
      end
      return n, c.f, c.h, c.t, c.list[1], c.list[2], c.list[3], c.list[4], key[1]
    """) == (3, None, None, None, 1, None, None, 4, 1)  # core M-45, M-47, M-48


def test_metatables_are_dropped_and_not_asked(vm: DataVM) -> None:
    assert (
        vm.run("""
      local asked = 0
      local function ask() asked = asked + 1 return 1 end
      local mt = { __index = ask, __newindex = ask, __len = ask, __pairs = ask }
      for _, v in ipairs { {}, { a = 1 }, { 1, 2 }, { a = { 1 } }, { 1, { b = 2 } } } do
        local c = P.copy(setmetatable(v, mt))
        assert(P.raw.getrawmetatable(c) == nil)
      end
      return asked
    """)
        == 0
    )  # core M-43


def test_errors_arrive_equal_and_without_foreign_functions(vm: DataVM) -> None:
    assert vm.run("""
      local e = errors.new { message = "m", kind = "Conflict", details = { n = 1 } }
      local c = P.copy { err = e, again = e }
      assert(c.err == c.again)
      return c.err:message(), c.err:kind(), c.err:retryable(), c.err:details().n
    """) == (b"m", b"Conflict", None, 1)  # core M-44, E-46
    assert vm.run("""
      local gone = setmetatable({}, { __mode = "k" })
      local function make()
        local function f()
          local e = errors.new("x")
          return e
        end
        gone[f] = true
        local e = f()
        return e
      end
      local e = P.copy(make())
      collectgarbage() collectgarbage()
      return next(gone), e:message()
    """) == (None, b"x")


def test_carriers_say_what_a_handle_becomes(vm: DataVM) -> None:
    assert vm.run("""
      local class = P.class("carried", {})
      local handle = P.raw.setrawmetatable({ [P.key("state")] = 1 }, class)
      function P.carriers.carried(v) return "was " .. P.brand(v) end
      local c = P.copy { a = handle, list = { handle } }
      P.carriers.carried = nil
      return c.a, c.list[1]
    """) == (b"was carried", b"was carried")


def test_frozen_and_library_tables_become_plain_tables(vm: DataVM) -> None:
    assert vm.run("""
      local c = P.copy { frozen = P.freeze { a = 1, 2, list = { 3 } }, lib = errors }
      c.frozen.b = 1
      local n = 0
      for _ in pairs(c.lib) do n = n + 1 end
      return c.frozen.a, c.frozen[1], c.frozen.list[1], P.isfrozen(c.frozen), n,
        c.lib.new
    """) == (1, 2, 3, False, 11, None)


def test_the_key_that_stands_for_nil_and_object_marks(vm: DataVM) -> None:
    assert vm.run("""
      local v = { a = 1, [P.NILKEY] = 2, o = {}, l = {} }
      P.objects[v.o] = true
      local c = P.copy(v)
      local n = 0
      for _ in next, c do n = n + 1 end
      return n, P.objects[c.o], P.objects[c.l]
    """) == (3, True, None)  # types 4.9, modules-data 1.1


def test_no_depth_of_nesting_overflows(vm: DataVM) -> None:
    assert vm.run("""
      local v, keys = {}, {}
      local root, key_root = v, keys
      for i = 1, 100000 do
        v.down, v.n = {}, i
        v = v.down
        local deeper = {}
        keys[deeper] = { deeper, i }
        keys = deeper
      end
      v.up = root
      local c, depth = P.copy(root), 0
      local top = c
      while c.down do
        c, depth = c.down, depth + 1
      end
      assert(c.up == top)
      local k, key_depth = P.copy(key_root), 0
      while next(k) do
        local deeper, pair = next(k)
        assert(pair[1] == deeper)
        k, key_depth = deeper, key_depth + 1
      end
      return depth, key_depth
    """) == (100000, 100000)


def test_large_copies_are_charged(vm: DataVM) -> None:
    assert vm.run("""
      P.units = 0
      P.copy { a = 1, b = { 2 } }
      local small = P.units
      local rows = {}
      for i = 1, 1000 do rows[i] = { id = i, name = "n" } end
      P.copy(rows)
      return small, P.units >= 3000
    """) == (0, True)


def test_arguments_share_nothing_with_each_other(vm: DataVM) -> None:
    assert (
        vm.run("""
      local t = { x = { 1 } }
      for n = 0, 4 do
        local list = P.copy_arguments(n, t, t, nil, t)
        assert(list.n == n)
        assert(n < 1 or list[1].x[1] == 1 and list[1] ~= t)
        assert(n < 2 or list[2] ~= list[1] and list[2].x ~= list[1].x)
        assert(n < 3 or list[3] == nil)
        assert(n < 4 or list[4].x[1] == 1)
      end
      return P.copy_many(2, t, t).n
    """)
        is None
    )  # core M-42


def test_bags_are_pure_lists_or_maps_with_text_keys(vm: DataVM) -> None:
    assert vm.run("""
      local b = P.bag { 1, nil, 3, name = "dropped", [-1] = "dropped", [7] = 7 }
      assert(b.name == nil and b[-1] == nil)
      local m = P.bag { [true] = 1, [1.5] = 2, [-1] = 3, f = print,
        co = coroutine.create(print), nested = { { a = 1.0 } } }
      return b[1], b[2], b[3], b[7], m["true"], m["1.5"], m["-1"],
        (m.f:find("^function")), (m.co:find("^thread")), math.type(m.nested[1].a)
    """) == (1, None, 3, 7, 1, 2, 3, 1, 1, b"float")  # core M-52, modules-data 0.5


def test_bags_keep_errors_and_refuse_cycles(vm: DataVM) -> None:
    assert vm.run("""
      local e = errors.new("x")
      local t = { e = e }
      local twice = { t, t }
      assert(P.bag(twice)[2].e == e)
      t.self = t
      local ok, message = pcall(P.bag, t)
      local deep = {}
      for i = 1, 100000 do deep = { deep } end
      local deep_ok, deep_message = pcall(P.bag, deep)
      return ok, message, deep_ok, deep_message
    """) == (
        False,
        b"bad argument (cyclic table)",  # core M-52
        False,
        b"bad argument (table nested too deep)",
    )


def test_bags_of_tables_that_share_are_bounded(vm: DataVM) -> None:
    """Each place gets a copy; where that would be 2^n of them, it is refused."""
    assert vm.run("""
      local leaf = { x = 1 }
      local some = {}
      for i = 1, 1000 do some[i] = leaf end
      local b = P.bag(some)
      assert(b[1] ~= b[2] and b[1000].x == 1)
      local doubled = {}
      for i = 1, 60 do doubled = { a = doubled, b = doubled } end
      local ok, message = pcall(P.bag, doubled)
      local large = {}
      for i = 1, 300000 do large[i] = { i } end
      return ok, message, #P.bag(large)
    """) == (
        False,
        (
            b"bad argument (its tables are shared too often: more than 100000 entries"
            b" would be copied again)"
        ),
        300_000,
    )

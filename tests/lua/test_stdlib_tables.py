"""The library `table`."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lua.prelude_fixture import VERSIONS, LibraryVM, library_vm


@pytest.fixture(params=VERSIONS)
def vm(request: pytest.FixtureRequest) -> LibraryVM:
    version: str = request.param
    return library_vm(version)


def test_all_functions_are_there(vm: LibraryVM) -> None:
    names = vm.run("""
      local names = {}
      for name in pairs(table) do
        names[#names + 1] = name
      end
      table.sort(names)
      return table.concat(names, " ")
    """)
    assert names.decode().split() == [  # core STD-25
        "concat",
        "create",
        "freeze",
        "getn",
        "insert",
        "isfrozen",
        "maxn",
        "move",
        "pack",
        "remove",
        "sort",
        "unpack",
    ]
    assert vm.run("return unpack == table.unpack")  # core STD-29


def show(expression: str) -> str:
    """Make a program that does something to `t` and shows it."""
    return f"""
      local t = {{ "a", "b", "c" }}
      local results = table.pack({expression})
      local keys = {{}}
      for k in pairs(t) do
        keys[#keys + 1] = k
      end
      table.sort(keys)
      for i, k in ipairs(keys) do
        keys[i] = tostring(k) .. "=" .. tostring(t[k])
      end
      for i = 1, results.n do
        results[i] = tostring(results[i])
      end
      return table.concat(results, ",") .. "|" .. table.concat(keys, " ")
    """


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        # types 4.9 and types 271
        ("table.insert(t, 'd')", "|1=a 2=b 3=c 4=d"),
        ("table.insert(t, 1)", "|1=a 2=b 3=c 4=1"),
        ("table.insert(t, nil)", "|1=a 2=b 3=c"),
        ("table.insert(t, 1, 'x')", "|1=x 2=a 3=b 4=c"),
        ("table.insert(t, 2, nil)", "|1=a 3=b 4=c"),
        ("table.insert(t, 1000, nil)", "|1=a 2=b 3=c"),
        ("table.insert(t, 4, 'x')", "|1=a 2=b 3=c 4=x"),
        ("table.insert(t, 2.9, 'x')", "|1=a 2=x 3=b 4=c"),
        ("table.insert(t, '2', 'x')", "|1=a 2=x 3=b 4=c"),
        ("table.insert(t, 7, 'x')", "|1=a 2=b 3=c 7=x"),
        ("table.insert(t, 0, 'x')", "|0=x 1=a 2=b 3=c"),
        ("table.insert(t, -5, 'x')", "|-5=x 1=a 2=b 3=c"),
        ("table.remove(t)", "c|1=a 2=b"),
        ("table.remove(t, 1)", "a|1=b 2=c"),
        ("table.remove(t, 1.9)", "a|1=b 2=c"),
        ("table.remove(t, 4)", "nil|1=a 2=b 3=c"),
        ("table.remove(t, 7)", "nil|1=a 2=b 3=c"),
        ("table.remove(t, 0)", "c|1=a 2=b"),
        ("table.remove(t, -3)", "c|1=a 2=b"),
        ("table.remove({})", "nil|1=a 2=b 3=c"),
        ("table.remove({ [0] = 1 })", "nil|1=a 2=b 3=c"),
        ("table.concat(t)", "abc|1=a 2=b 3=c"),
        ("table.concat(t, ', ')", "a, b, c|1=a 2=b 3=c"),
        ("table.concat(t, 1)", "a1b1c|1=a 2=b 3=c"),
        ("table.concat(t, '', 2)", "bc|1=a 2=b 3=c"),
        ("table.concat(t, '', 2.9, 2.9)", "b|1=a 2=b 3=c"),
        ("table.concat(t, '', -3, 99)", "abc|1=a 2=b 3=c"),
        ("table.concat(t, '', 3, 2)", "|1=a 2=b 3=c"),
        ("table.concat({ 1, 2.0, 0.1 + 0.2, 'x' }, ' ')", None),
        ("table.concat({ new_error('e'), 'f' })", "ef|1=a 2=b 3=c"),
        ("table.concat(t, new_error('-'))", "a-b-c|1=a 2=b 3=c"),
        ("table.unpack(t)", "a,b,c|1=a 2=b 3=c"),
        ("table.unpack(t, 2)", "b,c|1=a 2=b 3=c"),
        ("table.unpack(t, 1.9, 2.9)", "a,b|1=a 2=b 3=c"),
        ("table.unpack(t, 2, 5)", "b,c,nil,nil|1=a 2=b 3=c"),
        ("table.unpack(t, -1, 0)", "nil,nil|1=a 2=b 3=c"),
        ("table.unpack(t, 3, 1)", "|1=a 2=b 3=c"),
        ("table.pack(1, nil, 3).n", "3|1=a 2=b 3=c"),
        ("table.getn(t)", "3|1=a 2=b 3=c"),
        ("table.maxn({ 1, 2, [10] = 1, [12.5] = 1, x = 1, [-3] = 1 })", None),
        ("table.maxn({})", "0|1=a 2=b 3=c"),
        ("table.move(t, 1, 3, 2) == t", "true|1=a 2=a 3=b 4=c"),
        ("table.move(t, 2, 3, 1) == t", "true|1=b 2=c 3=c"),
        ("#table.move(t, 1.9, 3.9, 1, {})", "3|1=a 2=b 3=c"),
        ("#table.move(t, 3, 1, 1, {})", "0|1=a 2=b 3=c"),
    ],
)
def test_results(vm: LibraryVM, expression: str, shown: str | None) -> None:
    if shown is None:
        tail = "|1=a 2=b 3=c"
        shown = ("12.5" if "maxn" in expression else "1 2 0.30000000000000004 x") + tail
    assert vm.run(show(expression)).decode() == shown


def test_concat_ends_at_a_hole(vm: LibraryVM) -> None:
    assert vm.run("return table.concat({ 1, nil, 3 })") == b"1"  # types 271
    assert vm.run("return table.concat({ 'a', nil, 'b' }, ',')") == b"a"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            "table.insert(nil, 1)",
            "bad argument #1 to 'insert' (table expected, got nil)",
        ),
        ("table.insert({})", "wrong number of arguments to 'insert'"),
        ("table.insert({}, 1, 2, 3)", "wrong number of arguments to 'insert'"),
        (
            "table.insert({}, 'x', 2)",
            "bad argument #2 to 'insert' (number expected, got string)",
        ),
        (
            "table.remove('x')",
            "bad argument #1 to 'remove' (table expected, got string)",
        ),
        ("table.concat(1)", "bad argument #1 to 'concat' (table expected, got number)"),
        ("table.concat({ {} })", "invalid value (at index 1) in table for 'concat'"),
        (
            "table.concat({ 1, true })",
            "invalid value (at index 2) in table for 'concat'",
        ),
        (
            "table.concat({}, {})",
            "bad argument #2 to 'concat' (string expected, got table)",
        ),
        ("table.sort(nil)", "bad argument #1 to 'sort' (table expected, got nil)"),
        (
            "table.sort({}, 1)",
            "bad argument #2 to 'sort' (function expected, got number)",
        ),
        ("table.sort({ 1, 'x' })", None),
        ("table.sort({ {}, {} })", "attempt to compare two table values"),
        ("unpack({}, 1, 1e8)", "too many results to unpack"),
        ("unpack({}, math.mininteger, math.maxinteger)", "too many results to unpack"),
        (
            "table.move({}, 1, 1e9, 2)",
            "bad argument #3 to 'move' (too many elements to move)",
        ),
        (
            "table.move({}, 1, 10, math.maxinteger)",
            "bad argument #4 to 'move' (destination wrap around)",
        ),
        (
            "table.sort(setmetatable({}, { __len = function() return 1 << 40 end }))",
            "bad argument #1 to 'sort' (array too big)",
        ),
        (
            "table.concat({ ('x'):rep(1 << 26), ('x'):rep(1 << 26), 'y' })",
            "resulting string too large",
        ),
        (
            "table.concat({ ('x'):rep(1 << 26), ('x'):rep(1 << 26), 1 })",
            "resulting string too large",
        ),
        ("table.freeze(1)", "bad argument #1 to 'freeze' (table expected, got number)"),
        # core STD-29c
        ("table.insert(string, 1)", "cannot insert: library 'string' is immutable"),
        ("table.remove(math, 1)", "cannot remove: library 'math' is immutable"),
        ("table.sort(table)", "cannot sort: library 'table' is immutable"),
        (
            "table.insert(table.freeze({}), 1)",
            "cannot insert: a frozen table is immutable",
        ),
        (
            "table.remove(table.freeze({ 1 }))",
            "cannot remove: a frozen table is immutable",
        ),
        (
            "table.sort(table.freeze({ 2, 1 }))",
            "cannot sort: a frozen table is immutable",
        ),
        (
            "table.move({ 1 }, 1, 1, 1, math)",
            "cannot move: library 'math' is immutable",
        ),
    ],
)
def test_wrong_arguments_name_function_and_line(
    vm: LibraryVM, call: str, message: str | None
) -> None:
    # core G-2, E-42
    ok, text = vm.run(f"return pcall(function()\n local _ = {call} end)")
    assert not ok
    if message is None:
        assert text.startswith(b"app:main:2: attempt to compare ")
    else:
        assert text.decode() == f"app:main:2: {message}"


def test_a_frozen_table_reads_as_before(vm: LibraryVM) -> None:
    vm.run("""
      local t = { "a", "b", x = 1 }
      assert(not table.isfrozen(t) and table.freeze(t) == t and table.isfrozen(t))
      assert(table.freeze(t) == t)
      assert(t[1] == "a" and t.x == 1 and #t == 2)
      assert(table.concat(t, ",") == "a,b" and select("#", unpack(t)) == 2)
      assert(table.getn(t) == 2 and table.maxn(t) == 2)
      assert(table.move(t, 1, 2, 1, {})[2] == "b")
      local count = 0
      for _ in pairs(t) do
        count = count + 1
      end
      assert(count == 3 and next(t) ~= nil and getmetatable(t) == nil)
      local ok, e = pcall(function() t.y = 1 end)
      assert(not ok and e:find("immutable"))  -- core STD-25, STD-29c
      assert(not pcall(rawset, t, "y", 1))
      assert(rawget(t, "x") == 1)
      assert(table.isfrozen(string) and not table.isfrozen({}))
    """)


def test_create_remembers_what_is_an_object(vm: LibraryVM) -> None:
    vm.run("""
      local list, object = table.create(4, 0), table.create(0, 4)
      assert(next(list) == nil and next(object) == nil)
      assert(not P.objects[list] and P.objects[object])  -- types 273
      assert(type(table.create()) == "table")
      assert(type(table.create(1e12, -1)) == "table")
    """)


def test_metamethods_of_the_program_are_honoured(vm: LibraryVM) -> None:
    vm.run("""
      local log = {}
      local t = setmetatable({}, {
        __len = function() return 2 end,
        __index = function(_, k) return "v" .. k end,
        __newindex = function(_, k, v) log[#log + 1] = k .. "=" .. tostring(v) end,
      })
      assert(table.concat(t, ",") == "v1,v2")
      table.insert(t, "x")
      assert(log[1] == "3=x")
      assert(select(2, unpack(t)) == "v2")
    """)


def test_an_equality_of_the_program_is_not_asked(vm: LibraryVM) -> None:
    """The tables found to be plain are looked up by identity."""
    vm.run("""
      local mt = { __eq = function() error("asked") end }
      local a, b = setmetatable({ 1 }, mt), setmetatable({ 2 }, mt)
      for _ = 1, 3 do
        next(a)
        next(b)
        table.insert(a, 1)
        table.insert(b, 1)
      end
    """)


# Sorting ------------------------------------------------------------------------------


numbers = st.lists(
    st.one_of(st.integers(-50, 50), st.floats(-5, 5, allow_nan=False)), max_size=80
)


@given(numbers)
@settings(max_examples=150, deadline=None)
def test_sort_yields_the_same_elements_in_order(values: list[float]) -> None:
    vm = library_vm()
    plain = vm.run(
        "local t = { ... } table.sort(t) return table.pack(unpack(t))", *values
    )
    assert [plain[i] for i in range(1, len(values) + 1)] == sorted(values)
    down = vm.run(
        "local t = { ... } table.sort(t, function(a, b) return a > b end)"
        " return table.pack(unpack(t))",
        *values,
    )
    assert [down[i] for i in range(1, len(values) + 1)] == sorted(values, reverse=True)


@given(st.lists(st.text("abé", max_size=4).map(str.encode), max_size=40))
@settings(max_examples=60, deadline=None)
def test_sort_orders_texts(values: list[bytes]) -> None:
    result = library_vm().run(
        "local t = { ... } table.sort(t) return table.pack(unpack(t))", *values
    )
    assert [result[i] for i in range(1, len(values) + 1)] == sorted(values)


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_any_comparator_gives_a_permutation(values: list[int], kind: int) -> None:
    """Also one that contradicts itself; no "invalid order function" (types 4.9)."""
    result = library_vm().run(
        """
        local kind = ...
        local t = { select(2, ...) }
        local seed = 1
        local comparators = {
          [0] = function(a, b) return a <= b end,
          function() return true end,
          function() return false end,
          function(a, b) return a ~= b end,
          function(a, b) seed = (seed * 75 + 74) % 65537 return seed % 2 == 0 end,
          function(a, b) return a < b and 0 or nil end,
        }
        table.sort(t, comparators[kind])
        return table.pack(unpack(t))
        """,
        kind,
        *values,
    )
    ours = [result[i] for i in range(1, len(values) + 1)]
    assert sorted(ours) == sorted(values)
    if kind in (0, 5):
        assert ours == sorted(values)


def test_sort_of_many_elements(vm: LibraryVM) -> None:
    vm.run("""
      for _, before in ipairs { false, function(a, b) return a < b end } do
        local t = {}
        for i = 1, 20000 do
          t[i] = (i * 7919) % 20011
        end
        table.sort(t, before or nil)
        for i = 2, #t do
          assert(t[i - 1] <= t[i])
        end
        table.sort(t, before or nil)
        assert(t[1] <= t[2])
      end
      local n = 0/0
      local t = { 3, n, 1, n, 2, 5, 4, n, 9, 8, 7, n, 6 }
      table.sort(t)
      assert(#t == 13)
    """)


def test_sort_with_a_comparator_keeps_the_order_of_equals(vm: LibraryVM) -> None:
    vm.run("""
      local t = {}
      for i = 1, 500 do
        t[i] = { key = i % 7, place = i }
      end
      table.sort(t, function(a, b) return a.key < b.key end)
      for i = 2, 500 do
        local a, b = t[i - 1], t[i]
        assert(a.key < b.key or a.key == b.key and a.place < b.place)
      end
    """)


def test_sort_asks_lt_of_tables(vm: LibraryVM) -> None:
    assert (
        vm.run("""
      local mt = { __lt = function(a, b) return a.n < b.n end }
      local t = {}
      for i, n in ipairs { 3, 1, 2 } do
        t[i] = setmetatable({ n = n }, mt)
      end
      table.sort(t)
      return t[1].n * 100 + t[2].n * 10 + t[3].n
    """)
        == 123
    )


def test_a_comparator_may_wait(vm: LibraryVM) -> None:
    vm.run("""
      local t = { 3, 1, 2, 9, 8, 7, 6, 5, 4, 10, 12, 11 }
      local co = coroutine.create(function()
        table.sort(t, function(a, b)
          coroutine.yield()
          return a < b
        end)
        return "done"
      end)
      local ok, result
      repeat
        ok, result = coroutine.resume(co)
        assert(ok, result)
      until result == "done"
      assert(table.concat(t, " ") == "1 2 3 4 5 6 7 8 9 10 11 12")
    """)


def test_an_error_of_the_comparator_passes_and_leaves_the_table(vm: LibraryVM) -> None:
    vm.run("""
      local t, mine = { 3, 1, 2 }, {}
      local ok, e = pcall(table.sort, t, function() error(mine) end)
      assert(not ok and e == mine and table.concat(t) == "312")
    """)


@given(st.integers(-3, 12), st.integers(-3, 12), st.integers(-3, 20), st.booleans())
@settings(max_examples=100, deadline=None)
def test_move_equals_the_native_one(first: int, last: int, at: int, same: bool) -> None:
    library_vm().run(
        """
        local first, last, at, same = ...
        local function fill()
          local t = {}
          for i = 1, 10 do
            t[i] = i
          end
          return t
        end
        local a, b = fill(), fill()
        local to_a, to_b = same and a or {}, same and b or {}
        table.move(a, first, last, at, to_a)
        raw.table.move(b, first, last, at, to_b)
        for i = -10, 40 do
          assert(to_a[i] == to_b[i], i)
        end
        """,
        first,
        last,
        at,
        same,
    )


def test_move_of_many_elements_goes_part_by_part(vm: LibraryVM) -> None:
    vm.run("""
      for _, shift in ipairs { -3, 0, 3, 10000, 40000 } do
        local a, b = {}, {}
        for i = 1, 30000 do
          a[i], b[i] = i, i
        end
        P.charged = 0
        table.move(a, 1, 30000, 1 + shift)
        assert(P.charged > 5000)
        raw.table.move(b, 1, 30000, 1 + shift)
        for i = -2, 70000 do
          assert(a[i] == b[i])
        end
      end
    """)


@pytest.mark.parametrize(
    ("call", "least"),
    [
        ("table.concat(t)", 10000),
        ("table.concat(t, ',', 1, 5000)", 4000),
        ("table.sort(t)", 20000),
        ("table.sort(t, function(a, b) return a < b end)", 20000),
        ("table.insert(t, 1, 'x')", 2000),
        ("table.remove(t, 1)", 2000),
        ("unpack(t)", 2000),
        ("table.maxn(t)", 10000),
    ],
)
def test_work_on_long_tables_is_charged(vm: LibraryVM, call: str, least: int) -> None:
    source = f"local t = {{}} for i = 1, 10000 do t[i] = 'x' end local _ = {call}"
    assert vm.charged(source) >= least

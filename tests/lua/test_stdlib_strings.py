"""The library `string`, without patterns' costs and `format`."""

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
      for name, f in pairs(string) do
        assert(type(f) == "function")
        names[#names + 1] = name
      end
      table.sort(names)
      return table.concat(names, " ")
    """)
    assert names.decode().split() == [  # core STD-28, STD-11
        "byte",
        "char",
        "dump",
        "find",
        "format",
        "gfind",
        "gmatch",
        "gsub",
        "len",
        "lower",
        "match",
        "pack",
        "packsize",
        "rep",
        "reverse",
        "sub",
        "unpack",
        "upper",
    ]


RESULTS = [
    # types 269: floats are cut
    ("('abc'):sub(1, 2.7)", b"ab"),
    ("('abc'):sub(2.9)", b"bc"),
    ("('abc'):sub('2')", b"bc"),
    ("('abc'):sub(-2)", b"bc"),
    ("('abc'):sub(0/0, 1/0)", b""),
    ("('x'):rep(400):sub(300, 400)", b"x" * 101),
    ("('abc'):byte(2.5)", 98),
    ("select('#', ('abc'):byte(1, -1))", 3),
    ("('abc'):byte(10)", None),
    ("string.byte(65)", 54),
    ("string.char(65.9, 66, 67)", b"ABC"),
    ("string.char(72)", b"H"),
    ("string.char(72, 105)", b"Hi"),
    ("string.char(1, 2, 3, 4, 5)", b"\x01\x02\x03\x04\x05"),
    ("string.char()", b""),
    ("string.char('65')", b"A"),
    ("string.rep('a', 2.9)", b"aa"),
    ("string.rep('ab', 3, ',')", b"ab,ab,ab"),
    ("string.rep('ab', -1)", b""),
    ("string.rep('', 1e9)", b""),
    ("#string.rep('ab', 100000)", 200000),
    ("string.rep('abc', 1000) == raw.string.rep('abc', 1000)", True),
    ("string.len(1.0)", 1),
    ("string.len('\\0\\0')", 2),
    ("string.reverse('abc')", b"cba"),
    ("string.reverse(('ab'):rep(200)) == ('ba'):rep(200)", True),
    # core E-30: an error stands for its text
    ("string.upper(new_error('no'))", b"NO"),
    ("string.find(new_error('a x b'), 'x')", (3, 3)),
    ("string.match('cause', new_error('a.'))", b"au"),
    ("string.len(new_error('four'))", 4),
    ("('x'):gsub('x', new_error('y'))", (b"y", 1)),
    ("string.rep(new_error('ab'), 2)", b"abab"),
    # numbers stand for their text
    ("string.find(3.0, '3')", (1, 1)),
    ("string.sub(12345, 2, 3)", b"23"),
    ("string.upper(1e15)", b"1000000000000000"),
    # letters beyond ASCII (types 4.9)
    ("('é'):upper()", "É".encode()),
    ("('ÀÉ!'):lower()", "àé!".encode()),
    ("('\\xe9a'):upper()", b"\xe9A"),
    ("string.upper(('é'):rep(300)) == ('É'):rep(300)", True),
    ("string.upper(('ab'):rep(300)) == ('AB'):rep(300)", True),
    # patterns
    ("('hello'):find('l')", (3, 3)),
    ("('hello'):find('l', 4.2)", (4, 4)),
    ("('a.b'):find('.', 1, true)", (2, 2)),
    ("('a.b'):find('.', 2, true)", (2, 2)),
    ("('a)b'):find(')')", (2, 2)),
    ("('abc'):find('', 10)", None),
    ("('abc'):find('b', -1)", None),
    ("('key=value'):match('(%w+)=(%w+)')", (b"key", b"value")),
    ("('a\\0b'):match('%z')", b"\0"),  # core STD-28
    ("('THE (quick) fox'):find('%((%a+)%)')", (5, 11, b"quick")),
    ("string.gfind('ab', '.')()", b"a"),
    ("('abc'):gsub('%w', '%0%0')", (b"aabbcc", 3)),
    ("('abc'):gsub('%w', '%1%1')", (b"aabbcc", 3)),
    ("('abc'):gsub('', '-')", (b"-a-b-c-", 4)),
    ("('abc'):gsub('%w', 'x', 2.9)", (b"xxc", 2)),
    ("('abc'):gsub('%w', 'x', 0)", (b"abc", 0)),
    # replacement texts (types 4.9)
    ("('x'):gsub('x', '100%')", (b"100%", 1)),
    ("('x'):gsub('x', '%a%%%')", (b"%a%%", 1)),
    ("('x'):gsub('x', 3.0)", (b"3", 1)),
    # replacement values (types 4.9)
    ("('abc'):gsub('%w', function(c) return c == 'b' and {} or nil end)", (b"ac", 3)),
    ("('abc'):gsub('%w', function(c) return true end)", (b"", 3)),
    ("('abc'):gsub('b', function(c) return 3.0 end)", (b"a3c", 1)),
    ("('abc'):gsub('b', function(c) return new_error('E') end)", (b"aEc", 1)),
    ("('abc'):gsub('%w', { a = 1, b = true, c = false })", (b"1c", 3)),
    ("('abc'):gsub('(b)(c)', function(a, b) return b .. a end)", (b"acb", 1)),
    ("('ab'):gsub('%w', setmetatable({}, DOUBLE))", (b"aabb", 2)),
    ("('len x'):gsub('%w+', string)", (b" x", 2)),
    # the same on subjects that the native matcher does not get
    ("#('a b '):rep(4000):gsub('(%w+) (%w+)(.-)', '%2-%1%')", 5 * 4000),
    ("select(2, ('k=v '):rep(4000):gsub('(%w+)=(%w+)', { k = true }))", 4000),
    ("#('k=v '):rep(4000):gsub('(%w+)=(%w+)', function() return {} end)", 4000),
    ("#('k=v '):rep(4000):gsub('(%w+)=(%w+)', function() end, 10)", 16000),
    # binary texts
    ("string.unpack('<i4', string.pack('<i4', 7))", (7, 5)),
    ("string.unpack('<i4', string.pack('<i4i4', 7, 8), 5.5)", (8, 9)),
    ("string.packsize('i4i8')", 12),
]


@pytest.mark.parametrize(("expression", "expected"), RESULTS)
def test_results(vm: LibraryVM, expression: str, expected: object) -> None:
    double = "local DOUBLE = { __index = function(_, k) return k .. k end }"
    assert vm.run(f"{double} return {expression}") == expected


ERRORS = [
    ("string.sub()", "bad argument #1 to 'sub' (string expected, got nil)"),
    ("string.sub('x')", "bad argument #2 to 'sub' (number expected, got nil)"),
    ("('x'):sub({})", "bad argument #2 to 'sub' (number expected, got table)"),
    ("('x'):sub('y')", "bad argument #2 to 'sub' (number expected, got string)"),
    ("string.len({})", "bad argument #1 to 'len' (string expected, got table)"),
    ("string.upper(string)", "bad argument #1 to 'upper' (string expected, got table)"),
    ("string.char(256)", "bad argument #1 to 'char' (value out of range)"),
    ("string.char(1, -1)", "bad argument #2 to 'char' (value out of range)"),
    ("string.char(1, nil)", "bad argument #2 to 'char' (number expected, got nil)"),
    ("string.rep('x', 1e9)", "resulting string too large"),
    ("string.rep('x')", "bad argument #2 to 'rep' (number expected, got nil)"),
    ("string.find('x')", "bad argument #2 to 'find' (string expected, got nil)"),
    ("string.find('x', '[a')", "malformed pattern (missing ']')"),
    ("string.match('x', '(a')", "unfinished capture"),
    ("string.match('x', 'a)')", "invalid pattern capture"),
    ("string.match('x', '%')", "malformed pattern (ends with '%')"),
    ("string.match('x', '%f')", "missing '[' after '%f' in pattern"),
    ("string.match('x', '%bx')", "malformed pattern (missing arguments to '%b')"),
    ("string.match('x', '%1')", "invalid capture index %1"),
    (
        "string.gmatch({}, 'x')",
        "bad argument #1 to 'gmatch' (string expected, got table)",
    ),
    (
        "string.gsub('x', 'x', true)",
        "bad argument #3 to 'gsub' (string/function/table expected, got boolean)",
    ),
    (
        "string.gsub('x', 'x')",
        "bad argument #3 to 'gsub' (string/function/table expected, got nil)",
    ),
    ("('x'):gsub('(x)', '%2')", "invalid capture index %2 in replacement string"),
    (
        "('ab '):rep(4000):gsub('(a-)(b-) ', '%3')",
        "invalid capture index %3 in replacement string",
    ),
    ("('x'):rep(1e6):gsub('x', ('y'):rep(1e6))", "resulting string too large"),
    ("string.dump(print)", "unable to dump given function"),  # core STD-11
    (
        "string.pack('i4', 'x')",
        "bad argument #2 to 'pack' (number expected, got string)",
    ),
    ("string.unpack('i4', 'x')", "bad argument #2 to 'unpack' (data string too short)"),
    (
        "string.pack('c1000000000', 'x')",
        "bad argument #1 to 'pack' (format result too large)",
    ),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_wrong_arguments_name_function_and_line(
    vm: LibraryVM, call: str, message: str
) -> None:
    # core G-2, E-42
    result = vm.run(f"return pcall(function()\n local _ = {call} end)")
    assert result == (False, f"app:main:2: {message}".encode())


def test_a_memory_error_keeps_its_text() -> None:
    """The engine knows it by that text, so no position may stand before it."""
    vm = LibraryVM("lua54")
    vm.run("P.text = string.rep('x', 4000000)")
    vm.runtime.set_max_memory(vm.runtime.get_memory_used() + 3000000, total=True)
    result = vm.run("""
      local text = P.text
      local function results(...)
        return (select(2, ...))
      end
      local a = results(pcall(string.pack, "z", text))
      local b = results(pcall(table.concat, { text, text }))
      local c = results(pcall(table.sort, { 2, 1 }, function() return text .. "y" end))
      return a, b, c
    """)
    assert result == (b"not enough memory",) * 3


def test_a_waiting_callback_of_gsub_can_wait_where_our_matcher_runs(
    vm: LibraryVM,
) -> None:
    vm.run("""
      local co = coroutine.wrap(function()
        return (("k=v "):rep(2000):gsub("(%w+)=(%w+)", function(k)
          return coroutine.yield(k)
        end, 2):sub(1, 8))
      end)
      assert(co() == "k" and co("1") == "k")
      assert(co("2") == "1 2 k=v ")
    """)


texts = st.text(st.sampled_from("ab%1é \n"), max_size=12)


@given(texts, st.integers(-14, 14), st.integers(-14, 14))
@settings(max_examples=150, deadline=None)
def test_sub_and_byte_equal_the_native_ones(text: str, i: int, j: int) -> None:
    library_vm().run(
        """
        local s, i, j = ...
        assert(string.sub(s, i, j) == raw.string.sub(s, i, j))
        assert(string.sub(s, i + 0.5, j + 0.5)
          == raw.string.sub(s, P.cut(i + 0.5), P.cut(j + 0.5)))
        assert(table.concat({ string.byte(s, i, j) }, ",")
          == table.concat({ raw.string.byte(s, i, j) }, ","))
        assert(string.byte(s, i) == raw.string.byte(s, i))
        """,
        text.encode(),
        i,
        j,
    )


@given(texts, texts)
@settings(max_examples=150, deadline=None)
def test_a_replacement_text_stands_for_itself_but_for_captures(
    text: str, replacement: str
) -> None:
    """What `%` means is decided from left to right: `%%`, `%1`, else a plain `%`."""
    expected = ""
    at = 0
    while at < len(replacement):
        pair = replacement[at : at + 2]
        if pair == "%%":
            expected, at = expected + "%", at + 2
        elif pair == "%1":
            expected, at = expected + "<", at + 2
        else:
            expected, at = expected + replacement[at], at + 1
    result, count = library_vm().run(
        "local s, r = ... return string.gsub(s .. '<', '(<)', r)",
        text.encode(),
        replacement.encode(),
    )
    assert (result.decode(), count) == (text + expected, 1)  # types 4.9


@pytest.mark.parametrize(
    ("call", "least"),
    [
        ("string.rep('x', 1000000)", 10000),
        ("('a b'):rep(10000):find('%d')", 2000),
        ("('a b'):rep(10000):gsub('b', 'c')", 2000),
        ("('a b'):rep(10000):upper()", 1000),
        ("('a b'):rep(10000):reverse()", 1000),
        ("string.format('%s', ('a'):rep(100000))", 1000),
        ("('x'):rep(10000):find('y', 1, true)", 1000),
    ],
)
def test_work_on_long_texts_is_charged(vm: LibraryVM, call: str, least: int) -> None:
    assert vm.charged(f"local _ = {call}") >= least


def test_a_charge_may_set_the_process_aside(vm: LibraryVM) -> None:
    """The budget yields inside `charge`: no library function may stand on a C frame."""
    vm.run("""
      local long, pairs_of = ("a b"):rep(3000), ("k=v "):rep(3000)
      local list, numbers = {}, {}
      for i = 1, 5000 do
        list[i], numbers[i] = "x" .. i, i
      end
      local calls = {
        function() return long:find("%d"), long:find("y", 1, true) end,
        function() return (pairs_of:gsub("(%w+)=(%w+)", "%2=%1")) end,
        function() return (pairs_of:gsub("(%w+)=(%w+)", function(k) return k end)) end,
        function() return pairs_of:sub(1, 300):match("(.-)(.-)=(.-)z") end,
        function()
          local count = 0
          for _ in pairs_of:gmatch("(%w+)=(%w+)") do
            count = count + 1
          end
          return count
        end,
        function() return long:upper(), long:reverse(), long:rep(20), long:lower() end,
        function() return ("é"):rep(500):upper() end,
        function() return string.format("%s|%q", long, long) end,
        function() return table.concat(list), table.concat(numbers) end,
        function() return #{ unpack(list) } end,
        function() table.sort(list) return table.concat(list) end,
        function()
          table.sort(list, function(a, b) return a > b end)
          return table.concat(list)
        end,
        function() table.insert(list, 1, "y") return table.remove(list, 1) end,
        function() return #table.move(numbers, 1, 5000, 1, {}), table.maxn(numbers) end,
        function() return tonumber(("1"):rep(300)), string.pack("c300", "x") end,
      }
      local asides = 0
      function P.on_charge()
        if coroutine.isyieldable() then
          coroutine.yield("aside")
        end
      end
      for i, call in ipairs(calls) do
        local expected = { call() }
        local co = coroutine.create(function() return "done", call() end)
        local results
        repeat
          results = { coroutine.resume(co) }
          assert(results[1], results[2])
          if results[2] == "aside" then
            asides = asides + 1
          end
        until results[2] == "done"
        for k = 1, #expected do
          assert(results[k + 2] == expected[k], i)
        end
      end
      P.on_charge = nil
      assert(asides > 50, asides)
    """)


def test_work_on_short_texts_costs_no_charge(vm: LibraryVM) -> None:
    source = """
      local _ = ("hello"):sub(2, 3), ("hello"):upper(), ("hello"):rep(3)
      _ = ("a=b"):match("^(%w+)=(%w+)$"), ("a b"):gsub("%s+", "-"), ("a b"):find(" ")
      _ = string.format("%s %d %5.2f", "x", 3, 1.5)
      _ = table.concat({ "a", "b" }, ","), table.insert({}, 1), unpack({ 1, 2 })
    """
    vm.run(source)
    assert vm.charged(source) == 0

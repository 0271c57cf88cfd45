"""Patterns: the matcher in Lua does what the native one does, and gives way."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lua.prelude_fixture import VERSIONS, LibraryVM, library_vm


@pytest.fixture(params=VERSIONS)
def vm(request: pytest.FixtureRequest) -> LibraryVM:
    version: str = request.param
    return library_vm(version)


subjects = st.text("aab b(),=-%]", max_size=14)
singles = st.sampled_from(
    [
        "a",
        "b",
        ".",
        "%a",
        "%s",
        "%W",
        "[ab]",
        "[^a]",
        "[%s,]",
        "[^%s,=]",
        ",",
        "=",
        "%-",
    ]
)
repeated = st.builds(
    str.__add__, singles, st.sampled_from(["", "", "?", "*", "+", "-"])
)
special = st.sampled_from(
    [
        "()",
        "%b()",
        "%f[%w]",
        "%f[^a]",
        "$",
        "^",
        "%1",
        "]",
        "%z",
        "[]]",
        "[^]a]",
        "[a-]",
    ]
)
items = st.one_of(repeated, repeated, repeated, special)
bodies = st.lists(items, max_size=5).map("".join)
captured = st.builds(lambda a, b, c: f"{a}({b}){c}", bodies, bodies, bodies)
nested = st.builds(lambda a, b, c: f"({a}({b})){c}", bodies, bodies, bodies)
whole = st.one_of(bodies, captured, nested)
patterns = st.one_of(whole, whole.map("^".__add__), st.text("a()[]%^$*b-", max_size=8))

BOTH = """
  local s, p, init = ...
  local function texts(...)
    local t = { ... }
    for i = 1, select("#", ...) do
      t[i] = tostring(t[i])
    end
    return table.concat(t, "|")
  end
  local function all(iterator)
    local t = {}
    for a, b, c in iterator do
      t[#t + 1] = texts(a, b, c)
      assert(#t < 1000)
    end
    return table.concat(t, ";")
  end
  local function gsub(f, repl, most)
    return texts(f(s, p, repl, most))
  end
  local function run(lib)
    return table.concat({
      texts(lib.find(s, p, init)), texts(lib.match(s, p, init)), all(lib.gmatch(s, p)),
      gsub(lib.gsub, "<%0%1>"), gsub(lib.gsub, "", 2),
      gsub(lib.gsub, function(a, b) return texts(a, b) end),
    }, "\\n")
  end
  local ok, native = pcall(run, raw.string)
  if not ok then
    return "error", "error"
  end
  return native, run(string)
"""


@pytest.fixture(scope="module")
def impatient() -> LibraryVM:
    """A VM in which no pattern is good enough for the native matcher."""
    vm = LibraryVM("lua54")
    vm.run("""
      local free, info = P.patterns.free, P.patterns.info
      raw.setrawmetatable(free, { __newindex = function() end })
      P.never_native = function(p)
        local known = info(p)
        known.native, known.free = -1, -1
      end
    """)
    return vm


@given(s=subjects, p=patterns, init=st.integers(-3, 8))
@settings(max_examples=400, deadline=None)
def test_both_matchers_agree_on_all_functions(
    impatient: LibraryVM, s: str, p: str, init: int
) -> None:
    problem = impatient.run(
        """
        local p = ...
        P.never_native(p)
        P.never_native("%" .. p)
        return P.patterns.info(p).problem
        """,
        p.encode(),
    )
    if problem:
        # Natively such a pattern raises only when the match gets that far.
        with pytest.raises(Exception, match="app:main:1: "):
            impatient.run("string.match(...)", s.encode(), p.encode())
        return
    native, ours = impatient.run(BOTH, s.encode(), p.encode(), init)
    assert ours == native  # core STD-28


@given(p=patterns)
@settings(max_examples=200, deadline=None)
def test_a_pattern_that_the_native_matcher_takes_is_not_refused(p: str) -> None:
    vm = library_vm()
    # Every prefix of matching text gets the native matcher to the end of the pattern.
    native_works = vm.run(
        """
        local p = ...
        for _, s in ipairs { "", "a", "ab", "aab b", "a(b)=, -%]" } do
          local ok, found = pcall(raw.string.match, s, p)
          if ok and found then
            return true
          end
        end
        return false
        """,
        p.encode(),
    )
    if native_works:
        assert vm.run("return P.patterns.info(...).problem", p.encode()) is None


BOMBS = [
    (".-a.-b.-c.-d.-e", "abcd" * 200),
    ("(.-)(.-)(.-)(.-)$x", "a" * 3000),
    ("a*a*a*a*a*b", "a" * 200),
    ("(a*)(a*)(a*)b%1", "a" * 600),
    ("a?" * 28 + "a" * 28, "a" * 28),
    ("(.*).*(.*).*x", "a" * 4000),
]


@pytest.mark.parametrize(("p", "s"), BOMBS)
def test_a_pattern_that_would_run_for_ever_can_be_ended(
    vm: LibraryVM, p: str, s: str
) -> None:
    """The budget is asked in time, so a process can be ended inside such a match."""
    started = time.perf_counter()
    vm.run(
        """
        local s, p = ...
        local asked = 0
        function P.on_charge()
          asked = asked + 1
          if asked == 50 then
            error("ended")
          end
        end
        for _, f in ipairs { string.find, string.match, string.gsub } do
          asked = 0
          local ok, e = pcall(f, s, p, f == string.gsub and "" or nil)
          assert(not ok and e:find("ended"), e)
        end
        P.on_charge = nil
        """,
        s.encode(),
        p.encode(),
    )
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("p", "degree"),
    [
        ("[^,]+", 1),
        ("%d+%.?%d*", 1),
        ("^%s*(.-)%s*$", 2),
        ("^(%w+)=(%w+)$", 1),
        ("(%w+)=(%w+)", 2),
        ('"([^"]*)"', 1),
        ("<(%w+)>", 1),
        ("(.-)\n", 2),
        ("^([^:]+):(.+)$", 1),
        (".-a.-b.-c", 4),
        ("a*a*b", 3),
        ("plain text", 1),
    ],
)
def test_the_degree_of_a_pattern(vm: LibraryVM, p: str, degree: int) -> None:
    assert vm.run("return P.patterns.info(...).degree", p.encode()) == degree


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('#text:match("(.-)\\n")', 24),
        ('select(2, text:gsub("(.-)\\n", ""))', 4000),
        ('(text:gsub("^%s*(.-)%s*$", "%1")) == text:sub(1, -2)', True),
        ('text:find("([^=]+)=(%w+) (z+)")', None),
        ('select(2, text:gsub("(%w+)=(%w+)", "%2=%1"))', 4000),
    ],
)
def test_long_subjects_are_linear_for_common_patterns(
    vm: LibraryVM, call: str, expected: object
) -> None:
    started = time.perf_counter()
    result = vm.run(
        f"local text = string.rep('a line with name=value 12\\n', 4000) return {call}"
    )
    if expected == 24:
        expected = len("a line with name=value 12")
    assert result == expected
    assert time.perf_counter() - started < 3


def test_a_plain_search_through_a_long_text_is_worked_off_in_windows(
    vm: LibraryVM,
) -> None:
    vm.run("""
      local s = string.rep("a", 300000) .. "b" .. string.rep("a", 100)
      local p = string.rep("a", 5000) .. "b"
      local from, to = s:find(p, 1, true)
      assert(from == 295001 and to == 300001, from)
      assert(s:find(p, -300000, true) == 295001)
      assert(s:find(p, 295002, true) == nil)
      assert(s:find(p .. "b", 1, true) == nil)
      assert(s:find(string.rep("a", 200) .. "b", 290000) == 299801)
    """)


def test_gmatch_takes_a_caret_for_a_character(vm: LibraryVM) -> None:
    assert (
        vm.run("""
      local long = string.rep("x", 5000) .. "^ab"
      return string.gmatch("a^ab", "^a")() .. long:gmatch("^(a-)b.-.-.-")()
    """)
        == b"^aa"
    )


def test_remembered_patterns_are_bounded(vm: LibraryVM) -> None:
    """Patterns made at run time do not fill the memory, and stay right."""
    vm.run("""
      for i = 1, 2000 do
        assert(("k" .. i .. "=v"):match("^k" .. i .. "=(.*)$") == "v")
      end
      local count = 0
      for _ in raw.next, P.patterns.free do
        count = count + 1
      end
      assert(count <= 501, count)
    """)

"""Every program can be ended by its budget, and pays little for it."""

from __future__ import annotations

import re

import pytest

from tests.lang.machine import VERSIONS, loads, run, translate
from wippy_trio.lang import compile_chunk

ENTRY = "if __n==0 then __n=__w() end __n=__n-1;"
TURN = "if __c==0 then __c=__w() end __c=__c-1;"

RUNAWAYS = {
    "while": "while true do end",
    "while with a body": "local n = 0 while true do n = n + 1 end",
    "repeat": "repeat local x = 1 until false",
    "repeat with continue": "repeat goto continue ::continue:: until false",
    "goto": "::top:: goto top",
    "goto in a branch": "local n = 0 ::top:: n = n + 1 if n > 0 then goto top end",
    "goto out of a block": "::top:: do local x do goto top end end",
    "numeric for": "for i = 1, math.huge do end",
    "numeric for with a step": "for i = 1, math.huge, 2 do end",
    "numeric for from a variable": "local a = 1 for i = a, math.huge do end",
    "generic for": "for i in function() return 1 end do end",
    "nested short loops": """
for a = 1, 60 do for b = 1, 60 do for c = 1, 60 do for d = 1, 60 do for e = 1, 60 do
for f = 1, 60 do end end end end end end""",
    "short loop with a goto": "for i = 1, 2 do ::top:: goto top end",
    "recursion": """
local function f(n)
  if n == 0 then return f(n) end
  return f(n)
end
f(1)""",
    "mutual recursion": """
local odd
local function even(n) return odd(n) end
function odd(n) return even(n) end
even(1)""",
    "fib": """
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
fib(90)""",
    "method recursion": """
local o = {}
function o:m() return self:m() end
o:m()""",
    "recursion by string call": "local function f(s) return f 'x' end f 'x'",
    "recursion by table call": "local function f(s) return f {} end f {}",
    "an index function of two indexings": """
local function level(inner)
  return setmetatable({}, {__index = function(_, k) return inner[k] + inner[k] end})
end
local t = {x = 1}
for i = 1, 60 do t = level(t) end
return t.x""",
    "an index function of two indexings and a loop": """
local function level(inner)
  return setmetatable({}, {__index = function(_, k)
    local a = inner[k] + inner[k]
    while false do end
    return a
  end})
end
local t = {x = 1}
for i = 1, 60 do t = level(t) end
return t.x""",
    "an index function with an early return": """
local function level(inner)
  return setmetatable({}, {__index = function(_, k)
    local a = inner[k]
    local b = inner[k]
    if a then return b end
    print(a)
  end})
end
local t = {x = 1}
for i = 1, 60 do t = level(t) end
return t.x""",
    "operators": """
local V = {}
V.__add = function(a, b)
  if a.depth == 60 then return a end
  local v = setmetatable({depth = a.depth + 1}, V)
  return (v + v) + (v + v)
end
local v = setmetatable({depth = 0}, V)
return v + v""",
    "globals of an environment with an index function": """
local depth = 0
local function look(_, k)
  depth = depth + 1
  if depth > 40 then depth = depth - 1 return 1 end
  local a, b = first, second
  depth = depth - 1
  return a
end
setmetatable(_G, {__index = look})
return third""",
    "coroutines": """
local co = coroutine.wrap(function() while true do coroutine.yield(1) end end)
while true do co() end""",
    "a coroutine that never yields": """
coroutine.wrap(function() while true do end end)()""",
    "a method of strings": "local s = 'x' while true do s:len() end",
    "loops in a called function": """
local function f() local i = 0 while i < 100 do i = i + 1 end end
while true do f() end""",
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", RUNAWAYS)
def test_runaway_is_ended_by_its_budget(name: str, version: str) -> None:
    outcome = run(RUNAWAYS[name], version=version, credit=10, limit=40)
    assert outcome.ok is False
    assert outcome.results.endswith("ended by its budget")  # design 3, "Budget checks"


@pytest.mark.parametrize("name", ["while", "goto", "numeric for", "generic for"])
def test_loop_is_ended_when_only_loops_are_checked(name: str) -> None:
    outcome = run(RUNAWAYS[name], budget="loops", credit=10, limit=40)
    assert outcome.results.endswith("ended by its budget")


def test_no_checks_are_planted_without_a_budget() -> None:
    source = b"local function f() while true do f() end end"
    for text in (
        compile_chunk(source, "x", budget="off").text,
        compile_chunk(source, "x", plant=False).text,
    ):
        assert b"__w()" not in text
        assert b"__n" not in text


def body(source: str, **options: str) -> str:
    """Return the translated text without prologue and end."""
    text = translate(source, **options).text.decode()  # type: ignore[arg-type]
    start = text.index("return function(...)") + len("return function(...)")
    return text[start:].removesuffix("end").strip()


def test_check_stands_before_the_first_statement_that_calls() -> None:
    source = "local function f(n) if n < 2 then return n end return f(n) end"
    assert f"end {ENTRY}" in re.sub(r"\s+", " ", body(source))  # design 3 (a)
    assert body(source).index(ENTRY) > body(source).index("return n end")


def test_function_that_calls_nothing_pays_nothing() -> None:
    assert body("local function f(t) return t.x end").count("__n") == 0  # (b)
    assert body("local function f(t) return t, 1 end").count("__n") == 0


def test_function_of_two_operations_is_checked() -> None:
    assert ENTRY in body("local function f(t) return t.x.y end")  # design 3 (b)
    assert ENTRY in body("local function f(t) local a = t.x local b = t.y end")


def test_loops_of_one_function_share_a_counter() -> None:
    source = "local function f(a) while a do while a do end end repeat until a end"
    text = body(source)
    assert text.count("local __c=") == 1  # design 3 (c)
    assert text.count(TURN) == 3


def test_check_stands_at_the_start_of_a_loop_body() -> None:
    assert f"local __c=64;while x do {TURN} y" in body("while x do y = 1 end")
    assert f"repeat {TURN}" in body("repeat y = 1 until x")
    assert f"do {TURN}" in body("for k in pairs(t) do y = k end")


def test_jump_forward_pays_nothing() -> None:
    source = "local x if x then goto done end ::done::"
    assert "__c" not in body(source)  # design 3 (d)
    assert f"{TURN}goto top" in body("::top:: goto top")


def test_second_loop_with_the_same_label_pays_nothing_for_its_continue() -> None:
    loop = "for i = 1, 3 do if i == 2 then goto continue end ::continue:: end "
    assert "__c" not in body(loop + loop)  # design 3 (d)


def test_quiet_numeric_loop_turns_in_batches() -> None:
    text = body(
        "local t = {} for i = 1, 1000 do t[i] = i if i > 500 then break end end"
    )
    assert "for __i=1,__l,256 do" in text  # design 3 (e)
    assert "goto __k1" in text
    assert "::__k1:: end" in text
    assert "break" not in text


@pytest.mark.parametrize(
    "loop",
    [
        "for i = a, 1000 do end",  # the start is no literal
        "for i = 1, 1000, 2 do end",  # it has a step
        "for i = 1, 1000 do f(i) end",  # its body calls
        "for i = 1.0, 1000 do end",  # the start is a float
        "for i = 1,\n1000 do end",  # its head takes two lines
        "for i = 9223372036854775800, 9223372036854775807 do end",  # it may overflow
    ],
)
def test_other_numeric_loops_are_checked_each_turn(loop: str) -> None:
    text = body(f"local a = 1 {loop}")
    assert "__i" not in text  # design 3 (e)
    assert f"do {TURN}" in text


@pytest.mark.parametrize(
    ("head", "checked"),
    [
        ("for i = 1, 64 do", False),
        ("for i = 1, 65 do", True),
        ("for i = 10, -53, -1 do", False),
        ("for i = -3, 3 do", False),
        ("for i = 1, 128, 2 do", False),
        ("for i = 1, 1000, 2 do", True),
        ("for i = 1, 10, 0 do", True),
    ],
)
def test_short_loop_pays_nothing(head: str, checked: bool) -> None:
    assert ("__c" in body(f"{head} print(i) end")) is checked  # design 3 (f)


def test_short_loop_around_a_loop_is_checked() -> None:
    text = body("for i = 1, 3 do while x do end end")
    assert text.count(TURN) == 2  # design 3 (f)


def test_loop_variable_that_is_assigned_is_copied_for_55_only() -> None:
    source = "for i = 1, 3 do i = i + 1 print(i) end for k, v in t do v = 1 end"
    assert "local i=i;" in body(source, version="5.5")  # design 8
    assert "local v=v;" in body(source, version="5.5")
    assert "local k=k" not in body(source, version="5.5")
    assert "local i=i;" not in body(source, version="5.4")
    assert "local i=i;" in body(source, version="5.5", budget="off")
    outcome = run(
        "for __i = 1, 300 do __i = 5 if __i > 5 then break end end", version="5.5"
    )
    assert outcome.ok is True


def test_counter_of_the_chunk_is_there_only_if_it_counts() -> None:
    assert b"local __n = 0;" in translate("print(1)").text
    assert b"__n" not in translate("local x = 1").text


def test_chunk_of_two_hundred_locals_loads_with_its_loop() -> None:
    names = [f"local v{n} = {n}" for n in range(199)]
    source = "\n".join([*names, "while v1 > 5 do v1 = 0 end return v198"])
    assert run(source).results == "integer:198"  # types 4.3


def test_function_of_two_hundred_locals_needs_the_try_without_checks() -> None:
    names = [f"local v{n} = {n}" for n in range(200)]
    source = "\n".join([*names, "while v1 do end"]).encode()
    assert "too many local variables" in loads(compile_chunk(source, "x").text)
    assert loads(compile_chunk(source, "x", plant=False).text) == ""  # types 4.3


@pytest.mark.parametrize("credit", [1, 2, 3, 7, 100])
def test_credit_is_counted(credit: int) -> None:
    source = "local function f() return type(1) end for i = 1, 64 do f() end"
    outcome = run(source, credit=credit)
    entries = 1 + 64  # the chunk and each activation
    assert outcome.checks == -(-entries // credit)


def test_credit_of_zero_switches_the_check_off() -> None:
    source = "local function f() return type(1) end for i = 1, 64 do f() end"
    assert run(source, credit=0).checks == 1  # design 3, "Form"

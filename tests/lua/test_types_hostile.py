"""Type values against programs and values that mean harm (types 2.3, 2.6; core G-5)."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.lua.engine_fixture import bench
from tests.lua.type_programs import STANDARD, run_program
from wippy_trio.lua import TypeValue

WALK = """
local names, failures = {}, {}
local function try(name, f)
  for _, args in ipairs({ {P}, {P, P}, {1, P}, {"x", P}, {{}, P}, {P, 1}, {{}, 1, P},
    {"a", "b", P}, {print, P}, {P, "x"}, {P, {}} }) do
    local ok, err = pcall(f, table.unpack(args, 1, 3))
    if tostring(P) ~= "P" or not P.x or P.x:kind() ~= "number" or P:is({x = 1}) == nil
      or #tostring(select(2, P:is({}))) == 0 or type(P) ~= "type" then
      failures[#failures + 1] = name
    end
    if not ok and (tostring(err):find("types.lua", 1, true)
      or tostring(err):find("type_", 1, true) or tostring(err):find("report it")) then
      failures[#failures + 1] = name .. ": " .. tostring(err)
    end
  end
end
local skip = { error = true, print = true }
for name, v in pairs(_G) do
  if type(v) == "function" and not skip[name] then
    try(name, v)
  elseif type(v) == "table" and v ~= _G then
    for sub, f in pairs(v) do
      local full = name .. "." .. tostring(sub)
      local waits = full == "coroutine.yield" or full == "process.exit"
        or full == "channel.select" or full:find("^process%.") or full:find("^test%.")
        or full:find("^time%.") or full:find("^funcs%.") or full == "os.exit"
      if type(f) == "function" and not waits then
        names[#names + 1] = full
        try(full, f)
      end
    end
  end
end
return #names > 60, table.concat(failures, "\\n")
"""


def test_no_function_of_the_library_harms_a_type() -> None:
    """Given a type anywhere, every base function refuses it or leaves it as it is."""
    assert run_program("type P = {x: number, y?: number}", WALK) == "true "


@pytest.mark.parametrize("version", ["5.3", "5.4", "5.5"])
def test_deep_values_end(version: str) -> None:
    """Ten thousand levels work; more than the limit is an error, no overflow."""
    body = """
local function list(n, last)
  local l = last
  for i = 1, n do l = {value = i, next = l} end
  return l
end
local function nest(n) local t = {} for i = 1, n do t = {t} end return t end
local deep = why(L, list(300000))
local wrong = why(L, list(10000, {value = "x"}))
return why(L, list(10000)), deep:sub(-24), wrong:sub(-34), wrong:find("%.%.%.") ~= nil,
  why(E, nest(10000)), why(E, nest(100000)):sub(-24), why(U2, list(12000)),
  pcall(L, list(100000))
"""
    types = """
type L = {value: number, next: L?}
type E = {E}
type U2 = {value: string} | {value: number, next: U2?}
"""
    found = run_program(types, body, lua_version=version)
    assert found.startswith(
        "ok recursion limit exceeded value: expected number, got string true ok"
        " recursion limit exceeded ok false"
    )  # types 2.6


def test_cycles_of_every_kind_end() -> None:
    """Cycles through maps, arrays, unions and keys are walked once."""
    types = """
type Any = {[any]: Any} | {Any} | number | string
type Graph = {name: string, edges: {Graph}, by: {[string]: Graph}}
type A = {b: B} type B = {a: A, n: number} | {a: A, s: string}
"""
    body = """
local g = {name = "g", edges = {}, by = {}}
for i = 1, 20 do g.edges[i] = g g.by["k" .. i] = g end
local bad = {name = "b", edges = {g}, by = {x = {name = 1, edges = {}, by = {}}}}
bad.edges[2] = bad
local m = {} m[m] = m m[1] = m
local a = {b = {s = "x"}} a.b.a = a
local w = {b = {s = 1}} w.b.a = w
return why(Graph, g), why(Graph, bad), why(Any, m), why(A, a), why(A, w)
"""
    assert run_program(types, body) == (
        "ok by.x.name: expected string, got number ok ok"
        " b: expected {a: A, n: number} | {a: A, s: string}, got table"
    )


def test_shared_tables_are_walked_once() -> None:
    """A value of few tables cannot take exponential or cubic time."""
    types = """
type Tree = {l: Tree?, r: Tree?}
type Cube = {{{{number}}}}
type Either = {next: Either?, tag: 1} | {next: Either?, tag: 2}
type Pair = {a: {Pair} | {[string]: Pair}, n: number}
"""
    body = """
local t = {} for i = 1, 200 do t = {l = t, r = t} end
local row = {} for i = 1, 500 do row[i] = i end
local cube = row
for i = 1, 3 do local t = {} for i = 1, 500 do t[i] = cube end cube = t end
local chain = {tag = 3} for i = 1, 400 do chain = {next = chain, tag = 2} end
local p = {a = {}, n = "x"} for i = 1, 60 do p = {a = {p, p}, n = i} end
local before = test.now()
local a, b = why(Tree, t), why(Cube, cube)
local c, d = why(Either, chain), why(Pair, p)
return a, b, c:sub(-20), d:sub(-28), test.now() - before < 5
"""
    types = "local test = require('test')\n" + types
    found = run_program(types, body)
    assert found.startswith("ok ok ")
    assert found.endswith(" true")


def test_huge_types_work() -> None:
    """Unions and records of thousands of members, long chains of aliases."""
    union = " | ".join(f'"k{i}"' for i in range(5000))
    records = " | ".join(f'{{kind: "k{i}", v{i}: number}}' for i in range(600))
    fields = ", ".join(f"f{i}: number" for i in range(3000))
    some = ", ".join(f"f{i}: A{i}" for i in range(250))
    aliases = "\n".join(f"type A{i} = {{v: A{i + 1}?}}" for i in range(2000))
    chain = "\n".join(f"type C{i} = C{i + 1}" for i in range(5000))
    types = f"""
type Word = {union}
type Event = {records}
type Wide = {{{fields}}}
type Some = {{{some}}}
{aliases}
type A2000 = number
{chain}
type C5000 = string
type Deep = number{"[]" * 3000}
type Opt = number{"?" * 3000}
"""
    body = """
local wide, some = {}, {}
for i = 0, 2999 do wide["f" .. i] = i end
for i = 0, 249 do some["f" .. i] = {v = {v = {v = {}}}} end
local wide2 = {} for k, v in pairs(wide) do wide2[k] = v end wide2.f2998 = "x"
local deep = 1 for i = 1, 3000 do deep = {deep} end
return why(Word, "k4999"), why(Word, "k5000"):sub(1, 30), why(Event, {kind = "k599",
  v599 = 1}),
  why(Event, {kind = "k599", v599 = "x"}), why(Wide, wide), why(Wide, wide2),
  why(Some, some), why(C0, 1), why(Deep, deep), why(Opt, 1), tostring(Opt),
  #tostring(Deep) < 1000, #tostring(Wide.f1) > 0
"""
    assert run_program(types, body) == (
        'ok expected "k0" | "k1" | "k2" |  ok v599: expected number, got string ok'
        " f2998: expected number, got string ok expected string, got number ok ok Opt"
        " true true"
    )


def test_types_of_exponential_size_yield() -> None:
    """A type that unfolds without end is set aside like any long work."""
    aliases = "\n".join(f"type T{i} = {{l: T{i + 1}, r: T{i + 1}}}" for i in range(24))
    programs = {
        "beside": "return function() return 1 end",
        "main": f"""
{aliases}
type T24 = number
return function()
  local v = 1
  for i = 1, 24 do v = {{l = v, r = v}} end
  return (T0:is(v)) ~= nil
end""",
    }

    async def main() -> None:
        async with bench(programs) as made:
            process = await made.spawn("main")
            with trio.fail_after(5):
                assert await made.value("beside") == 1
            assert process.exit is None  # it still runs

    trio.run(main)


def test_reused_names_and_keywords_as_fields() -> None:
    """Field names may be anything a program can spell."""
    types = """
type F = {["end"]: number}
""".replace('["end"]', "is")
    body = """
type G = {type: string, interface: number, kind: string}
return why(F, {is = 1}), why(F, {is = "x"}), why(G, {type = "a", interface = 1,
  kind = 1}),
  G:kind(), G.kind:kind(), G.type:kind()
"""
    assert run_program(STANDARD + types, body) == (
        "ok is: expected number, got string kind: expected string, got number record"
        " string string"
    )


def test_values_with_evil_metatables_are_only_read_raw() -> None:
    """No metamethod of a validated value runs, in success or failure."""
    body = """
local calls = 0
local evil = {}
for _, event in ipairs({"__index", "__newindex", "__len", "__pairs", "__eq", "__lt",
  "__le",
  "__call", "__tostring", "__concat", "__unm", "__name", "__metatable"}) do
  evil[event] = function() calls = calls + 1 error("ran " .. event) end
end
local function make(t) return setmetatable(t, evil) end
local results = {}
for _, T in ipairs({P, R, M, A, V, S, X, K}) do
  for _, v in ipairs({make({}), make({x = 1}), make({1, 2}), make({x = make({})}),
    {x = make({})}, {make({})}, {[make({})] = make({})}, make({kind = make({})}) }) do
    local ok, problem = pcall(function()
      local _, e = T:is(v)
      return e and e:message() and e:details()
    end)
    if not ok then results[#results + 1] = tostring(T) .. ": " .. tostring(problem) end
  end
end
return calls, table.concat(results, ",")
"""
    types = """
type P = {x: number} type R = {x: R?} type M = {[string]: M} type A = {number}
type V = {kind: "a", x: 1} | {kind: "b"} | "s" type S = "a" | "b" | "c" | "d" | "e" | 1
type X = P & {y?: string} type K = {[any]: any}
"""
    assert run_program(types, body) == "0 "


def test_nil_keys_are_skipped() -> None:
    """The private key that stands for nil is no entry of a map (types 4.9)."""
    types = """
type M = {[string]: number} type N = {[any]: number} type D = {[any]: {number}}
"""
    body = """
local t, k = {}, nil
t[k] = "x"
t.a = 1
local d = {a = {1}}
d[k] = "x"
return why(M, t), why(N, t), why(D, d)
"""
    assert run_program(types, body) == "ok ok ok"


def test_malformed_descriptions_are_refused() -> None:
    """What another VM sends is not believed."""
    bad: list[list[Any]] = [
        [],
        [["p", "nope"]],
        [["zz", 1]],
        [["?", 7]],
        [["?", 0]],
        [["?"]],
        [["r", ["a"], [], []]],
        [["r", [1], [1], [0]]],
        [["g", [], 1]],
        [["g", [1], 1]],
        [["l", {}]],
        [["@", 1, [[1, 2]]]],
        [["|"]],
        [["i", ["a"], [], []]],
        [[]],
        ["x"],
        [["=", 5, 1]],
        [["f", [1], "x", 0, 0]],
    ]
    good: list[list[Any]] = [
        [["=", "A", 1]],
        [["?", 1]],
        [["|", 1, 1]],
        [["&", 1]],
        [["@", 1, [["min", 1]]]],
        [["ro", 1]],
        [["x", 1, 1]],
        [["c", 1, 1, 1, 1]],
        [["k", 1]],
        [["[", 1, 1]],
        [["R", 1]],
        [["!", 1]],
        [["g", [2], 1], ["v", "T", 1]],
        [["a", 1]],
        [["x", 2, 1], ["g", [3], 1], ["v", "T", 0]],
    ]
    program = """
return function(T)
  local _, e = T:is({{}})
  return tostring(T) .. T:kind() .. tostring(e) .. tostring(T == T)
    .. tostring(T <= any)
end"""

    async def main() -> None:
        async with bench({"main": program}) as made:
            for description in bad:
                found = await made.value("main", TypeValue(description))
                assert "malformed type description" in found
            for description in good:
                assert await made.value("main", TypeValue(list(description)))

    trio.run(main)


def test_a_process_killed_in_a_validation_leaves_the_type_whole() -> None:
    """The shared type works on for the others."""
    programs = {
        "main": """
type L = {{{number}}}
return function(n)
  local row = {}
  for i = 1, n do row[i] = i end
  local t = {}
  for i = 1, n do t[i] = {} for j = 1, n do t[i][j] = {table.unpack(row)} end end
  while n > 2 do L:is(t) end
  return tostring(select(2, L:is({{{"x"}}})))
end"""
    }

    async def main() -> None:
        async with bench(programs) as made:
            process = await made.spawn("main", 60)
            await trio.sleep(0.05)
            made.node.terminate(process.pid)
            with trio.fail_after(5):
                found = await made.value("main", 1)
            assert found == "[1][1][1]: expected number, got string"

    trio.run(main)


def test_thousands_of_deep_types_are_told_apart() -> None:
    """Types that look alike in their texts do not slow each other down."""
    body = """
local before = test.now()
local T, n = Box(number), 0
for i = 1, 3000 do T = Box(T) end
local again = Box(number)
for i = 1, 3000 do again = Box(again) end
return rawequal(T, again), tostring(T), test.now() - before < 10
"""
    found = run_program("local test = require('test')\n" + STANDARD, body)
    assert found == "true " + "Box<" * 6 + "..." + ">" * 6 + " true"

"""What a check by a type value costs, beside the same check written by hand in Lua.

Goals (types 4.10): a record of three fields 1 million/s at least, better 3; a failing
``T:is(v)`` with its error object 200 000/s.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from pathlib import Path

import trio

from benchmarks.rows import write_application
from wippy_trio.kernel import wait_end
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.runtime.logging import configure_logging

ROUNDS = 3
TYPES = """
type Point = {x: number, y: number, z: number}
type Row = {id: integer, name: string @max_len(40), tags: {string}, note?: string}
type Tree = {value: number, left: Tree?, right: Tree?}
type Event = {kind: "put", key: string} | {kind: "get", key: string} | {kind: "end"}
local function hand_point(v)
  if type(v) ~= "table" then error("expected a point", 2) end
  if type(v.x) ~= "number" or type(v.y) ~= "number" or type(v.z) ~= "number" then
    error("expected numbers", 2)
  end
  return v
end
local function hand_row(v)
  if type(v) ~= "table" or math.type(v.id) ~= "integer" or type(v.name) ~= "string"
    or #v.name > 40 or type(v.tags) ~= "table" then
    error("expected a row", 2)
  end
  for i = 1, #v.tags do
    if type(v.tags[i]) ~= "string" then error("expected a tag", 2) end
  end
  if v.note ~= nil and type(v.note) ~= "string" then error("expected a note", 2) end
  return v
end
local function hand_tree(v)
  if type(v) ~= "table" or type(v.value) ~= "number" then error("no tree", 2) end
  if v.left ~= nil then hand_tree(v.left) end
  if v.right ~= nil then hand_tree(v.right) end
  return v
end
local function hand_event(v)
  if type(v) ~= "table" then error("expected an event", 2) end
  local kind = v.kind
  local keyed = kind == "put" or kind == "get"
  if kind ~= "end" and not (keyed and type(v.key) == "string") then
    error("expected an event", 2)
  end
  return v
end
local point = {x = 1, y = 2, z = 3}
local wrong = {x = 1, y = "2", z = 3}
local object = setmetatable({x = 1, y = 2, z = 3}, {})
local row = {id = 1, name = "one", tags = {"a", "b", "c"}}
local tree = {value = 1, left = {value = 2}, right = {value = 3}}
local event = {kind = "get", key = "k"}
"""

ROWS = {
    "Point(v), 3 fields": (300_000, "Point(point)", "hand_point(point)"),
    "Point:is(v)": (300_000, "Point:is(point)", "hand_point(point)"),
    "Point(v), with metatable": (150_000, "Point(object)", "hand_point(object)"),
    "Row(v), 3 tags": (200_000, "Row(row)", "hand_row(row)"),
    "Tree(v), 3 nodes": (100_000, "Tree(tree)", "hand_tree(tree)"),
    "Event(v), union of 3": (200_000, "Event(event)", "hand_event(event)"),
    "string(v)": (300_000, 'string("x")', 'type("x")'),
    "Point:is(v), failing": (30_000, "Point:is(wrong)", "pcall(hand_point, wrong)"),
}


def programs() -> dict[str, str]:
    """Make two programs a row: the type's check, and the one by hand."""
    return {
        f"{side}{index}": f"{TYPES}\nreturn function(n) for i = 1, n do {call} end end"
        for index, (_, *calls) in enumerate(ROWS.values())
        for side, call in zip(("typed", "hand"), calls, strict=True)
    }


async def measure(folder: Path) -> None:
    """Print one line a row."""
    configure_logging("silent")
    async with running(RunningRuntime(load_project(folder))) as runtime:

        async def once(name: str, n: int) -> float:
            started = time.perf_counter()
            process = await runtime.spawn_process(f"app:{name}", "app:unchecked", [n])
            (await wait_end(process)).unwrap()
            return n / (time.perf_counter() - started)

        ratios: list[float] = []
        for index, (label, (n, *_)) in enumerate(ROWS.items()):
            found: dict[str, list[float]] = {"typed": [], "hand": []}
            for _ in range(ROUNDS):
                for side, rates in found.items():
                    rates.append(await once(f"{side}{index}", n))
            ours = statistics.median(found["typed"])
            beside = statistics.median(found["hand"])
            ratios.append(ours / beside)
            print(
                f"{label:<26} {ours:>12,.0f}/s   by hand {beside:>12,.0f}/s"
                f"   {ours / beside:5.2f} times",
                flush=True,
            )
        mean = math.exp(statistics.fmean(math.log(ratio) for ratio in ratios))
        print(f"{'geometric mean':<26} {mean:>55.2f} times")


def main() -> None:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as name:
        trio.run(measure, write_application(Path(name), programs()))

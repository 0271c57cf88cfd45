"""Runs with a seed: the same seed gives the same run, event by event (design 6)."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import MockClock

from wippy_trio.kernel import wait_end
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.sdk import Randomness

if TYPE_CHECKING:
    from pathlib import Path

    from wippy_trio.kernel import Process

INDEX = """
version: "1.0"
namespace: app
entries:
  - name: terminal
    kind: terminal.host
    lifecycle: {auto_start: true}
  - name: processes
    kind: process.host
    lifecycle: {auto_start: true}
  - {name: main, kind: process.lua, source: file://main.lua, method: main,
     modules: [uuid, time, funcs, json, io]}
  - {name: worker, kind: process.lua, source: file://main.lua, method: worker,
     modules: [uuid, time, funcs, json, io]}
  - {name: flaky, kind: function.lua, source: file://main.lua, method: flaky,
     modules: [uuid, time, funcs, json, io]}
"""
SOURCE = """
local uuid, time, funcs, json = require("uuid"), require("time"), require("funcs"),
  require("json")

local function names(t)
  local list = {}
  for k in pairs(t) do list[#list + 1] = tostring(k) end
  return table.concat(list, " ")
end

local function worker(parent, n)
  local bag = {}
  for i = 1, 12 do bag["key" .. math.random(1000)] = i end
  bag[setmetatable({}, {})] = true
  bag[2.5], bag[-1], bag[7], bag[true] = 1, 2, 3, 4
  print(n, names(bag))
  print(n, json.encode(bag) or "mixed keys")
  for _ = 1, 3 do
    time.sleep(math.random(1, 3) .. "ms")
    process.send(parent, "turn", n .. " " .. uuid.v4())
    local sum = 0
    for i = 1, 20000 do sum = sum + i end
  end
  if n == 3 then error("three") end
  return uuid.v7()
end

local function flaky(n)
  if math.random() < 0.7 then
    return nil, errors.new({ kind = errors.UNAVAILABLE, message = "not now",
      retryable = true })
  end
  return n
end

local function main()
  local inbox, events = process.inbox(), process.events()
  for n = 1, 6 do
    print(process.spawn_monitored("app:worker", "app:processes", process.pid(), n))
  end
  local seen = 0
  while seen < 6 do
    local r = channel.select{ inbox:case_receive(), events:case_receive() }
    if r.channel == events then
      seen = seen + 1
      print(r.value.from, r.value.at, r.value.result.value or r.value.result.error)
    else
      print(r.value:payload():data())
    end
  end
  local call = funcs.new():with_options({ retry = { max_attempts = 4, jitter = 0.5 } })
  print(call:call("app:flaky", 5))
  print(time.now():unix_nano())
  return 0
end
return { main = main, worker = worker, flaky = flaky }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An application in which nearly everything is up to chance."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/_index.yaml").write_text(INDEX)
    (tmp_path / "src/main.lua").write_text(SOURCE)
    return tmp_path


def trace(folder: Path, seed: int | None, **options: Any) -> list[Any]:
    """Run the application in virtual time; give births, ends and records in order."""
    events: list[Any] = []

    async def main() -> None:
        runtime = RunningRuntime(load_project(folder), seed=seed, **options)

        def record(
            _process: Process | None, _level: str, message: str, *_rest: Any
        ) -> None:
            events.append((trio.current_time(), message))

        def observe(what: str, process: Process) -> None:
            events.append((trio.current_time(), what, str(process.pid)))

        setattr(runtime, "program_log", record)  # noqa: B010 - a method
        runtime.node.observers.append(observe)
        async with running(runtime):
            process = await runtime.spawn_process("app:main", "app:processes")
            (await wait_end(process)).unwrap()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return events


def test_a_seed_gives_the_same_run(folder: Path) -> None:
    """Turns, ids, random numbers, jitter, stamps and the order of `pairs`."""
    first = trace(folder, 1)
    assert len(first) > 50
    assert trace(folder, 1) == first


def test_other_seeds_give_other_orders(folder: Path) -> None:
    """Not the random numbers alone: who is heard first differs, too."""
    turns = set()
    for seed in range(4):
        heard = [
            event[1][0]
            for event in trace(folder, seed)
            if len(event) == 2 and event[1][1:2] == " " and len(event[1]) == 38
        ]
        assert len(heard) == 18
        turns.add("".join(heard))
    assert len(turns) == 4


def test_the_order_of_pairs_is_defined(folder: Path) -> None:
    """Positive integers, other numbers, strings, booleans, objects."""
    texts = [event[1] for event in trace(folder, 5) if len(event) == 2]
    lists = [text.split()[1:] for text in texts if " key" in text and "true" in text]
    assert len(lists) == 6
    for keys in lists:
        assert keys[:3] == ["7", "-1", "2.5"]
        names = [key for key in keys if key.startswith("key")]
        assert names == sorted(names)
        assert keys[3 + len(names)] == "true"


def test_a_seed_on_the_command_line(folder: Path) -> None:
    """Another process, with other hashes of Python's strings, does the same again."""
    (folder / "src/main.lua").write_text(
        """
        local io, uuid = require("io"), require("uuid")
        local function main()
          local t = {}
          for i = 1, 20 do t["k" .. math.random(10000)] = i end
          for k in pairs(t) do io.print(k, uuid.v4()) end
        end
        return { main = main }
        """
    )

    def run(*flags: str) -> str:
        outcome = subprocess.run(
            [sys.executable, "-m", "wippy_trio", "run", *flags, "-x", "app:main"],
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=True,
        )
        return outcome.stdout

    assert len(run("--seed", "3").splitlines()) == 20
    assert run("--seed", "3") == run("--seed", "3")
    assert run("--seed", "3") != run("--seed", "4")


def test_randomness_of_a_seed_and_of_the_system() -> None:
    """A branch does not depend on how often its source was asked."""
    one, other = Randomness(1), Randomness(1)
    assert one.bytes(20) == other.bytes(20)
    one.bits(5)
    assert one.branch("vm").number() == other.branch("vm").number()
    assert one.branch("vm").number() != one.branch("uuid").number()
    system = Randomness()
    assert system.branch("vm").number() is None
    assert system.bytes(20) != system.bytes(20)
    assert 0 <= system.fraction() < 1
    assert system.choice("a") == "a"

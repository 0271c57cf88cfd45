"""What budget checks cost: the same programs with them and without."""

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

ROUNDS = 5

SOURCES = {
    "fib": """
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
return function() return fib(24) end""",
    "numeric_for": """
return function()
  local s = 0
  for i = 1, 2000000 do s = s + i % 7 end
  return s
end""",
    "bare_while": """
return function()
  local i = 0
  while i < 2000000 do i = i + 1 end
  return i
end""",
    "inserts": """
return function()
  local t = {}
  for i = 1, 200000 do table.insert(t, i) end
  return #t
end""",
    "strings": """
return function()
  local n = 0
  for i = 1, 60000 do n = n + #(("x"):rep(i % 10) .. tostring(i)) end
  return n
end""",
    "sort": """
return function()
  local t = {}
  for i = 1, 20000 do t[i] = (i * 7919) % 10007 end
  table.sort(t, function(a, b) return a < b end)
  return t[1]
end""",
    "closures": """
return function()
  local n = 0
  for i = 1, 200000 do
    local f = function(x) return x + i end
    n = f(n) % 1000
  end
  return n
end""",
    "methods": """
local P = {}
P.__index = P
function P.x(self) return self.n end
function P.add(self, v) self.n = self:x() + v return self end
return function()
  local p = setmetatable({ n = 0 }, P)
  for i = 1, 200000 do p:add(1) end
  return p.n
end""",
}


async def measure(folder: Path) -> None:
    """Print one line a program, and the mean."""
    configure_logging("silent")
    ratios: list[float] = []
    async with running(RunningRuntime(load_project(folder))) as runtime:

        async def taken(name: str, host: str) -> float:
            started = time.process_time()
            process = await runtime.spawn_process(f"app:{name}", f"app:{host}", [])
            (await wait_end(process)).unwrap()
            return time.process_time() - started

        for name in SOURCES:
            with_checks: list[float] = []
            without: list[float] = []
            for _ in range(ROUNDS):
                with_checks.append(await taken(name, "processes"))
                without.append(await taken(name, "unchecked"))
            ratio = statistics.median(with_checks) / statistics.median(without)
            ratios.append(ratio)
            print(f"checks: {name:<18} {ratio:>12.2f} of unchecked", flush=True)
    mean = math.exp(statistics.fmean(map(math.log, ratios)))
    print(f"checks, geometric mean     {mean:>12.2f}   (wanted at most 1.25)")
    print(f"checks, worst              {max(ratios):>12.2f}   (wanted at most 1.5)")


def main() -> None:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as name:
        trio.run(measure, write_application(Path(name), SOURCES))

"""A hundred thousand sleeping timers: armed and fired, in processor time."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from pathlib import Path

import trio

from benchmarks.rows import ROUNDS, write_application
from wippy_trio.kernel import wait_end
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.runtime.logging import configure_logging

TIMERS = 100_000

SOURCES = {
    "sleepers": """
return function(n)
  local done = channel.new(n)
  for i = 1, n do
    coroutine.spawn(function()
      time.sleep(math.random(500, 1500) .. "ms")
      done:send(i)
    end)
  end
  for i = 1, n do done:receive() end
end""",
}


async def trio_sleepers(n: int) -> None:
    """Let as many tasks sleep."""
    async with trio.open_nursery() as nursery:
        for _ in range(n):
            nursery.start_soon(trio.sleep, random.uniform(0.5, 1.5))


async def measure(folder: Path) -> None:
    """Print the line."""
    configure_logging("silent")
    async with running(RunningRuntime(load_project(folder))) as runtime:

        async def sleepers(n: int) -> None:
            process = await runtime.spawn_process("app:sleepers", "app:processes", [n])
            (await wait_end(process)).unwrap()

        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(ROUNDS):
            for run, taken in ((sleepers, ours), (trio_sleepers, theirs)):
                started = time.process_time()
                await run(TIMERS)
                taken.append((time.process_time() - started) / TIMERS)
    mine, beside = statistics.median(ours), statistics.median(theirs)
    print(
        f"{TIMERS:,} sleeping timers".replace(",", " ").ljust(26),
        f"{mine * 1e6:>11.1f} us   Trio {beside * 1e6:>8.1f} us  "
        f" {mine / beside:6.2f} of its cost   (wanted at most 1)",
        flush=True,
    )


def main() -> None:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as name:
        trio.run(measure, write_application(Path(name), SOURCES))

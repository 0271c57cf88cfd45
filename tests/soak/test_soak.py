"""Much, long and often: what a service that runs for months is made of.

Plain runs do each of these briefly. ``nox -s soak`` sets ``WIPPY_TRIO_SOAK`` and does
them in full: a hundred thousand processes at once, ten thousand tickers for a minute, a
hundred thousand births; and prints what it saw.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import threading
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
import trio
import trio.testing

from wippy_trio.kernel import Process, wait_end
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

FULL = bool(os.environ.get("WIPPY_TRIO_SOAK"))
IDLE = 100_000 if FULL else 1_000
TICKERS, SECONDS = (10_000, 60) if FULL else (300, 1)
BIRTHS = 100_000 if FULL else 3_000
WARM_UP = 5_000  # after that the tables of the scheduler have their sizes
MEDIAN_MS = 20 if FULL else 200
"""A plain run shares its machine with others, and only wants to see an answer."""

pytestmark = pytest.mark.soak

INDEX = """
version: '1.0'
namespace: app
entries:
  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}
"""


@asynccontextmanager
async def application(
    folder: Path, programs: Mapping[str, str]
) -> AsyncIterator[RunningRuntime]:
    """Run programs given as text as an application."""
    (folder / "src").mkdir()
    entries = ""
    for name, text in programs.items():
        (folder / f"src/{name}.lua").write_text(text)
        entries += (
            f"  - {{name: {name}, kind: process.lua, source: 'file://{name}.lua',"
            " method: main, modules: [time]}\n"
        )
    (folder / "src/_index.yaml").write_text(INDEX + entries)
    async with running(RunningRuntime(load_project(folder))) as runtime:
        yield runtime


async def value(runtime: RunningRuntime, name: str, *args: Any) -> Any:
    process = await runtime.spawn_process(f"app:{name}", "app:processes", args)
    return (await wait_end(process)).unwrap()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Write no line for each of thousands of ends."""
    level = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=level)
    yield
    structlog.reset_defaults()


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def tell(text: str) -> None:
    if FULL:
        print(f"\n{text}", flush=True)  # noqa: T201 - what the run is for


@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no /proc to read sizes from")
async def test_many_idle_processes_are_alive_at_once(tmp_path: Path) -> None:
    """All of them hear the end of the runtime, and none is left after it."""
    programs = {
        "many": """return function(n)
          for i = 1, n do process.spawn("app:idle", "app:processes") end
        end""",
        "idle": """return function()
          local inbox, events = process.inbox(), process.events()
          while true do
            local r = channel.select({ inbox:case_receive(), events:case_receive(),
              time.after("1h"):case_receive() })
            if r.channel == events then return end
          end
        end""",
    }
    before = resident()
    async with application(tmp_path, programs) as runtime:
        started = trio.current_time()
        await value(runtime, "many", IDLE)
        held = runtime.engine.vm.statistics()
        assert held.processes == held.tasks == IDLE
        await trio.testing.wait_all_tasks_blocked(0.05)
        lives = runtime.node.processes.values()
        assert all(process.nursery is not None for process in lives)
        taken = resident() - before
        tell(
            f"{IDLE} idle processes, each with its nursery, after"
            f" {trio.current_time() - started:.1f} s: {taken / 2**20:.0f} MB resident,"
            f" {taken / IDLE / 1024:.2f} KB each"
        )
        started = trio.current_time()
    tell(f"all ended {trio.current_time() - started:.1f} s after they were asked to")
    assert not runtime.node.processes


async def test_many_tickers_keep_their_times(tmp_path: Path) -> None:
    """How late they are is measured by themselves: half of them hardly at all."""
    programs = {
        "collector": """return function(n, seconds)
          local me = process.pid()
          for i = 1, n do
            process.spawn("app:ticker", "app:processes", me, i / n, seconds)
          end
          local counts, all, inbox = {}, 0, process.inbox()
          for i = 1, n do
            for late, times in pairs(inbox:receive():payload():data()) do
              counts[late] = (counts[late] or 0) + times
              all = all + times
            end
          end
          local order = {}
          for late in pairs(counts) do order[#order + 1] = late end
          table.sort(order)
          local seen, median, p99 = 0, nil, nil
          for _, late in ipairs(order) do
            seen = seen + counts[late]
            if not median and seen * 2 >= all then median = late end
            if not p99 and seen * 100 >= all * 99 then p99 = late end
          end
          return { n = all, median = median / 10, p99 = p99 / 10,
            worst = order[#order] / 10 }
        end""",
        # Lateness in tenths of a millisecond; a table of numbers travels as one.
        "ticker": """return function(collector, phase, seconds)
          local second = 1000000000
          local due = time.now():unix_nano() + second + math.floor(phase * second)
          local counts = {}
          for i = 1, seconds do
            time.sleep(due - time.now():unix_nano())
            local late = (time.now():unix_nano() - due) // 100000
            counts[late] = (counts[late] or 0) + 1
            due = due + second
          end
          process.send(collector, "late", counts)
        end""",
    }
    async with application(tmp_path, programs) as runtime:
        seen = await value(runtime, "collector", TICKERS, SECONDS)
    tell(
        f"{TICKERS} tickers of 1 s for {SECONDS} s: {seen['n']} ticks, late by"
        f" {seen['median']} ms (median), {seen['p99']} ms (p99), {seen['worst']} ms"
    )
    assert seen["n"] == TICKERS * SECONDS
    assert 0 <= seen["median"] < MEDIAN_MS


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no /proc to count files in")
async def test_many_births_leave_nothing(tmp_path: Path) -> None:
    """Counts are back at their numbers; at the close nothing of the system is left."""
    programs = {
        "many": """return function(n)
          local events, alive = process.events(), 0
          for i = 1, n do
            process.spawn_monitored("app:" .. (i % 3 == 0 and "longer" or "short"),
              "app:processes", { i = i })
            alive = alive + 1
            if alive == 50 then events:receive() alive = alive - 1 end
          end
          while alive > 0 do events:receive() alive = alive - 1 end
        end""",
        "short": "return function(v) return { v.i } end",
        "longer": """return function(v)
          coroutine.spawn(function() time.sleep("1h") end)
          time.sleep("1ms")
          if v.i % 30 == 0 then error("boom " .. v.i) end
        end""",
    }
    threads, tasks = threading.active_count(), trio.lowlevel.current_statistics()
    files = descriptors()
    async with application(tmp_path, programs) as runtime:
        vm = runtime.engine.vm

        async def count() -> tuple[tuple[int, ...], int]:
            await trio.testing.wait_all_tasks_blocked(0.05)
            vm.collect()
            gc.collect()
            held = vm.statistics()
            engine = runtime.engine
            return (
                held.processes,
                held.tasks,
                held.environments,
                held.timers,
                sum(isinstance(thing, Process) for thing in gc.get_objects()),
                len(runtime.node.topology) + len(runtime.node.names),
                len(engine.modules.objects) + len(engine._births),
                len(engine._calls) + len(engine._remote),
                trio.lowlevel.current_statistics().tasks_living,
                threading.active_count(),
                descriptors(),
            ), held.bytes

        await value(runtime, "many", WARM_UP)
        first, first_bytes = await count()
        for _ in range(3):
            await value(runtime, "many", BIRTHS)
            last, last_bytes = await count()
            tell(
                f"{BIRTHS} births: {last_bytes} bytes of Lua for {first_bytes}"
                f" ({last_bytes / first_bytes - 1:+.2%}), counts {last} for {first}"
            )
            assert last == first
            # A busy moment may double one table of the scheduler: 12 KB, once, which is
            # a little more than a hundredth. A leak of a byte a birth would be 100 KB.
            assert last_bytes <= first_bytes * 1.03
            if last_bytes <= first_bytes * 1.01:
                break
            first_bytes = last_bytes
        else:
            pytest.fail("Lua bytes grow without end")
    await trio.testing.wait_all_tasks_blocked(0.05)
    after = trio.lowlevel.current_statistics()
    assert after.tasks_living == tasks.tasks_living
    assert threading.active_count() <= threads
    assert descriptors() <= files

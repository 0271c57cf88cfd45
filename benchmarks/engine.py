"""Messages, births and calls inside one VM, beside what plain Trio needs for the same.

``python -m benchmarks engine``. Ratios count, not the figures themselves: each row and
its yardstick are measured in turn, three rounds, and the medians are compared.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.kernel import wait_end
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.runtime.logging import configure_logging

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SOURCES = {
    "ping": """
return function(n)
  local pong = process.spawn("app:pong", "app:processes", process.pid())
  local inbox = process.inbox()
  for i = 1, n do
    process.send(pong, "ping", { id = i })
    inbox:receive():payload():data()
  end
  process.terminate(pong)
end""",
    "pong": """
return function(ping)
  local inbox = process.inbox()
  while true do
    process.send(ping, "pong", inbox:receive():payload():data())
  end
end""",
    "fan_in": """
return function(n)
  local me = process.pid()
  for i = 1, 10 do process.spawn("app:source", "app:processes", me, n // 10) end
  local inbox = process.inbox()
  for i = 1, n do inbox:receive():payload():data() end
end""",
    "source": """
return function(to, n)
  for i = 1, n do process.send(to, "m", { id = i, name = "row" }) end
end""",
    "handoff": """
return function(n)
  local ch = channel.new()
  coroutine.spawn(function() for i = 1, n do ch:send(i) end end)
  for i = 1, n do ch:receive() end
end""",
    "select": """
return function(n)
  local a, b, c = channel.new(), channel.new(), channel.new()
  local all = { a, b, c }
  coroutine.spawn(function() for i = 1, n do all[i % 3 + 1]:send(i) end end)
  for i = 1, n do
    channel.select({ a:case_receive(), b:case_receive(), c:case_receive() })
  end
end""",
    "births": """
return function(n)
  local events = process.events()
  for i = 1, n do
    process.spawn_monitored("app:short", "app:processes")
    events:receive()
  end
end""",
    "short": "return function() return 1 end",
    "outliving": """
return function(n)
  local events, alive = process.events(), 0
  for i = 1, n do
    process.spawn_monitored("app:longer", "app:processes")
    alive = alive + 1
    if alive == 100 then events:receive() alive = alive - 1 end
  end
  while alive > 0 do events:receive() alive = alive - 1 end
end""",
    "longer": 'return function() time.sleep("1ms") return 1 end',
    "calls": """
return function(n)
  for i = 1, n do funcs.call("app:echo", i) end
end""",
    "echo": "return function(v) return v end",
}


def application(folder: Path) -> Path:
    """Write the programs as an application."""
    (folder / "src").mkdir()
    index = ["version: '1.0'", "namespace: app", "entries:"]
    index.append(
        "  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}"
    )
    for name, source in SOURCES.items():
        kind = "function.lua" if name == "echo" else "process.lua"
        index.append(
            f"  - {{name: {name}, kind: {kind}, source: 'file://{name}.lua',"
            " method: main, modules: [funcs, time]}"
        )
        (folder / f"src/{name}.lua").write_text(source)
    (folder / "src/_index.yaml").write_text("\n".join(index))
    return folder


# -- yardsticks: the same with Trio tasks and memory channels --------------------------


async def trio_ping(n: int) -> None:
    """Play ping-pong between two tasks."""
    to_pong, at_pong = trio.open_memory_channel[dict[str, int]](0)
    to_ping, at_ping = trio.open_memory_channel[dict[str, int]](0)

    async def pong() -> None:
        async for message in at_pong:
            await to_ping.send(message)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(pong)
        for i in range(n):
            await to_pong.send({"id": i})
            await at_ping.receive()
        nursery.cancel_scope.cancel()


async def trio_fan_in(n: int) -> None:
    """Let ten tasks send to one."""
    send, receive = trio.open_memory_channel[dict[str, Any]](1000)

    async def source() -> None:
        for i in range(n // 10):
            await send.send({"id": i, "name": "row"})

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(source)
        for _ in range(n):
            await receive.receive()


async def trio_handoff(n: int) -> None:
    """Hand values over without a buffer."""
    send, receive = trio.open_memory_channel[int](0)

    async def sender() -> None:
        for i in range(n):
            await send.send(i)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender)
        for _ in range(n):
            await receive.receive()


async def trio_select(n: int) -> None:
    """Race three receives in a nursery; it loses values, so the sender never ends."""
    ends = [trio.open_memory_channel[int](0) for _ in range(3)]

    async def sender() -> None:
        i = 0
        while True:
            i += 1
            with trio.move_on_after(0.01):
                await ends[i % 3][0].send(i)

    async def take(
        receive: trio.MemoryReceiveChannel[int], nursery: trio.Nursery
    ) -> None:
        await receive.receive()
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as outer:
        outer.start_soon(sender)
        for _ in range(n):
            async with trio.open_nursery() as nursery:
                for _, receive in ends:
                    nursery.start_soon(take, receive, nursery)
        outer.cancel_scope.cancel()


async def trio_births(n: int) -> None:
    """Start tasks that each open an empty nursery, 100 alive at once."""

    async def life() -> None:
        async with trio.open_nursery():
            await trio.lowlevel.checkpoint()

    for _ in range(n // 100):
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(life)


ROWS: list[tuple[str, str, int, Callable[[int], Awaitable[None]] | None, int, str]] = [
    ("ping-pong", "ping", 50_000, trio_ping, 10_000, "5 times"),
    ("fan-in of small tables", "fan_in", 100_000, trio_fan_in, 20_000, "4 times"),
    ("unbuffered handoff", "handoff", 200_000, trio_handoff, 20_000, "10 times"),
    ("select of three", "select", 100_000, trio_select, 3_000, "40 times"),
    ("spawn and exit", "births", 20_000, trio_births, 10_000, "1.11 times"),
    ("spawn, outlives", "outliving", 10_000, trio_births, 10_000, "0.45 times"),
    ("funcs.call", "calls", 50_000, None, 0, "60 000/s"),
]


async def rate(run: Callable[[], Awaitable[Any]], n: int) -> float:
    """Measure how many a second."""
    started = time.perf_counter()
    await run()
    return n / (time.perf_counter() - started)


async def measure(folder: Path) -> None:
    """Print one line a row."""
    async with running(RunningRuntime(load_project(folder))) as runtime:

        async def program(name: str, n: int) -> None:
            process = await runtime.spawn_process(f"app:{name}", "app:processes", [n])
            (await wait_end(process)).unwrap()

        for label, name, n, yardstick, yard_n, wanted in ROWS:
            ours: list[float] = []
            theirs: list[float] = []
            await program(name, n // 20)
            for _ in range(3):
                ours.append(await rate(lambda: program(name, n), n))  # noqa: B023
                if yardstick is not None:
                    theirs.append(await rate(lambda: yardstick(yard_n), yard_n))  # noqa: B023
            line = f"{label:<24} {statistics.median(ours):>12,.0f}/s"
            if theirs:
                ratio = statistics.median(ours) / statistics.median(theirs)
                beside = statistics.median(theirs)
                line += f"   Trio {beside:>10,.0f}/s   {ratio:6.2f} times"
            print(f"{line}   (wanted {wanted})", flush=True)


IDLE = """
import resource, sys, trio
sys.path.insert(0, {root!r})
from pathlib import Path
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.runtime.logging import configure_logging
configure_logging("silent")
def rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
async def main():
    async with running(RunningRuntime(load_project(Path({folder!r})))) as runtime:
        await runtime.spawn_process("app:idle", "app:processes", [])
        await trio.sleep(0.2)
        before = rss()
        for _ in range({n}):
            await runtime.spawn_process("app:idle", "app:processes", [])
        await trio.sleep(0.5)
        print((rss() - before) / {n} / 1024)
trio.run(main)
"""


def idle_memory(folder: Path, n: int = 5000) -> None:
    """Print the memory of one idle process: inbox, events and a timer in a select."""
    handler = "\n".join(f"local function f{i}(a) return a + {i} end" for i in range(95))
    (folder / "src/idle.lua").write_text(
        f"""{handler}
return function()
  local inbox, events = process.inbox(), process.events()
  while true do
    channel.select({{ inbox:case_receive(), events:case_receive(),
      time.after("1h"):case_receive() }})
  end
end"""
    )
    index = folder / "src/_index.yaml"
    index.write_text(
        index.read_text()
        + "\n  - {name: idle, kind: process.lua, source: 'file://idle.lua',"
        " method: main, modules: [time]}\n"
    )
    root = str(Path(__file__).parents[1])
    script = IDLE.format(root=root, folder=str(folder), n=n)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    print(f"idle process             {float(done.stdout):>12.1f} KB   (wanted 10)")


def cold_start() -> None:
    """Print the whole-process times of the command line beside bare imports."""
    hello = Path(__file__).parents[1] / "examples" / "01-hello"
    python = sys.executable
    commands = {
        "import trio, lupa.lua54": [python, "-c", "import trio, lupa.lua54"],
        "python -c pass": [python, "-c", "pass"],
        "run -x app:hello": [python, "-m", "wippy_trio", "run", "-x", "app:hello"],
        "lint": [python, "-m", "wippy_trio", "lint"],
        "--version": [python, "-m", "wippy_trio", "--version"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    # Installed packages have their bytecode; let ours have it too.
    unset = {"PYTHONDONTWRITEBYTECODE"}
    environment = {k: v for k, v in os.environ.items() if k not in unset}

    def execute(command: list[str]) -> None:
        subprocess.run(
            command, cwd=hello, env=environment, capture_output=True, check=True
        )

    for command in commands.values():
        execute(command)
    for _ in range(7):
        for name, command in commands.items():
            started = time.perf_counter()
            execute(command)
            times[name].append(time.perf_counter() - started)
    median = {name: statistics.median(taken) for name, taken in times.items()}
    bare, nothing = median["import trio, lupa.lua54"], median["python -c pass"]
    for name, yard, wanted in (
        ("run -x app:hello", bare, "at most 2"),
        ("lint", bare, "at most 0.6"),
        ("--version", nothing, "at most 2"),
    ):
        print(
            f"{name:<24} {median[name] * 1000:>10.0f} ms  "
            f" yardstick {yard * 1000:>6.0f} ms   {median[name] / yard:6.2f} times"
            f"   (wanted {wanted})"
        )


def main() -> None:
    """Measure everything."""
    configure_logging("silent")
    with tempfile.TemporaryDirectory() as name:
        folder = application(Path(name))
        trio.run(measure, folder)
        idle_memory(folder)
    cold_start()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak of this process     {peak / 1024:>12.0f} MB")


if __name__ == "__main__":
    main()

"""JSON, queues and stores, beside what a Python program would use instead.

``python -m benchmarks data``, or ``python -m benchmarks.data json`` for a part of it;
the others are ``queue`` and ``store``.

* JSON: a text of 60 KB, read and written by a Lua function; the standard library's
  ``json`` does the same to the same text.
* Queue: a Lua function publishes to a queue in memory, another one consumes; a Trio
  memory channel whose consumer is an async function. The channel neither copies nor
  has ids, headers, settlements or contexts.
* Store: ``set`` and ``get`` of a small table under one of a thousand keys; a dictionary
  that keeps copies, since a program cannot change what a store holds.
"""

from __future__ import annotations

import copy
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
import trio

import wippy_trio
from wippy_trio.runtime.logging import configure_logging

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUNDS = 5

INDEX = """
version: "1.0"
namespace: app
entries:
  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}
  - {name: cache, kind: store.memory}
  - {name: driver, kind: queue.driver.memory, lifecycle: {auto_start: true}}
  - {name: jobs, kind: queue.queue, driver: driver}
  - {name: work, kind: function.lua, source: file://work.lua, method: work}
  - name: workers
    kind: queue.consumer
    queue: jobs
    func: work
    concurrency: 4
    lifecycle: {auto_start: true, depends_on: [driver]}
"""
FUNCTION = """
  - {{name: {name}, kind: function.lua, source: "file://{name}.lua", method: main,
     modules: [json, queue, store]}}
"""

SOURCES = {
    # The last job of a round tells the benchmark; four are handled at once.
    "work": """
return { work = function(job)
  if job.last then process.send(job.to, "done", job.n) end
end }""",
    "decode": """
return { main = function(text, n)
  for _ = 1, n do assert(json.decode(text)) end
end }""",
    "encode": """
return { main = function(text, n)
  local value = assert(json.decode(text))
  for _ = 1, n do assert(json.encode(value)) end
end }""",
    "publish": """
return { main = function(n, to)
  for i = 1, n do
    assert(queue.publish("app:jobs", { n = i, last = i == n, to = to }))
  end
end }""",
    "set": """
return { main = function(n)
  local cache = store.get("app:cache")
  for i = 1, n do
    assert(cache:set("user:" .. i % 1000, { name = "ada", visits = i, on = true }))
  end
end }""",
    "get": """
return { main = function(n)
  local cache, sum = store.get("app:cache"), 0
  for i = 1, n do sum = sum + assert(cache:get("user:" .. i % 1000)).visits end
  return sum
end }""",
}


class Row(NamedTuple):
    """One line: how many of what, ours and the yardstick."""

    label: str
    n: int
    ours: Callable[[int], Awaitable[Any]]
    yardstick: Callable[[int], Awaitable[Any]]
    beside: str
    wanted: str


def sample(size: int = 60_000) -> str:
    """Make a JSON text of about that size: records as an API answers with."""
    rows: list[dict[str, Any]] = []
    while len(json.dumps(rows)) < size:
        i = len(rows)
        rows.append(
            {
                "id": i,
                "name": f"Person number {i}",
                "email": f"person{i}@example.org",
                "active": i % 3 == 0,
                "score": i * 1.25,
                "tags": ["alpha", "beta", f"tag {i % 7}"],
                "address": {
                    "street": f"{i} Long Street",
                    "city": "Zürich",
                    "zip": None,
                },
            }
        )
    return json.dumps(rows, ensure_ascii=False)


async def measure(folder: Path, parts: list[str]) -> None:
    """Print one line a row."""
    (folder / "src").mkdir()
    names = [name for name in SOURCES if name != "work"]
    index = INDEX + "".join(FUNCTION.format(name=name) for name in names)
    (folder / "src/_index.yaml").write_text(index)
    for name, source in SOURCES.items():
        (folder / f"src/{name}.lua").write_text(source)
    async with wippy_trio.open_runtime(folder) as runtime:
        chapters = {"json": json_rows, "queue": queue_rows, "store": store_rows}
        for name, rows in chapters.items():
            if name in parts or not parts:
                for row in await rows(runtime):
                    await show(row)


async def json_rows(runtime: wippy_trio.OpenRuntime) -> list[Row]:
    """Read and write a text of 60 KB."""
    text = sample()
    value = json.loads(text)

    async def loads(n: int) -> None:
        for _ in range(n):
            json.loads(text)

    async def dumps(n: int) -> None:
        for _ in range(n):
            json.dumps(value, ensure_ascii=False)

    def ours(name: str) -> Callable[[int], Awaitable[Any]]:
        return lambda n: runtime.call(f"app:{name}", text, n)

    size = f"{len(text.encode()) / 1000:.0f} KB"
    return [
        Row(f"json decode, {size}", 200, ours("decode"), loads, "json", "wanted 1.0"),
        Row(f"json encode, {size}", 200, ours("encode"), dumps, "json", "wanted 1.0"),
    ]


async def queue_rows(runtime: wippy_trio.OpenRuntime) -> list[Row]:
    """Publish, and wait until the last one was consumed."""

    async def ours(n: int) -> None:
        await runtime.call("app:publish", n, str(runtime.pid))
        await runtime.inbox.receive()

    async def channel(n: int) -> None:
        sender, receiver = trio.open_memory_channel[Any](1000)

        async def consume() -> None:
            async for _ in receiver:
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery, sender:
            nursery.start_soon(consume)
            for i in range(n):
                await sender.send({"n": i, "last": i == n, "to": str(runtime.pid)})

    return [Row("queue, published and done", 2000, ours, channel, "channel", "no goal")]


async def store_rows(runtime: wippy_trio.OpenRuntime) -> list[Row]:
    """Set and get one key of a thousand."""
    kept: dict[str, Any] = {}

    async def put(n: int) -> None:
        for i in range(n):
            value = {"name": "ada", "visits": i, "on": True}
            kept[f"user:{i % 1000}"] = copy.deepcopy(value)

    async def get(n: int) -> None:
        for i in range(n):
            copy.deepcopy(kept[f"user:{i % 1000}"])

    def ours(name: str) -> Callable[[int], Awaitable[Any]]:
        return lambda n: runtime.call(f"app:{name}", n)

    return [
        Row("store set", 5000, ours("set"), put, "dict", "no goal"),
        Row("store get", 5000, ours("get"), get, "dict", "no goal"),
    ]


async def show(row: Row) -> None:
    """Measure both in turn and print the middle of their rates."""
    await row.ours(row.n // 10)
    rates: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for kept, run in zip(rates, (row.ours, row.yardstick), strict=True):
            started = time.perf_counter()
            await run(row.n)
            kept.append(row.n / (time.perf_counter() - started))
    mine, beside = map(statistics.median, rates)
    print(
        f"{row.label:<26} {mine:>12,.0f}/s   {row.beside:<8} {beside:>10,.0f}/s"
        f"   {mine / beside:6.2f} times   ({row.wanted})",
        flush=True,
    )


def main(parts: list[str] | None = None) -> None:
    """Measure everything, or some parts."""
    configure_logging("silent")
    assert structlog.is_configured()  # so that open_runtime leaves the log alone
    with tempfile.TemporaryDirectory() as name:
        trio.run(measure, Path(name), parts or [])


if __name__ == "__main__":
    main(sys.argv[1:])

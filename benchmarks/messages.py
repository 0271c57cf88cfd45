"""Messages, channels and calls inside one VM, beside Trio tasks and channels."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import trio

from benchmarks.rows import Row, measure, write_application

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
    "calls": """
return function(n)
  for i = 1, n do funcs.call("app:echo", i) end
end""",
    "echo": "return function(v) return v end",
}


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


ROWS = [
    Row("ping-pong", "ping", 50_000, trio_ping, 10_000, "5 times"),
    Row("fan-in of small tables", "fan_in", 100_000, trio_fan_in, 20_000, "4 times"),
    Row("unbuffered handoff", "handoff", 200_000, trio_handoff, 20_000, "10 times"),
    Row("select of three", "select", 100_000, trio_select, 3_000, "40 times"),
    Row("funcs.call", "calls", 50_000, None, 0, "60 000/s"),
]


def main() -> None:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = write_application(Path(name), SOURCES, functions=["echo"])
        trio.run(measure, folder, ROWS)

"""The engine end to end: processes, messages, channels, ends, and the six proofs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.lowlevel

from tests.lua.engine_fixture import bench
from wippy_trio.errors import InternalError
from wippy_trio.kernel import wait_end

if TYPE_CHECKING:
    from trio.testing import MockClock

PING = """
local function main(n)
  local pong = process.spawn("app:pong", "app:processes", process.pid())
  local inbox = process.inbox()
  for i = 1, n do
    process.send(pong, "ping", { id = i })
    local msg = inbox:receive()
    assert(msg:payload():data().id == i)
    assert(msg:from() == pong)
  end
  return n
end
return { main = main }
"""
PONG = """
return function(ping)
  local inbox = process.inbox()
  while true do
    local msg = inbox:receive()
    process.send(ping, "pong", (msg:payload():data()))
  end
end
"""


async def test_two_lua_processes_play_ping_pong() -> None:
    async with bench({"ping": PING, "pong": PONG}) as b:
        assert await b.value("ping", 100) == 100
        [pong] = b.node.processes.values()
        assert pong.entry == "app:pong"


async def test_a_result_and_an_error_reach_python() -> None:
    async with bench(
        {
            "table": "return function() return { 1, 2, x = { y = 'z' } } end",
            "fails": "return function() return nil, 'no' end",
            "raises": "return function() error('boom') end",
        }
    ) as b:
        assert await b.value("table") == {1: 1, 2: 2, "x": {"y": "z"}}
        failed = (await b.run("fails")).error
        assert failed is not None
        assert failed.message == "no"
        assert failed.retryable is False  # core P-24
        raised = (await b.run("raises")).error
        assert raised is not None
        assert raised.message == "app:raises:1: boom"  # core P-31
        assert raised.retryable is None


# -- six proofs ------------------------------------------------------------------------


async def test_a_host_call_that_is_killed_frees_its_environment(
    autojump_clock: MockClock,
) -> None:
    """A process that ends inside a host call leaves no globals behind."""
    async with bench({"p": "return function() require('test').block(1e6) end"}) as b:
        process = await b.spawn("p")
        await b.settle()
        b.node.terminate(process.pid)
        await wait_end(process)
        await b.settle()
        b.engine.vm.collect()
        seen = b.engine.vm.statistics()
        assert (seen.processes, seen.environments, seen.tasks) == (0, 0, 0)


async def test_a_dead_sleeper_is_freed_before_its_time(
    autojump_clock: MockClock,
) -> None:
    """A process that ends while it sleeps does not wait for its timer."""
    async with bench({"p": "return function() time.sleep('1000h') end"}) as b:
        process = await b.spawn("p")
        await b.settle()
        assert b.engine.vm.statistics().environments == 1
        b.node.terminate(process.pid)
        await b.settle()
        b.engine.vm.collect()
        seen = b.engine.vm.statistics()
        assert (seen.environments, seen.timers) == (0, 0)


async def test_an_endless_chunk_is_ended() -> None:
    """Chunk-level code runs in a task of the child, so it can be killed."""
    async with bench({"p": "while true do end"}) as b, trio.open_nursery() as nursery:
        caught: list[BaseException] = []

        async def spawn() -> None:
            try:
                await b.spawn("p")
            except InternalError as error:
                caught.append(error)

        nursery.start_soon(spawn)
        while not b.node.processes:
            await trio.lowlevel.checkpoint()
        for _ in range(20):
            await trio.lowlevel.checkpoint()
        [process] = b.node.processes.values()
        b.node.terminate(process.pid)
        while not caught:
            await trio.lowlevel.checkpoint()
        assert "terminated" in str(caught[0])


async def test_a_hog_under_pcall_ends_and_its_neighbour_lives() -> None:
    """The first memory error ends the process; `pcall` never has it."""
    hog = """
    return function()
      local kept = {}
      while true do
        pcall(function() kept[#kept + 1] = ("x"):rep(100000) .. #kept end)
      end
    end
    """
    neighbour = """
    return function()
      local inbox = process.inbox()
      while true do
        local m = inbox:receive()
        if m:topic() == "stop" then return "alive" end
      end
    end
    """
    async with bench(
        {"hog": hog, "neighbour": neighbour}, memory_limit=64 * 2**20
    ) as b:
        other = await b.spawn("neighbour")
        with trio.fail_after(30):
            ended = await b.run("hog")
        assert ended.error is not None
        assert "not enough memory" in ended.error.message
        b.node.send(other.pid, "stop", (), sender=None)
        with trio.fail_after(5):
            assert (await wait_end(other)).unwrap() == "alive"


async def test_no_sleep_ends_early() -> None:
    """Of 10 000 sleeps none ends before its time (core T-19)."""
    program = """
    return function(clock)
      local early, left = 0, 10000
      local done = channel.new(10000)
      for i = 1, 10000 do
        coroutine.spawn(function()
          local t = test.now()
          local d = (i % 50) / 1000
          time.sleep(math.floor(d * 1e9))
          done:send(test.now() - t < d)
        end)
      end
      for i = 1, 10000 do
        if done:receive() then early = early + 1 end
      end
      return early
    end
    """
    async with bench({"p": program}) as b:
        assert await b.value("p") == 0


async def test_a_burst_of_250_000_messages_arrives() -> None:
    """One burst longer than any batch loses nothing and keeps its order."""
    sender = """
    return function(n)
      local to = process.spawn("app:reader", "app:processes", n)
      process.monitor(to)
      for i = 1, n do process.send(to, "m", i) end
      return process.events():receive().result.value
    end
    """
    reader = """
    return function(n)
      local inbox, last = process.inbox(), 0
      for i = 1, n do
        local v = inbox:receive():payload():data()
        if v ~= last + 1 then return v end
        last = v
      end
      return "all"
    end
    """
    async with bench({"sender": sender, "reader": reader}) as b:
        assert await b.value("sender", 250_000) == "all"
        target = await b.spawn("reader", 250_000)
        for i in range(250_000):
            b.node.send(target.pid, "m", (i + 1,), sender=None)
        assert (await wait_end(target)).unwrap() == "all"


@pytest.mark.parametrize("way", ["terminate", "link"])
async def test_a_loop_under_pcall_dies(way: str) -> None:
    """`pcall` around an endless loop does not keep a process alive (core P-42)."""
    spin = """
    return function()
      while true do pcall(function() while true do end end) end
    end
    """
    async with bench({"spin": spin}) as b:
        process = await b.spawn("spin")
        await trio.lowlevel.checkpoint()
        started = time.perf_counter()
        if way == "terminate":
            b.node.terminate(process.pid)
        else:
            other = await b.spawn("spin")
            b.node.link(process.pid, other.pid)
            b.node.terminate(other.pid)
        with trio.fail_after(5):
            await wait_end(process)
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        assert time.perf_counter() - started < 5
        assert b.engine.vm.statistics().processes == 0


async def test_exec_of_a_program_that_is_set_aside_while_it_loads() -> None:
    """Its chunk runs out of its slice: the caller still gets the result (core P-92)."""
    slow = "local n = 0 for i = 1, 3000000 do n = (n + i) % 7 end "
    main = """
    return function()
      local value = process.exec("app:slow", "app:processes", 5)
      local _, raised = process.exec("app:slow", "app:processes", "bad")
      local _, unborn = process.exec("app:broken", "app:processes")
      return { value, raised:message(), unborn:message() }
    end
    """
    async with bench(
        {
            "main": main,
            "slow": slow + "return function(x) if x == 'bad' then error(x, 0) end"
            " return x end",
            "broken": slow + "error('no', 0)",
        }
    ) as b:
        assert await b.value("main") == [5, "bad", "failed to execute script: no"]


async def test_a_message_between_two_parts_of_a_long_answer_is_not_lost() -> None:
    """What a step has to say may not fit at once; what comes meanwhile is taken in."""
    programs = {
        "brief": "return function() end",
        "many": """return function()
          process.registry.register("many")
          for i = 1, 8100 do process.spawn("app:brief", "app:processes") end
          return process.inbox():receive():topic()
        end""",
    }
    async with bench(programs, slice_seconds=60) as b:
        carry_out = b.engine._carry_out
        sizes: list[int] = []

        def between(entries: tuple[Any, ...]) -> None:
            if len(entries) > 8000 * 5:
                b.node.send("many", "late", (), sender=None)
            sizes.append(len(entries))
            carry_out(entries)

        b.engine._carry_out = between  # type: ignore[method-assign]
        with trio.fail_after(30):
            process = await b.spawn("many")
            ended = await wait_end(process)
        assert ended.unwrap() == "late"
        assert max(sizes) == 8000 * 5 + 2

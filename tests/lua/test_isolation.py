"""A VM for each process: nothing is shared, everything passes, nothing is left."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import trio

from tests.lua.engine_fixture import Bench, bench
from wippy_trio.errors import InternalError, NotFoundError
from wippy_trio.kernel import Exit, wait_end

APART = "app:apart"


async def opened(b: Bench, nursery: trio.Nursery, memory: int = 0) -> Any:
    b.isolated[APART] = memory
    host = b.node.host(APART)
    await nursery.start(host.run)
    return host


async def play(
    programs: dict[str, str], *args: Any, memory: int = 0
) -> tuple[Exit, list[Any]]:
    """Run ``app:main`` in a VM of its own; give its exit and the VMs that were."""
    async with bench(programs) as b, trio.open_nursery() as nursery:
        host = await opened(b, nursery, memory)
        process = await b.engine.spawn("app:main", host, args)
        engine = b.engine.isolated[process.pid.number]
        seen = [weakref.ref(engine.vm)]
        assert engine.vm is not b.engine.vm
        del engine
        ended = await wait_end(process)
        await b.settle()
        assert not b.engine.isolated
        nursery.cancel_scope.cancel()
    return ended, seen


async def test_a_process_has_a_vm_of_its_own_that_goes_with_it() -> None:
    """Its heap is freed, though its functions know the VM and the VM them."""
    ended, [vm] = await play(
        {"main": "return function(t) t.x = 2 return t end"}, {"x": 1}
    )
    assert ended.value == {"x": 2}
    del ended
    gc.collect()
    assert vm() is None


async def test_a_birth_that_fails_leaves_no_vm() -> None:
    async with bench({"main": "error('no')"}) as b, trio.open_nursery() as nursery:
        host = await opened(b, nursery)
        with pytest.raises(InternalError, match="no"):
            await b.engine.spawn("app:main", host)
        with pytest.raises(NotFoundError):
            await b.engine.spawn("app:absent", host)
        await b.settle()
        assert not b.engine.isolated
        nursery.cancel_scope.cancel()


async def test_a_hog_ends_alone_at_its_own_limit() -> None:
    """The limit is of its VM; its neighbours do not notice."""
    hog = """
    return function()
      local t = {}
      while true do t[#t + 1] = ("x"):rep(10000) .. #t end
    end
    """
    main = """
    return function()
      local pid = process.spawn_monitored("app:hog", "app:apart")
      local e = process.events():receive()
      return { e.from == pid, e.result.error:message() }
    end
    """
    ended, _ = await play({"main": main, "hog": hog}, memory=16 << 20)
    assert ended.value == [True, "not enough memory"]


async def test_vms_talk_by_messages_links_monitors_and_names() -> None:
    """Core M-1, L-1, L-10, N-11 across VMs; the parent is in a VM of its own, too."""
    child = """
    return function(parent)
      process.registry.register("child")
      local inbox = process.inbox()
      process.send(parent, "ready", process.pid())
      local m = inbox:receive()
      process.send(m:from(), "echo", m:payload():data())
      inbox:receive()
      error("broken")
    end
    """
    main = """
    return function()
      process.set_options({ trap_links = true })
      local me = process.pid()
      local pid = process.spawn_linked_monitored("app:child", "app:apart", me)
      local inbox, events = process.inbox(), process.events()
      assert(inbox:receive():payload():data() == pid)
      assert(process.registry.lookup("child") == pid)
      local loop = { 1 }
      loop.self = loop
      assert(process.send("child", "x", loop))
      local back = inbox:receive():payload():data()
      assert(back.self == back and back ~= loop)
      process.send(pid, "go")
      local kinds = {}
      for i = 1, 2 do
        local e = events:receive()
        assert(e.from == pid)
        kinds[e.kind] = e.result.error:message()
      end
      assert(process.registry.lookup("child") == nil)
      return kinds
    end
    """
    ended, _ = await play({"main": main, "child": child})
    assert ended.value == {
        "pid.exit": "app:child:9: broken",
        "pid.link.down": "app:child:9: broken",
    }


async def test_spawns_into_a_vm_and_out_of_one() -> None:
    """Also to the shared VM, and back; `exec` gives the result (core P-90 to P-94)."""
    main = """
    return function()
      local shared = process.exec("app:where", "app:processes", "app:apart")
      local apart = process.exec("app:where", "app:apart", "app:processes")
      local _, failed = process.exec("app:fails", "app:apart")
      local _, broken = process.exec("app:broken", "app:apart")
      local _, absent = process.spawn("app:absent", "app:apart")
      local _, nowhere = process.spawn("app:where", "app:nowhere")
      return { shared, apart, failed:message(), failed:kind(), broken:message(),
        absent:message(), nowhere:message() }
    end
    """
    where = """
    return function(other)
      if not other then return { process.pid():match("{(.-)|") } end
      local inner = process.exec("app:where", other)
      return { process.pid():match("{(.-)|"), inner[1] }
    end
    """
    ended, _ = await play(
        {
            "main": main,
            "where": where,
            "fails": """
            return function()
              return nil, errors.new({ kind = "Conflict", message = "no" })
            end
            """,
            "broken": "error('at load', 0)",
        }
    )
    assert ended.value == [
        ["app:processes", "app:apart"],
        ["app:apart", "app:processes"],
        "no",
        "Conflict",
        "failed to execute script: at load",
        "factory not found",
        "host not found",
    ]


async def test_a_channel_joins_two_vms() -> None:
    """It moves to the kernel, with what waits in it."""
    worker = """
    return function(jobs, results)
      while true do
        local r = channel.select{ jobs:case_receive() }
        if not r.ok then break end
        results:send({ r.value.n * 2 })
      end
    end
    """
    main = """
    return function()
      local jobs, results = channel.new(1), channel.new(5)
      jobs:send({ n = 1 })
      for i = 1, 2 do
        assert(process.spawn("app:worker", "app:apart", jobs, results))
      end
      for i = 2, 5 do jobs:send({ n = i }) end
      local sum = 0
      for i = 1, 5 do sum = sum + results:receive()[1] end
      return sum
    end
    """
    ended, _ = await play({"main": main, "worker": worker})
    assert ended.value == 30


async def test_a_spinning_vm_leaves_the_others_their_turn_and_can_be_ended() -> None:
    spin = "return function() while true do end end"
    main = """
    local time = require("time")
    return function()
      local pid = process.spawn("app:spin", "app:apart")
      time.sleep("20ms")
      return process.terminate(pid)
    end
    """
    ended, _ = await play({"main": main, "spin": spin})
    assert ended.value is True


async def test_the_end_of_the_runtime_ends_isolated_processes() -> None:
    async with bench({"main": "return function() channel.new():receive() end"}) as b:
        async with trio.open_nursery() as nursery:
            host = await opened(b, nursery)
            process = await b.engine.spawn("app:main", host)
            nursery.cancel_scope.cancel()
        assert process.exit is not None
        assert process.exit.reason == "shutdown"
        await b.settle()
        assert not b.engine.isolated

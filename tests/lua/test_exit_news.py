"""News of an exit that stays in its VM: told once, in order, names released before."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.lua.engine_fixture import bench
from wippy_trio.kernel import Exit, wait_end

VERSIONS = ("5.3", "5.4", "5.5")


@pytest.mark.parametrize("version", VERSIONS)
async def test_watchers_hear_once_in_the_slice_of_the_end(version: str) -> None:
    """Values, tables, errors; a watch that was taken back; one that came later."""
    main = """
    local function run()
      local events = process.events()
      local heard = {}
      local function start(...)
        return process.spawn_monitored("app:child", "app:processes", ...)
      end
      for _, what in ipairs({ "value", "table", "error", "raise", "nothing" }) do
        local pid = start(what)
        local e = events:receive()
        assert(e.kind == "pid.exit" and e.from == pid and math.type(e.at) == "integer")
        local r = e.result
        heard[#heard + 1] = type(r.value) == "table" and r.value.x or r.value
          or r.error and r.error:message() or "nil"
      end
      local unwatched = start("value")
      process.unmonitor(unwatched)
      local later = process.spawn("app:child", "app:processes", "value")
      process.monitor(later)
      heard[#heard + 1] = events:receive().from == later
      local again = process.monitor(later)
      heard[#heard + 1] = again == nil
      time.sleep("1ms")
      local r = channel.select({ events:case_receive(), default = true })
      heard[#heard + 1] = r.default
      return heard
    end
    return run
    """
    child = """
    return function(what)
      if what == "value" then return 7 end
      if what == "table" then return { x = 8 } end
      if what == "error" then return nil, "no" end
      if what == "raise" then error("boom", 0) end
    end
    """
    async with bench({"main": main, "child": child}, lua_version=version) as b:
        with trio.fail_after(10):
            ended = await b.run("main")
        assert ended.unwrap() == [7, 8, "no", "boom", "nil", True, True, True]
        assert not b.node.processes
        assert len(b.node.topology) == 0


async def test_two_watchers_get_values_of_their_own() -> None:
    main = """
    return function()
      local pid = process.spawn_monitored("app:child", "app:processes")
      local other = process.spawn("app:other", "app:processes", pid, process.pid())
      process.inbox():receive()
      process.send(pid, "end")
      local mine = process.events():receive().result.value
      mine.x = "mine"
      return process.inbox():receive():payload():data()
    end
    """
    other = """
    return function(pid, parent)
      assert(process.monitor(pid))
      process.send(parent, "ready")
      process.send(parent, "got", process.events():receive().result.value.x)
    end
    """
    child = """
    return function()
      local t = { x = "theirs" }
      process.inbox():receive()
      return t
    end
    """
    async with bench({"main": main, "other": other, "child": child}) as b:
        with trio.fail_after(10):
            assert (await b.run("main")).unwrap() == "theirs"


async def test_python_hears_beside_the_vm_and_names_are_free_before() -> None:
    """A name that Python gave is gone when a watcher in the VM hears (core P-70)."""
    main = """
    return function(pid)
      assert(process.monitor(pid))
      process.send(pid, "end")
      process.events():receive()
      local name = process.registry.lookup("given")
      assert(process.registry.register("given", pid))
      return { name == nil, process.registry.lookup("given") == pid }
    end
    """
    child = "return function() process.inbox():receive() return 1 end"
    async with bench({"main": main, "child": child}) as b:
        target = await b.spawn("child")
        b.node.names.register("given", target.pid)
        seen: list[Exit] = []

        async def watch() -> None:
            seen.append(await wait_end(target))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            with trio.fail_after(10):
                ended = await b.run("main", str(target.pid))
        assert ended.unwrap() == [True, True]
        assert [one.value for one in seen] == [1]
        await b.settle()
        assert b.node.names.lookup("given") == target.pid  # core N-13


async def test_a_process_that_python_ends_in_the_same_step_is_told_of_once() -> None:
    """The kernel decides; what the VM does with the process afterwards is not told."""
    main = """
    local test = require("test")
    return function()
      local pid = process.spawn_monitored("app:child", "app:processes")
      local events = process.events()
      test.finish(pid)
      local first = events:receive()
      time.sleep("1ms")
      local r = channel.select({ events:case_receive(), default = true })
      return { first.from == pid, r.default }
    end
    """
    async with bench({"main": main, "child": "return function() return 1 end"}) as b:

        async def run() -> Any:
            return (await b.run("main")).unwrap()

        with trio.fail_after(10):
            assert await run() == [True, True]

"""Nothing is kept of processes, calls and handles that are over."""

from __future__ import annotations

import gc

import pytest
import trio.testing

from tests.lua.engine_fixture import bench
from wippy_trio.kernel import Process

SPAWNER = """
return function(n)
  local events = process.events()
  for i = 1, n do
    process.spawn_linked_monitored("app:child", "app:processes", i)
    assert(events:receive().result.value.n == i)
  end
end
"""
CALLER = """
return function(n)
  for i = 1, n do
    assert(funcs.call("app:child", i).n == i)
    funcs.async("app:child", i):channel():receive()
  end
end
"""
SLEEPERS = """
return function(n)
  for i = 1, n do
    local pid = process.spawn("app:sleeper", "app:processes")
    process.terminate(pid)
    channel.select({ time.after("1000h"):case_receive(), default = true })
  end
end
"""
CHILD = "return function(i) return { n = i } end"
SLEEPER = "return function() coroutine.spawn(function() time.sleep('1h') end) end"


@pytest.mark.parametrize("program", ["spawner", "caller", "sleepers", "python"])
async def test_what_is_over_leaves_nothing(program: str) -> None:
    """Counts are back where they were, Lua bytes reach a plateau within 1 %."""
    programs = {"spawner": SPAWNER, "caller": CALLER, "sleepers": SLEEPERS}
    async with bench({**programs, "child": CHILD, "sleeper": SLEEPER}) as b:

        async def run(n: int) -> None:
            if program == "python":
                for i in range(n):
                    await b.engine.call("app:child", [i])
            else:
                await b.value(program, n)

        async def count() -> tuple[int, int, int, int, int, int, int]:
            await trio.testing.wait_all_tasks_blocked()
            b.engine.vm.collect()
            gc.collect()
            held = b.engine.vm.statistics()
            alive = sum(isinstance(o, Process) for o in gc.get_objects())
            return (
                held.processes,
                held.tasks,
                held.environments,
                held.timers,
                alive,
                len(b.engine.modules.objects) + len(b.node.topology),
                held.bytes,
            )

        await run(2000)
        seen = [await count()]
        while len(seen) < 8:
            await run(2000)
            seen.append(await count())
            assert seen[-1][:6] == seen[0][:6]
            if seen[-1][6] <= seen[-2][6] * 1.01:
                return  # the heap of due times has its full size: a plateau
        pytest.fail(f"Lua bytes grow without end: {[row[6] for row in seen]}")

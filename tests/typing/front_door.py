"""What a type checker knows about the front door: the arguments of a spawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

from wippy_trio.kernel import Exit, Pid, PythonContext

if TYPE_CHECKING:
    import wippy_trio


async def worker(me: PythonContext, name: str, count: int) -> None:
    assert_type(me.pid, Pid)


async def spawns(runtime: wippy_trio.OpenRuntime) -> None:
    pid = await runtime.spawn(worker, "name", 1, monitor=True, name="registered")
    assert_type(pid, Pid)
    assert_type(await runtime.spawn("app:p", host="app:h", args=[1, "two"]), Pid)
    assert_type(await runtime.wait(pid), Exit)
    assert_type(await runtime.stop(pid, grace=1.0), Exit)
    assert_type(await runtime.call("app:f", 1), Any)
    assert_type(runtime.exit_code, int | None)
    runtime.send(pid, "topic", 1, None)
    runtime.send("a name", "topic")

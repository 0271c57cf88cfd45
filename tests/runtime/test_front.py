"""The Python front door (design 5)."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
import trio.testing

import wippy_trio
from wippy_trio.errors import InternalError, InvalidError, NotFoundError
from wippy_trio.kernel import Channel, LinkDown, Pid, PythonContext
from wippy_trio.runtime.front import (
    OpenRuntime,
    RuntimeExitedError,
    RuntimeFailedError,
)

if TYPE_CHECKING:
    from pathlib import Path

INDEX = """
version: "1.0"
namespace: app
entries:
  - name: processes
    kind: process.host
    lifecycle: {auto_start: true}
  - {name: double, kind: function.lua, source: file://main.lua, method: double}
  - {name: refuse, kind: function.lua, source: file://main.lua, method: refuse}
  - {name: echo, kind: process.lua, source: file://main.lua, method: echo}
  - {name: fail, kind: process.lua, source: file://main.lua, method: fail}
  - {name: own, kind: process.lua, source: file://main.lua, method: own}
  - {name: kill, kind: process.lua, source: file://main.lua, method: kill}
  - name: leave
    kind: process.lua
    source: file://leave.lua
    modules: [system, time]
"""
SOURCE = """
local function double(n) return n * 2 end
local function refuse()
  return nil, errors.new({ kind = errors.INVALID, message = "not so" })
end
local function echo(to)
  local message = process.inbox():receive()
  process.send(to, "echo", message:payload():data())
  return "echoed"
end
local function fail() error("broken") end
local function own() return process.pid() end
local function kill(pid) return process.terminate(pid) end
return { double = double, refuse = refuse, echo = echo, fail = fail, own = own,
  kill = kill }
"""
LEAVE = """
return { main = function(code)
  time.sleep("1ms")
  system.exit(code)
  process.events():receive()
end }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An application of two functions and two processes."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/_index.yaml").write_text(INDEX)
    (tmp_path / "src/main.lua").write_text(SOURCE)
    (tmp_path / "src/leave.lua").write_text(LEAVE)
    return tmp_path


async def test_call_gives_the_value_or_raises_by_kind(folder: Path) -> None:
    """A Lua error is the exception of its kind (design 5)."""
    async with wippy_trio.open_runtime(folder) as runtime:
        assert await runtime.call("app:double", 21) == 42
        with pytest.raises(InvalidError, match="not so"):
            await runtime.call("app:refuse")
        with pytest.raises(NotFoundError):
            await runtime.call("app:absent")


async def test_block_talks_to_a_lua_process(folder: Path) -> None:
    """The block is a process: it has a pid, an inbox and sends (core M-1)."""
    async with wippy_trio.open_runtime(folder) as runtime:
        echo = await runtime.spawn(
            "app:echo", host="app:processes", args=[str(runtime.pid)], monitor=True
        )
        assert isinstance(echo, Pid)
        runtime.send(echo, "any", {"n": 1})
        message, _ = await runtime.inbox.receive()
        assert message is not None
        assert (message.topic, message.sender) == ("echo", echo)
        assert message.open() == ({"n": 1},)
        assert (await runtime.wait(echo)).unwrap() == "echoed"


async def test_block_and_a_lua_process_share_a_channel(folder: Path) -> None:
    """The channel closes with the block that passed it on."""
    work = """
    local function fail(work)
      while true do
        local job, ok = work.jobs:receive()
        if not ok then return "no more" end
        work.done:send(job.n + 1)
      end
    end
    return { fail = fail }
    """
    index = (folder / "src/_index.yaml").read_text()
    index = index.replace("file://main.lua, method: fail", "file://f.lua, method: fail")
    (folder / "src/_index.yaml").write_text(index)
    (folder / "src/f.lua").write_text(work)
    jobs, done = Channel[Any](0), Channel[Any](1)
    async with wippy_trio.open_runtime(folder) as runtime:
        args = [{"jobs": jobs, "done": done}]
        await runtime.spawn("app:fail", host="app:processes", args=args)
        for n in range(3):
            await jobs.send({"n": n})
            assert await done.receive() == (n + 1, True)
    assert jobs.closed
    assert done.closed


async def test_coroutine_function_is_a_process(folder: Path) -> None:
    """It takes its context, then its arguments; its result is its exit's value."""

    async def add(me: PythonContext, a: int, b: int) -> tuple[Pid, int]:
        await trio.lowlevel.checkpoint()
        return me.pid, a + b

    async with wippy_trio.open_runtime(folder) as runtime:
        pid = await runtime.spawn(add, 2, 3, monitor=True)
        assert (await runtime.wait(pid)).unwrap() == (pid, 5)


async def test_wait_never_raises_for_a_failure(folder: Path) -> None:
    """The exit carries the error; `unwrap` raises it (design 5)."""
    async with wippy_trio.open_runtime(folder) as runtime:
        pid = await runtime.spawn("app:fail", host="app:processes", monitor=True)
        ended = await runtime.wait(pid)
        assert ended.reason == "failed"
        with pytest.raises(InternalError, match="broken"):
            ended.unwrap()


async def test_kept_exit_is_given_once(folder: Path) -> None:
    """After it has been waited for the process is gone (design 5)."""

    async def nothing(me: PythonContext) -> None:
        del me

    async with wippy_trio.open_runtime(folder) as runtime:
        pid = await runtime.spawn(nothing, monitor=True)
        assert (await runtime.wait(pid)).ok
        with pytest.raises(NotFoundError):
            await runtime.wait(pid)


async def test_monitor_tells_of_an_end_on_events(folder: Path) -> None:
    """The block's own event channel has the exit (core L-1)."""

    async def listen(me: PythonContext) -> str:
        await me.inbox.receive()
        return "heard"

    async with wippy_trio.open_runtime(folder) as runtime:
        pid = await runtime.spawn(listen)
        runtime.monitor(pid)
        runtime.send(pid, "go")
        event, _ = await runtime.events.receive()
        assert event is not None
        assert (event.exit.pid, event.exit.value) == (pid, "heard")


async def test_stop_asks_and_then_ends(folder: Path) -> None:
    """A process that does not listen is ended; one that is gone is not found."""

    async def deaf(me: PythonContext) -> None:
        del me
        await trio.sleep_forever()

    async with wippy_trio.open_runtime(folder) as runtime:
        pid = await runtime.spawn(deaf)
        ended = await runtime.stop(pid, grace=0.0)
        assert not ended.ok
        with pytest.raises(NotFoundError):
            await runtime.stop(pid)


async def test_exception_of_the_block_leaves_alone(folder: Path) -> None:
    """No group around it, the very same object (design 5)."""
    mine = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        async with wippy_trio.open_runtime(folder):
            raise mine
    assert caught.value is mine


async def test_group_of_the_block_leaves_as_it_is(folder: Path) -> None:
    """A group that the block raises is its own affair (design 5)."""
    mine = ExceptionGroup("mine", [ValueError("a"), KeyError("b")])
    with pytest.raises(ExceptionGroup) as caught:
        async with wippy_trio.open_runtime(folder):
            raise mine
    assert caught.value is mine


async def test_cancelled_block_stops_the_runtime(folder: Path) -> None:
    """A cancellation from outside is no failure of the runtime."""
    with trio.CancelScope() as scope:
        async with wippy_trio.open_runtime(folder):
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def fail_inside(
    folder: Path, theirs: Exception, mine: Exception | None = None
) -> None:
    """Let a task of the runtime fail while the block waits; maybe the block too."""

    async def fault() -> None:
        await trio.lowlevel.checkpoint()
        raise theirs

    async with wippy_trio.open_runtime(folder) as runtime:
        nursery: Any = runtime._runtime.nursery
        nursery.start_soon(fault)
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            if mine is not None:
                raise mine from None
            raise


@pytest.mark.parametrize("error", [OSError("disk"), InvalidError("wrong")])
async def test_failed_runtime_cancels_the_block(folder: Path, error: Exception) -> None:
    """`RuntimeFailedError` leaves with its cause, whatever that is (design 5)."""
    with pytest.raises(RuntimeFailedError) as caught:
        await fail_inside(folder, error)
    assert caught.value.__cause__ is error


async def test_of_two_failures_that_of_the_block_leaves(folder: Path) -> None:
    """The other is its context (design 5)."""
    theirs, mine = OSError("disk"), ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        await fail_inside(folder, theirs, mine)
    assert caught.value is mine
    assert mine.__context__ is theirs


async def test_application_that_cannot_be_loaded(folder: Path) -> None:
    """The error is the loader's own."""
    with pytest.raises(InvalidError, match="--set"):
        async with wippy_trio.open_runtime(folder, sets=["x=1"]):
            raise AssertionError


async def test_a_pid_is_a_frozen_value_with_the_text_lua_sees(folder: Path) -> None:
    """`str(pid)` is what `process.pid()` gives (design 5)."""
    async with wippy_trio.open_runtime(folder) as runtime:
        pid = await runtime.spawn("app:own", host="app:processes", monitor=True)
        assert (await runtime.wait(pid)).value == str(pid)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            pid.number = 1  # type: ignore[misc]
        assert hash(pid) == hash(Pid.parse(str(pid)))
        assert pid == Pid.parse(str(pid))


async def test_an_unkept_exit_is_not_found(folder: Path) -> None:
    """`wait` on a pid that is gone, spawned without `monitor=True` (design 5)."""
    async with wippy_trio.open_runtime(folder) as runtime:
        pid = await runtime.spawn("app:own", host="app:processes")
        while runtime._runtime.node.find(pid) is not None:
            await trio.lowlevel.checkpoint()
        with pytest.raises(NotFoundError, match="is gone"):
            await runtime.wait(pid)


def test_the_colour_of_each_method_says_whether_it_waits() -> None:
    """`send`, `link`, `monitor` are plain, the others async (design 5)."""
    for name in ("send", "link", "monitor"):
        assert not inspect.iscoroutinefunction(getattr(OpenRuntime, name))
    for name in ("spawn", "call", "wait", "stop"):
        assert inspect.iscoroutinefunction(getattr(OpenRuntime, name))


async def test_a_link_ties_the_block_to_a_process(folder: Path) -> None:
    """Trapped, a broken link comes as an event (core L-15)."""
    async with wippy_trio.open_runtime(folder) as runtime:
        runtime.trap_links = True
        pid = await runtime.spawn(listen)
        runtime.link(pid)
        runtime.send(pid, "go")
        event, ok = await runtime.events.receive()
        assert ok
        assert isinstance(event, LinkDown)
        assert event.exit.pid == pid
        assert "told to" in str(event.exit.error)


async def test_an_untrapped_link_ends_the_block(folder: Path) -> None:
    """What the block does is cancelled; the link's error leaves (core L-16, L-17)."""
    after: list[str] = []

    async def block() -> None:
        async with wippy_trio.open_runtime(folder) as runtime:
            pid = await runtime.spawn(listen)
            runtime.link(pid)
            runtime.send(pid, "go")
            await trio.sleep_forever()
            after.append("in the block")

    with pytest.raises(InternalError, match="linked process failed"):
        await block()
    assert after == []


async def test_a_terminated_block_raises(folder: Path) -> None:
    """Lua code may end it like any other process (core P-40)."""

    async def block() -> None:
        async with wippy_trio.open_runtime(folder) as runtime:
            await runtime.spawn(
                "app:kill", host="app:processes", args=[str(runtime.pid)]
            )
            await trio.sleep_forever()

    with pytest.raises(InternalError, match="process terminated"):
        await block()


async def listen(me: PythonContext) -> None:
    """Fail once a message came."""
    await me.inbox.receive()
    raise InternalError("told to")


async def test_nothing_outlives_the_block(
    folder: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """Leaving it ends every process of every host (design 1)."""
    ended: list[str] = []

    async def worker(me: PythonContext, name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(name)

    async with wippy_trio.open_runtime(folder) as runtime:
        for name in ("a", "b"):
            await runtime.spawn(worker, name)
        await runtime.spawn("app:echo", host="app:processes")
        await trio.testing.wait_all_tasks_blocked()
    assert sorted(ended) == ["a", "b"]


async def test_exit_code_0_leaves_the_block(
    folder: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """`system.exit(0)` cancels what the block does; the program goes on."""
    runtime = await leave_with(folder, 0)
    assert runtime.exit_code == 0


async def test_another_exit_code_is_raised(
    folder: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """`system.exit(3)` must not be overlooked."""
    with pytest.raises(RuntimeExitedError) as caught:
        await leave_with(folder, 3)
    assert caught.value.code == 3


async def leave_with(
    folder: Path, code: int, mine: Exception | None = None
) -> OpenRuntime:
    """Wait in the block until the application exits; maybe raise then."""
    async with wippy_trio.open_runtime(folder) as runtime:
        assert runtime.exit_code is None
        await runtime.spawn("app:leave", host="app:processes", args=[code])
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            if mine is not None:
                raise mine from None
            raise
    return runtime


async def test_an_exit_does_not_hide_what_the_block_raises(
    folder: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """The block's own exception leaves (design 5)."""
    mine = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        await leave_with(folder, 3, mine)
    assert caught.value is mine

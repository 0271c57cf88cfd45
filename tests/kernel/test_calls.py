"""The calls of a process whose body runs elsewhere: who does them, how they end."""

from __future__ import annotations

import gc
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import trio
from trio.testing import wait_all_tasks_blocked

from tests.kernel.test_lives import open_host
from wippy_trio.kernel.exit import Exit

if TYPE_CHECKING:
    from wippy_trio.kernel.events import Event
    from wippy_trio.kernel.host import Host
    from wippy_trio.kernel.process import Process

seen: ContextVar[str] = ContextVar("seen", default="nothing")


class Elsewhere:
    """The body of an engine: its life task has nothing to run."""

    run = None

    def admit(self, process: Process) -> None:
        """Take it in."""

    def drop(self, process: Process) -> None:
        """Forget it."""

    def deliver(self, process: Process, event: Event) -> None:
        """Take an event."""


def born(host: Host, **options: Any) -> Process:
    return host.node.admit(Elsewhere(), host, **options)


async def name_of_task(wait: trio.Event | None = None) -> int:
    task = trio.lowlevel.current_task()
    if wait is None:
        await trio.lowlevel.checkpoint()
    else:
        await wait.wait()
    return id(task)


async def test_one_call_after_the_other_needs_one_task() -> None:
    tasks: list[int] = []
    async with open_host() as host:
        for lazy in (False, True):
            process = born(host, lazy=lazy)
            for _ in range(3):
                process.call_soon(name_of_task, tasks.append)
                await wait_all_tasks_blocked()
            assert process.nursery is not None
            assert not process.nursery.child_tasks
            process.end(Exit.normal(process.pid))
            await wait_all_tasks_blocked()
    assert len(tasks) == 6
    assert len(set(tasks)) == 1, "the next life went on in the task of the last one"


async def test_calls_at_once_all_run() -> None:
    tasks: list[int] = []
    go = trio.Event()
    async with open_host() as host:
        for lazy in (False, True):
            process = born(host, lazy=lazy)
            for _ in range(3):
                process.call_soon(name_of_task, tasks.append, go)
            await wait_all_tasks_blocked()
            for _ in range(3):
                process.call_soon(name_of_task, tasks.append, go)
    # They were cancelled with their host; none of them was done.
    assert tasks == []
    async with open_host() as host:
        process = born(host)
        for _ in range(6):
            process.call_soon(name_of_task, tasks.append, go)
        await wait_all_tasks_blocked()
        go.set()
        await wait_all_tasks_blocked()
    assert len(set(tasks)) == 6


async def test_the_end_cancels_a_call_and_nothing_is_told() -> None:
    told: list[Any] = []
    left: list[str] = []

    async def call() -> None:
        try:
            await trio.sleep_forever()
        finally:
            left.append("left")

    async with open_host() as host:
        for others in (0, 1):
            process = born(host)
            for _ in range(1 + others):
                process.call_soon(call, told.append)
            await wait_all_tasks_blocked()
            process.end(Exit.terminated(process.pid))
            process.call_soon(call, told.append)
            await wait_all_tasks_blocked()
            assert left == ["left"] * (1 + others)
            assert process.nursery is None
            left.clear()
    assert told == []


async def test_an_answer_may_lead_to_the_next_call_or_to_the_end() -> None:
    """What follows at once waits for no other task, and lets the others run."""
    turns: list[int] = []
    others = 0

    async def call(turn: int) -> int:
        return turn  # it has not waited for anything

    async with open_host() as host, trio.open_nursery() as nursery:
        process = born(host, lazy=True)

        def done(turn: int) -> None:
            turns.append(turn)
            if turn == 5:
                process.end(Exit.normal(process.pid, turn))
            else:
                process.call_soon(call, done, turn + 1)

        @nursery.start_soon
        async def other() -> None:
            nonlocal others
            while process.alive:
                others += 1
                await trio.lowlevel.checkpoint()

        process.call_soon(call, done, 0)
        await wait_all_tasks_blocked()
        assert turns == [0, 1, 2, 3, 4, 5]
        assert others >= 5
        assert process.nursery is None


async def test_what_a_call_sets_does_not_outlast_it() -> None:
    heard: list[str] = []

    async def call() -> str:
        before = seen.get()
        seen.set("something")
        await trio.lowlevel.checkpoint()
        return before

    async with open_host() as host:
        process = born(host)
        process.call_soon(call, heard.append)
        await wait_all_tasks_blocked()

        def done(text: str) -> None:
            heard.append(text)
            if len(heard) < 4:
                process.call_soon(call, done)

        process.call_soon(call, done)
        await wait_all_tasks_blocked()
        process.end(Exit.normal(process.pid))
        await wait_all_tasks_blocked()
        born(host, lazy=True).call_soon(call, heard.append)
        await wait_all_tasks_blocked()
    assert heard[:2] == ["nothing", "nothing"]
    assert heard[-1] == "nothing"


async def test_a_call_that_raises_ends_its_process() -> None:
    async def call() -> None:
        raise RuntimeError("a fault of the caller of call_soon")

    async with open_host() as host:
        process = born(host)
        process.call_soon(call, print)
        await wait_all_tasks_blocked()
        assert process.exit is not None
        assert process.exit.reason == "failed"
        process = born(host)  # the task that lived it is as good as new
        process.call_soon(call, print)
        await wait_all_tasks_blocked()
        assert process.exit is not None


async def test_a_host_that_stops_keeps_no_task() -> None:
    async with open_host() as host:
        lives = [born(host) for _ in range(50)]
        await wait_all_tasks_blocked()
        for process in lives:
            process.end(Exit.normal(process.pid))
        await wait_all_tasks_blocked()
        again = born(host)
        await wait_all_tasks_blocked()
        assert again.nursery is not None
        again.end(Exit.normal(again.pid))
        await host.stop(grace=1)
        assert host.state == "stopped"


async def test_an_idle_life_task_keeps_nothing_of_the_last_life() -> None:
    async def call(_what: object) -> object:
        return _what

    class What:
        """Something that a call is given and returns."""

    async with open_host() as host:
        process = born(host)
        what = What()
        kept: list[weakref.ref[Any]] = [weakref.ref(process), weakref.ref(what)]
        process.call_soon(call, lambda _outcome: None, what)
        await wait_all_tasks_blocked()
        del what
        gc.collect()
        assert kept[1]() is None, "not while the process lives on either"
        process.end(Exit.normal(process.pid))
        del process
        await wait_all_tasks_blocked()
        gc.collect()
        assert kept[0]() is None

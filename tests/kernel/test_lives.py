"""Nodes, hosts and lives, seen through bodies that only write down what they hear."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs
from trio.testing import wait_all_tasks_blocked

from wippy_trio.errors import (
    AlreadyExistsError,
    CanceledError,
    InternalError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from wippy_trio.kernel.body import PythonBody, PythonContext
from wippy_trio.kernel.clock import Clock
from wippy_trio.kernel.events import Cancel, Event, ExitEvent, LinkDown, Message
from wippy_trio.kernel.exit import Exit, exit_of_exception
from wippy_trio.kernel.node import Node
from wippy_trio.kernel.pid import NOBODY, Pid
from wippy_trio.kernel.stop import wait_end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wippy_trio.kernel.host import Host
    from wippy_trio.kernel.process import Process


class Recorder:
    """A body of an engine that runs elsewhere: its life task sleeps."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.heard: list[Event] = []

    def admit(self, process: Process) -> None:
        self.log.append("admitted")

    async def run(self, process: Process) -> Any:
        self.log.append("nursed")
        try:
            await trio.sleep_forever()
        finally:
            self.log.append("left")

    def drop(self, process: Process) -> None:
        self.log.append("dropped")

    def deliver(self, process: Process, event: Event) -> None:
        self.heard.append(event)


@asynccontextmanager
async def open_host() -> AsyncIterator[Host]:
    host = Node(clock=Clock(epoch=1000)).host("app:h")
    async with trio.open_nursery() as nursery:
        await nursery.start(host.run)
        yield host
        nursery.cancel_scope.cancel()


def born(host: Host, **options: Any) -> tuple[Process, Recorder]:
    body = Recorder()
    return host.node.admit(body, host, **options), body


async def test_a_life_is_admitted_nursed_dropped_and_left() -> None:
    async with open_host() as host:
        process, body = born(host)
        assert body.log == ["admitted"]  # core S-7: before it can run
        await wait_all_tasks_blocked()
        assert process.end(Exit.normal(process.pid, 1))
        assert body.log == ["admitted", "nursed", "dropped"]
        await wait_all_tasks_blocked()
        assert body.log[-1] == "left"


async def test_who_dies_before_it_is_nursed_never_is() -> None:
    async with open_host() as host:
        process, body = born(host)
        process.end(Exit.terminated(process.pid))
        await wait_all_tasks_blocked()
        assert body.log == ["admitted", "dropped"]


async def test_only_the_first_end_counts() -> None:
    async with open_host() as host:
        process, body = born(host)
        first = Exit.normal(process.pid, 1)
        assert process.end(first)
        assert not process.end(Exit.terminated(process.pid))
        assert process.exit is first
        assert body.log.count("dropped") == 1


async def test_an_end_has_its_order() -> None:
    """Body, clean-ups from the last to the first, names, then the news."""
    trail: list[str] = []

    class Witness(Recorder):
        def deliver(self, process: Process, event: Event) -> None:
            free = process.host.node.names.lookup("it") is None
            trail.append(f"{type(event).__name__}, name free: {free}")

    async with open_host() as host:
        node = host.node
        watcher = node.admit(Witness(), host)
        process, body = born(host, name="it")
        node.monitor(watcher.pid, process.pid)
        node.link(watcher.pid, process.pid)
        process.on_end(lambda: trail.append(f"first, {body.log[-1]}"))
        process.on_end(lambda: trail.append("second"))
        process.on_end(lambda: trail.append("withdrawn"))()
        node.terminate(process.pid)
        assert trail == [
            "second",
            "first, dropped",
            "ExitEvent, name free: True",  # core P-70
            "LinkDown, name free: True",  # core L-20
        ]


async def test_news_of_an_end_say_who_and_when() -> None:
    async with open_host() as host:
        node = host.node
        watcher, body = born(host)
        failed, _ = born(host, monitor=watcher.pid.number, link=watcher.pid.number)
        normal, _ = born(host, monitor=watcher.pid.number, link=watcher.pid.number)
        failed.end(Exit.failed(failed.pid, InvalidError("bad")))
        normal.end(Exit.normal(normal.pid, 7))
        exits = [failed.exit, failed.exit, normal.exit]
        kinds = [ExitEvent, LinkDown, ExitEvent]  # core L-13, L-14, L-21
        assert [type(event) for event in body.heard] == kinds
        assert [getattr(event, "exit", None) for event in body.heard] == exits
        assert {getattr(event, "at", None) for event in body.heard} == {1000}
        node.cancel(watcher.pid, "why", sender=failed.pid)
        assert body.heard[-1] == Cancel(failed.pid, "why", 1000)  # core P-53


async def test_a_life_is_cancelled_from_outside_as_a_shutdown() -> None:
    host = Node().host("app:h")
    async with trio.open_nursery() as nursery:
        await nursery.start(host.run)
        process, _ = born(host)
        unnursed, _ = born(host, lazy=True)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    for one in (process, unnursed):
        assert one.exit is not None
        assert one.exit.reason == "shutdown"
        assert isinstance(one.exit.error, CanceledError)  # core P-62
    assert host.state == "stopped"


async def test_a_lazy_life_is_nursed_at_its_first_task() -> None:
    ran: list[int] = []

    async def task(number: int) -> None:
        ran.append(number)
        await trio.sleep_forever()

    async with open_host() as host:
        process, body = born(host, lazy=True)
        await wait_all_tasks_blocked()
        assert body.log == ["admitted"]
        process.start_soon(task, 1)
        process.start_soon(task, 2)
        await wait_all_tasks_blocked()
        process.start_soon(task, 3)
        await wait_all_tasks_blocked()
        assert sorted(ran) == [1, 2, 3]
        process.end(Exit.normal(process.pid))
        process.start_soon(task, 4)
        await wait_all_tasks_blocked()
        assert sorted(ran) == [1, 2, 3]


async def test_tasks_started_at_birth_wait_for_the_nursery() -> None:
    ran: list[str] = []

    async def task() -> None:
        ran.append("ran")

    async with open_host() as host:
        process, _ = born(host)
        process.start_soon(task)
        assert ran == []
        await wait_all_tasks_blocked()
        assert ran == ["ran"]


async def test_an_unborn_process_leaves_nothing_behind() -> None:
    async with open_host() as host:
        node = host.node
        parent, body = born(host)
        child, its = born(
            host, name="n", link=parent.pid.number, monitor=parent.pid.number
        )
        node.unborn(child)
        assert its.log == ["admitted", "dropped"]
        assert body.heard == []  # core P-6
        assert node.names.lookup("n") is None
        assert len(node.topology) == 0
        assert node.find(child.pid) is None


async def test_a_taken_name_prevents_the_birth() -> None:
    async with open_host() as host:
        born(host, name="n")
        with pytest.raises(AlreadyExistsError):
            born(host, name="n")
        assert len(host.processes) == 1


async def test_numbers_are_shared_by_all_hosts_and_never_come_back() -> None:
    async with open_host() as host, trio.open_nursery() as nursery:
        other = host.node.host("app:other")
        await nursery.start(other.run)
        pids = [born(place)[0].pid for place in (host, other, host)]
        assert [pid.number for pid in pids] == [1, 2, 3]  # core PID-3
        host.node.terminate(pids[2])
        assert born(host, place="app:fn")[0].pid == Pid("app:fn", 4)  # core P-73, F-20
        nursery.cancel_scope.cancel()


async def test_observers_see_births_and_ends() -> None:
    seen: list[tuple[str, int]] = []
    async with open_host() as host:
        host.node.observers.append(
            lambda what, one: seen.append((what, one.pid.number))
        )
        process, _ = born(host)
        process.end(Exit.normal(process.pid))
    assert seen == [("born", 1), ("ended", 1)]


async def test_messages_are_delivered_or_refused() -> None:
    async with open_host() as host:
        node = host.node
        process, body = born(host, name="it")
        for destination in (process.pid, str(process.pid), "it"):
            node.send(destination, "t", (1,), sender=NOBODY)
        assert body.heard == [Message("t", NOBODY, (1,))] * 3  # core N-1
        with pytest.raises(NotFoundError, match="host not found"):  # core M-4
            node.send(Pid("app:elsewhere", process.pid.number), "t", (), sender=None)
        with pytest.raises(NotFoundError, match="process not found"):  # core P-72
            node.send(Pid(host.id, 99), "t", (), sender=None)
        with pytest.raises(NotFoundError, match=r"could not resolve '\{odd'"):
            node.send("{odd", "t", (), sender=None)  # core N-3
        with pytest.raises(InternalError, match="host not found"):
            node.terminate(Pid("no:host", 9))  # core P-46


# Hosts.


async def test_a_host_that_does_not_run_takes_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    host = Node().host("app:h")
    with pytest.raises(UnavailableError, match="host is not running"):
        born(host)  # core P-63
    async with trio.open_nursery() as nursery:
        await nursery.start(host.run)
        born(host)
        nursery.start_soon(host.stop, 5.0)
        await wait_all_tasks_blocked()
        with pytest.raises(UnavailableError, match="host is shutting down"):
            born(host)
    with pytest.raises(UnavailableError, match="host is not running"):
        born(host)


async def test_stopping_a_host_asks_waits_and_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Polite(Recorder):
        def deliver(self, process: Process, event: Event) -> None:
            super().deliver(process, event)
            process.start_soon(self.finish, process)

        async def finish(self, process: Process) -> None:
            await trio.sleep(2)
            process.end(Exit.normal(process.pid, "done"))

    node = Node(clock=Clock(epoch=1000))
    host = node.host("app:h")
    async with trio.open_nursery() as nursery:
        await nursery.start(host.run)
        polite = node.admit(Polite(), host)
        await host.stop(10)
        assert trio.current_time() == 2
    assert polite.exit is not None
    assert polite.exit.value == "done"

    host = node.host("app:deaf")
    async with trio.open_nursery() as nursery:
        await nursery.start(host.run)
        deaf, body = born(host)
        await host.stop()
        assert trio.current_time() == 12  # core P-61
    assert body.heard == [Cancel(NOBODY, "scheduler shutdown", 1002)]  # core P-60
    assert deaf.exit is not None
    assert str(deaf.exit.error) == "context canceled"  # core P-62
    await host.stop()  # a second time changes nothing


async def test_a_stop_that_is_cancelled_ends_with_the_host() -> None:
    host = Node().host("app:h")
    async with trio.open_nursery() as nursery:
        await nursery.start(host.run)
        process, _ = born(host)
        nursery.start_soon(host.stop)
        await wait_all_tasks_blocked()
        assert process.alive
        nursery.cancel_scope.cancel()
    assert not process.alive
    assert host.state == "stopped"


async def test_a_host_that_never_ran_stops_at_once() -> None:
    host = Node().host("app:h")
    await host.stop()
    assert host.state == "stopped"


async def test_many_births_are_nursed_in_turns() -> None:
    """Twelve hundred at once: all live, and all end with the host."""
    async with open_host() as host:
        bodies = [born(host)[1] for _ in range(1200)]
        await wait_all_tasks_blocked()
        assert all(body.log == ["admitted", "nursed"] for body in bodies)
    assert all(body.log[-1] in ("left", "dropped") for body in bodies)


# Exits.


async def test_whatever_is_raised_becomes_one_exit() -> None:
    pid = Pid("h", 1)
    ours = InvalidError("ours")
    end = exit_of_exception(pid, ours)
    assert (end.reason, end.error, end.ok) == ("failed", ours, False)
    nested = ExceptionGroup("", [ExceptionGroup("", [ours]), ValueError("late")])
    assert exit_of_exception(pid, nested).error is ours
    with capture_logs() as logs:
        end = exit_of_exception(pid, ValueError("theirs"))
    assert isinstance(end.error, InternalError)
    assert str(end.error) == "ValueError: theirs"
    assert [(one["event"], one["pid"]) for one in logs] == [
        ("process.raised", str(pid))
    ]
    assert Exit.normal(pid, 3).unwrap() == 3
    with pytest.raises(InvalidError, match="ours"):
        Exit.failed(pid, ours).unwrap()


async def test_a_cancellation_alone_is_a_shutdown() -> None:
    caught: list[BaseException] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as cancelled:
            caught.append(cancelled)
            raise
    group = BaseExceptionGroup("", caught)
    assert exit_of_exception(Pid("h", 1), group).reason == "shutdown"


async def test_a_body_that_raises_fails_its_process() -> None:
    class Broken(Recorder):
        async def run(self, process: Process) -> Any:
            raise InvalidError("broken")

    async with open_host() as host:
        process = host.node.admit(Broken(), host)
        end = await wait_end(process)
        assert (end.reason, str(end.error)) == ("failed", "broken")


async def test_the_clock_is_trios_with_an_epoch(
    autojump_clock: trio.testing.MockClock,
) -> None:
    clock = Clock(epoch=1000.5)
    assert clock.unix() == 1000.5
    await trio.sleep(2)
    assert clock.now() == trio.current_time() == 2
    assert (clock.unix(), clock.unix_seconds()) == (1002.5, 1002)
    real = Clock()
    before = real.unix()
    await trio.sleep(60)
    assert real.unix() - before == pytest.approx(60)


async def test_an_error_in_a_clean_up_does_not_leave_with_a_cancellation() -> None:
    """A cancelled process whose clean-up raises takes nothing else down with it."""

    async def clumsy(me: PythonContext) -> None:
        async def cleans_up() -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise RuntimeError("clean-up")

        me.start_soon(cleans_up)
        await trio.sleep_forever()

    host = Node().host("main")
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await nursery.start(host.run)
            host.node.admit(PythonBody(clumsy), host)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught
    assert host.node.processes == {}

"""Python coroutine functions as processes: one life, its mailbox, its neighbours."""

from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from wippy_trio.errors import (
    AlreadyExistsError,
    ConflictError,
    InternalError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from wippy_trio.kernel.body import PythonBody, PythonContext, run_process
from wippy_trio.kernel.channel import Channel
from wippy_trio.kernel.context import Context
from wippy_trio.kernel.events import Cancel, ExitEvent, LinkDown, Message
from wippy_trio.kernel.node import Node
from wippy_trio.kernel.selection import case_wait
from wippy_trio.kernel.stop import stop_process, wait_end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from wippy_trio.kernel.host import Host
    from wippy_trio.kernel.process import Process


@asynccontextmanager
async def open_host() -> AsyncIterator[Host]:
    """Run a host until the block ends."""
    host = Node().host("app:processes")
    async with trio.open_nursery() as nursery:
        await nursery.start(host.run)
        yield host
        nursery.cancel_scope.cancel()
    assert host.processes == {}


async def ended(host: Host, fn: Callable[[PythonContext], Awaitable[Any]]) -> Any:
    """Run one process to its end and return its value, or raise its error."""
    return (await wait_end(host.node.admit(PythonBody(fn), host))).unwrap()


async def idle(me: PythonContext) -> None:
    """Live until told otherwise."""
    await me.events.receive()


# One life.


async def test_what_the_function_returns_is_the_result() -> None:
    async def main(me: PythonContext, a: int, *, b: int) -> list[int]:
        await trio.lowlevel.checkpoint()
        return [a, b]

    assert await run_process(main, 1, b=2) == [1, 2]


async def test_what_it_raises_is_its_failure() -> None:
    error = NotFoundError("no such row", retryable=True)

    async def main(me: PythonContext) -> None:
        raise error

    with pytest.raises(NotFoundError) as caught:
        await run_process(main)
    assert caught.value is error

    async def crash(me: PythonContext) -> None:
        raise ZeroDivisionError("by zero")

    with pytest.raises(InternalError, match="ZeroDivisionError: by zero") as wrapped:
        await run_process(crash)
    assert wrapped.value.retryable is None  # core P-31
    assert isinstance(wrapped.value.__cause__, ZeroDivisionError)


async def test_a_task_of_the_process_ends_with_it_and_fails_it() -> None:
    trail: list[str] = []

    async def forever() -> None:
        try:
            await trio.sleep_forever()
        finally:
            trail.append("gone")

    async def main(me: PythonContext) -> int:
        me.start_soon(forever)
        await wait_all_tasks_blocked()
        return 1

    async def crash() -> None:
        raise ConflictError("in a task")

    async def waits(me: PythonContext) -> None:
        me.start_soon(crash)
        await trio.sleep_forever()

    async with open_host() as host:
        assert await ended(host, main) == 1
        await wait_all_tasks_blocked()
        assert trail == ["gone"]  # core P-20
        with pytest.raises(ConflictError, match="in a task"):
            await ended(host, waits)  # core P-30


async def test_arguments_and_results_are_private_copies() -> None:
    box = [1]
    kept: list[list[int]] = []

    async def child(me: PythonContext, values: list[int]) -> list[int]:
        kept.append(values)
        await trio.lowlevel.checkpoint()
        return values

    async with open_host() as host:
        process = host.node.admit(PythonBody(child, box), host)
        box.append(2)  # core S-9: copied at the call
        end = await wait_end(process)
    assert kept == [[1]]
    assert end.value == [1]
    assert end.value is not kept[0]
    assert end.value is not end.value  # core EVT-7


async def test_what_a_child_inherits_is_its_context() -> None:
    async def grandchild(me: PythonContext) -> Any:
        return dict(me.context.values)

    async def child(me: PythonContext) -> Any:
        return (await me.wait(me.spawn(grandchild))).value

    async with open_host() as host:
        context = Context(actor="alice").with_values({"k": 1})
        process = host.node.admit(PythonBody(child), host, context=context)
        assert (await wait_end(process)).value == {"k": 1}  # core S-20


# Messages.


async def test_messages_arrive_as_copies_with_their_sender(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def echo(me: PythonContext) -> None:
        async for message in me.inbox:
            assert message.sender is not None
            me.send(message.sender, "echo", *message.open(), me.pid)

    async def main(me: PythonContext) -> None:
        child = me.spawn(echo)
        value = {"list": [1]}
        me.send(child, "any", value, None)
        value["list"].append(2)
        answer = await me.listen("echo").receive()
        assert answer == ([{"list": [1]}, None, child], True)  # core M-5, M-40

    await run_process(main)


async def test_a_process_may_send_to_itself_and_by_name() -> None:
    async def main(me: PythonContext) -> None:
        me.register("self")
        me.send("self", "a", 1)
        me.send(str(me.pid), "b", 2)  # core M-6, N-1
        got = [(await me.inbox.receive())[0] for _ in range(2)]
        assert got == [Message("a", me.pid, (1,)), Message("b", me.pid, (2,))]

    await run_process(main)


async def test_a_send_that_cannot_arrive_says_why() -> None:
    async def main(me: PythonContext) -> None:
        gone = me.spawn_monitored(idle)
        me.terminate(gone)
        with pytest.raises(NotFoundError, match="process not found"):
            me.send(gone, "x")  # core P-72
        with pytest.raises(NotFoundError, match="could not resolve 'nobody'"):
            me.send("nobody", "x")  # core N-3
        with pytest.raises(InvalidError, match="cannot send to @ topics"):
            me.send(me.pid, "@x")  # core M-3
        me.send(me.pid, "x", print, [print])  # core M-47
        message, _ = await me.inbox.receive()
        assert message is not None
        assert message.values == (None, [None])

    await run_process(main)


async def test_select_takes_from_mailbox_and_channels_alike() -> None:
    async def main(me: PythonContext) -> None:
        channel, jobs = Channel[int](1), me.listen("job")
        cases = [jobs.case_receive(), channel.case_receive(), me.inbox.case_receive()]
        me.send(me.pid, "other")
        assert (await me.select(cases)).channel is me.inbox
        channel.send_nowait(1)
        me.send(me.pid, "job", 7)
        assert (await me.select(cases)).value == 7  # core C-32
        assert (await me.select(cases)).channel is channel
        assert (await me.select(cases, default=True)).default
        me.unlisten(jobs)
        assert jobs.closed
        with pytest.raises(NotFoundError):
            me.unlisten(jobs)

    await run_process(main)


# Ends of others.


async def test_the_end_of_a_monitored_child_is_never_missed() -> None:
    async def seven(me: PythonContext) -> int:
        return 7

    async def main(me: PythonContext) -> None:
        child = me.spawn_monitored(seven)
        await wait_all_tasks_blocked()  # it is long gone
        event, _ = await me.events.receive()
        assert isinstance(event, ExitEvent)  # core 24.2, S-7, EVT-9
        assert (event.exit.pid, event.exit.value, event.exit.error) == (child, 7, None)

    await run_process(main)


async def test_a_broken_link_kills_a_sleeper() -> None:
    async def crash(me: PythonContext) -> None:
        raise RuntimeError("boom")

    async def main(me: PythonContext) -> None:
        me.spawn_linked(crash)
        await trio.sleep_forever()

    with pytest.raises(InternalError, match="linked process failed"):
        await run_process(main)  # core L-16, L-17, S-8


async def test_a_broken_link_is_news_to_who_traps() -> None:
    async def crash(me: PythonContext) -> None:
        raise InvalidError("bad")

    async def main(me: PythonContext) -> None:
        assert not me.trap_links
        me.trap_links = True
        child = me.spawn_body(PythonBody(crash), link=True, monitor=True)
        first, _ = await me.events.receive()
        second, _ = await me.events.receive()
        assert isinstance(first, ExitEvent)  # core L-20
        assert isinstance(second, LinkDown)  # core L-15
        assert first.exit == second.exit
        assert (second.exit.pid, str(second.exit.error)) == (child, "bad")  # core L-22

    await run_process(main)


async def test_switching_the_trap_off_over_unread_news_kills() -> None:
    async def main(me: PythonContext) -> None:
        me.trap_links = True
        child = me.spawn_linked(idle)
        me.terminate(child)
        me.trap_links = False  # core L-18
        await trio.sleep_forever()

    with pytest.raises(InternalError, match="linked process failed"):
        await run_process(main)


async def test_a_normal_end_breaks_no_link() -> None:
    async def main(me: PythonContext) -> str:
        child = me.spawn_linked(idle)
        me.cancel(child)
        await me.wait(child)
        await wait_all_tasks_blocked()
        return "alive"

    assert await run_process(main) == "alive"  # core L-13


async def test_a_failure_runs_along_a_chain_of_any_length() -> None:
    """Further than the interpreter's stack would carry it; a trap stops it."""
    async with open_host() as host:
        node = host.node
        chain = [node.admit(PythonBody(idle), host) for _ in range(3000)]
        for a, b in pairwise(chain):
            node.link(a.pid, b.pid)
        chain[10].trap_links = True
        node.terminate(chain[-1].pid)
        assert [one.alive for one in chain[:11]] == [True] * 11  # core L-19
        assert not any(one.alive for one in chain[11:])
        error = chain[11].exit
        assert error is not None
        assert error.reason == "linked"


async def test_links_and_monitors_can_be_made_and_unmade() -> None:
    async def main(me: PythonContext) -> None:
        linked, watched = me.spawn(idle), me.spawn(idle)
        me.register("watched", watched)
        me.link(linked)
        me.link(linked)  # core L-10
        me.unlink(linked)
        me.monitor("watched")
        with pytest.raises(InternalError, match="already monitoring pid"):
            me.monitor(watched)  # core L-2
        me.unmonitor(watched)
        me.unmonitor(watched)  # core L-4
        me.monitor(watched)  # core L-5
        me.terminate(linked)
        me.terminate("watched")
        event, _ = await me.events.receive()
        assert isinstance(event, ExitEvent)
        assert event.exit.pid == watched
        with pytest.raises(InternalError, match="pid not registered"):
            me.link(linked)  # core L-11
        with pytest.raises(InternalError, match="pid not registered"):
            me.monitor(linked)  # core L-3
        with pytest.raises(InternalError, match="process not found"):
            me.terminate(linked)  # core P-46
        with pytest.raises(InternalError, match="process not found"):
            me.cancel(linked)  # core P-56

    await run_process(main)


async def test_cancel_is_a_request() -> None:
    async def polite(me: PythonContext) -> str:
        event, _ = await me.events.receive()
        assert isinstance(event, Cancel)
        return event.reason

    async def main(me: PythonContext) -> None:
        child = me.spawn_monitored(polite)
        me.cancel(child, "enough")  # core P-50, P-54
        assert (await me.wait(child)).value == "enough"
        me.cancel(me.pid)  # core P-55
        await me.events.receive()
        event, _ = await me.events.receive()
        assert isinstance(event, Cancel)
        assert (event.sender, event.reason) == (me.pid, "")  # core P-52, P-53

    await run_process(main)


async def test_a_process_may_terminate_itself() -> None:
    async def main(me: PythonContext) -> None:
        me.terminate(me.pid)
        await trio.lowlevel.checkpoint()
        pytest.fail("it ran on over a checkpoint")

    with pytest.raises(InternalError, match="process terminated"):
        await run_process(main)  # core P-43, P-45


async def test_names_are_released_before_the_end_is_told() -> None:
    async def named(me: PythonContext) -> None:
        me.register("only-one")

    async def main(me: PythonContext) -> None:
        child = me.spawn_monitored(named)
        await me.events.receive()
        me.register("only-one")  # core P-70
        me.register("only-one", me.pid)  # core N-14: idempotent
        assert me.lookup("only-one") == me.pid
        with pytest.raises(AlreadyExistsError, match="name already registered"):
            me.register("only-one", child)
        with pytest.raises(AlreadyExistsError):
            me.spawn_body(PythonBody(idle), name="only-one")
        assert me.unregister("only-one")
        assert not me.unregister("only-one")  # core N-17
        with pytest.raises(NotFoundError, match="name not registered"):
            me.lookup("only-one")  # core N-16

    await run_process(main)


async def test_a_child_goes_to_the_host_that_is_named() -> None:
    async def main(me: PythonContext) -> None:
        child = me.spawn_body(PythonBody(idle), host="other", entry="app:idle")
        assert child.host == "other"  # core S-11
        with pytest.raises(NotFoundError, match="host not found"):
            me.spawn_body(PythonBody(idle), host="nowhere")  # core S-3
        with pytest.raises(UnavailableError, match="host is not running"):
            me.spawn_body(PythonBody(idle), host="asleep")  # core P-63

    async with open_host() as host, trio.open_nursery() as nursery:
        other = host.node.host("other")
        host.node.host("asleep")
        await nursery.start(other.run)
        await ended(host, main)
        place = await wait_end_of(host, other)
        assert place == "other"
        nursery.cancel_scope.cancel()


async def wait_end_of(host: Host, other: Host) -> str:
    """Start a process on a host given as an object, and tell where it was."""

    async def where(me: PythonContext) -> str:
        return me.pid.host

    async def main(me: PythonContext) -> Any:
        return (await me.wait(me.spawn_body(PythonBody(where), host=other))).value

    return str(await ended(host, main))


async def test_who_has_ended_leaves_nothing_in_the_tables() -> None:
    """Cleanup code that still runs cannot make what would never be taken back."""
    refused: list[str] = []

    async def main(me: PythonContext) -> None:
        other = me.spawn(idle)
        try:
            me.terminate(me.pid)
            await trio.sleep_forever()
        finally:
            for act in (
                lambda: me.spawn_linked(idle),
                lambda: me.monitor(other),
                lambda: me.link(other),
                lambda: me.register("ghost"),
            ):
                try:
                    act()
                except (ConflictError, InternalError) as error:
                    refused.append(type(error).__name__)

    async with open_host() as host:
        with pytest.raises(InternalError, match="terminated"):
            await ended(host, main)
        await wait_all_tasks_blocked()
        assert refused == ["ConflictError"] * 2 + ["InternalError", "ConflictError"]
        assert len(host.node.topology) == 0
        assert len(host.node.names) == 0


async def test_what_waits_is_dropped_with_the_process() -> None:
    async with open_host() as host:
        process = host.node.admit(PythonBody(idle), host)
        body = process.body
        assert isinstance(body, PythonBody)
        host.node.send(process.pid, "x", (1,), sender=None)
        host.node.terminate(process.pid)
        body.deliver(process, Message("x", None, (2,)))
        assert len(body._mailbox) == 0  # core P-71


# Waiting for ends, and cancelling that.


def admitted(host: Host) -> Process:
    return host.node.admit(PythonBody(idle), host)


async def test_wait_gives_the_exit_also_of_who_is_gone() -> None:
    async with open_host() as host:
        process = admitted(host)
        host.node.terminate(process.pid)
        assert (await wait_end(process)).reason == "terminated"

        async def main(me: PythonContext) -> None:
            with pytest.raises(NotFoundError, match="process not found"):
                await me.wait(process.pid)
            with pytest.raises(NotFoundError, match="process not found"):
                await me.stop(process.pid)

        await ended(host, main)


async def test_a_cancelled_wait_leaves_the_process_alone() -> None:
    async with open_host() as host:
        process = admitted(host)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_end, process)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert process.alive
        assert not process._cleanups


async def test_stop_asks_first(autojump_clock: trio.testing.MockClock) -> None:
    async def polite(me: PythonContext) -> str:
        event, _ = await me.events.receive()
        assert isinstance(event, Cancel)
        await trio.sleep(3)
        return event.reason

    async def main(me: PythonContext) -> None:
        end = await me.stop(me.spawn(polite), grace=5, reason="over")
        assert (end.value, trio.current_time()) == ("over", 3)

    await run_process(main)


async def test_stop_ends_who_does_not_listen(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def deaf(me: PythonContext) -> None:
        await trio.sleep_forever()

    async def main(me: PythonContext) -> None:
        end = await me.stop(me.spawn(deaf), grace=5)
        assert (end.reason, trio.current_time()) == ("terminated", 5)
        end = await me.stop(me.spawn(idle), grace=0)
        assert (end.reason, trio.current_time()) == ("terminated", 5)

    await run_process(main)


async def test_a_cancelled_stop_ends_the_process_now() -> None:
    async with open_host() as host:
        process = host.node.admit(PythonBody(trio_sleeper), host)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: stop_process(process, grace=100))
            await wait_all_tasks_blocked()
            assert process.alive
            nursery.cancel_scope.cancel()
        assert process.exit is not None
        assert process.exit.reason == "terminated"


async def trio_sleeper(me: PythonContext) -> None:
    """Live until ended."""
    await trio.sleep_forever()


async def test_cancelling_a_run_ends_all_its_processes() -> None:
    ends: list[str] = []

    async def child(me: PythonContext) -> None:
        me.on_end(lambda: ends.append("child"))
        await trio.sleep_forever()

    async def main(me: PythonContext) -> None:
        me.on_end(lambda: ends.append("main"))
        me.spawn(child)
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_process, main)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert sorted(ends) == ["child", "main"]


@pytest.mark.parametrize("operation", ["inbox", "events", "listen", "select", "wait"])
async def test_a_process_is_ended_in_the_middle_of_any_wait(operation: str) -> None:
    """One exit for the monitor, whatever the process was blocked in."""

    async def blocked(me: PythonContext) -> None:
        if operation == "inbox":
            await me.inbox.receive()
        elif operation == "events":
            await me.events.receive()
        elif operation == "listen":
            await me.listen("x").receive()
        elif operation == "select":
            await me.select([me.inbox.case_receive(), case_wait(trio.sleep_forever)])
        else:
            await me.wait(me.spawn(idle))
        pytest.fail("it ran on")

    async def main(me: PythonContext) -> None:
        child = me.spawn_monitored(blocked)
        await wait_all_tasks_blocked()
        me.terminate(child)
        event, _ = await me.events.receive()
        assert isinstance(event, ExitEvent)
        assert event.exit.reason == "terminated"
        await wait_all_tasks_blocked()
        assert (await me.select([me.events.case_receive()], default=True)).default

    await run_process(main)


async def test_a_context_names_its_process() -> None:
    async def main(me: PythonContext) -> None:
        assert repr(me) == f"<PythonContext of {me.pid}>"

    await run_process(main)

"""Select: core section 9.2, rule by rule, and cases that are async functions."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from wippy_trio.errors import InvalidError
from wippy_trio.kernel.channel import Channel, SendInterruptedError
from wippy_trio.kernel.selection import Selected, WaitCase, case_wait, select

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.kernel.channel import Case


def waiting(channel: Channel[Any]) -> int:
    """Count the live offers of a channel."""
    stats = channel.statistics()
    return stats.waiting_senders + stats.waiting_receivers


async def parked(nursery: trio.Nursery, cases: list[Case | WaitCase]) -> list[Selected]:
    """Start a select and return where its result will be."""
    result: list[Selected] = []

    async def run() -> None:
        result.append(await select(cases))

    nursery.start_soon(run)
    await wait_all_tasks_blocked()
    assert result == []
    return result


async def test_the_first_ready_case_of_the_table_is_done() -> None:
    x, y = Channel[str](1), Channel[str](1)
    x.send_nowait("x")
    y.send_nowait("y")
    for _ in range(10):
        chosen = await select([y.case_receive(), x.case_receive()])
        assert chosen == Selected(y, "y", index=0)  # core C-32, C-35, C-37
        y.send_nowait("y")
    assert x.statistics().buffered == 1  # core C-34: exactly one is done


async def test_a_random_order_follows_its_generator() -> None:
    async def draw(seed: int) -> list[int | None]:
        rng = random.Random(seed)
        indexes: list[int | None] = []
        for _ in range(20):
            channels = [Channel[int](1) for _ in range(3)]
            for channel in channels:
                channel.send_nowait(0)
            cases = [channel.case_receive() for channel in channels]
            indexes.append((await select(cases, order="random", rng=rng)).index)
        return indexes

    first = await draw(1)
    assert set(first) == {0, 1, 2}
    assert await draw(1) == first
    assert await draw(2) != first


async def test_a_send_case_gives_the_value_sent() -> None:
    channel = Channel[int](1)
    chosen = await select([channel.case_send(4)])
    assert chosen == Selected(channel, 4, index=0)  # core C-36
    assert channel.receive_nowait() == (4, True)


async def test_default_is_taken_when_nothing_is_ready() -> None:
    channel = Channel[int]()
    chosen = await select([channel.case_receive()], default=True)
    assert chosen == Selected(None, None, ok=True, default=True)  # core C-33
    assert chosen.index is None
    assert await select([], default=True) == chosen  # core C-43
    assert waiting(channel) == 0


async def test_a_closed_channel_is_always_ready_to_receive() -> None:
    channel = Channel[int]()
    channel.close()
    chosen = await select([channel.case_receive()], default=True)
    assert chosen == Selected(channel, None, ok=False, index=0)  # core C-39


async def test_a_send_on_a_closed_channel_is_never_ready() -> None:
    closed = Channel[int](1)
    closed.close()
    assert (await select([closed.case_send(1)], default=True)).default  # core C-40
    other = Channel[int]()
    async with trio.open_nursery() as nursery:
        result = await parked(nursery, [closed.case_send(1), other.case_receive()])
        other.send_nowait(2)
    assert result == [Selected(other, 2, index=1)]


async def test_a_parked_select_takes_its_place_in_each_queue() -> None:
    """Behind who came first, before who came later; the others are withdrawn."""
    a, b = Channel[int](), Channel[int]()
    got: list[object] = []

    async def receive() -> None:
        got.append((await b.receive())[0])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        result = await parked(nursery, [a.case_receive(), b.case_receive()])
        b.send_nowait(1)  # core C-8
        await wait_all_tasks_blocked()
        assert (got, result) == ([1], [])
        b.send_nowait(2)
        await wait_all_tasks_blocked()
        assert result == [Selected(b, 2, index=1)]
        assert waiting(a) == waiting(b) == 0  # core C-34


async def test_two_selects_meet() -> None:
    channel = Channel[int]()
    async with trio.open_nursery() as nursery:
        receiver = await parked(nursery, [channel.case_receive()])
        sender = await select([channel.case_send(3)])
    assert receiver == [Selected(channel, 3, index=0)]
    assert sender == Selected(channel, 3, index=0)


async def test_a_select_never_pairs_with_itself() -> None:
    channel = Channel[int]()
    async with trio.open_nursery() as nursery:
        cases: list[Case | WaitCase] = [channel.case_receive(), channel.case_send(1)]
        result = await parked(nursery, cases)
        assert channel.receive_nowait() == (1, True)  # core C-44
    assert result == [Selected(channel, 1, index=1)]


async def test_the_first_of_two_cases_on_one_channel_counts() -> None:
    channel = Channel[int]()
    async with trio.open_nursery() as nursery:
        result = await parked(nursery, [channel.case_receive()] * 2)
        channel.send_nowait(1)
    assert result == [Selected(channel, 1, index=0)]  # core C-44


async def test_close_ends_a_parked_receive_case() -> None:
    channel, other = Channel[int](), Channel[int]()
    async with trio.open_nursery() as nursery:
        result = await parked(nursery, [other.case_receive(), channel.case_receive()])
        channel.close()
    assert result == [Selected(channel, None, ok=False, index=1)]  # core C-23
    assert waiting(other) == 0


async def test_close_fails_a_parked_send_case() -> None:
    channel, other = Channel[int](), Channel[int]()

    async def run() -> None:
        with pytest.raises(SendInterruptedError):
            await select([channel.case_send(1), other.case_receive()])  # core C-41

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await wait_all_tasks_blocked()
        channel.close()
    assert waiting(other) == 0


async def test_a_case_may_be_used_again_and_keeps_its_value() -> None:
    channel = Channel[list[int]](1)
    value = [1]
    send, receive = channel.case_send(value), channel.case_receive()
    for _ in range(3):
        assert (await select([send])).value is value  # core C-45, C-46
        assert (await select([receive])).value is value


async def test_what_is_no_case_is_refused() -> None:
    """Python says so; Lua ignores it (core C-42)."""
    with pytest.raises(InvalidError, match="case 1: wanted a case, got int"):
        await select([Channel[int]().case_receive(), 5])  # type: ignore[list-item]


async def test_select_checkpoints_whatever_it_does() -> None:
    channel = Channel[int](1)
    with assert_checkpoints():
        await select([channel.case_send(1)])
    with assert_checkpoints():
        await select([channel.case_send(1)], default=True)
    with assert_checkpoints():
        await select([case_wait(trio.lowlevel.checkpoint)])


# Cancellation.


async def test_a_cancelled_select_leaves_no_trace() -> None:
    a, b = Channel[int](), Channel[int]()
    async with trio.open_nursery() as nursery:
        cases: list[Case | WaitCase] = [
            a.case_receive(),
            b.case_send(1),
            case_wait(trio.sleep_forever),
        ]
        result = await parked(nursery, cases)
        nursery.cancel_scope.cancel()
        with pytest.raises(trio.WouldBlock):
            a.send_nowait(1)  # in the same tick already
        with pytest.raises(trio.WouldBlock):
            b.receive_nowait()
    assert result == []
    assert waiting(a) == waiting(b) == 0


async def test_an_empty_select_waits_until_cancelled() -> None:
    with trio.move_on_after(0.0) as scope:
        await select([])  # core C-43
    assert scope.cancelled_caught


async def test_a_taken_claim_outweighs_a_cancellation_of_the_same_tick() -> None:
    """The value is returned, the cancellation comes at the next checkpoint."""
    channel = Channel[int]()
    trail: list[object] = []

    async def run() -> None:
        chosen = await select([channel.case_receive(), case_wait(trio.sleep_forever)])
        trail.append(chosen.value)
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            trail.append("cancelled")
            raise

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await wait_all_tasks_blocked()
        channel.send_nowait(1)
        nursery.cancel_scope.cancel()
    assert trail == [1, "cancelled"]


async def test_a_select_entered_cancelled_does_nothing() -> None:
    channel = Channel[int](1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await select([channel.case_send(1)], default=True)
    assert scope.cancelled_caught
    assert channel.statistics().buffered == 0


# Cases that are async functions.


async def test_a_wait_case_gives_what_its_function_returned() -> None:
    async def double(value: int) -> int:
        await trio.lowlevel.checkpoint()
        return 2 * value

    channel = Channel[int]()
    chosen = await select([channel.case_receive(), case_wait(double, 21)])
    assert chosen == Selected(None, 42, index=1)
    assert waiting(channel) == 0


async def test_a_deadline_is_a_case(autojump_clock: trio.testing.MockClock) -> None:
    channel = Channel[int]()
    chosen = await select([channel.case_receive(), case_wait(trio.sleep, 5)])
    assert (chosen.index, trio.current_time()) == (1, 5)


async def test_a_channel_cancels_the_wait_case_and_waits_for_its_cleanup() -> None:
    channel = Channel[int]()
    trail: list[str] = []

    async def wait() -> None:
        try:
            await trio.sleep_forever()
        finally:
            trail.append("cleaned up")

    async with trio.open_nursery() as nursery:
        result = await parked(nursery, [case_wait(wait), channel.case_receive()])
        channel.send_nowait(1)
    assert result == [Selected(channel, 1, index=1)]
    assert trail == ["cleaned up"]


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt()])
async def test_the_error_of_the_first_wait_case_leaves_unwrapped(
    error: BaseException,
) -> None:
    channel = Channel[int]()

    async def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await select([channel.case_receive(), case_wait(fail)])
    assert caught.value is error
    assert waiting(channel) == 0


async def test_the_error_of_a_loser_is_logged_and_costs_no_value() -> None:
    channel = Channel[int]()

    async def fail_late() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise RuntimeError("while cleaning up")

    async with trio.open_nursery() as nursery:
        result = await parked(nursery, [case_wait(fail_late), channel.case_receive()])
        with capture_logs() as logs:
            channel.send_nowait(1)
            await wait_all_tasks_blocked()
    assert result == [Selected(channel, 1, index=1)]
    assert [(entry["event"], entry["case"]) for entry in logs] == [
        ("select.loser_failed", 0)
    ]


async def test_an_interrupt_in_a_loser_is_not_swallowed() -> None:
    channel = Channel[int]()

    async def interrupted() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise KeyboardInterrupt

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            await parked(nursery, [case_wait(interrupted), channel.case_receive()])
            channel.send_nowait(1)

    with pytest.raises(BaseExceptionGroup) as caught:
        await run()
    assert caught.group_contains(KeyboardInterrupt)


async def test_only_one_of_two_ready_waits_is_chosen() -> None:
    def ready(value: int) -> Callable[[], Awaitable[int]]:
        async def wait() -> int:
            await trio.lowlevel.checkpoint()
            return value

        return wait

    chosen = await select([case_wait(ready(0)), case_wait(ready(1))])
    assert chosen.value == chosen.index

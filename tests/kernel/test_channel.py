"""Channels: core section 9, rule by rule."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from wippy_trio.errors import ConflictError, InvalidError
from wippy_trio.kernel.channel import (
    NOTHING,
    Channel,
    ChannelClosedError,
    ChannelStatistics,
    Nothing,
    Offer,
    Outcome,
    SendInterruptedError,
)


class EngineClaim:
    """The claim of an engine that has waiters of its own."""

    def __init__(self) -> None:
        self.taken = False

    def take(self) -> bool:
        taken, self.taken = self.taken, True
        return not taken


def foreign(
    log: list[Outcome], *, value: Any = NOTHING, claim: EngineClaim | None = None
) -> Offer:
    """Make a foreign offer that writes its outcome down."""
    return Offer(
        claim or EngineClaim(),
        log.append,
        is_send=value is not NOTHING,
        value=None if value is NOTHING else value,
    )


@pytest.mark.parametrize("capacity", [0, -3, -math.inf])
async def test_a_channel_without_capacity_holds_nothing(capacity: float) -> None:
    """Zero is the default, and what a negative capacity means."""
    channel = Channel[int](capacity)
    with pytest.raises(trio.WouldBlock):
        channel.send_nowait(1)  # core C-1
    assert channel.statistics() == Channel[int]().statistics()


async def test_a_buffer_is_first_in_first_out() -> None:
    channel = Channel[int](3)
    for value in (1, 2, 3):
        assert await channel.send(value) is True  # core C-3
    with pytest.raises(trio.WouldBlock):
        channel.send_nowait(4)
    assert [await channel.receive() for _ in range(3)] == [
        (1, True),
        (2, True),
        (3, True),
    ]  # core C-7
    with pytest.raises(trio.WouldBlock):
        channel.receive_nowait()


async def test_an_endless_buffer_never_blocks_a_sender() -> None:
    channel = Channel[int](math.inf)
    for value in range(1000):
        channel.send_nowait(value)
    assert channel.statistics().buffered == 1000


async def test_none_is_a_value_and_only_ok_tells_the_end() -> None:
    channel = Channel[int | None](1)
    channel.send_nowait(None)
    channel.close()
    assert await channel.receive() == (None, True)  # core C-5
    assert await channel.receive() == (None, False)


async def test_values_are_passed_by_reference() -> None:
    channel = Channel[object](1)
    value = object()
    channel.send_nowait(value)
    assert channel.receive_nowait()[0] is value  # core C-6


async def test_every_operation_that_is_coloured_checkpoints() -> None:
    channel = Channel[int](1)
    with assert_checkpoints():
        await channel.send(1)
    with assert_checkpoints():
        await channel.receive()


async def test_a_parked_receiver_is_handed_the_value_at_once() -> None:
    """The send does not wait: not even a channel without capacity."""
    channel = Channel[str]()
    got: list[object] = []

    async def receive() -> None:
        got.append(await channel.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        assert channel.statistics().waiting_receivers == 1
        channel.send_nowait("v")  # core C-10
        assert channel.statistics().waiting_receivers == 0
    assert got == [("v", True)]


@pytest.mark.parametrize("capacity", [0, 1])
async def test_parked_senders_are_served_in_order(capacity: int) -> None:
    """First come, first served; a freed slot is filled by the first of them."""
    channel = Channel[int](capacity)
    for value in range(capacity):
        channel.send_nowait(-value)
    done: list[int] = []

    async def send(value: int) -> None:
        await channel.send(value)
        done.append(value)

    async with trio.open_nursery() as nursery:
        for value in (1, 2, 3):
            nursery.start_soon(send, value)
            await wait_all_tasks_blocked()
        if capacity:
            assert channel.receive_nowait() == (0, True)
            assert channel.statistics().buffered == 1  # core C-9
            await wait_all_tasks_blocked()
            assert done == [1]
        assert [channel.receive_nowait()[0] for _ in range(3)] == [1, 2, 3]  # core C-8


async def test_parked_receivers_are_served_in_order() -> None:
    channel = Channel[int]()
    got: list[tuple[str, int | None]] = []

    async def receive(name: str) -> None:
        got.append((name, (await channel.receive())[0]))

    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(receive, name)
            await wait_all_tasks_blocked()
        for value in (1, 2, 3):
            channel.send_nowait(value)
    assert sorted(got) == [("a", 1), ("b", 2), ("c", 3)]  # core C-8


# Closing.


async def test_close_is_idempotent_and_leaves_the_buffer_readable() -> None:
    channel = Channel[int](2)
    channel.send_nowait(1)
    channel.send_nowait(2)
    channel.close()  # core C-20
    channel.close()  # core C-21
    assert channel.closed
    assert await channel.receive() == (1, True)  # core C-22
    assert channel.receive_nowait() == (2, True)
    assert await channel.receive() == (None, False)
    assert channel.receive_nowait() == (None, False)


async def test_close_wakes_every_receiver() -> None:
    channel = Channel[int]()
    got: list[object] = []

    async def receive() -> None:
        got.append(await channel.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        channel.close()  # core C-23
    assert got == [(None, False)] * 2


async def test_sending_on_a_closed_channel_raises_at_entry() -> None:
    channel = Channel[int](1)
    channel.close()
    with pytest.raises(ChannelClosedError, match="send on closed channel"):
        await channel.send(1)  # core C-24
    with pytest.raises(ChannelClosedError, match="send on closed channel"):
        channel.send_nowait(1)


async def test_a_sender_parked_at_close_fails_otherwise() -> None:
    """The caller's mistake and the world's failure are different classes."""
    channel = Channel[int]()

    async def send() -> None:
        with pytest.raises(SendInterruptedError, match="send on closed channel"):
            await channel.send(1)  # core C-25

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        channel.close()
    assert channel.receive_nowait() == (None, False)
    assert issubclass(SendInterruptedError, ConflictError)
    assert issubclass(ChannelClosedError, InvalidError)


async def test_a_receiver_may_close() -> None:
    channel = Channel[int](1)
    channel.send_nowait(1)
    async for value in channel:
        assert value == 1
        channel.close()  # core C-27


async def test_iteration_ends_with_the_channel() -> None:
    channel = Channel[int](3)
    for value in (1, 2, 3):
        channel.send_nowait(value)
    channel.close()
    assert [value async for value in channel] == [1, 2, 3]


# Cancellation.


async def test_a_cancelled_receive_takes_nothing() -> None:
    channel = Channel[int]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(channel.receive)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        with pytest.raises(trio.WouldBlock):
            channel.send_nowait(1)  # in the tick of the cancel already
    assert channel.statistics().waiting_receivers == 0


async def test_a_cancelled_send_sends_nothing() -> None:
    channel = Channel[int]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(channel.send, 1)
        await wait_all_tasks_blocked()
        assert channel.statistics().waiting_senders == 1
        nursery.cancel_scope.cancel()
        with pytest.raises(trio.WouldBlock):
            channel.receive_nowait()
    assert channel.statistics().waiting_senders == 0


async def test_a_cancelled_iteration_takes_nothing() -> None:
    channel = Channel[int]()

    async def iterate() -> None:
        async for _ in channel:
            pytest.fail("there is nothing to receive")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(iterate)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert channel.statistics().waiting_receivers == 0


async def test_a_receive_that_was_served_returns_although_cancelled() -> None:
    channel = Channel[int]()
    got: list[object] = []

    async def receive() -> None:
        got.append(await channel.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        channel.send_nowait(1)
        nursery.cancel_scope.cancel()
    assert got == [(1, True)]


@pytest.mark.parametrize("operation", ["send", "receive"])
async def test_an_operation_entered_cancelled_does_nothing(operation: str) -> None:
    channel = Channel[int](2)
    channel.send_nowait(1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await (channel.send(2) if operation == "send" else channel.receive())
    assert scope.cancelled_caught
    assert channel.statistics().buffered == 1


# Foreign offers.


async def test_a_foreign_offer_that_is_ready_completes_in_the_call() -> None:
    channel = Channel[int](1)
    log: list[Outcome] = []
    assert channel.offer(foreign(log, value=5)) is False
    assert channel.offer(foreign(log)) is False
    channel.close()
    assert channel.offer(foreign(log)) is False
    assert log == [Outcome(5, ok=True), Outcome(5, ok=True), Outcome(None, ok=False)]


async def test_a_parked_foreign_offer_completes_in_the_call_that_meets_it() -> None:
    channel = Channel[int]()
    log: list[Outcome] = []
    assert channel.offer(foreign(log)) is True
    assert log == []
    channel.send_nowait(1)
    assert log == [Outcome(1, ok=True)]
    assert channel.offer(foreign(log, value=2)) is True
    assert channel.receive_nowait() == (2, True)
    assert log[1:] == [Outcome(2, ok=True)]


async def test_two_foreign_offers_meet() -> None:
    channel = Channel[int]()
    log: list[Outcome] = []
    assert channel.offer(foreign(log)) is True
    assert channel.offer(foreign(log, value=7)) is False
    assert log == [Outcome(7, ok=True)] * 2
    assert channel.statistics().waiting_receivers == 0


async def test_a_stale_offer_is_skipped() -> None:
    """A claim that was taken elsewhere is neither served nor told."""
    channel = Channel[int]()
    stale, live = EngineClaim(), EngineClaim()
    log: list[Outcome] = []
    assert channel.offer(foreign(log, claim=stale)) is True
    assert channel.offer(foreign(log, claim=live)) is True
    assert stale.take()
    assert channel.statistics().waiting_receivers == 1
    channel.send_nowait(1)
    assert log == [Outcome(1, ok=True)]
    assert live.taken
    assert channel.offer(foreign(log, claim=stale)) is False
    channel.close()
    assert len(log) == 1


async def test_close_tells_the_first_offer_of_a_claim_only() -> None:
    channel = Channel[int]()
    claim = EngineClaim()
    log: list[Outcome] = []
    assert channel.offer(foreign(log, claim=claim)) is True
    assert channel.offer(foreign(log, claim=claim, value=1)) is True
    channel.close()
    assert log == [Outcome(None, ok=False)]


async def test_a_claim_never_pairs_with_itself() -> None:
    channel = Channel[int]()
    claim = EngineClaim()
    log: list[Outcome] = []
    assert channel.offer(foreign(log, claim=claim)) is True
    assert channel.offer(foreign(log, claim=claim, value=1)) is True  # core C-44
    assert log == []
    assert channel.receive_nowait() == (1, True)
    assert log == [Outcome(1, ok=True)]


async def test_a_foreign_send_on_a_closed_channel_is_left_alone() -> None:
    channel = Channel[int]()
    channel.close()
    log: list[Outcome] = []
    assert channel.offer(foreign(log, value=1)) is False  # core C-40
    assert log == []


async def test_withdrawing_is_idempotent() -> None:
    channel = Channel[int]()
    offer = foreign([])
    assert channel.offer(offer)
    channel.withdraw(offer)
    channel.withdraw(offer)
    with pytest.raises(trio.WouldBlock):
        channel.send_nowait(1)


async def test_a_callback_may_use_the_channel() -> None:
    """What a completion does finds the channel in order."""
    channel = Channel[int](1)
    log: list[int] = []

    def again(outcome: Outcome) -> None:
        log.append(outcome.value)
        if outcome.value < 3:
            channel.offer(Offer(EngineClaim(), again))
            channel.send_nowait(outcome.value + 1)

    channel.offer(Offer(EngineClaim(), again))
    channel.send_nowait(1)
    assert log == [1, 2, 3]


# Sources.


class Stock:
    """A source of numbers."""

    def __init__(self, *values: int) -> None:
        self.values = list(values)

    def __call__(self) -> int | Literal[Nothing.NOTHING]:
        return self.values.pop(0) if self.values else NOTHING


async def test_a_source_is_asked_when_a_receiver_finds_nothing() -> None:
    stock = Stock(1, 2)
    channel = Channel[int](source=stock)
    assert channel.receive_nowait() == (1, True)
    assert stock.values == [2]  # a channel without a buffer takes no more than asked
    assert await channel.receive() == (2, True)
    with pytest.raises(trio.WouldBlock):
        channel.receive_nowait()


async def test_a_source_fills_the_slot_that_a_receive_frees() -> None:
    stock = Stock(2, 3)
    channel = Channel[int](1, source=stock)
    channel.send_nowait(1)
    assert channel.receive_nowait() == (1, True)
    assert channel.statistics().buffered == 1
    assert stock.values == [3]
    channel.close()
    assert [value async for value in channel] == [2]
    assert stock.values == [3]  # a closed channel asks for nothing


async def test_statistics_are_a_frozen_snapshot() -> None:
    channel = Channel[int](2)
    channel.send_nowait(1)
    before = channel.statistics()
    channel.send_nowait(2)
    assert before == ChannelStatistics(
        capacity=2, buffered=1, waiting_senders=0, waiting_receivers=0, closed=False
    )
    assert "2/2" in repr(channel)

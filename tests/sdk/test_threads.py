"""Calls in worker threads: virtual time, interrupts, slots. Design 6 and 8."""

from __future__ import annotations

import threading
import time

import pytest
import trio
from trio.testing import MockClock

from wippy_trio.sdk import hold_time, run_in_thread


def test_virtual_time_stands_still_while_a_thread_is_out() -> None:
    """Calls of real time under a deadline of virtual time do not meet it."""
    clock = MockClock(autojump_threshold=0)
    gate = threading.Event()

    async def main() -> list[float]:
        seen = []
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run_in_thread, gate.wait, 60)
                nursery.start_soon(run_in_thread, gate.wait, 60)
                await run_in_thread(time.sleep, 0.05)
                seen.append(trio.current_time())
                gate.set()
            seen.append(trio.current_time())
        await trio.sleep(100)  # time goes on when all are back
        return [*seen, trio.current_time()]

    assert trio.run(main, clock=clock) == [0, 0, 100]
    assert clock.autojump_threshold == 0


def test_time_is_held_for_a_wait_without_a_thread() -> None:
    """Overlapping blocks end in any order; the last one lets time go."""
    clock = MockClock(autojump_threshold=0)

    async def main() -> None:
        with hold_time():
            with hold_time():
                pass
            with trio.move_on_after(1) as scope:
                await run_in_thread(time.sleep, 0.02)
                assert trio.current_time() == 0
                clock.jump(2)
                await trio.sleep_forever()
            assert scope.cancelled_caught
        assert trio.current_time() == 2

    trio.run(main, clock=clock)


async def test_a_cancelled_call_is_interrupted_until_it_ends() -> None:
    """An interrupt that comes too early is repeated; then nobody interrupts again."""
    begun, stop = threading.Event(), threading.Event()
    interrupts = []

    def work() -> None:
        begun.set()
        assert stop.wait(60)
        raise RuntimeError("interrupted")

    def interrupt() -> None:
        interrupts.append(threading.current_thread())
        if len(interrupts) == 3:
            stop.set()

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def cancel() -> None:
                await run_in_thread(begun.wait, 60)
                scope.cancel()

            nursery.start_soon(cancel)
            await run_in_thread(work, interrupt=interrupt)
    assert scope.cancelled_caught
    told = len(interrupts)
    assert told >= 3
    assert threading.main_thread() not in interrupts
    await run_in_thread(time.sleep, 0.03)
    assert len(interrupts) == told


async def test_a_failing_interrupt_is_tried_again() -> None:
    """The fault of an interrupt neither ends the call nor escapes."""
    stop = threading.Event()
    tries = []

    def interrupt() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no route")
        stop.set()

    with trio.move_on_after(0.01) as scope:
        assert await run_in_thread(stop.wait, 60, interrupt=interrupt)
    assert len(tries) >= 2
    assert not scope.cancelled_caught  # it succeeded: its value was given


async def test_what_succeeds_in_spite_of_a_cancellation_is_given() -> None:
    """Who opened something can close it; the cancellation comes afterwards."""
    with trio.CancelScope() as scope:
        scope.cancel()
        with pytest.raises(trio.Cancelled):
            await run_in_thread(time.sleep, 0)  # not even begun

    def slow() -> str:
        time.sleep(0.05)
        return "kept"

    with trio.move_on_after(0.01) as scope:
        assert await run_in_thread(slow) == "kept"
        await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught


async def test_an_abandoned_call_keeps_its_slot_until_its_thread_ends() -> None:
    """Threads are bounded, also those that nobody waits for."""
    limiter = trio.CapacityLimiter(1)
    gate = threading.Event()
    with trio.move_on_after(0.01) as scope:
        await run_in_thread(gate.wait, 60, limiter=limiter, abandon=True)
    assert scope.cancelled_caught
    assert limiter.borrowed_tokens == 1
    gate.set()
    assert await run_in_thread(lambda: 7, limiter=limiter) == 7
    assert limiter.borrowed_tokens == 0


async def test_slots_come_back_after_failures_and_cancellations() -> None:
    """Errors pass as they are, and a wait for a slot can be cancelled."""
    limiter = trio.CapacityLimiter(1)

    def fail() -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await run_in_thread(fail, limiter=limiter)
    gate = threading.Event()
    async with trio.open_nursery() as nursery:

        async def hold() -> None:
            await run_in_thread(gate.wait, 60, limiter=limiter)

        nursery.start_soon(hold)
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0.01) as scope:
            await run_in_thread(time.sleep, 0, limiter=limiter)
        assert scope.cancelled_caught
        gate.set()
    assert limiter.borrowed_tokens == 0

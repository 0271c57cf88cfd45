"""Two selects that look right and lose values: proofs that the law-checker sees it.

They know channel cases only, on channels that nobody closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from wippy_trio.kernel.channel import Case, Offer, Outcome, TaskClaim
from wippy_trio.kernel.selection import Selected, WaitCase

if TYPE_CHECKING:
    from collections.abc import Iterable


async def naive_race(
    cases: Iterable[Case | WaitCase], *, default: bool = False
) -> Selected:
    """Race the plain operations in a nursery; the first to return cancels the rest.

    Two that become ready in one tick both happen, and one result is thrown away.
    """
    table = [case for case in cases if isinstance(case, Case)]
    now = await _at_once(table, default=default)
    if now is not None:
        return now
    chosen: list[Selected] = []

    async def race(index: int, case: Case, scope: trio.CancelScope) -> None:
        if case.is_send:
            await case.channel.send(case.value)
            value, ok = case.value, True
        else:
            value, ok = await case.channel.receive()
        chosen.append(Selected(case.channel, value, ok, index=index))
        scope.cancel()

    async with trio.open_nursery() as nursery:
        for index, case in enumerate(table):
            nursery.start_soon(race, index, case, nursery.cancel_scope)
    return chosen[0]


async def unshielded_claim(
    cases: Iterable[Case | WaitCase], *, default: bool = False
) -> Selected:
    """Park offers under one claim, but let ``Cancelled`` be raised over a taken one.

    A child per case waits for its offer, the parent waits for the children: what
    cancels the parent in the tick of a completion throws the value away.
    """
    table = [case for case in cases if isinstance(case, Case)]
    now = await _at_once(table, default=default)
    if now is not None:
        return now
    chosen: list[Selected] = []
    shared = TaskClaim()

    def give_up(_: object) -> trio.lowlevel.Abort:
        shared.take()
        return trio.lowlevel.Abort.SUCCEEDED

    async def wait(index: int, case: Case, scope: trio.CancelScope) -> None:
        task = trio.lowlevel.current_task()

        def complete(outcome: Outcome) -> None:
            chosen.append(
                Selected(case.channel, outcome.value, outcome.ok, index=index)
            )
            trio.lowlevel.reschedule(task)

        offer = Offer(shared, complete, is_send=case.is_send, value=case.value)
        case.channel.park(offer)
        try:
            await trio.lowlevel.wait_task_rescheduled(give_up)
        finally:
            case.channel.withdraw(offer)
        scope.cancel()

    async with trio.open_nursery() as nursery:
        for index, case in enumerate(table):
            nursery.start_soon(wait, index, case, nursery.cancel_scope)
    return chosen[0]


async def _at_once(cases: list[Case], *, default: bool) -> Selected | None:
    await trio.lowlevel.checkpoint()
    for index, case in enumerate(cases):
        outcome = case.channel.attempt(case)
        if outcome is not None:
            return Selected(case.channel, outcome.value, outcome.ok, index=index)
    return Selected(None, None, default=True) if default else None

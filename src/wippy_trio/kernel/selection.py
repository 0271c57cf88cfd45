"""Choose one of several operations, exactly once.

Theory of operation. Racing bare ``receive()`` calls in a nursery loses values: when two
channels become ready before the cancellation of the loser lands, both are emptied. So
a select that has to wait parks one offer per case, all under one claim; whoever
completes an offer takes the claim first, synchronously, and that decides.

The parent itself parks in the body of a nursery. Whoever takes the claim reschedules
it, and from then on Trio delivers no cancellation to that wait. Its first act after
waking is to shield the nursery, so that a cancellation of the same tick cannot raise
over a taken claim: the value is returned, the cancellation comes at the next
checkpoint. The abort function gives the claim up, so that nobody completes an offer of
a select that was cancelled. Children exist for :func:`case_wait` only.
"""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import attrs
import trio
from trio.lowlevel import enable_ki_protection

from wippy_trio.errors import InvalidError
from wippy_trio.kernel.channel import (
    Case,
    Channel,
    Offer,
    TaskClaim,
    interrupted,
    unsealed,
)
from wippy_trio.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from wippy_trio.kernel.channel import Outcome

__all__ = ["Selected", "WaitCase", "case_wait", "select"]

log = get_logger(__name__)


class WaitCase(NamedTuple):
    """A case that is ready when an async function has returned."""

    fn: Callable[..., Awaitable[Any]]
    args: tuple[Any, ...]


@attrs.frozen
class Selected:
    """The one case that was done.

    ``index`` is its place among the cases given. The default branch has neither channel
    nor index, a :func:`case_wait` has no channel.
    Source: core C-33, C-35, C-36.
    """

    channel: Channel[Any] | None
    value: Any
    ok: bool = True
    default: bool = False
    index: int | None = None


class _Failed(NamedTuple):
    """The result of a select whose deciding case raised."""

    error: BaseException


def case_wait(fn: Callable[..., Awaitable[Any]], *args: Any) -> WaitCase:
    """Make a case of any async function: an event, a deadline, a process's end.

    It starts when the select parks and is cancelled when another case is first; a value
    that it returns in that very tick is dropped. So it must be something that can be
    asked again: never a ``receive()``, for that there is ``case_receive``. Its
    exception, if it is the first to end, is raised by the select. It is never ready at
    once: default wins over it.
    """
    return WaitCase(fn, args)


@enable_ki_protection
async def select(
    cases: Iterable[Case | WaitCase],
    *,
    default: bool = False,
    order: Literal["table", "random"] = "table",
    rng: random.Random | None = None,
) -> Selected:
    """Do the first case that is ready, or wait until one is.

    Args:
      cases: Made by ``case_send``, ``case_receive`` and :func:`case_wait`.
      default: Do not wait: if no case is ready, that is the answer.
      order: Which of several ready cases is done: the first given, or any.
      rng: Draws the random order; without it Python's shared generator does.

    Returns:
      The case done; no other one has left a trace.

    Raises:
      InvalidError: Something given is not a case.
      SendInterruptedError: The channel of a parked send case was closed.

    Checkpoint: always. If cancelled, no case was done; once one is, its value is
    returned even if a cancellation comes in the same tick.
    Source: core C-30 to C-46.
    """
    table = list(enumerate(cases))
    for index, case in table:
        if not isinstance(case, Case | WaitCase):
            raise InvalidError(
                f"select: case {index}: wanted a case, got {type(case).__name__}"
            )
    if order == "random":
        (rng or random).shuffle(table)
    await trio.lowlevel.checkpoint_if_cancelled()
    for index, case in table:
        if isinstance(case, Case):
            outcome = case.channel.attempt(case)
            if outcome is not None:
                await trio.lowlevel.cancel_shielded_checkpoint()
                return Selected(case.channel, outcome.value, outcome.ok, index=index)
    if default:
        await trio.lowlevel.cancel_shielded_checkpoint()
        return Selected(None, None, default=True)
    return await _wait(table)


async def _wait(table: list[tuple[int, Case | WaitCase]]) -> Selected:
    claim = TaskClaim()
    parked: list[tuple[Channel[Any], Offer]] = []
    result: Selected | _Failed
    try:
        async with trio.open_nursery(strict_exception_groups=True) as nursery:
            for index, case in table:
                if isinstance(case, Case):
                    complete = partial(_complete, claim, index, case)
                    offer = Offer(
                        claim, complete, is_send=case.is_send, value=case.value
                    )
                    if case.channel.park(offer):
                        parked.append((case.channel, offer))
                else:
                    nursery.start_soon(_run_case, claim, index, case)
            result = await claim.park()
            nursery.cancel_scope.shield = True
            nursery.cancel_scope.cancel()
    finally:
        for channel, offer in parked:
            channel.withdraw(offer)
    if isinstance(result, _Failed):
        raise result.error
    return result


def _complete(claim: TaskClaim, index: int, case: Case, outcome: Outcome) -> None:
    if case.is_send and not outcome.ok:
        claim.wake(_Failed(interrupted()))
    else:
        value = outcome.value if case.is_send else unsealed(outcome.value)
        claim.wake(Selected(case.channel, value, outcome.ok, index=index))


async def _run_case(claim: TaskClaim, index: int, case: WaitCase) -> None:
    result: Selected | _Failed
    try:
        result = Selected(None, await case.fn(*case.args), index=index)
    except BaseException as error:
        if not claim.take():
            # Either the select was cancelled or another case was first. What was
            # decided stands: an error of a loser must not cost the winner's value.
            if not isinstance(error, Exception):
                raise
            log.warning("select.loser_failed", case=index, exc_info=error)
            return
        claim.wake(_Failed(error))
        return
    if claim.take():
        claim.wake(result)

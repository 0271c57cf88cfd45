"""The one way to a worker thread, and what keeps virtual time still meanwhile.

A library that blocks is called by `run_in_thread`, never by Trio's own function: to a
`MockClock` that jumps when all tasks wait, a call in a thread looks like "all wait",
and virtual time would run to the next deadline before the call has ended (a call of
0.2 s met its time-out of 5 s). `hold_time` is the part that prevents it, for those who
wait for the world outside without a thread, at a socket mostly.
"""

from __future__ import annotations

import contextlib
import contextvars
import math
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import trio
from trio.lowlevel import Abort, current_task, reschedule, start_thread_soon

from wippy_trio.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from outcome import Outcome

__all__ = ["hold_time", "run_in_thread"]

T = TypeVar("T")

log = get_logger(__name__)

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 1.0

_held: trio.lowlevel.RunVar[list[Any]] = trio.lowlevel.RunVar("held")


@contextlib.contextmanager
def hold_time() -> Iterator[None]:
    """Keep a mock clock from jumping as long as the block runs.

    Blocks may overlap, also in different tasks. On the real clock nothing happens.

    Source: design 6.
    """
    clock = trio.lowlevel.current_clock()
    threshold = getattr(clock, "autojump_threshold", None)
    if threshold is None:
        yield
        return
    state = _held.get([0, math.inf])
    _held.set(state)
    if state[0] == 0:
        state[1] = threshold
        clock.autojump_threshold = math.inf  # type: ignore[attr-defined]
    state[0] += 1
    try:
        yield
    finally:
        state[0] -= 1
        if state[0] == 0:
            clock.autojump_threshold = state[1]  # type: ignore[attr-defined]


async def run_in_thread(
    fn: Callable[..., T],
    *args: Any,
    limiter: trio.CapacityLimiter | None = None,
    interrupt: Callable[[], None] | None = None,
    abandon: bool = False,
) -> T:
    """Call a function that blocks in a worker thread.

    Args:
      fn: What to call; it sees the context variables of the caller.
      args: Its arguments.
      limiter: Whose slot the call takes; Trio's default one if not given. A service
        has its own, so that a slow one does not starve the others.
      interrupt: Ends the call from outside: the library's own way. It may block, and
        it is called in another thread, again and again until the call is over: the
        first time may be before the call has begun to wait.
      abandon: Leave the thread alone when cancelled: what it still does must be
        harmless, and what it returns is dropped.

    Returns:
      What the function returns. If it succeeds although the task was cancelled
      meanwhile, its value is still given, so that what it opened can be closed; the
      cancellation comes at the next checkpoint.

    Raises:
      Exception: What the function raises; an interrupted call that failed raises
        `trio.Cancelled` alone.

    Checkpoint: always. If cancelled before the thread starts, nothing has happened;
    afterwards the call is interrupted, or waited for, or abandoned.
    Source: design 6 and 8.
    """
    await trio.lowlevel.checkpoint_if_cancelled()
    if limiter is None:
        limiter = trio.to_thread.current_default_thread_limiter()
    call = _Call(limiter, interrupt, abandon=abandon)
    try:
        limiter.acquire_on_behalf_of_nowait(call)  # the wait below is a checkpoint
    except trio.WouldBlock:
        await limiter.acquire_on_behalf_of(call)
    if not hasattr(trio.lowlevel.current_clock(), "autojump_threshold"):
        return await call.run(fn, args)
    with hold_time():
        return await call.run(fn, args)


class _Call:
    """One call that is out; the borrower of its limiter's slot."""

    __slots__ = (
        "abandon",
        "interrupt",
        "interrupter_gone",
        "limiter",
        "over",
        "task",
        "token",
    )

    def __init__(
        self,
        limiter: trio.CapacityLimiter,
        interrupt: Callable[[], None] | None,
        *,
        abandon: bool,
    ) -> None:
        self.limiter = limiter
        self.interrupt = interrupt
        self.abandon = abandon
        self.task: trio.lowlevel.Task | None = None
        self.token = trio.lowlevel.current_trio_token()
        self.over: threading.Event | None = None
        self.interrupter_gone: trio.Event | None = None

    async def run(self, fn: Callable[..., T], args: tuple[Any, ...]) -> T:
        context = contextvars.copy_context()
        self.task = current_task()
        try:
            start_thread_soon(lambda: context.run(fn, *args), self._deliver)
        except BaseException:
            self.limiter.release_on_behalf_of(self)
            raise
        try:
            value: T = await trio.lowlevel.wait_task_rescheduled(self._abort)
        except Exception:
            await self._await_interrupter()
            await trio.lowlevel.checkpoint_if_cancelled()
            raise
        await self._await_interrupter()
        return value

    async def _await_interrupter(self) -> None:
        """Wait until nobody interrupts: it would hit what the library does next."""
        if self.interrupter_gone is not None:
            with trio.CancelScope(shield=True):
                await self.interrupter_gone.wait()

    def _deliver(self, result: Outcome[Any]) -> None:
        """Tell the task, from the worker thread."""
        over = self.over
        if over is not None:
            over.set()
        try:  # noqa: SIM105 - it is on the way of every call
            self.token.run_sync_soon(self._finish, result)
        except trio.RunFinishedError:
            pass

    def _finish(self, result: Outcome[Any]) -> None:
        self.limiter.release_on_behalf_of(self)
        task, self.task = self.task, None
        if self.over is not None:
            self.over.set()
        if task is not None:
            reschedule(task, result)

    def _abort(self, _raise_cancel: Any) -> Abort:
        if self.abandon:
            self.task = None
            return Abort.SUCCEEDED
        if self.interrupt is not None:
            self.over = threading.Event()
            self.interrupter_gone = trio.Event()
            start_thread_soon(self._keep_interrupting, self._interrupter_ended)
        return Abort.FAILED

    def _keep_interrupting(self) -> None:
        assert self.interrupt is not None
        assert self.over is not None
        pause = FIRST_PAUSE
        while True:
            try:
                self.interrupt()
            except Exception as error:  # noqa: BLE001 - the call goes on and is told again
                log.warning("thread.interrupt_failed", error=repr(error))
            if self.over.wait(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE)

    def _interrupter_ended(self, _result: Outcome[None]) -> None:
        assert self.interrupter_gone is not None
        with contextlib.suppress(trio.RunFinishedError):
            self.token.run_sync_soon(self.interrupter_gone.set)

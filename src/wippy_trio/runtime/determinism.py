"""What a run with a seed asks of Trio, beyond what our own parts do.

Trio lets tasks that are ready at the same time run in a random order, from a generator
of its own. Test tools seed it through the two names used here; they are no documented
interface, so a Trio without them is refused instead of giving runs that only look
repeatable.
"""

from __future__ import annotations

import contextlib
from importlib import import_module
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import UnavailableError
from wippy_trio.kernel import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CountingClock", "repeatable_scheduling", "virtual_clock"]

EPOCH = 1_767_225_600.0
"""Wall time at the start of a run with a seed in virtual time: 1 January 2026, UTC."""


class CountingClock:
    """Measure slices in looks at the clock, and never in time.

    The scheduler looks after a number of budget checks and resumes; a slice of 3 ms is
    ten looks.
    """

    __slots__ = ("_now",)

    STEP = 0.0003

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        """Advance, and tell the time."""
        self._now += self.STEP
        return self._now


@contextlib.contextmanager
def repeatable_scheduling(seed: int) -> Iterator[None]:
    """Have Trio order its ready tasks by a seed, for the length of a block.

    Raises:
      UnavailableError: This Trio cannot.
    """
    scheduler: Any = import_module("trio._core._run")
    switch, generator = "_ALLOW_DETERMINISTIC_SCHEDULING", "_r"
    if not (hasattr(scheduler, switch) and hasattr(scheduler, generator)):
        raise UnavailableError(
            f"a seed: Trio {trio.__version__} has no repeatable order of tasks"
        )
    before = getattr(scheduler, switch)
    roll = getattr(scheduler, generator)
    state = roll.getstate()
    setattr(scheduler, switch, True)
    roll.seed(seed)
    try:
        yield
    finally:
        setattr(scheduler, switch, before)
        roll.setstate(state)


def virtual_clock() -> Clock | None:
    """Give the wall time of a run with a seed, if its time is virtual."""
    from trio.testing import MockClock  # noqa: PLC0415 - only here

    if isinstance(trio.lowlevel.current_clock(), MockClock):
        return Clock(epoch=EPOCH)
    return None

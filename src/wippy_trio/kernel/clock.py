"""The one clock: Trio's. Wall time is an epoch fixed at start plus that clock.

Under ``trio.testing.MockClock`` timers, time-outs and stamps all follow virtual time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock"]


class Clock:
    """Tell monotonic and wall time of one runtime."""

    __slots__ = ("_base", "_epoch", "_given", "_now")

    def __init__(self, *, epoch: float | None = None) -> None:
        """Fix the epoch at the first reading.

        Args:
          epoch: Unix seconds at the first reading; the real time if not given.
        """
        self._given = epoch
        self._epoch: float | None = None
        self._base = (0, 0.0)  # Unix nanoseconds at a reading of Trio's clock
        self._now: Callable[[], float] = trio.current_time

    @staticmethod
    def now() -> float:
        """Read ``trio.current_time()``, in seconds."""
        return trio.current_time()

    def unix(self) -> float:
        """Read the wall time, in Unix seconds."""
        if self._epoch is None:
            # The run's own clock from now on: a third of the way there.
            self._now = trio.lowlevel.current_clock().current_time
            now = self._now()
            start = time.time() if self._given is None else self._given
            self._epoch = start - now
            self._base = (round(start * 1_000_000) * 1000, now)
        return self._epoch + self._now()

    def unix_nanoseconds(self) -> int:
        """Read the wall time, in Unix nanoseconds.

        A float holds today's date to a quarter of a microsecond, so that a span of two
        of them can be shorter than the wait between (core T-19). This adds the span to
        a whole number instead.
        """
        if self._epoch is None:
            self.unix()
        base, start = self._base
        return base + round((self._now() - start) * 1_000_000_000)

    def unix_seconds(self) -> int:
        """Read the wall time, in whole Unix seconds."""
        epoch = self._epoch  # asked at every end of a watched process
        if epoch is None:
            return int(self.unix())
        return int(epoch + self._now())

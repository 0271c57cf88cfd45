"""The one clock: Trio's. Wall time is an epoch fixed at start plus that clock.

Under ``trio.testing.MockClock`` timers, time-outs and stamps all follow virtual time.
"""

from __future__ import annotations

import time

import trio

__all__ = ["Clock"]


class Clock:
    """Tell monotonic and wall time of one runtime."""

    __slots__ = ("_epoch", "_given")

    def __init__(self, *, epoch: float | None = None) -> None:
        """Fix the epoch at the first reading.

        Args:
          epoch: Unix seconds at the first reading; the real time if not given.
        """
        self._given = epoch
        self._epoch: float | None = None

    @staticmethod
    def now() -> float:
        """Read ``trio.current_time()``, in seconds."""
        return trio.current_time()

    def unix(self) -> float:
        """Read the wall time, in Unix seconds."""
        if self._epoch is None:
            start = time.time() if self._given is None else self._given
            self._epoch = start - trio.current_time()
        return self._epoch + trio.current_time()

    def unix_seconds(self) -> int:
        """Read the wall time, in whole Unix seconds."""
        epoch = self._epoch  # asked at every end of a watched process
        if epoch is None:
            return int(self.unix())
        return int(epoch + trio.current_time())

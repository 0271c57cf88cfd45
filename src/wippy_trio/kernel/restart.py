"""When to start something again, and what state that leaves it in.

Pure: values in, values out. Nothing here waits, reads a clock or draws a number; the
caller brings the time and the roll of the dice.

Two questions are kept apart. A :class:`RestartPolicy` says how long one service rests
between its attempts, and how many in a row it gets. An :class:`Intensity` says how many
restarts a supervisor as a whole may need within a period before it gives up itself.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final

import attrs

from wippy_trio.errors import (
    AlreadyExistsError,
    CanceledError,
    ConflictError,
    Error,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "TRANSITIONS",
    "Ending",
    "Intensity",
    "RestartPolicy",
    "ServiceState",
    "Status",
    "ending_of",
    "ending_of_start",
]


def _not_negative(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not value >= 0:
        raise InvalidError(f"{attribute.name}: wanted 0 or more, got {value!r}")


@attrs.frozen(kw_only=True)
class RestartPolicy:
    """Say how long to rest before the next attempt, and when to give up.

    Args:
      initial_delay: Seconds before the first restart.
      max_delay: No delay is longer, jitter aside.
      factor: By which each delay is longer than the one before.
      jitter: The fraction by which a delay may differ, up or down.
      max_attempts: Starts in a row before the failure is final; 0 sets no limit.
      stable_threshold: Seconds of running after which a failure is the first again.

    Source: core SUP-3, SUP-8; apps 4.1, 4.2.
    """

    initial_delay: float = attrs.field(default=1.0, validator=_not_negative)
    max_delay: float = attrs.field(default=90.0, validator=_not_negative)
    factor: float = attrs.field(default=2.0, validator=_not_negative)
    jitter: float = attrs.field(default=0.1, validator=_not_negative)
    max_attempts: int = attrs.field(default=0, validator=_not_negative)
    stable_threshold: float = attrs.field(default=5.0, validator=_not_negative)

    def failures(self, before: int, uptime: float | None) -> int:
        """Count the failure that has just come among those in a row.

        Args:
          before: How many there were.
          uptime: Seconds for which it ran; ``None`` if it never got so far.
        """
        stable = uptime is not None and uptime >= self.stable_threshold
        return 1 if stable else before + 1

    def delay(self, failures: int, roll: float = 0.0) -> float | None:
        """Tell how many seconds to rest after so many failures in a row.

        Args:
          failures: At least 1.
          roll: Between -1 and 1: where in the range of the jitter.

        Returns:
          Seconds, or ``None`` if there is no further attempt.
        """
        if self.max_attempts and failures >= self.max_attempts:
            return None
        try:
            delay = self.initial_delay * self.factor ** (failures - 1)
        except OverflowError:
            delay = self.max_delay
        return max(0.0, min(delay, self.max_delay) * (1 + self.jitter * roll))


@attrs.frozen(kw_only=True)
class Intensity:
    """Say how many restarts within a period are too many, as OTP does.

    Args:
      limit: Restarts that are borne within the period; one more is too many.
      period: Seconds.
    """

    limit: int = attrs.field(default=3, validator=_not_negative)
    period: float = attrs.field(default=5.0, validator=_not_negative)

    def admit(self, times: tuple[float, ...], now: float) -> tuple[float, ...] | None:
        """Note a restart.

        Args:
          times: What the call before has returned.
          now: Seconds of the same clock.

        Returns:
          The restarts that still count, or ``None`` if this one is too many.
        """
        recent = (*(time for time in times if now - time <= self.period), now)
        return recent if len(recent) <= self.limit else None


class Ending(enum.StrEnum):
    """Why a service is not running, as far as a restart is concerned."""

    EXIT = "exit"
    CANCELED = "canceled"
    TERMINAL = "terminal"
    RETRYABLE = "retryable"


def ending_of(error: Error | None) -> Ending:
    """Judge the end of a service that ran.

    An error that does not say otherwise is worth a retry. A *returned* string error
    says otherwise (core P-24, SUP-7).
    """
    if error is None:
        return Ending.EXIT
    if error.kind == CanceledError.KIND:
        return Ending.CANCELED
    return Ending.TERMINAL if error.retryable is False else Ending.RETRYABLE


_HOPELESS: Final = frozenset(
    kind.KIND
    for kind in (AlreadyExistsError, InvalidError, NotFoundError, PermissionDeniedError)
)


def ending_of_start(error: Error) -> Ending:
    """Judge a start that failed: what does not exist will not exist next time."""
    if error.retryable is None and error.kind in _HOPELESS:
        return Ending.TERMINAL
    return ending_of(error)


class Status(enum.StrEnum):
    """The states of a service (core SUP-4, apps 4.2)."""

    UNKNOWN = "unknown"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    EXITED = "exited"
    FAILED = "failed"


TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    Status.UNKNOWN: frozenset({Status.STARTING, Status.STOPPED}),
    Status.STARTING: frozenset(
        {Status.RUNNING, Status.STOPPING, Status.EXITED, Status.FAILED}
    ),
    Status.RUNNING: frozenset({Status.STOPPING, Status.EXITED, Status.FAILED}),
    Status.STOPPING: frozenset({Status.STOPPED, Status.FAILED}),
    Status.STOPPED: frozenset({Status.STARTING}),
    Status.EXITED: frozenset({Status.STARTING, Status.STOPPED}),
    Status.FAILED: frozenset({Status.STARTING, Status.STOPPED}),
}
"""Which state may follow which."""


@attrs.frozen(kw_only=True)
class ServiceState:
    """What is known about one service; each method returns the next state.

    ``retry_count`` counts failures in a row. ``started_at`` is when it last reached
    ``running``. ``retry_in`` is how long a failed service rests before its next
    attempt; ``None`` says that there is none. Times are seconds of the caller's clock,
    ``None`` for what never happened: 0 is a time, the one at which virtual time begins.
    """

    id: str
    status: Status = Status.UNKNOWN
    desired: Status = Status.UNKNOWN
    retry_count: int = 0
    last_update: float | None = None
    started_at: float | None = None
    details: str = ""
    retry_in: float | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen unless somebody starts or stops it."""
        return self.status in (Status.UNKNOWN, Status.STOPPED, Status.EXITED) or (
            self.status is Status.FAILED and self.retry_in is None
        )

    def start(self, now: float) -> ServiceState:
        """Begin the first attempt; one that starts or runs already is left alone.

        Raises:
          ConflictError: It is stopping.
        """
        if self.status in (Status.STARTING, Status.RUNNING):
            return self
        return self._to(
            Status.STARTING, now, "attempt 1", desired=Status.RUNNING, retry_count=0
        )

    def retry(self, now: float) -> ServiceState:
        """Begin the next attempt of a failed service.

        Raises:
          ConflictError: It has not failed, or its failure was final.
        """
        if self.status is not Status.FAILED or self.retry_in is None:
            raise ConflictError(f"service {self.id} is {self.status}: nothing to retry")
        return self._to(Status.STARTING, now, f"attempt {self.retry_count + 1}")

    def started(self, now: float, details: str = "") -> ServiceState:
        """Reach ``running``.

        Raises:
          ConflictError: It was not starting.
        """
        return self._to(Status.RUNNING, now, details, started_at=now)

    def ended(
        self,
        ending: Ending,
        now: float,
        policy: RestartPolicy,
        *,
        details: str = "",
        roll: float = 0.0,
    ) -> ServiceState:
        """Take in that a start failed or a running service ended.

        While it is stopping any end is the one that was asked for. Otherwise only a
        retryable error makes it ``failed``, and then the policy decides about a retry.

        Raises:
          ConflictError: It was neither starting, running nor stopping.
        """
        if self.status is Status.STOPPING:
            return self.stopped(now)
        if ending is not Ending.RETRYABLE:
            told = "" if ending is Ending.TERMINAL else details
            return self._to(Status.EXITED, now, told)
        uptime: float | None = None
        if self.status is Status.RUNNING and self.started_at is not None:
            uptime = now - self.started_at
        failures = policy.failures(self.retry_count, uptime)
        return self._to(
            Status.FAILED,
            now,
            details,
            retry_count=failures,
            retry_in=policy.delay(failures, roll),
        )

    def stop(self, now: float) -> ServiceState:
        """Begin to stop; one that does not run is stopped at once."""
        if self.status in (Status.STOPPING, Status.STOPPED):
            return self
        running = self.status in (Status.STARTING, Status.RUNNING)
        following = Status.STOPPING if running else Status.STOPPED
        return self._to(following, now, desired=Status.STOPPED)

    def stopped(self, now: float) -> ServiceState:
        """Reach ``stopped``.

        Raises:
          ConflictError: It was not stopping.
        """
        if self.status is not Status.STOPPING:
            raise ConflictError(f"service {self.id} is {self.status}, not stopping")
        return self._to(Status.STOPPED, now)

    def stop_failed(self, now: float, details: str) -> ServiceState:
        """Give up waiting for its end; that is final (core SUP-6).

        Raises:
          ConflictError: It was not stopping.
        """
        if self.status is not Status.STOPPING:
            raise ConflictError(f"service {self.id} is {self.status}, not stopping")
        return self._to(Status.FAILED, now, details)

    def _to(
        self,
        status: Status,
        now: float,
        details: str = "",
        *,
        desired: Status | None = None,
        retry_count: int | None = None,
        started_at: float | None = None,
        retry_in: float | None = None,
    ) -> ServiceState:
        if status not in TRANSITIONS[self.status]:
            raise ConflictError(
                f"service {self.id} is {self.status}: it cannot become {status}"
            )
        return ServiceState(
            id=self.id,
            status=status,
            desired=self.desired if desired is None else desired,
            retry_count=self.retry_count if retry_count is None else retry_count,
            last_update=now,
            started_at=self.started_at if started_at is None else started_at,
            details=details,
            retry_in=retry_in,
        )

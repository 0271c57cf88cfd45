"""Supervision trees: start children in order, start them again, stop them in reverse.

A supervisor is a Python process like any other, and uses what every Python process
has. It *monitors* its children: their ends come as events, and what to do about one is
decided by pure functions. It does not link them: a link would kill a child that does
not trap, and would be mere news to one that does, a supervisor for instance. Instead a
plain function, registered for its own end, ends what is left. So whatever ends a
supervisor, its tree is gone in the same tick.
"""

from __future__ import annotations

import enum
import random
from math import inf
from typing import TYPE_CHECKING, Any, NoReturn

import attrs
import trio

from wippy_trio.errors import (
    Error,
    InternalError,
    InvalidError,
    NotFoundError,
    TimedOutError,
    UnavailableError,
)
from wippy_trio.kernel.body import PythonBody
from wippy_trio.kernel.events import Cancel, ExitEvent
from wippy_trio.kernel.restart import Intensity, RestartPolicy
from wippy_trio.kernel.selection import case_wait
from wippy_trio.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wippy_trio.kernel.body import PythonContext
    from wippy_trio.kernel.exit import Exit
    from wippy_trio.kernel.pid import Pid
    from wippy_trio.kernel.process import Body
    from wippy_trio.kernel.selection import WaitCase

__all__ = [
    "ChildSpec",
    "Restart",
    "RestartsExhaustedError",
    "Strategy",
    "Supervisor",
    "affected",
    "wants_restart",
]

log = get_logger(__name__)


class RestartsExhaustedError(UnavailableError):
    """A child failed too often; its supervisor has stopped all of them and given up."""


class Strategy(enum.StrEnum):
    """Whom the failure of one child affects."""

    ONE_FOR_ONE = "one_for_one"
    """The child itself."""
    ONE_FOR_ALL = "one_for_all"
    """All children."""
    REST_FOR_ONE = "rest_for_one"
    """The child, and those that were started after it."""


class Restart(enum.StrEnum):
    """Which ends of a child are answered by a restart."""

    PERMANENT = "permanent"
    """Each."""
    TRANSIENT = "transient"
    """Failures."""
    TEMPORARY = "temporary"
    """None; nor does it come back when the failure of another has stopped it."""


@attrs.frozen
class ChildSpec:
    """Say how one child is made, started again, and stopped.

    Args:
      id: Its name among its siblings.
      body: Makes a fresh body for each start, such as
        ``partial(PythonBody, fn, *args)``.
      restart: Which of its ends are answered by a restart.
      delay: How long it rests before a restart, and how many attempts in a row it
        gets; without it a restart is immediate and only the intensity sets a limit.
      start_timeout: Seconds within which it has to say that it is ready; the next
        child starts when it has. Without it a child is up as soon as it is born.
      stop_timeout: Seconds between the request to finish and the end; 0 asks for
        nothing.
      host: The id of the host it runs on; the supervisor's own if not given.
      name: A local name that it owns.
      entry: The registry id of its definition, for people.
    """

    id: str
    body: Callable[[], Body]
    restart: Restart = attrs.field(
        default=Restart.PERMANENT, converter=Restart, kw_only=True
    )
    delay: RestartPolicy | None = attrs.field(default=None, kw_only=True)
    start_timeout: float | None = attrs.field(default=None, kw_only=True)
    stop_timeout: float = attrs.field(default=10.0, kw_only=True)
    host: str | None = attrs.field(default=None, kw_only=True)
    name: str | None = attrs.field(default=None, kw_only=True)
    entry: str = attrs.field(default="", kw_only=True)


def wants_restart(restart: Restart, exit: Exit) -> bool:  # noqa: A002 - the field's word
    """Decide whether an end is answered by a restart."""
    if restart is Restart.TRANSIENT:
        return not exit.ok
    return restart is Restart.PERMANENT


def affected(strategy: Strategy, ids: Sequence[str], failed: str) -> tuple[str, ...]:
    """Tell who is stopped and started again when a child fails, in starting order."""
    if strategy is Strategy.ONE_FOR_ONE:
        return (failed,)
    if strategy is Strategy.ONE_FOR_ALL:
        return tuple(ids)
    return tuple(ids[ids.index(failed) :])


def _specs(children: Iterable[ChildSpec]) -> tuple[ChildSpec, ...]:
    return tuple(children)


@attrs.frozen
class Supervisor:
    """Keep children running, in their order, within an intensity.

    Args:
      children: In the order in which they start; they stop in reverse.
      strategy: Whom a failure affects.
      intensity: How many restarts are borne within which period.
      rng: Draws the jitter of delays.

    Raises:
      InvalidError: Two children have the same id.
    """

    children: Sequence[ChildSpec] = attrs.field(converter=_specs)
    strategy: Strategy = attrs.field(
        default=Strategy.ONE_FOR_ONE, converter=Strategy, kw_only=True
    )
    intensity: Intensity = attrs.field(factory=Intensity, kw_only=True)
    rng: random.Random = attrs.field(factory=random.Random, kw_only=True)

    @children.validator
    def _ids_differ(self, _: Any, children: Sequence[ChildSpec]) -> None:
        ids = [child.id for child in children]
        for id_ in ids:
            if ids.count(id_) > 1:
                raise InvalidError(f'supervisor: two children have the id "{id_}"')

    def body(self) -> PythonBody:
        """Make the body of a process that supervises.

        As the ``body`` of a :class:`ChildSpec` it makes a tree.
        """
        return PythonBody(self.run)

    async def run(self, me: PythonContext) -> None:
        """Supervise as the process ``me``, until it is asked to finish.

        A request to finish (:class:`Cancel`) stops the children in reverse order and
        ends normally.

        Raises:
          RestartsExhaustedError: Restarts were needed more often than the intensity,
            or a child's own policy, allows. All children are stopped.
          Error: A child could not be started at first. All others are stopped.

        Checkpoint: always. If cancelled, all children end now.
        """
        await _Run(self, me).run()


class _Run:
    """The state of one run of a supervisor."""

    def __init__(self, supervisor: Supervisor, me: PythonContext) -> None:
        self.me = me
        self.specs = {child.id: child for child in supervisor.children}
        self.strategy = supervisor.strategy
        self.intensity = supervisor.intensity
        self.rng = supervisor.rng
        self.pids: dict[str, Pid] = {}  # of those that are believed to be alive
        self.due: dict[str, float] = {}  # when those that are to come back start
        self.failures: dict[str, int] = {}  # in a row
        self.started_at: dict[str, float] = {}
        self.restarts: tuple[float, ...] = ()

    async def run(self) -> None:
        self.me.on_end(self.end_all)
        await self.start_all()
        while True:
            event = await self.next_event()
            if isinstance(event, ExitEvent):
                await self.exited(event.exit)
            elif isinstance(event, Cancel):
                await self.stop(tuple(self.specs))
                return
            await self.start_due()

    async def next_event(self) -> Any:
        """Wait for an event, or until somebody is due; then there is none."""
        events = self.me.events.case_receive()
        if not self.due:
            return (await self.me.select([events])).value
        wake: WaitCase = case_wait(trio.sleep_until, min(self.due.values()))
        return (await self.me.select([events, wake])).value

    # -- starting ------------------------------------------------------------------

    async def start(self, spec: ChildSpec) -> None:
        """Give birth to a child, and wait until it is ready if it has to say so.

        Raises:
          Error: It could not be born, or did not get ready.
        """
        body = spec.body()
        ready: trio.Event | None = None
        if spec.start_timeout is not None:
            if not isinstance(body, PythonBody):
                raise InvalidError(
                    f'child "{spec.id}": start_timeout: wanted a body that says when '
                    f"it is ready, got {type(body).__name__}"
                )
            ready = body.ready
        self.pids[spec.id] = pid = self.me.spawn_body(
            body, host=spec.host, entry=spec.entry, name=spec.name, monitor=True
        )
        self.started_at[spec.id] = trio.current_time()
        if ready is not None and spec.start_timeout is not None:
            await self.wait_ready(spec, pid, ready, spec.start_timeout)

    async def wait_ready(
        self, spec: ChildSpec, pid: Pid, ready: trio.Event, timeout: float
    ) -> None:
        try:
            with trio.fail_after(timeout):
                chosen = await self.me.select(
                    [case_wait(ready.wait), case_wait(self.me.wait, pid)]
                )
        except trio.TooSlowError:
            await self.stop([spec.id])
            raise TimedOutError(
                f'child "{spec.id}" was not ready within {timeout:g} s',
                retryable=True,
            ) from None
        if chosen.index == 1:
            del self.pids[spec.id]
            end: Exit = chosen.value
            raise end.error or InternalError(
                f'child "{spec.id}" ended before it was ready'
            )

    async def start_all(self) -> None:
        for spec in self.specs.values():
            try:
                await self.start(spec)
            except Error:
                await self.stop(tuple(self.specs))
                raise

    async def start_due(self) -> None:
        """Start whose time has come, in order; a start that fails is a failure."""
        while True:
            now = trio.current_time()
            ready = [id_ for id_ in self.specs if self.due.get(id_, inf) <= now]
            if not ready:
                return
            spec = self.specs[ready[0]]
            del self.due[spec.id]
            try:
                await self.start(spec)
            except Error as error:
                await self.plan_restart(spec, error, ran=False)

    # -- ends ----------------------------------------------------------------------

    async def exited(self, exit: Exit) -> None:  # noqa: A002 - the field's word
        """Take in that a child has ended, unless it was stopped meanwhile."""
        for spec in self.specs.values():
            if self.pids.get(spec.id) == exit.pid:
                break
        else:
            return
        del self.pids[spec.id]
        if wants_restart(spec.restart, exit):
            await self.plan_restart(spec, exit.error, ran=True)
        else:
            log.info("supervisor.child_left", child=spec.id, reason=exit.reason)

    async def plan_restart(
        self, spec: ChildSpec, error: Error | None, *, ran: bool
    ) -> None:
        """Stop all who are affected, and note when they start again."""
        now = trio.current_time()
        restarts = self.intensity.admit(self.restarts, now)
        if restarts is None:
            limit, period = self.intensity.limit, self.intensity.period
            await self.give_up(
                spec, error, f"more than {limit} restarts within {period:g} s"
            )
        self.restarts = restarts
        delay = self.delay(spec, now - self.started_at[spec.id] if ran else None)
        if delay is None:
            attempts = self.failures[spec.id]
            await self.give_up(spec, error, f"failed {attempts} times in a row")
        log.warning(
            "supervisor.child_failed",
            child=spec.id,
            delay_s=delay,
            error=None if error is None else str(error),
        )
        group = affected(self.strategy, tuple(self.specs), spec.id)
        await self.stop(group)
        due = trio.current_time() + delay
        for id_ in group:
            if self.specs[id_].restart is not Restart.TEMPORARY:
                self.due[id_] = due

    def delay(self, spec: ChildSpec, uptime: float | None) -> float | None:
        policy = spec.delay
        if policy is None:
            return 0.0
        before = self.failures.get(spec.id, 0)
        failures = self.failures[spec.id] = policy.failures(before, uptime)
        return policy.delay(failures, self.rng.uniform(-1, 1))

    async def give_up(self, spec: ChildSpec, error: Error | None, why: str) -> NoReturn:
        await self.stop(tuple(self.specs))
        last = "ended normally" if error is None else str(error)
        raise RestartsExhaustedError(
            f'child "{spec.id}" of supervisor {self.me.pid}: {why}; at last: {last}',
            details={"child": spec.id},
        ) from error

    # -- stopping ------------------------------------------------------------------

    async def stop(self, ids: Sequence[str]) -> None:
        """Stop children in reverse order, each within its own time."""
        for id_ in reversed(ids):
            self.due.pop(id_, None)
            pid = self.pids.get(id_)
            if pid is None:
                continue
            grace = self.specs[id_].stop_timeout
            try:
                await self.me.stop(pid, grace=grace, reason="supervisor stopping")
            except NotFoundError:  # it was faster; the news of it is on its way
                await trio.lowlevel.checkpoint()
            del self.pids[id_]

    def end_all(self) -> None:
        """End what is left, at the end of the supervisor itself."""
        for pid in reversed(self.pids.values()):
            try:
                self.me.terminate(pid)
            except Error:  # it was faster
                continue
        self.pids.clear()

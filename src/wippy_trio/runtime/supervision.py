"""The supervisor of services: start in order, restart by policy, stop in reverse.

What to do next is decided by the pure `ServiceState` and `RestartPolicy` of the kernel;
this file waits, calls and logs. Every service has one task, its *keeper*, that owns
starts, restarts and the stop.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

from wippy_trio.duration import format_nanoseconds
from wippy_trio.errors import CanceledError, Error, InternalError, TimedOutError
from wippy_trio.kernel import Ending, ServiceState, Status, ending_of, ending_of_start
from wippy_trio.logs import get_logger
from wippy_trio.registry import start_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wippy_trio.registry import Entry
    from wippy_trio.sdk import Lifecycle, Service, ServiceReport

__all__ = ["ServiceSupervisor"]

log = get_logger("core")

FailedStart: TypeAlias = "Callable[[str, Error, float | None], None]"
"""Is told a service, why it did not start, and in how many seconds it tries again."""


class _Keeper:
    """Keep one service: its state, and the events that move it."""

    def __init__(self, id: str, service: Service, lifecycle: Lifecycle) -> None:  # noqa: A002
        self.id = id
        self.service = service
        self.lifecycle = lifecycle
        self.state = ServiceState(id=id)
        self.settled = trio.Event()  # running, or given up, for the first time
        self.tried = trio.Event()  # that, or failed once
        self.stop_asked = trio.Event()
        self.finished = trio.Event()
        self.finished.set()
        self.news: list[ServiceReport] = []
        self.told = trio.Event()
        self.on_failed_start: FailedStart | None = None

    def report(self, report: ServiceReport) -> None:
        self.news.append(report)
        self.told.set()

    def move(self, state: ServiceState, error: Error | None = None) -> None:
        self.state = state
        facts: dict[str, Any] = {"serviceID": self.id, "status": str(state.status)}
        text = f"service {self.id} is {state.status}"
        if error is not None:
            cancelled = isinstance(error, CanceledError)
            (log.warning if cancelled else log.error)(text, error=str(error), **facts)
        elif state.details:
            log.info(text, details=state.details, **facts)
        else:
            log.info(text, **facts)

    async def run(self, roll: random.Random) -> None:
        """Start and restart until it is stopped or its end is final."""
        try:
            self.move(self.state.start(trio.current_time()))
            while True:
                await self._attempt(roll)
                if self.stop_asked.is_set():
                    return
                delay = self.state.retry_in
                if self.state.status is not Status.FAILED or delay is None:
                    return
                if self.lifecycle.optional:
                    self._settle()
                self.tried.set()
                with trio.move_on_after(delay):
                    await self.stop_asked.wait()
                    self.move(self.state.stop(trio.current_time()))
                    return
                self.move(self.state.retry(trio.current_time()))
        finally:
            self._settle()
            self.finished.set()

    def _settle(self) -> None:
        self.settled.set()
        self.tried.set()

    async def _attempt(self, roll: random.Random) -> None:
        self.news.clear()
        self.told = trio.Event()
        lifecycle = self.lifecycle
        try:
            with trio.fail_after(lifecycle.start_timeout):
                details = await self.service.start(self.report)
        except trio.TooSlowError:
            error: Error = TimedOutError(
                f"service {self.id}: start took longer than"
                f" {format_nanoseconds(int(lifecycle.start_timeout * 1e9))}",
                retryable=True,
            )
            self._ended(Ending.RETRYABLE, roll, error)
            return
        except Error as raised:
            self._ended(ending_of_start(raised), roll, raised)
            return
        except Exception as raised:
            log.exception("service.fault", serviceID=self.id)
            self._ended(Ending.RETRYABLE, roll, InternalError(repr(raised)))
            return
        self.move(self.state.started(trio.current_time(), details or ""))
        self._settle()
        await self._watch(roll)

    async def _watch(self, roll: random.Random) -> None:
        """Wait for its end or for the order to stop it."""
        while True:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._cancel_after, self.told, nursery)
                nursery.start_soon(self._cancel_after, self.stop_asked, nursery)
            if self.news:
                news = self.news.pop(0)
                if not self.news:
                    self.told = trio.Event()
                if news.status == "running":
                    log.info(
                        f"service {self.id} is running",
                        serviceID=self.id,
                        status="running",
                        details=news.details,
                    )
                    continue
                self._ended(ending_of(news.error), roll, news.error)
                return
            if self.stop_asked.is_set():
                await self._stop()
                return

    @staticmethod
    async def _cancel_after(event: trio.Event, nursery: trio.Nursery) -> None:
        await event.wait()
        nursery.cancel_scope.cancel()

    async def _stop(self) -> None:
        limit = self.lifecycle.stop_timeout
        self.move(self.state.stop(trio.current_time()))
        with trio.move_on_after(limit) as scope:
            await self.service.stop()
        if scope.cancelled_caught:
            text = f"stop timeout after {format_nanoseconds(int(limit * 1e9))}"
            self.move(self.state.stop_failed(trio.current_time(), text))
        else:
            self.move(self.state.stopped(trio.current_time()))

    def _ended(self, ending: Ending, roll: random.Random, error: Error | None) -> None:
        state = self.state.ended(
            ending,
            trio.current_time(),
            self.lifecycle.restart,
            details="" if error is None else str(error),
            roll=roll.uniform(-1, 1),
        )
        self.move(state, error if ending is not Ending.EXIT else None)
        if error is not None and not self.settled.is_set() and self.on_failed_start:
            self.on_failed_start(self.id, error, state.retry_in)


class ServiceSupervisor:
    """Keep the services of an application."""

    def __init__(self, *, seed: int | None = None) -> None:
        self._keepers: dict[str, _Keeper] = {}
        self._roll = random.Random(seed)
        self._nursery: trio.Nursery | None = None
        self._replaced: dict[str, bool] = {}
        self.stopping = False
        self.on_failed_start: FailedStart | None = None

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Own the keepers until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            await trio.sleep_forever()

    # -- what handlers do --------------------------------------------------------------

    def register(self, id: str, service: Service, lifecycle: Lifecycle) -> None:  # noqa: A002
        """Make a service known; it starts when the transaction has been committed."""
        self._keepers[id] = _Keeper(id, service, lifecycle)
        if self._replaced.pop(id, False):
            self._replaced[id] = True

    async def unregister(self, id: str) -> None:  # noqa: A002
        """Stop a service, dependents first are the caller's order, and forget it."""
        keeper = self._keepers.get(id)
        if keeper is None:
            return
        active = not keeper.finished.is_set()
        await self._stop_one(keeper)
        del self._keepers[id]
        self._replaced[id] = active

    # -- starting and stopping ---------------------------------------------------------

    async def settle(self, entries: Mapping[str, Entry]) -> None:
        """Start what a commit made startable, level by level (apps 3.6, 3.7)."""
        if self.stopping:
            return
        wanted = [
            id_
            for id_, keeper in self._keepers.items()
            if (keeper.lifecycle.auto_start or self._replaced.pop(id_, False))
            and keeper.state.status is Status.UNKNOWN
        ]
        self._replaced.clear()
        await self.start(wanted, entries)

    async def start(self, wanted: Iterable[str], entries: Mapping[str, Entry]) -> None:
        """Start services with all they need, level by level.

        Returns when all are up or given up. A required one that failed and is tried
        again is not waited for: what needs it starts in the background when it is up,
        all else starts at once, so that an application runs without what it lacks
        (apps 1.12.6, 3.6).
        """
        plan = start_plan(wanted, entries, self._keepers.__contains__)
        for id_, error in plan.blocked.items():
            log.error(
                "failed to execute commit protocol", serviceID=id_, error=str(error)
            )
            if self.on_failed_start is not None:
                self.on_failed_start(id_, error, None)
        late: dict[str, _Keeper] = {}  # tried again, or in need of one that is
        for level in plan.levels:
            keepers = []
            for id_ in level:
                keeper = self._keepers.get(id_)
                if keeper is None:
                    continue
                needs = [late[need] for need in plan.needs[id_] if need in late]
                if needs:
                    late[id_] = keeper
                    assert self._nursery is not None
                    self._nursery.start_soon(self._start_after, keeper, needs)
                else:
                    self._begin(keeper)
                    keepers.append(keeper)
            late |= {keeper.id: keeper for keeper in await self._failing(keepers)}

    @staticmethod
    async def _failing(keepers: list[_Keeper]) -> list[_Keeper]:
        """Wait for the required ones of a level; give those that are tried again."""
        failing = []
        for keeper in keepers:
            if keeper.lifecycle.optional or keeper.finished.is_set():
                continue
            await keeper.tried.wait()
            if not keeper.settled.is_set():
                failing.append(keeper)
                log.error(
                    "failed to execute commit protocol",
                    serviceID=keeper.id,
                    error=keeper.state.details,
                )
        return failing

    async def _start_after(self, keeper: _Keeper, needs: list[_Keeper]) -> None:
        for need in needs:
            await need.settled.wait()
        self._begin(keeper)

    def _begin(self, keeper: _Keeper) -> None:
        if not keeper.finished.is_set() or self._nursery is None or self.stopping:
            return
        keeper.on_failed_start = self.on_failed_start
        if keeper.settled.is_set():
            keeper.settled = trio.Event()
        keeper.tried = trio.Event()
        keeper.finished = trio.Event()
        keeper.stop_asked = trio.Event()
        self._nursery.start_soon(keeper.run, self._roll)

    async def stop(self, id: str) -> None:  # noqa: A002
        """Stop one service."""
        keeper = self._keepers.get(id)
        if keeper is not None:
            await self._stop_one(keeper)

    async def _stop_one(self, keeper: _Keeper) -> None:
        keeper.stop_asked.set()
        await keeper.finished.wait()

    async def stop_all(self, entries: Mapping[str, Entry]) -> None:
        """Stop everything, dependents first (apps 3.8)."""
        self.stopping = True
        running = [
            id_ for id_, keeper in self._keepers.items() if not keeper.finished.is_set()
        ]
        plan = start_plan(
            [id_ for id_ in running if id_ in entries],
            entries,
            self._keepers.__contains__,
        )
        planned = {id_ for level in plan.levels for id_ in level}
        levels = [*plan.stop_levels]
        rest = tuple(id_ for id_ in running if id_ not in planned)
        if rest:
            levels.insert(0, rest)
        for level in levels:
            async with trio.open_nursery() as nursery:
                for id_ in level:
                    keeper = self._keepers.get(id_)
                    if keeper is not None and not keeper.finished.is_set():
                        nursery.start_soon(self._stop_one, keeper)

    # -- looking -----------------------------------------------------------------------

    def states(self) -> dict[str, ServiceState]:
        """Tell the state of every service."""
        return {id_: keeper.state for id_, keeper in self._keepers.items()}

"""``queue.consumer``: a function that is called for each message (modules-io 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import trio

from wippy_trio.errors import first_error
from wippy_trio.kernel import Context
from wippy_trio.logs import get_logger
from wippy_trio.sdk import (
    EntryKind,
    Error,
    InvalidError,
    NotFoundError,
    ServiceReport,
    TimedOutError,
    read_lifecycle,
)
from wippy_trio.sdk.fields import Fields
from wippy_trio.services.queue.kinds import DeclaredQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wippy_trio.registry import Entry
    from wippy_trio.sdk import Lifecycle, Runtime
    from wippy_trio.sdk.queues import Delivery

__all__ = ["Consumers"]

log = get_logger(__name__)

SETTLE_LIMIT_S = 5.0
"""How long the answer to a broker may take once its handler was cancelled."""
MOST_WORKERS, MOST_AHEAD = 1000, 10_000
DEFAULT_AHEAD = 10


class _Consumer:
    """Take messages and have them handled, some at a time."""

    def __init__(
        self,
        runtime: Runtime,
        id: str,  # noqa: A002
        *,
        queue: str,
        function: str,
        workers: int,
        ahead: int,
        auto_ack: bool,
        options: Mapping[str, Any],
        lifecycle: Lifecycle,
    ) -> None:
        self.runtime = runtime
        self.id = id
        self.queue = queue
        self.function = function
        self.workers = workers
        self.ahead = ahead
        self.auto_ack = auto_ack
        self.options = options
        self.lifecycle = lifecycle
        self._stop: trio.Event | None = None
        self._gone: trio.Event | None = None
        self._scope = trio.CancelScope()

    async def start(self, report: Callable[[ServiceReport], None]) -> str:
        found = self.runtime.resources.get(self.queue)
        if not isinstance(found, DeclaredQueue):
            raise NotFoundError(f"queue {self.queue} not found", retryable=False)
        self._stop, self._gone = trio.Event(), trio.Event()
        self._scope = trio.CancelScope()
        await self.runtime.nursery.start(self._run, found, report)
        return f"consuming {self.queue}"

    async def _run(
        self,
        queue: DeclaredQueue,
        report: Callable[[ServiceReport], None],
        *,
        task_status: trio.TaskStatus[None],
    ) -> None:
        assert self._stop is not None
        assert self._gone is not None
        context = self.runtime.context_of(self.lifecycle.identity)
        failure: Error | None = None
        begun = False
        try:
            with self._scope:
                async with (
                    queue.driver.consume(
                        queue.queue,
                        prefetch=self.ahead
                        or getattr(queue.driver, "prefetch_count", 0)
                        or DEFAULT_AHEAD,
                        auto_ack=self.auto_ack,
                        options=self.options,
                    ) as deliveries,
                    trio.open_nursery() as nursery,
                ):
                    for _ in range(self.workers):
                        nursery.start_soon(self._work, deliveries, context)
                    begun = True
                    task_status.started()
                    await self._stop.wait()
                    nursery.cancel_scope.cancel()
        except Error as error:
            failure = error
        except BaseExceptionGroup as group:
            failure = first_error(group)
        finally:
            self._gone.set()
        if failure is not None and not begun:
            raise failure  # out of `start`
        if failure is not None and not self._stop.is_set():
            report(ServiceReport("failed", error=failure))
        elif not self._stop.is_set():
            report(ServiceReport("exited"))

    async def _work(
        self, deliveries: trio.MemoryReceiveChannel[Delivery], context: Any
    ) -> None:
        async for delivery in deliveries:
            await self._handle(delivery, context)

    async def _handle(self, delivery: Delivery, context: Any) -> None:
        """Call the function; settle unless it did so itself (apps 2.5.3, 2.5.4)."""
        done = False
        tracing, span, failed = self.runtime.tracing, None, None
        if tracing is not None and tracing.queue:
            headers = delivery.message.headers
            span, inner = tracing.start(
                f"process {self.queue}",
                "consumer",
                tracing.carried(
                    {k: v for k, v in headers.items() if isinstance(v, str)}
                ),
                {"messaging.message.id": delivery.message.id},
            )
            context = attrs.evolve(context or Context(), trace=inner)
        try:
            value = await self.runtime.call(
                self.function, delivery.message.body, context=context, frame=delivery
            )
            done = value is not False  # modules-io D1
        except Error as error:
            failed = str(error)
            log.error(  # noqa: TRY400 - no traceback in the program's log
                "message processing failed",
                consumer=self.id,
                message_id=delivery.message.id,
                error=str(error),
            )
        finally:
            if not self.auto_ack and not delivery.settled:
                with trio.move_on_after(SETTLE_LIMIT_S, shield=True):
                    await self._settle(delivery, done=done)
            delivery.released = True
            if span is not None:
                tracing.finish(span, failed)

    async def _settle(self, delivery: Delivery, *, done: bool) -> None:
        try:
            await delivery.settle(done=done)
        except Error as error:
            log.error(  # noqa: TRY400 - likewise
                "message settlement failed",
                consumer=self.id,
                message_id=delivery.message.id,
                error=str(error),
            )

    async def stop(self) -> None:
        if self._stop is None or self._gone is None:
            await trio.lowlevel.checkpoint()
            return
        self._stop.set()
        with trio.move_on_after(max(self.lifecycle.stop_timeout - 0.05, 0.0)) as limit:
            await self._gone.wait()
        if limit.cancelled_caught:
            self._scope.cancel()
            raise TimedOutError(f"consumer {self.id}: handlers did not end in time")


class Consumers(EntryKind):
    """Handle ``queue.consumer`` entries."""

    kinds = ("queue.consumer",)

    async def create(self, entry: Entry) -> None:
        """Register the consumer as a service; its queue must be there."""
        await trio.lowlevel.checkpoint()
        fields = Fields(entry)
        queue = fields.id("queue", "queue ID is required")
        function = fields.id("func", "function ID is required")
        workers = _bounded(fields, "concurrency", 1, MOST_WORKERS)
        ahead = _bounded(fields, "prefetch", 0, MOST_AHEAD)
        options = fields.raw("driver_options") or {}
        if not isinstance(options, dict):
            raise InvalidError(f"driver_options: wanted a map, got {options!r}")
        found = self.runtime.resources.get(queue)
        if not isinstance(found, DeclaredQueue):
            raise InvalidError(f"queue: wanted a queue.queue, found {queue}")
        lifecycle = read_lifecycle(entry)
        consumer = _Consumer(
            self.runtime,
            entry.id,
            queue=queue,
            function=function,
            workers=workers,
            ahead=ahead,
            auto_ack=fields.flag("auto_ack"),
            options=options,
            lifecycle=lifecycle,
        )
        self.runtime.supervisor.register(entry.id, consumer, lifecycle)

    async def delete(self, entry: Entry) -> None:
        """Stop the consumer and forget it."""
        await self.runtime.supervisor.unregister(entry.id)


def _bounded(fields: Fields, name: str, default: int, most: int) -> int:
    value = fields.integer(name, default)
    if value > most:
        raise InvalidError(f"{name}: wanted at most {most}, got {value}")
    return value if value > 0 else default

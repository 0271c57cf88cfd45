"""``queue.driver.memory``: queues in this process (modules-io 3.4)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.logs import get_logger
from wippy_trio.sdk import InvalidError, NotFoundError, UnavailableError
from wippy_trio.sdk.queues import Delivery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from wippy_trio.sdk.queues import Message, Queue

__all__ = ["MemoryDriver"]

log = get_logger(__name__)

DEFAULT_LENGTH = 1000


class _Line:
    """One queue: a memory channel."""

    def __init__(self, queue: Queue, length: int) -> None:
        self.queue = queue
        self.send, self.receive = trio.open_memory_channel["Message"](length)

    def requeue(self, message: Message) -> None:
        """Put a message at the tail again; a full queue loses it (3.4)."""
        try:
            self.send.send_nowait(message)
        except trio.WouldBlock:
            log.error(  # noqa: TRY400 - the exception says nothing more
                "queue.message_lost",
                queue=self.queue.id,
                message_id=message.id,
                reason="the queue is full",
            )
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the driver was stopped, and its queues are gone

    def close(self) -> None:
        self.send.close()
        self.receive.close()


class _MemoryDelivery(Delivery):
    def __init__(self, message: Message, line: _Line) -> None:
        super().__init__(message)
        self._line = line

    async def accept(self) -> None:
        await trio.lowlevel.checkpoint()

    async def reject(self) -> None:
        self._line.requeue(self.message)
        await trio.lowlevel.checkpoint()


class MemoryDriver:
    """Keep the messages of its queues in memory. Bodies are plain data, not written."""

    def __init__(self, id: str) -> None:  # noqa: A002 - its name
        self.id = id
        self._lines: dict[str, _Line] = {}
        self._closed = False

    async def declare(self, queue: Queue) -> None:
        """Make a queue known; what is in it stays (apps 2.5.2).

        Raises:
          InvalidError: ``max_length`` is no number above 0.
        """
        await trio.lowlevel.checkpoint()
        options = queue.options.get("memory") or {}
        length = options.get("max_length", DEFAULT_LENGTH)
        if isinstance(length, str) and length.isdecimal():
            length = int(length)
        if not isinstance(length, int) or isinstance(length, bool) or length <= 0:
            raise InvalidError(
                f"driver_options.memory.max_length: wanted a number above 0, got"
                f" {length!r}"
            )
        known = self._lines.get(queue.name)
        if known is None:
            self._lines[queue.name] = _Line(queue, length)
        else:
            known.queue = queue

    async def forget(self, queue: Queue) -> None:
        """Nothing: the queue waits for being declared again."""
        await trio.lowlevel.checkpoint()

    def _line(self, queue: Queue) -> _Line:
        if self._closed:
            raise UnavailableError(f"queue driver {self.id} is stopped")
        found = self._lines.get(queue.name)
        if found is None:
            raise NotFoundError(f"queue {queue.id} is not declared")
        return found

    async def publish(self, queue: Queue, message: Message) -> None:
        """Put a message in; waits for room."""
        line = self._line(queue)
        try:
            await line.send.send(message)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise UnavailableError(f"queue driver {self.id} is stopped") from None

    async def info(self, queue: Queue) -> dict[str, int]:
        """Count what waits."""
        await trio.lowlevel.checkpoint()
        count = self._line(queue).receive.statistics().current_buffer_used
        return {"message_count": count, "ready": count}

    @contextlib.asynccontextmanager
    async def consume(
        self,
        queue: Queue,
        *,
        prefetch: int,
        auto_ack: bool,
        options: Mapping[str, Any],
    ) -> AsyncIterator[trio.MemoryReceiveChannel[Delivery]]:
        """Take messages ahead into a buffer of the consumer's own."""
        del auto_ack, options
        line = self._line(queue)
        deliver, deliveries = trio.open_memory_channel[Delivery](prefetch)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._pump, line, deliver)
            try:
                yield deliveries
            finally:
                nursery.cancel_scope.cancel()
                with contextlib.suppress(trio.WouldBlock, trio.EndOfChannel):
                    while True:
                        line.requeue(deliveries.receive_nowait().message)
                deliveries.close()

    @staticmethod
    async def _pump(line: _Line, deliver: trio.MemorySendChannel[Delivery]) -> None:
        with deliver, line.receive.clone() as receive:
            async for message in receive:
                try:
                    await deliver.send(_MemoryDelivery(message, line))
                except trio.Cancelled:
                    line.requeue(message)
                    raise

    def open(self) -> None:
        """Take messages again."""
        self._closed = False

    def stop(self) -> None:
        """Drop all queues and what is in them."""
        self._closed = True
        for line in self._lines.values():
            line.close()
        self._lines.clear()

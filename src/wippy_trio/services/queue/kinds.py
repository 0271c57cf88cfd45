"""``queue.driver.*`` and ``queue.queue``: who keeps messages, and under which names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import trio

from wippy_trio.sdk import (
    EntryKind,
    InvalidError,
    NotFoundError,
    read_lifecycle,
)
from wippy_trio.sdk.fields import Fields
from wippy_trio.sdk.queues import CODECS, Queue
from wippy_trio.services.queue.memory import MemoryDriver

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.registry import Entry
    from wippy_trio.sdk import ServiceReport
    from wippy_trio.sdk.queues import QueueDriver

__all__ = ["DeclaredQueue", "MemoryDrivers", "Queues"]


class DeclaredQueue(NamedTuple):
    """A queue with the driver that keeps it; what the entry stands for."""

    queue: Queue
    driver: QueueDriver


class _MemoryService:
    """The driver of memory queues as a service: stopping it drops them."""

    def __init__(self, driver: MemoryDriver, redeclare: Callable[[], Any]) -> None:
        self.driver = driver
        self.redeclare = redeclare

    async def start(self, report: Callable[[ServiceReport], None]) -> str:
        del report
        self.driver.open()
        await self.redeclare()
        return "memory queue driver started"

    async def stop(self) -> None:
        self.driver.stop()
        await trio.lowlevel.checkpoint()


class MemoryDrivers(EntryKind):
    """Handle ``queue.driver.memory`` entries; usable at once (modules-io 3.4)."""

    kinds = ("queue.driver.memory",)

    async def create(self, entry: Entry) -> None:
        """Make the driver known."""
        await trio.lowlevel.checkpoint()
        driver = MemoryDriver(entry.id)
        self.runtime.resources.put(entry.id, driver)

        async def redeclare() -> None:
            for found in queues_of(self.runtime.resources, entry.id):
                await driver.declare(found.queue)

        service = _MemoryService(driver, redeclare)
        self.runtime.supervisor.register(entry.id, service, read_lifecycle(entry))

    async def delete(self, entry: Entry) -> None:
        """Drop the driver and its queues."""
        await self.runtime.supervisor.unregister(entry.id)
        self.runtime.resources.get(entry.id).stop()
        self.runtime.resources.remove(entry.id)


def queues_of(resources: Any, driver: str) -> list[DeclaredQueue]:
    """List the queues of a driver."""
    return [
        found
        for found in resources.values()
        if isinstance(found, DeclaredQueue) and found.queue.driver_id == driver
    ]


class Queues(EntryKind):
    """Handle ``queue.queue`` entries: declared when the entry loads."""

    kinds = ("queue.queue",)

    async def create(self, entry: Entry) -> None:
        """Declare the queue with its driver.

        Raises:
          NotFoundError: The driver is unknown.
          InvalidError: An unknown codec or a wrong option.
        """
        fields = Fields(entry)
        driver_id = fields.id("driver", "driver ID is required")
        codec = fields.text("codec", "json/plain")
        if codec not in CODECS:
            raise InvalidError(
                f"codec: wanted one of {', '.join(sorted(CODECS))}, got {codec!r}"
            )
        options = fields.raw("driver_options") or {}
        if not isinstance(options, dict):
            raise InvalidError(f"driver_options: wanted a map, got {options!r}")
        try:
            driver = self.runtime.resources.get(driver_id)
        except NotFoundError as error:
            raise NotFoundError(f"driver not found: {driver_id}") from error
        if not hasattr(driver, "consume"):
            raise InvalidError(f"driver: wanted a queue driver, found {driver_id}")
        queue = Queue(
            entry.id,
            fields.text("queue_name", entry.name),
            CODECS[codec],
            options,
            driver_id,
        )
        await driver.declare(queue)
        self.runtime.resources.put(entry.id, DeclaredQueue(queue, driver))

    async def delete(self, entry: Entry) -> None:
        """Forget the queue; what it holds stays with its driver."""
        found = self.runtime.resources.get(entry.id)
        self.runtime.resources.remove(entry.id)
        await found.driver.forget(found.queue)

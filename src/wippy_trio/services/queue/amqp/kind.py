"""The handler of ``queue.driver.amqp`` entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from wippy_trio.sdk import EntryKind, read_lifecycle
from wippy_trio.sdk.extras import need
from wippy_trio.services.queue.amqp.settings import read_settings

if TYPE_CHECKING:
    from wippy_trio.registry import Entry

__all__ = ["AmqpDrivers"]


class AmqpDrivers(EntryKind):
    """Make a driver of each entry: known at once, connected when it is started."""

    kinds = ("queue.driver.amqp",)

    async def create(self, entry: Entry) -> None:
        """Make a driver known.

        Raises:
          UnavailableError: The extra ``amqp`` is not installed.
          InvalidError: A wrong field.
        """
        await trio.lowlevel.checkpoint()
        settings = read_settings(entry, self.runtime.env.lookup)
        lifecycle = read_lifecycle(entry)
        need(f"queue.driver.amqp {entry.id}", "pika", "amqp")
        from wippy_trio.services.queue.amqp.driver import (  # noqa: PLC0415 - start-up
            AmqpDriver,
        )

        driver = AmqpDriver(self.runtime, entry.id, settings)
        self.runtime.resources.put(entry.id, driver)
        self.runtime.supervisor.register(entry.id, driver, lifecycle)

    async def delete(self, entry: Entry) -> None:
        """Disconnect the driver and forget it."""
        await self.runtime.supervisor.unregister(entry.id)
        self.runtime.resources.remove(entry.id)

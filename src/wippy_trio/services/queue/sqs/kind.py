"""The handler of ``queue.driver.sqs`` entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from wippy_trio.sdk import EntryKind, InvalidError, read_lifecycle
from wippy_trio.sdk.extras import need
from wippy_trio.sdk.fields import Fields
from wippy_trio.services.aws import AwsClient, aws_config
from wippy_trio.services.queue.sqs.driver import Settings, SqsDriver

if TYPE_CHECKING:
    from wippy_trio.registry import Entry

__all__ = ["SqsDrivers"]

SHORTEST_RETENTION, LONGEST_RETENTION = 60, 1_209_600
LONGEST_DELAY = 900


class SqsDrivers(EntryKind):
    """Make a driver of each entry; nothing is contacted before it is used."""

    kinds = ("queue.driver.sqs",)

    async def create(self, entry: Entry) -> None:
        """Make a driver known.

        Raises:
          InvalidError: A wrong field.
          NotFoundError: The configuration is unknown.
          UnavailableError: The extra ``aws`` is not installed.
        """
        await trio.lowlevel.checkpoint()
        fields = Fields(entry)
        config = fields.id("config", "config is required")
        retention = fields.integer("message_retention_period")
        if retention and not SHORTEST_RETENTION <= retention <= LONGEST_RETENTION:
            raise InvalidError(
                f"message_retention_period: wanted {SHORTEST_RETENTION} to"
                f" {LONGEST_RETENTION} seconds, got {retention}"
            )
        delay = fields.integer("default_delay_seconds")
        if not 0 <= delay <= LONGEST_DELAY:
            raise InvalidError(
                f"default_delay_seconds: wanted 0 to {LONGEST_DELAY}, got {delay}"
            )
        need(f"queue.driver.sqs {entry.id}", "boto3", "aws")
        lifecycle = read_lifecycle(entry)
        find = self.runtime.resources.get
        aws_config(find, config)
        client = AwsClient(
            lambda: aws_config(find, config),
            "sqs",
            fields.text("endpoint"),
            f"queue driver {entry.id}",
            use_fips_endpoint=fields.flag("use_fips") or None,
            use_dualstack_endpoint=fields.flag("use_dual_stack") or None,
        )
        checksums = not fields.flag("disable_message_checksum_validation")
        driver = SqsDriver(entry.id, client, Settings(retention, delay, checksums))
        self.runtime.resources.put(entry.id, driver)
        self.runtime.supervisor.register(entry.id, driver, lifecycle)

    async def delete(self, entry: Entry) -> None:
        """Forget the driver."""
        await self.runtime.supervisor.unregister(entry.id)
        self.runtime.resources.get(entry.id).close()
        self.runtime.resources.remove(entry.id)

"""The handler of ``db.cdc.postgres`` entries (modules-io 7.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from wippy_trio.logs import get_logger
from wippy_trio.sdk import EntryKind, Error, InvalidError, read_lifecycle
from wippy_trio.sdk.extras import need
from wippy_trio.sdk.fields import Fields
from wippy_trio.services.sql.settings import read_settings

if TYPE_CHECKING:
    from wippy_trio.registry import Entry
    from wippy_trio.services.cdc.source import CdcSettings

__all__ = ["CdcSources"]

log = get_logger(__name__)

DROP_S = 5.0


class CdcSources(EntryKind):
    """Make a source of each entry: known at once, streaming when it is started."""

    kinds = ("db.cdc.postgres",)

    def _settings(self, entry: Entry) -> CdcSettings:
        from wippy_trio.services.cdc.source import CdcSettings  # noqa: PLC0415

        place = read_settings("db.sql.postgres", entry.data, self.runtime.env.lookup)
        fields = Fields(entry)
        slot = fields.required("slot_name", "slot_name is required")
        tables = tuple(fields.texts("tables"))
        publication = fields.text("publication")
        if not tables and not publication:
            raise InvalidError("publication is required when tables are empty")
        fetch = fields.integer("snapshot_fetch_size", 1000)
        if fetch <= 0:
            raise InvalidError(f"snapshot_fetch_size: wanted more than 0, got {fetch}")
        found = CdcSettings(
            place,
            slot,
            publication,
            tables,
            fields.flag("snapshot"),
            fetch,
            fields.flag("streaming"),
            fields.flag("temporary"),
            fields.flag("failover"),
            fields.seconds("standby_interval", 10.0) or 10.0,
            fields.seconds("status_interval", 30.0) or 30.0,
        )
        if found.temporary and found.failover:
            raise InvalidError("temporary and failover exclude each other")
        return found

    async def create(self, entry: Entry) -> None:
        """Make a source known.

        Raises:
          InvalidError: A wrong field.
          UnavailableError: The extra ``postgres`` is not installed.
        """
        await trio.lowlevel.checkpoint()
        settings = self._settings(entry)
        lifecycle = read_lifecycle(entry)
        need(f"db.cdc.postgres {entry.id}", "psycopg", "postgres")
        from wippy_trio.services.cdc.source import CdcSource  # noqa: PLC0415

        source = CdcSource(self.runtime, entry.id, settings)
        self.runtime.resources.put(entry.id, source)
        self.runtime.supervisor.register(entry.id, source, lifecycle)

    async def update(self, old: Entry, new: Entry) -> None:
        """Make the source anew; its slot stays, unless another one is named."""
        settings = self._settings(new)
        source = self.runtime.resources.get(new.id)
        same = (source.settings.slot, source.settings.place) == (
            settings.slot,
            settings.place,
        )
        await self._remove(old, drop=not same)
        await self.create(new)

    async def delete(self, entry: Entry) -> None:
        """Stop the source, drop its slot and its checkpoint."""
        await self._remove(entry, drop=True)

    async def _remove(self, entry: Entry, *, drop: bool) -> None:
        await self.runtime.supervisor.unregister(entry.id)
        source = self.runtime.resources.get(entry.id)
        self.runtime.resources.remove(entry.id)
        source.dispose()
        if not drop:
            return
        with trio.move_on_after(DROP_S) as limit:
            try:
                await source.drop()
            except Error as error:
                log.warning("cdc.slot_left", entry=entry.id, error=str(error))
        if limit.cancelled_caught:
            log.warning("cdc.slot_left", entry=entry.id, error="timeout")

"""The life of a source: publication, slot, snapshot, stream, checkpoints."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import trio

from wippy_trio.errors import first_error
from wippy_trio.logs import get_logger
from wippy_trio.sdk import (
    Error,
    InternalError,
    InvalidError,
    NotFoundError,
    ServiceReport,
)
from wippy_trio.sdk.changes import Change, Subscription
from wippy_trio.services.cdc.pgoutput import Decoder, format_lsn, parse_lsn
from wippy_trio.services.cdc.replication import (
    Keepalive,
    Replication,
    literal,
    quoted,
)
from wippy_trio.services.sql.postgres import open_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.kernel import Channel
    from wippy_trio.sdk import Runtime
    from wippy_trio.services.sql.postgres import PostgresSession
    from wippy_trio.services.sql.settings import Settings

__all__ = ["CdcSettings", "CdcSource"]

log = get_logger(__name__)

SYSTEM = "postgres_cdc"
OFFSETS = "wippy_cdc_offsets"
DROP_TRIES, DROP_EVERY_S = 10, 0.1
GOODBYE_S = 2.0


class CdcSettings(NamedTuple):
    """What an entry says; times in seconds."""

    place: Settings
    slot: str
    publication: str
    tables: tuple[str, ...]
    snapshot: bool
    snapshot_fetch_size: int
    streaming: bool
    temporary: bool
    failover: bool
    standby_interval: float
    status_interval: float

    @property
    def used_publication(self) -> str:
        """The one that is named, or the one that is made for the tables."""
        return self.publication or f"{self.slot}_pub"


class CdcSource:
    """A service: it streams from `start` to `stop`, and from its checkpoint again."""

    def __init__(self, runtime: Runtime, id: str, settings: CdcSettings) -> None:  # noqa: A002 - its name
        self.id = id
        self.settings = settings
        self._runtime = runtime
        self._subscriptions: list[Subscription] = []
        self._admin: PostgresSession | None = None
        self._admin_lock = trio.Lock()
        self._scope = trio.CancelScope()
        self._gone = trio.Event()
        self._gone.set()
        self._decoder = Decoder()
        self._confirmed = 0
        self._saved = 0
        self._incomplete = False

    # -- what the module asks ----------------------------------------------------------

    def describe_source(self) -> dict[str, Any]:
        """Tell about it."""
        settings = self.settings
        found: dict[str, Any] = {
            "name": self.id,
            "slot": settings.slot,
            "publication": settings.used_publication,
            "streaming": settings.streaming,
            "failover": settings.failover,
            "temporary": settings.temporary,
            "snapshot": settings.snapshot,
            "event_system": SYSTEM,
        }
        if settings.tables:
            found["tables"] = list(settings.tables)
        return found

    def subscribe_changes(self, subscription: Subscription) -> None:
        """Tell a subscription of all changes from now on."""
        self._subscriptions.append(subscription)

    def unsubscribe_changes(self, subscription: Subscription) -> None:
        """Tell it no more."""
        with contextlib.suppress(ValueError):
            self._subscriptions.remove(subscription)
        subscription.channel.close()

    def dispose(self) -> None:
        """End all subscriptions."""
        for subscription in list(self._subscriptions):
            self.unsubscribe_changes(subscription)

    # -- the service -------------------------------------------------------------------

    async def start(self, report: Callable[[ServiceReport], None]) -> str:
        """Connect and find the slot, or make it.

        Raises:
          Error: The server cannot be reached, or refuses.
        """
        async with contextlib.AsyncExitStack() as stack:
            admin = await open_session(self.settings.place, self.id)
            stack.callback(admin.close)
            checkpoint = await self._prepare(admin)
            place = self.settings.place
            wire = await open_session(
                place._replace(options=(*place.options, ("replication", "database"))),
                self.id,
            )
            stack.callback(wire.close)
            point, snapshot = await self._slot(admin, wire, checkpoint)
            stack.pop_all()
        self._admin = admin
        self._decoder = Decoder()
        self._confirmed = self._saved = max(checkpoint, point)
        self._scope, self._gone = trio.CancelScope(), trio.Event()
        self._runtime.nursery.start_soon(self._run, wire, snapshot, report)
        return f"streaming slot {self.settings.slot} from {format_lsn(self._confirmed)}"

    async def stop(self) -> None:
        """Save the checkpoint and leave; the slot stays."""
        self._scope.cancel()
        await self._gone.wait()

    async def aclose(self) -> None:
        """Leave, as a resource that is still there when the runtime stops."""
        await self.stop()
        self.dispose()

    async def _run(
        self,
        wire: PostgresSession,
        snapshot: str,
        report: Callable[[ServiceReport], None],
    ) -> None:
        failure: Error | None = None
        stream = Replication(wire)
        try:
            with self._scope:
                try:
                    if snapshot:
                        await self._snapshot(snapshot)
                    await self._stream(stream)
                except Error as error:
                    failure = error
                except BaseExceptionGroup as group:
                    failure = first_error(group)
        finally:
            with trio.move_on_after(GOODBYE_S, shield=True):
                await self._say_goodbye(stream, failure)
            stream.close()
            if self._admin is not None:
                self._admin.close()
                self._admin = None
            self._gone.set()
        if failure is not None and not self._scope.cancel_called:
            self._publish(
                "error",
                self.settings.slot,
                {"message": str(failure), "slot": self.settings.slot},
            )
            report(ServiceReport("failed", error=failure))

    async def _say_goodbye(self, stream: Replication, failure: Error | None) -> None:
        """Keep the position for the next time, or nothing of half a snapshot."""
        if self._incomplete:
            self._incomplete = False
            stream.close()  # which frees the slot
            if self._admin is not None:
                with contextlib.suppress(Error):
                    await drop_slot(self._admin, self.settings.slot)
            return
        with contextlib.suppress(Error):
            await self._save()
        if failure is None:
            with contextlib.suppress(Error):
                await stream.confirm(self._confirmed, self._now())

    def _now(self) -> float:
        return self._runtime.node.clock.unix_nanoseconds() / 1e9

    # -- before the stream -------------------------------------------------------------

    async def _prepare(self, admin: PostgresSession) -> int:
        """Make the table of checkpoints and the publication; give the checkpoint."""
        settings = self.settings
        await admin.texts(
            f"CREATE TABLE IF NOT EXISTS {OFFSETS} (slot text PRIMARY KEY,"
            " lsn text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now())"
        )
        name = settings.used_publication
        known = await admin.texts(
            f"SELECT 1 AS n FROM pg_publication WHERE pubname = {literal(name)}"
        )
        if settings.tables:
            tables = ", ".join(map(_table, settings.tables))
            if known:
                await admin.texts(
                    f"ALTER PUBLICATION {quoted(name)} SET TABLE {tables}"
                )
            else:
                await admin.texts(
                    f"CREATE PUBLICATION {quoted(name)} FOR TABLE {tables}"
                )
        elif not known:
            raise NotFoundError(f"cdc {self.id}: there is no publication {name}")
        rows = await admin.texts(
            f"SELECT lsn FROM {OFFSETS} WHERE slot = {literal(settings.slot)}"
        )
        return parse_lsn(rows[0]["lsn"] or "0/0") if rows else 0

    async def _slot(
        self, admin: PostgresSession, wire: PostgresSession, checkpoint: int
    ) -> tuple[int, str]:
        """Find the slot or make it: its position, and the name of a snapshot."""
        settings = self.settings
        rows = await admin.texts(
            "SELECT confirmed_flush_lsn AS lsn FROM pg_replication_slots"
            f" WHERE slot_name = {literal(settings.slot)}"
        )
        if rows:
            return parse_lsn(rows[0]["lsn"] or "0/0"), ""
        wanted = settings.snapshot and not checkpoint
        temporary = " TEMPORARY" if settings.temporary else ""
        export = "EXPORT_SNAPSHOT" if wanted else "NOEXPORT_SNAPSHOT"
        if settings.failover:
            export = f"(SNAPSHOT '{'export' if wanted else 'nothing'}', FAILOVER true)"
        made = await wire.texts(
            f"CREATE_REPLICATION_SLOT {quoted(settings.slot)}{temporary}"
            f" LOGICAL pgoutput {export}"
        )
        point = parse_lsn(made[0]["consistent_point"] or "0/0")
        return point, (made[0]["snapshot_name"] or "") if wanted else ""

    async def _snapshot(self, name: str) -> None:
        """Tell of every row that was there when the slot was made.

        If that fails, or is cancelled, the slot and its checkpoint are dropped, so that
        the next start begins anew.
        """
        settings = self.settings
        try:
            reader = await open_session(settings.place, self.id)
            try:
                await reader.texts("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                await reader.texts(f"SET TRANSACTION SNAPSHOT {literal(name)}")
                tables = await reader.texts(
                    "SELECT schemaname, tablename FROM pg_publication_tables WHERE"
                    f" pubname = {literal(settings.used_publication)} ORDER BY 1, 2"
                )
                for table in tables:
                    await self._snapshot_table(
                        reader, str(table["schemaname"]), str(table["tablename"])
                    )
                await reader.texts("COMMIT")
            finally:
                reader.close()
            await self._save(force=True)
        except BaseException:
            self._incomplete = True
            raise

    async def _snapshot_table(
        self, reader: PostgresSession, schema: str, table: str
    ) -> None:
        await reader.texts(
            "DECLARE wippy_cdc NO SCROLL CURSOR FOR SELECT * FROM"
            f" {quoted(schema)}.{quoted(table)}"
        )
        size = self.settings.snapshot_fetch_size
        while rows := await reader.texts(f"FETCH {size} FROM wippy_cdc"):
            for row in rows:
                await self._tell(Change("r", schema, table, None, row, self._confirmed))
        await reader.texts("CLOSE wippy_cdc")

    # -- the stream --------------------------------------------------------------------

    async def _stream(self, stream: Replication) -> None:
        settings = self.settings
        await stream.start(
            settings.slot,
            self._confirmed,
            settings.used_publication,
            streaming=settings.streaming,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                self._every, settings.standby_interval, self._stand_by, stream
            )
            nursery.start_soon(self._every, settings.status_interval, self._tell_status)
            while True:
                message = await stream.receive()
                if isinstance(message, Keepalive):
                    if self._decoder.idle:
                        # Nothing of what came in between is for us.
                        self._confirmed = max(self._confirmed, message.lsn)
                    if message.reply:
                        await stream.confirm(self._confirmed, self._now())
                    continue
                for change in self._decoder.feed(message.data, message.lsn):
                    await self._tell(change)
                self._confirmed = max(self._confirmed, self._decoder.commit_end)

    @staticmethod
    async def _every(seconds: float, fn: Callable[..., Any], *args: Any) -> None:
        while True:
            await trio.sleep(seconds)
            await fn(*args)

    async def _stand_by(self, stream: Replication) -> None:
        """Keep the checkpoint, then let the server forget what lies before it."""
        await self._save()
        await stream.confirm(self._saved, self._now())

    async def _save(self, *, force: bool = False) -> None:
        lsn = self._confirmed
        if self.settings.temporary or (lsn == self._saved and not force):
            return
        await self._ask(
            f"INSERT INTO {OFFSETS} (slot, lsn, updated_at) VALUES"
            f" ({literal(self.settings.slot)}, {literal(format_lsn(lsn))}, now())"
            " ON CONFLICT (slot) DO UPDATE SET lsn = excluded.lsn,"
            " updated_at = excluded.updated_at"
        )
        self._saved = lsn

    async def _ask(self, sql: str) -> list[dict[str, str | None]]:
        async with self._admin_lock:
            if self._admin is None:
                raise InternalError(f"cdc {self.id} is not connected", retryable=True)
            return await self._admin.texts(sql)

    async def _tell_status(self) -> None:
        slot = self.settings.slot
        rows = await self._ask(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint AS n"
            f" FROM pg_replication_slots WHERE slot_name = {literal(slot)}"
        )
        kept = int(rows[0]["n"] or 0) if rows else 0
        self._runtime.metrics.set_gauge(
            "wippy_cdc_retained_wal_bytes", kept, {"slot": slot}
        )
        self._publish("status", slot, {"slot": slot, "retained_wal_bytes": kept})

    # -- telling -----------------------------------------------------------------------

    async def _tell(self, change: Change) -> None:
        """Tell the bus and all subscriptions of a change.

        A full subscription holds everybody up, for one interval at most: then it is
        closed, because dropping changes silently would be worse.
        """
        slot = self.settings.slot
        self._runtime.metrics.add(
            "wippy_cdc_changes_total", 1, {"slot": slot, "op": change.op}
        )
        shown = self._shown(change)
        older = "snapshot" if change.op == "r" else change.op  # modules-io D5
        self._publish("change", shown["relation"], {**shown, "op": older})
        for subscription in list(self._subscriptions):
            if not subscription.wants(change):
                continue
            if subscription.channel.closed:
                self.unsubscribe_changes(subscription)
                continue
            await self._hand_to(subscription, shown)

    async def _hand_to(self, subscription: Subscription, shown: dict[str, Any]) -> None:
        channel: Channel[Any] = subscription.channel
        with contextlib.suppress(Error):  # the channel was closed meanwhile
            try:
                channel.send_nowait(shown)
                return
            except trio.WouldBlock:
                pass
            with trio.move_on_after(self.settings.standby_interval) as limit:
                await channel.send(shown)
            if limit.cancelled_caught:
                text = f"a subscriber of {self.id} did not receive in time"
                log.error("cdc.subscriber_closed", source=self.id, error=text)
                self.unsubscribe_changes(subscription)
                slot = self.settings.slot
                self._publish("error", slot, {"message": text, "slot": slot})

    def _shown(self, change: Change) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "op": change.op,
            "schema": change.schema,
            "table": change.table,
            "relation": f"{change.schema}.{change.table}",
            "source": self.id,
            "lsn": format_lsn(change.lsn),
        }
        for name, row in (("before", change.before), ("after", change.after)):
            if row is not None:
                shown[name] = {k: v for k, v in row.items() if v is not None}
        if change.commit_lsn:
            shown["commit_lsn"] = format_lsn(change.commit_lsn)
        if change.xid:
            shown["xid"] = change.xid
        return shown

    def _publish(self, kind: str, path: str, data: Any) -> None:
        self._runtime.bus.publish(SYSTEM, kind, path, data)

    # -- the end -----------------------------------------------------------------------

    async def drop(self) -> None:
        """Drop the slot and the checkpoint; the entry is being removed.

        Raises:
          Error: The server cannot be reached, or somebody else uses the slot.
        """
        admin = await open_session(self.settings.place, self.id)
        try:
            await drop_slot(admin, self.settings.slot)
        finally:
            admin.close()


async def drop_slot(admin: PostgresSession, slot: str) -> None:
    """Drop a slot, which may be in use a moment longer, and its checkpoint."""
    name = literal(slot)
    for last in range(DROP_TRIES, 0, -1):
        try:
            await admin.texts(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                f" WHERE slot_name = {name}"
            )
            break
        except Error:
            if last == 1:
                raise
            await trio.sleep(DROP_EVERY_S)
    with contextlib.suppress(InvalidError):  # there is no such table
        await admin.texts(f"DELETE FROM {OFFSETS} WHERE slot = {name}")


def _table(name: str) -> str:
    return ".".join(quoted(part) for part in name.split("."))

"""``store.sql``: values as JSON in a table that is there already (modules-io 4.3)."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.logs import get_logger
from wippy_trio.modules.json.codec import decode, encode
from wippy_trio.modules.sql.contract import Database
from wippy_trio.sdk import (
    EntryKind,
    Error,
    InternalError,
    InvalidError,
    read_lifecycle,
    stores,
)
from wippy_trio.sdk.fields import Fields

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from wippy_trio.modules.sql.contract import Bound, Session
    from wippy_trio.registry import Entry
    from wippy_trio.sdk import Runtime, ServiceReport
    from wippy_trio.sdk.stores import PutOptions, StoreEntry, StorePage

__all__ = ["SqlStore", "SqlStores"]

log = get_logger(__name__)

FACTS = stores.StoreFacts("sql", "local", True, False, False)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_RESERVED = frozenset(
    """
    all alter and as between by case check create cross delete desc distinct drop else
    exists from full group having in index inner insert into is join left like limit not
    null on or order outer primary references right select set table then to union
    unique update using values when where with
    """.split()  # noqa: SIM905 - a list of words
)


class SqlStore:
    """Keep values in one table: a key, a JSON text, when it expires.

    An expired row is absent at once. Conditions are not supported, since the table
    counts no versions.
    """

    facts = FACTS

    def __init__(
        self,
        runtime: Runtime,
        database: str,
        table: str,
        columns: tuple[str, str, str],
    ) -> None:
        """Describe it.

        Args:
          runtime: Has the database.
          database: Id of its entry.
          table: That is there.
          columns: Of the key, of the value, of when it expires.
        """
        key, value, end = columns
        self._runtime = runtime
        self._database = database
        self._names = {"t": table, "k": key, "v": value, "e": end}
        self.closed = False

    # -- the dialects ------------------------------------------------------------------

    def _text(self, sql: str, engine: str) -> str:
        """Fill in names, quoted as the engine wants it, and its placeholders."""
        mark = "`" if engine == "mysql" else '"'
        names = {k: f"{mark}{name}{mark}" for k, name in self._names.items()}
        binary = {"mysql": "BINARY {}", "postgres": '{} COLLATE "C"'}.get(engine, "{}")
        text = sql.format(**names, kb=binary.format(names["k"]))
        if engine == "postgres":
            count = iter(range(1, 100))
            text = re.sub(r"\?", lambda _: f"${next(count)}", text)
        return text

    @staticmethod
    def _stamp(moment: float, engine: str) -> str:
        stamp = dt.datetime.fromtimestamp(moment, tz=dt.UTC)
        text = stamp.strftime("%Y-%m-%d %H:%M:%S.%f")
        return f"{text}+00" if engine == "postgres" else text

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[tuple[Session, str]]:
        if self.closed:
            raise stores.closed()
        database = self._runtime.resources.get(self._database)
        if not isinstance(database, Database):
            raise InternalError(f"{self._database} is not a database", retryable=False)
        session = await database.acquire()
        try:
            yield session, database.type
        except BaseException:
            database.abandon(session)
            raise
        database.give_back(session)

    async def _rows(
        self, session: Session, engine: str, sql: str, params: Sequence[Bound]
    ) -> list[Sequence[Any]]:
        rows = await session.query(self._text(sql, engine), params)
        width = len(rows.names) or 1
        return [rows.values[i : i + width] for i in range(0, len(rows.values), width)]

    def _now(self, engine: str) -> str:
        return self._stamp(self._runtime.node.clock.unix(), engine)

    # -- the store ---------------------------------------------------------------------

    async def entry(self, key: str) -> StoreEntry:
        """Read an entry."""
        async with self._session() as (session, engine):
            rows = await self._rows(
                session,
                engine,
                "SELECT {v} FROM {t} WHERE {k} = ? AND ({e} IS NULL OR {e} > ?)",
                [key, self._now(engine)],
            )
        if not rows:
            raise stores.missing()
        return stores.StoreEntry(key, _read(rows[0][0]), 0)

    async def put(self, key: str, value: Any, options: PutOptions) -> StoreEntry:
        """Keep a value; another writer may have been first, then it is replaced."""
        if options.only_if_absent or options.if_version:
            raise stores.unsupported()
        text = encode(value)
        try:
            await self._write(key, text, options.ttl)
        except Error as error:
            if self.closed or isinstance(error, InvalidError):
                raise
            await self._write(key, text, options.ttl)
        return stores.StoreEntry(key, value, 0)

    async def _write(self, key: str, text: str, ttl: float) -> None:
        async with self._session() as (session, engine):
            end = None
            if ttl > 0:
                end = self._stamp(self._runtime.node.clock.unix() + ttl, engine)
            await session.begin("default", read_only=False)
            there = await self._rows(
                session, engine, "SELECT 1 FROM {t} WHERE {k} = ?", [key]
            )
            if there:
                sql = "UPDATE {t} SET {v} = ?, {e} = ? WHERE {k} = ?"
            else:
                sql = "INSERT INTO {t} ({v}, {e}, {k}) VALUES (?, ?, ?)"
            await session.execute(self._text(sql, engine), [text, end, key])
            await session.commit()

    async def delete(self, key: str) -> bool:
        """Forget a value; an expired one was not there."""
        async with self._session() as (session, engine):
            gone = await session.execute(
                self._text(
                    "DELETE FROM {t} WHERE {k} = ? AND ({e} IS NULL OR {e} > ?)", engine
                ),
                [key, self._now(engine)],
            )
        return gone.rows_affected > 0

    async def list(
        self, prefixes: tuple[str, ...], after: str, limit: int
    ) -> StorePage:
        """Read entries in the order of their keys' bytes."""
        starts = " OR ".join("SUBSTR({kb}, 1, ?) = ?" for _ in prefixes)
        async with self._session() as (session, engine):
            params: list[Bound] = [after]
            for prefix in prefixes:
                size = len(prefix.encode()) if engine == "mysql" else len(prefix)
                params += [size, prefix]
            rows = await self._rows(
                session,
                engine,
                f"SELECT {{k}}, {{v}} FROM {{t}} WHERE {{kb}} > ? AND ({starts})"
                " AND ({e} IS NULL OR {e} > ?) ORDER BY {kb} LIMIT ?",
                [*params, self._now(engine), limit + 1],
            )
        items = [
            stores.StoreEntry(_string(key), _read(value), 0) for key, value in rows
        ]
        return stores.StorePage(items[:limit], has_more=len(items) > limit)

    async def purge(self) -> None:
        """Delete what has expired."""
        async with self._session() as (session, engine):
            sql = self._text("DELETE FROM {t} WHERE {e} <= ?", engine)
            await session.execute(sql, [self._now(engine)])


def _string(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return str(value)


def _read(value: Any) -> Any:
    if isinstance(value, str):
        value = value.encode()
    if not isinstance(value, bytes):
        raise InternalError(
            f"the stored value is no JSON text: {value!r}", retryable=False
        )
    return decode(value)


class _Service:
    """Delete expired rows from time to time while it is started."""

    def __init__(
        self,
        runtime: Runtime,
        id: str,  # noqa: A002 - its name
        store: SqlStore,
        every: float,
    ) -> None:
        self.runtime = runtime
        self.id = id
        self.store = store
        self.every = every
        self._scope = trio.CancelScope()

    async def start(self, report: Callable[[ServiceReport], None]) -> str:
        del report
        self.store.closed = False
        self._scope = trio.CancelScope()
        if self.every > 0:
            self.runtime.nursery.start_soon(self._purge, self._scope)
        await trio.lowlevel.checkpoint()
        return "sql store started"

    async def _purge(self, scope: trio.CancelScope) -> None:
        with scope:
            while True:
                await trio.sleep(self.every)
                try:
                    await self.store.purge()
                except Error as error:
                    log.warning("store.purge_failed", entry=self.id, error=str(error))

    async def stop(self) -> None:
        self._scope.cancel()
        self.store.closed = True
        await trio.lowlevel.checkpoint()


class SqlStores(EntryKind):
    """Handle ``store.sql`` entries (apps 2.4)."""

    kinds = ("store.sql",)

    async def create(self, entry: Entry) -> None:
        """Make the store, usable at once; its database is looked for at its use."""
        fields = Fields(entry)
        database = fields.id("database", "database is required")
        _check_name("database", database.partition(":")[2])
        table = fields.text("table_name") or fields.text("table")
        if not table:
            raise InvalidError("table_name is required")
        columns = {
            name: fields.text(name, default)
            for name, default in (
                ("id_column_name", "key"),
                ("payload_column_name", "value"),
                ("expire_column_name", "expires_at"),
            )
        }
        for name, text in (("table_name", table), *columns.items()):
            _check_name(name, text)
        every = fields.seconds("cleanup_interval")
        lifecycle = read_lifecycle(entry)
        key, value, end = columns.values()
        store = SqlStore(self.runtime, database, table, (key, value, end))
        self.runtime.resources.put(entry.id, store)
        service = _Service(self.runtime, entry.id, store, every)
        self.runtime.supervisor.register(entry.id, service, lifecycle)
        await trio.lowlevel.checkpoint()

    async def delete(self, entry: Entry) -> None:
        """Forget the store; the table stays."""
        await self.runtime.supervisor.unregister(entry.id)
        self.runtime.resources.remove(entry.id)


def _check_name(field: str, text: str) -> None:
    if not _NAME.fullmatch(text) or text.lower() in _RESERVED:
        raise InvalidError(
            f"{field}: wanted a name of letters, digits and _ that begins with a letter"
            f" and is no SQL keyword, got {text!r}"
        )

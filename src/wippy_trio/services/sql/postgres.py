"""PostgreSQL by libpq, on Trio: no thread waits for a server.

psycopg brings libpq; its own cursors are not used. They cost more than they give here:
parameters go as texts whose types the server infers, results come as texts, and the few
types that Lua knows are read by their numbers. A cancelled statement is cancelled in
the server, and its connection is closed, since nobody can tell when the server hears.

Source: modules-io 2.1 to 2.8.
"""

from __future__ import annotations

import contextlib
import ipaddress
import select
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import trio
from trio.lowlevel import wait_readable, wait_writable

from wippy_trio.modules.sql.contract import NO_ROWS, Bound, Done, Rows
from wippy_trio.sdk import (
    AlreadyExistsError,
    ConflictError,
    Error,
    InternalError,
    InvalidError,
    PermissionDeniedError,
    TimedOutError,
    UnavailableError,
    hold_time,
    run_in_thread,
)
from wippy_trio.services.sql.dates import rfc3339_of_text, rfc3339_of_time
from wippy_trio.services.sql.pool import PooledDatabase, PooledSession

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg.pq.abc import PGconn, PGresult

    from wippy_trio.services.sql.settings import Settings

__all__ = ["PostgresDatabase", "open_session"]

BYTEA = 17
PREPARE_AFTER = 4
MOST_PREPARED = 100
MANY_VALUES = 20_000
"""Results with more values are read in a thread."""

CANCEL_S = 5.0

ISOLATION = {
    "default": "",
    "read_uncommitted": " ISOLATION LEVEL READ UNCOMMITTED",
    "read_committed": " ISOLATION LEVEL READ COMMITTED",
    "repeatable_read": " ISOLATION LEVEL REPEATABLE READ",
    "serializable": " ISOLATION LEVEL SERIALIZABLE",
}

_WORTH_PREPARING = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES", "MERGE")


class PostgresSession(PooledSession):
    """One connection."""

    def __init__(self, connection: PGconn) -> None:
        from psycopg import OperationalError, pq  # noqa: PLC0415 - an extra

        self._pq = pq
        self._operational = OperationalError
        self._connection = connection
        self._uses: OrderedDict[tuple[str, tuple[int, ...]], int] = OrderedDict()
        self._prepared: OrderedDict[tuple[str, tuple[int, ...]], bytes] = OrderedDict()
        self._explicit: dict[str, tuple[str, tuple[int, ...]]] = {}
        self._last_name = 0
        self._stale = False

    # -- the wire ----------------------------------------------------------------------

    async def _results(self) -> list[PGresult]:
        """Wait for all results of what was sent."""
        connection = self._connection
        copies = (
            self._pq.ExecStatus.COPY_IN,
            self._pq.ExecStatus.COPY_OUT,
            self._pq.ExecStatus.COPY_BOTH,
        )
        results: list[PGresult] = []
        with hold_time():
            while connection.flush():
                await self._wait_both()
                connection.consume_input()
            while True:
                while connection.is_busy():
                    await wait_readable(connection.socket)
                    connection.consume_input()
                result = connection.get_result()
                if result is None:
                    return results
                results.append(result)
                if result.status in copies:
                    self.close()
                    raise InvalidError("sql: COPY cannot be used here", retryable=False)

    async def _wait_both(self) -> None:
        socket = self._connection.socket
        async with trio.open_nursery() as nursery:

            async def wait(for_it: Callable[[int], Any]) -> None:
                await for_it(socket)
                nursery.cancel_scope.cancel()

            nursery.start_soon(wait, wait_readable)
            nursery.start_soon(wait, wait_writable)

    async def _talk(self, send: Callable[..., None], *args: Any) -> list[PGresult]:
        """Send something and wait for its results.

        Raises:
          Error: The first one that the server reports.
        """
        if not self.usable:
            raise UnavailableError("sql: the connection is closed", retryable=True)
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            send(*args)
            results = await self._results()
        except self._operational as error:
            text = self._lost() or str(error)
            self.close()
            raise UnavailableError(f"sql: {text}", retryable=True) from error
        except BaseException:
            await self._cancel()
            raise
        for result in results:
            if result.status == self._pq.ExecStatus.FATAL_ERROR:
                failure = self._failure_of(result)
                if self._connection.status == self._pq.ConnStatus.BAD:
                    self.close()
                raise failure
        return results

    def _lost(self) -> str:
        return self._connection.get_error_message().strip()

    async def _cancel(self) -> None:
        """Have the server stop, then leave."""
        if not self.usable:
            return
        self.usable = False
        connection = self._connection
        with trio.CancelScope(shield=True):
            try:
                with trio.move_on_after(CANCEL_S):
                    await run_in_thread(_send_cancel, connection, abandon=True)
            finally:
                self.close()

    def close(self) -> None:
        """Close it."""
        self.usable = False
        self._connection.finish()

    def alive(self) -> bool:
        """Tell whether the server is silent: what it says to nobody is its farewell."""
        try:
            return not select.select([self._connection.socket], [], [], 0)[0]
        except (self._operational, OSError, ValueError):
            return False

    # -- statements --------------------------------------------------------------------

    async def _run(self, sql: str, params: Sequence[Bound]) -> PGresult | None:
        """Run a statement; give its result, of several ones the last."""
        connection = self._connection
        if self._stale and not self.in_transaction:
            self._stale = False
            self._prepared.clear()
            self._explicit.clear()
            await self._talk(connection.send_query, b"DEALLOCATE ALL")
        values, types, formats = _encoded(params)
        key = (sql, tuple(types))
        name = self._prepared.get(key)
        if name is None and self._is_used_often(key):
            name = await self._prepare(key)
        if name is not None:
            try:
                results = await self._talk(
                    connection.send_query_prepared, name, values, formats
                )
            except InvalidError as error:
                if not _plan_is_stale(error):
                    raise
                # A table has changed since: the plan is of no use any more.
                self._stale = True
                if self.in_transaction:
                    raise ConflictError(error.message, retryable=True) from error
                return await self._run(sql, params)
        elif values:
            results = await self._talk(
                connection.send_query_params, sql.encode(), values, types, formats
            )
        else:
            results = await self._talk(connection.send_query, sql.encode())
            if len(results) > 1:
                self._uses.pop(key, None)
        return results[-1] if results else None

    def _is_used_often(self, key: tuple[str, tuple[int, ...]]) -> bool:
        if ";" in key[0] or not key[0].lstrip()[:6].upper().startswith(
            _WORTH_PREPARING
        ):
            return False
        uses = self._uses.pop(key, 0) + 1
        self._uses[key] = uses
        if len(self._uses) > MOST_PREPARED * 4:
            self._uses.popitem(last=False)
        return uses > PREPARE_AFTER

    async def _prepare(self, key: tuple[str, tuple[int, ...]]) -> bytes:
        self._last_name += 1
        name = b"s%d" % self._last_name
        sql, types = key
        await self._talk(
            self._connection.send_prepare, name, sql.encode(), list(types) or None
        )
        await self._make_room()
        self._prepared[key] = name
        return name

    async def prepare(self, sql: str) -> None:
        """Prepare a statement whose parameters are texts, which most are."""
        if self._explicit.get(sql) in self._prepared:
            return
        self._last_name += 1
        name = b"s%d" % self._last_name
        connection = self._connection
        await self._talk(connection.send_prepare, name, sql.encode(), None)
        described = await self._talk(connection.send_describe_prepared, name)
        key = (sql, (0,) * (described[-1].nparams if described else 0))
        await self._make_room()
        self._prepared[key] = name
        self._explicit[sql] = key

    async def _make_room(self) -> None:
        while len(self._prepared) >= MOST_PREPARED:
            (sql, _), old = self._prepared.popitem(last=False)
            self._explicit.pop(sql, None)
            await self._talk(self._connection.send_query, b"DEALLOCATE " + old)

    @property
    def connection(self) -> PGconn:
        """The connection of libpq, for what is no statement."""
        return self._connection

    async def texts(self, sql: str) -> list[dict[str, str | None]]:
        """Run a statement and give its rows in the server's own text."""
        result = await self._run(sql, ())
        if result is None or result.status != self._pq.ExecStatus.TUPLES_OK:
            return []
        names = [(result.fname(c) or b"").decode() for c in range(result.nfields)]
        return [
            {
                name: None if value is None else value.decode("utf-8", "replace")
                for name, value in (
                    (name, result.get_value(row, c)) for c, name in enumerate(names)
                )
            }
            for row in range(result.ntuples)
        ]

    async def query(self, sql: str, params: Sequence[Bound]) -> Rows:
        """Run a statement and give its rows."""
        result = await self._run(sql, params)
        if result is None or result.status != self._pq.ExecStatus.TUPLES_OK:
            return NO_ROWS
        if result.ntuples * result.nfields > MANY_VALUES:
            rows: Rows = await run_in_thread(rows_of, result)
            return rows
        return rows_of(result)

    async def execute(self, sql: str, params: Sequence[Bound]) -> Done:
        """Run one or, without parameters, several statements for their effect."""
        result = await self._run(sql, params)
        return Done(0, (result.command_tuples or 0) if result is not None else 0)

    # -- transactions ------------------------------------------------------------------

    @property
    def in_transaction(self) -> bool:
        """Whether the server says so."""
        status = self._connection.transaction_status
        return bool(status != self._pq.TransactionStatus.IDLE)

    async def begin(self, isolation: str, *, read_only: bool) -> None:
        """Begin."""
        level = ISOLATION.get(isolation)
        if level is None:
            raise InvalidError(
                f"sql begin: PostgreSQL has no isolation level {isolation}",
                retryable=False,
            )
        text = f"BEGIN{level}{' READ ONLY' if read_only else ''}"
        await self._talk(self._connection.send_query, text.encode())

    async def commit(self) -> None:
        """Commit; a transaction that has failed is rolled back instead."""
        results = await self._talk(self._connection.send_query, b"COMMIT")
        if results and results[-1].command_status == b"ROLLBACK":
            raise InvalidError(
                "sql commit: the transaction had failed and was rolled back",
                retryable=False,
            )

    async def rollback(self) -> None:
        """Roll back."""
        if self.in_transaction:
            await self._talk(self._connection.send_query, b"ROLLBACK")

    # -- errors ------------------------------------------------------------------------

    def _failure_of(self, result: PGresult) -> Error:
        """Translate an error of the server (modules-io 2.5, 2.8)."""
        fields = self._pq.DiagnosticField

        def field(which: Any) -> str:
            value = result.error_field(which)
            return "" if value is None else value.decode("utf-8", "replace")

        code = field(fields.SQLSTATE)
        text = field(fields.MESSAGE_PRIMARY)
        if not text:
            text = result.get_error_message().strip()
        details = {"engine": "postgres", "code": code}
        for name, which in (
            ("detail", fields.MESSAGE_DETAIL),
            ("hint", fields.MESSAGE_HINT),
            ("constraint", fields.CONSTRAINT_NAME),
        ):
            if value := field(which):
                details[name] = value
        if not code:
            return UnavailableError(f"sql: {text}", retryable=True, details=details)
        kind, retryable = kind_of(code)
        return kind(f"sql: {text}", retryable=retryable, details=details)


_KINDS: dict[str, tuple[type[Error], bool | None]] = {
    "23505": (AlreadyExistsError, False),
    "42501": (PermissionDeniedError, False),
    "40": (ConflictError, True),
    "55P03": (ConflictError, True),
    "57014": (TimedOutError, True),
    "25P03": (TimedOutError, True),
    "08P01": (InvalidError, False),  # a wrong number of parameters, mostly
    "08": (UnavailableError, True),
    "53": (UnavailableError, True),
    "57P": (UnavailableError, True),
    "28": (PermissionDeniedError, False),
    **dict.fromkeys(
        ("0A", "22", "23", "25", "26", "2B", "34", "3B", "3D", "3F", "42", "44", "54"),
        (InvalidError, False),
    ),
    "XX": (InternalError, False),
}


def kind_of(code: str) -> tuple[type[Error], bool | None]:
    """Find the kind for an SQLSTATE: by its five letters, its first three or two."""
    for length in (5, 3, 2):
        found = _KINDS.get(code[:length])
        if found is not None:
            return found
    return Error, None


def _plan_is_stale(error: Error) -> bool:
    code = (error.details or {}).get("code")
    return code == "26000" or (code == "0A000" and "cached plan" in error.message)


def _send_cancel(connection: PGconn) -> None:
    """Ask the server to stop; in the same way as the connection, where libpq can."""
    from psycopg import NotSupportedError  # noqa: PLC0415 - an extra

    try:
        ask = connection.cancel_conn()
    except NotSupportedError:
        connection.get_cancel().cancel()
        return
    try:
        ask.blocking()
    finally:
        ask.finish()


class PostgresDatabase(PooledDatabase):
    """``db.sql.postgres``."""

    type = "postgres"

    async def connect(self, settings: Settings) -> PostgresSession:
        """Connect, also to one of several addresses of a name."""
        return await open_session(settings, self.id)


async def open_session(settings: Settings, id: str) -> PostgresSession:  # noqa: A002 - its name
    """Connect, also to one of several addresses of a name.

    Raises:
      UnavailableError: The server cannot be reached, or psycopg is not installed.
      InvalidError: libpq does not know an option.
    """
    try:
        import psycopg  # noqa: PLC0415 - an extra
        from psycopg import conninfo, pq  # noqa: PLC0415
    except ImportError as error:
        raise UnavailableError(
            f"sql: {id} needs psycopg: pip install 'wippy-trio[postgres]'",
            retryable=False,
        ) from error
    options = dict(settings.options)
    limit = options.pop("connect_timeout", "")
    with hold_time(), _timeout(limit):
        hosts, addresses = await _addresses(settings)
        places = {"hostaddr": addresses} if addresses else {}
        try:
            info = conninfo.make_conninfo(
                **options,
                **places,
                host=hosts,
                port=settings.port,
                dbname=settings.database,
                user=settings.username,
                password=settings.password,
                client_encoding="UTF8",
            )
        except psycopg.Error as error:
            raise InvalidError(f"options: {error}") from error
        connection = pq.PGconn.connect_start(info.encode())
        try:
            await _finish_connecting(connection, pq)
            session = PostgresSession(connection)
            connection.nonblocking = 1
            style = connection.parameter_status(b"DateStyle") or b""
            if not style.startswith(b"ISO"):
                await session.execute("SET DateStyle TO ISO", ())
        except BaseException:
            connection.finish()
            raise
    return session


@contextlib.contextmanager
def _timeout(text: str) -> Any:
    seconds = float(text) if text.strip().isdigit() else 0.0
    if not seconds:
        yield
        return
    with trio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise UnavailableError(
            f"sql: no connection within {seconds:.0f} s", retryable=True
        )


async def _addresses(settings: Settings) -> tuple[str, str]:
    """Find the addresses of a host name: libpq itself would block for that."""
    host = settings.host
    if host.startswith(("/", "@")):
        return host, ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return host, host
    try:
        found = await trio.socket.getaddrinfo(
            host, settings.port, type=trio.socket.SOCK_STREAM
        )
    except OSError as error:
        raise UnavailableError(
            f"sql: cannot resolve {host}: {error}", retryable=True
        ) from error
    addresses = list(dict.fromkeys(str(row[4][0]) for row in found))
    return ",".join([host] * len(addresses)), ",".join(addresses)


async def _finish_connecting(connection: PGconn, pq: Any) -> None:
    status = pq.PollingStatus
    while True:
        polled = (
            status.FAILED
            if connection.status == pq.ConnStatus.BAD
            else connection.connect_poll()
        )
        if polled == status.OK:
            return
        if polled == status.READING:
            await wait_readable(connection.socket)
        elif polled == status.WRITING:
            await wait_writable(connection.socket)
        else:
            raise UnavailableError(
                f"sql: {connection.get_error_message().strip()}", retryable=True
            )


# -- values ----------------------------------------------------------------------------


def _encoded(
    params: Sequence[Bound],
) -> tuple[list[bytes | None], list[int], list[int]]:
    """Give values, types and formats: texts of types that the server infers."""
    values: list[bytes | None] = []
    types, formats = [0] * len(params), [0] * len(params)
    for i, value in enumerate(params):
        if value is None:
            values.append(None)
        elif value is True:
            values.append(b"true")
        elif value is False:
            values.append(b"false")
        elif isinstance(value, int):
            values.append(b"%d" % value)
        elif isinstance(value, float):
            values.append(_float_text(value))
        elif isinstance(value, str) and "\0" not in value:
            values.append(value.encode())
        else:
            values.append(value.encode() if isinstance(value, str) else value)
            types[i], formats[i] = BYTEA, 1
    return values, types, formats


def _float_text(value: float) -> bytes:
    if value.is_integer() and abs(value) < 1e15:
        return b"%d" % int(value)
    text = repr(value)
    return {"inf": b"Infinity", "-inf": b"-Infinity"}.get(text) or text.encode()


def _bytea(text: bytes) -> bytes:
    if text.startswith(b"\\x"):
        return bytes.fromhex(text[2:].decode())
    from psycopg import pq  # noqa: PLC0415 - an extra

    return pq.Escaping().unescape_bytea(text)


_READERS: dict[int, Callable[[bytes], Any]] = {
    16: b"t".__eq__,  # bool
    BYTEA: _bytea,
    20: int,
    21: int,
    23: int,
    26: int,  # oid
    700: float,
    701: float,
    1082: rfc3339_of_text,  # date
    1083: rfc3339_of_time,
    1114: rfc3339_of_text,  # timestamp
    1184: rfc3339_of_text,  # timestamptz
    1266: rfc3339_of_time,  # timetz
}


def rows_of(result: PGresult) -> Rows:
    """Read a result: all values, then the columns whose types Lua knows."""
    width = result.nfields
    names = tuple(result.fname(i) or b"" for i in range(width))
    get, columns = result.get_value, range(width)
    values: list[Any] = [get(r, c) for r in range(result.ntuples) for c in columns]
    for c in columns:
        read = _READERS.get(result.ftype(c))
        if read is not None:
            values[c::width] = [
                None if value is None else read(value) for value in values[c::width]
            ]
    return Rows(names, values)

"""MySQL and MariaDB by PyMySQL, in worker threads.

A cancelled statement is ended by a second connection that kills the first; should that
not succeed, its socket is shut, which wakes the thread. Either way the connection is
not used again. Parameters are written into the text as literals, by the escaping of the
driver for texts and in hexadecimal for bytes: PyMySQL has no prepared statements.

Source: modules-io 2.1 to 2.8.
"""

from __future__ import annotations

import contextlib
import functools
import math
import re
import select
import socket
import ssl
import zoneinfo
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.duration import parse_seconds
from wippy_trio.modules.sql.contract import NO_ROWS, Bound, Done, Rows
from wippy_trio.sdk import (
    AlreadyExistsError,
    ConflictError,
    Error,
    InvalidError,
    PermissionDeniedError,
    TimedOutError,
    UnavailableError,
    run_in_thread,
)
from wippy_trio.services.sql.dates import rfc3339_of_local, rfc3339_of_text
from wippy_trio.services.sql.pool import PooledDatabase, PooledSession

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wippy_trio.services.sql.settings import Settings

__all__ = ["MysqlDatabase"]

ISOLATION = {
    "default": "",
    "read_uncommitted": "READ UNCOMMITTED",
    "read_committed": "READ COMMITTED",
    "repeatable_read": "REPEATABLE READ",
    "serializable": "SERIALIZABLE",
}

IN_TRANSACTION = 1
NO_BACKSLASH_ESCAPES = 512
KILL_TIMEOUT_S = 5


class MysqlSession(PooledSession):
    """One connection."""

    def __init__(
        self,
        connection: Any,
        again: Callable[[], Any],
        threads: trio.CapacityLimiter,
    ) -> None:
        """Take a connection.

        Args:
          connection: Of PyMySQL.
          again: Opens another one to the same server.
          threads: Whose slots the calls take.
        """
        self._connection = connection
        self._again = again
        self._threads = threads

    # -- threads -----------------------------------------------------------------------

    async def _run(self, fn: Callable[..., Any], *args: Any) -> Any:
        import pymysql  # noqa: PLC0415 - an extra

        if not self.usable:
            raise UnavailableError("sql: the connection is closed", retryable=True)
        try:
            return await run_in_thread(
                fn, *args, limiter=self._threads, interrupt=self._kill
            )
        except pymysql.MySQLError as error:
            failure = failure_of(error)
            if isinstance(failure, UnavailableError):
                self.close()
            raise failure from error
        except OSError as error:
            self.close()
            raise UnavailableError(f"sql: {error}", retryable=True) from error
        except trio.Cancelled:
            self.close()
            raise

    def _kill(self) -> None:
        """End the statement that is out, and its connection."""
        self.usable = False
        try:
            other = self._again()
            with contextlib.closing(other), other.cursor() as cursor:
                cursor.execute(f"KILL {self._connection.thread_id()}")
        finally:
            with contextlib.suppress(OSError, AttributeError):
                self._connection._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it."""
        self.usable = False
        with contextlib.suppress(Exception):
            self._connection._force_close()

    def alive(self) -> bool:
        """Tell whether the server has closed it."""
        try:
            return not select.select([self._connection._sock], [], [], 0)[0]
        except (OSError, ValueError, TypeError):
            return False

    # -- statements --------------------------------------------------------------------

    def _text(self, sql: str, params: Sequence[Bound]) -> str:
        if not params:
            return sql
        escapes = not self._connection.server_status & NO_BACKSLASH_ESCAPES
        pieces = split(sql, backslashes=escapes)
        if len(pieces) != len(params) + 1:
            raise InvalidError(
                f"sql: wanted {len(pieces) - 1} parameters, got {len(params)}",
                retryable=False,
            )
        out = [pieces[0]]
        for piece, value in zip(pieces[1:], params, strict=True):
            out += (self._literal(value), piece)
        return "".join(out)

    def _literal(self, value: Bound) -> str:
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return "1" if value else "0"
        if isinstance(value, float):
            if not math.isfinite(value):
                raise InvalidError(f"sql: MySQL has no number {value}", retryable=False)
            text = repr(value)
            return text if "e" in text else f"{text}e0"
        if isinstance(value, str):
            return f"'{self._escaped(value)}'"
        if isinstance(value, bytes):
            return f"X'{value.hex()}'"
        return str(value)

    def _escaped(self, text: str) -> str:
        from pymysql import converters  # noqa: PLC0415 - an extra

        if self._connection.server_status & NO_BACKSLASH_ESCAPES:
            return text.replace("'", "''")
        return str(converters.escape_string(text))

    async def query(self, sql: str, params: Sequence[Bound]) -> Rows:
        """Run a statement and give its rows."""
        rows: Rows = await self._run(self._query, self._text(sql, params))
        return rows

    async def execute(self, sql: str, params: Sequence[Bound]) -> Done:
        """Run a statement for its effect."""
        done: Done = await self._run(self._execute, self._text(sql, params))
        return done

    async def prepare(self, sql: str) -> None:
        """Have the server check a statement."""
        if sql.strip(" \t\r\n;"):
            await self._run(
                self._prepare, f"PREPARE wippy_check FROM {self._literal(sql)}"
            )

    def _query(self, text: str) -> Rows:
        if not text.strip(" \t\r\n;"):
            return NO_ROWS
        rows = NO_ROWS
        with self._connection.cursor() as cursor:
            cursor.execute(text)
            while True:
                if cursor.description is not None:
                    rows = Rows(
                        tuple(column[0].encode() for column in cursor.description),
                        [value for row in cursor.fetchall() for value in row],
                    )
                else:
                    rows = NO_ROWS
                if not cursor.nextset():
                    return rows

    def _execute(self, text: str) -> Done:
        if not text.strip(" \t\r\n;"):
            return Done(0, 0)
        with self._connection.cursor() as cursor:
            cursor.execute(text)
            while True:
                done = Done(
                    cursor.lastrowid or 0,
                    0 if cursor.description is not None else max(cursor.rowcount, 0),
                )
                if not cursor.nextset():
                    return done

    def _prepare(self, text: str) -> None:
        import pymysql  # noqa: PLC0415 - an extra

        with self._connection.cursor() as cursor:
            try:
                cursor.execute(text)
            except pymysql.MySQLError as error:
                if error.args and error.args[0] == 1295:  # not of those one prepares
                    return
                raise
            cursor.execute("DEALLOCATE PREPARE wippy_check")

    # -- transactions ------------------------------------------------------------------

    @property
    def in_transaction(self) -> bool:
        """Whether the server says so."""
        return bool(self._connection.server_status & IN_TRANSACTION)

    async def begin(self, isolation: str, *, read_only: bool) -> None:
        """Begin."""
        level = ISOLATION.get(isolation)
        if level is None:
            raise InvalidError(
                f"sql begin: MySQL has no isolation level {isolation}", retryable=False
            )
        if level:
            await self._run(self._execute, f"SET TRANSACTION ISOLATION LEVEL {level}")
        how = "START TRANSACTION READ ONLY" if read_only else "START TRANSACTION"
        await self._run(self._execute, how)

    async def commit(self) -> None:
        """Commit."""
        await self._run(self._execute, "COMMIT")

    async def rollback(self) -> None:
        """Roll back."""
        await self._run(self._execute, "ROLLBACK")


class MysqlDatabase(PooledDatabase):
    """``db.sql.mysql``."""

    type = "mysql"

    async def connect(self, settings: Settings) -> MysqlSession:
        """Connect, in a thread."""
        try:
            import pymysql  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise UnavailableError(
                f"sql: {self.id} needs PyMySQL: pip install 'wippy-trio[mysql]'",
                retryable=False,
            ) from error
        arguments = connect_arguments(settings)
        unwanted = [False]

        def open_it() -> Any:
            connection = pymysql.connect(**arguments)
            if unwanted[0]:
                connection.close()
            return connection

        def again() -> Any:
            limits = dict.fromkeys(
                ("connect_timeout", "read_timeout", "write_timeout"), KILL_TIMEOUT_S
            )
            return pymysql.connect(**{**arguments, **limits, "init_command": None})

        try:
            connection = await run_in_thread(
                open_it, limiter=self.threads, abandon=True
            )
        except (pymysql.MySQLError, OSError) as error:
            raise UnavailableError(
                f"sql: {error.args[-1] if error.args else error}", retryable=True
            ) from error
        except trio.Cancelled:
            unwanted[0] = True
            raise
        return MysqlSession(connection, again, self.threads)


# -- options ---------------------------------------------------------------------------

_IGNORED = frozenset(
    {
        "allowAllFiles",
        "allowCleartextPasswords",
        "allowFallbackToPlaintext",
        "allowNativePasswords",
        "allowOldPasswords",
        "checkConnLiveness",
        "columnsWithAlias",
        "compress",
        "connectionAttributes",
        "interpolateParams",
        "rejectReadOnly",
        "serverPubKey",
    }
)
"""Options of another driver that have no meaning here."""


def connect_arguments(settings: Settings) -> dict[str, Any]:
    """Say how to connect, in the words of PyMySQL.

    Raises:
      InvalidError: An option has a value that cannot be.
    """
    from pymysql.constants import CLIENT, FIELD_TYPE  # noqa: PLC0415 - an extra

    options = dict(settings.options)

    def flag(name: str) -> bool:
        return options.pop(name, "false").lower() in ("true", "1")

    whole = (
        FIELD_TYPE.TINY,
        FIELD_TYPE.SHORT,
        FIELD_TYPE.LONG,
        FIELD_TYPE.LONGLONG,
        FIELD_TYPE.INT24,
        FIELD_TYPE.YEAR,
    )
    convert: dict[int, Callable[[bytes], Any]] = dict.fromkeys(whole, int)
    convert.update(dict.fromkeys((FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE), float))
    zone = options.pop("loc", "UTC")
    if flag("parseTime"):
        read = _reader_of_times(zone)
        dates = (FIELD_TYPE.DATE, FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP)
        convert.update(dict.fromkeys(dates, read))
    flags = 0
    if flag("clientFoundRows"):
        flags |= CLIENT.FOUND_ROWS
    if flag("multiStatements"):
        flags |= CLIENT.MULTI_STATEMENTS
    arguments: dict[str, Any] = {
        "user": settings.username,
        "password": settings.password,
        "database": settings.database,
        "charset": options.pop("charset", "utf8mb4").split(",")[0],
        "collation": options.pop("collation", None),
        "autocommit": True,
        "use_unicode": False,
        "conv": convert,
        "client_flag": flags,
        "ssl": _tls(options.pop("tls", "false")),
    }
    if settings.host.startswith("/"):
        arguments["unix_socket"] = settings.host
    else:
        arguments |= {"host": settings.host, "port": settings.port}
    for name, argument in (
        ("timeout", "connect_timeout"),
        ("readTimeout", "read_timeout"),
        ("writeTimeout", "write_timeout"),
    ):
        text = options.pop(name, "")
        if text and (seconds := parse_seconds(text)) > 0:
            arguments[argument] = max(1, math.ceil(seconds))
    packet = options.pop("maxAllowedPacket", "")
    if packet.isdigit() and int(packet):
        arguments["max_allowed_packet"] = int(packet)
    variables = []
    for name, value in options.items():
        if name in _IGNORED:
            continue
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise InvalidError(f"options.{name}: not the name of a variable")
        if not re.fullmatch(r"[\w.+-]+|'[^'\\]*'", value):
            raise InvalidError(f"options.{name}: wanted a word or a quoted text")
        variables.append(f"{name} = {value}")
    if variables:
        arguments["init_command"] = "SET SESSION " + ", ".join(sorted(variables))
    return arguments


def _tls(text: str) -> ssl.SSLContext | None:
    match text.lower():
        case "false" | "0" | "":
            return None
        case "true" | "1":
            return ssl.create_default_context()
        case "skip-verify" | "preferred":
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
    raise InvalidError(
        f"options.tls: wanted true, false, skip-verify or preferred, got {text!r}"
    )


def _reader_of_times(zone: str) -> Callable[[bytes], bytes]:
    if zone == "UTC":
        local = None
    else:
        try:
            local = None if zone == "Local" else zoneinfo.ZoneInfo(zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            raise InvalidError(f"options.loc: no such time zone: {zone}") from None

    def read(text: bytes) -> bytes:
        if text.startswith(b"0000-00-00"):
            return b"0001-01-01T00:00:00Z"
        if zone == "UTC":
            return rfc3339_of_text(text)
        return rfc3339_of_local(text, local)

    return read


# -- texts -----------------------------------------------------------------------------

_TOKENS = r"""
  '(?:[^'{escape}]|{escaped}'')*' | "(?:[^"{escape}]|{escaped}"")*" | `[^`]*`
  | --(?=[\s\x00-\x1f]|$)[^\n]* | \#[^\n]* | /\*.*?\*/ | (?P<mark>\?)
"""


def _scanner(escape: str, escaped: str) -> re.Pattern[str]:
    text = _TOKENS.format(escape=escape, escaped=escaped)
    return re.compile(text, re.VERBOSE | re.DOTALL)


_WITH_BACKSLASHES = _scanner(r"\\", r"\\.|")
_WITHOUT = _scanner("", "")


@functools.lru_cache(maxsize=1000)
def split(sql: str, *, backslashes: bool) -> tuple[str, ...]:
    """Cut a statement at the ``?`` that stand outside quotes and comments.

    Args:
      sql: The statement.
      backslashes: Whether a backslash in quotes takes the next character with it.
    """
    pieces, start = [], 0
    scanner = _WITH_BACKSLASHES if backslashes else _WITHOUT
    for found in scanner.finditer(sql):
        if found["mark"]:
            pieces.append(sql[start : found.start()])
            start = found.end()
    return (*pieces, sql[start:])


# -- errors ----------------------------------------------------------------------------


def _codes(
    kind: type[Error], retryable: bool, *codes: int
) -> dict[int, tuple[type[Error], bool]]:
    return dict.fromkeys(codes, (kind, retryable))


_KINDS: dict[int, tuple[type[Error], bool]] = {
    **_codes(AlreadyExistsError, False, 1022, 1062, 1169, 1586),
    **_codes(ConflictError, True, 1020, 1205, 1213, 3572),
    **_codes(TimedOutError, True, 1317, 1969, 3024),
    **_codes(UnavailableError, True, 0, 1040, 1053, 1077, 1152, 1158, 1159, 1160),
    **_codes(UnavailableError, True, 1161, 1184, 1203, 1927, 2002, 2003, 2006),
    **_codes(UnavailableError, True, 2013, 2014, 2026, 2055),
    **_codes(PermissionDeniedError, False, 1044, 1045, 1142, 1143, 1227, 1370),
    **_codes(InvalidError, False, 1046, 1048, 1049, 1050, 1051, 1052, 1054, 1055),
    **_codes(InvalidError, False, 1060, 1061, 1064, 1065, 1072, 1091, 1101, 1110),
    **_codes(InvalidError, False, 1111, 1136, 1138, 1146, 1149, 1166, 1171, 1176),
    **_codes(InvalidError, False, 1241, 1242, 1248, 1264, 1265, 1292, 1305, 1364),
    **_codes(InvalidError, False, 1365, 1366, 1367, 1406, 1411, 1426, 1451, 1452),
    **_codes(InvalidError, False, 1568, 1690, 1792, 3819, 4025),
}


def failure_of(error: Any) -> Error:
    """Translate an error of PyMySQL (modules-io 2.5, 2.8)."""
    import pymysql  # noqa: PLC0415 - an extra

    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = f"sql: {error.args[-1] if error.args else error}"
    details = {"engine": "mysql", "code": code}
    found = _KINDS.get(code)
    if found is None:
        invalid = (
            pymysql.ProgrammingError,
            pymysql.DataError,
            pymysql.IntegrityError,
            pymysql.NotSupportedError,
        )
        if isinstance(error, invalid):
            found = (InvalidError, False)
        else:
            return Error(text, details=details)
    kind, retryable = found
    return kind(text, retryable=retryable, details=details)

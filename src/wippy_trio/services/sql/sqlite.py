"""SQLite on apsw: one connection, in a worker thread or, for what is quick, in place.

A thread costs ten times what SQLite needs to find a row by its key. So a statement that
was run once, only reads, and took no time is run in the Trio thread from then on, under
a guard that breaks it off after a millisecond; then, and whenever another program holds
the lock, it is run again in the thread, which is harmless because it only reads.

Source: modules-io 2.1 to 2.8.
"""

from __future__ import annotations

import math
import threading
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.modules.sql.contract import NO_ROWS, Bound, Done, Rows
from wippy_trio.sdk import (
    AlreadyExistsError,
    ConflictError,
    Error,
    InternalError,
    InvalidError,
    UnavailableError,
    run_in_thread,
)
from wippy_trio.services.sql.dates import rfc3339_of_number, rfc3339_of_text
from wippy_trio.services.sql.pool import PooledDatabase, PooledSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wippy_trio.services.sql.settings import Settings

__all__ = ["SqliteDatabase"]

IN_PLACE_S = 0.001
STEPS = 400
"""Instructions of SQLite between two looks at the clock."""

MISSES = 3
"""After so many attempts that took too long a statement is left to the thread."""

MOST_PLANS = 1000
BUSY_S = 5.0

_DATES = frozenset({"DATE", "DATETIME", "TIMESTAMP"})


class _Plan:
    """What is known of a statement that was run before."""

    __slots__ = ("misses", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.misses = 0


class SqliteSession(PooledSession):
    """The connection of a database."""

    def __init__(self, connection: Any) -> None:
        import apsw  # noqa: PLC0415 - an extra

        self._apsw = apsw
        self._connection = connection
        self._threads = trio.CapacityLimiter(math.inf)
        self._halted = threading.Event()
        self._in_place = False
        self._deadline = 0.0
        self._read_only = False
        self._plans: dict[bytes, _Plan] = {}
        self._cursor = connection.cursor()
        connection.set_busy_handler(self._busy)

    # -- threads -----------------------------------------------------------------------

    def _busy(self, tries: int) -> bool:
        """Wait for another program's lock, as long as somebody wants the result."""
        if self._in_place or tries * 0.01 >= BUSY_S:
            return False
        return not self._halted.wait(0.001 if tries < 10 else 0.01)

    def _interrupt(self) -> None:
        self._halted.set()
        self._connection.interrupt()

    async def _run(self, fn: Callable[..., Any], *args: Any) -> Any:
        self._halted.clear()
        try:
            return await run_in_thread(
                fn, *args, limiter=self._threads, interrupt=self._interrupt
            )
        except self._apsw.Error as error:
            raise failure_of(error) from error
        except ValueError as error:
            raise InvalidError(f"sql: {error}", retryable=False) from error  # a NUL

    # -- statements --------------------------------------------------------------------

    async def query(self, sql: str, params: Sequence[Bound]) -> Rows:
        """Run a statement and give its rows; of several statements the last one's."""
        rows: Rows = await self._run(self._query, sql, params)
        return rows

    async def execute(self, sql: str, params: Sequence[Bound]) -> Done:
        """Run one or several statements for their effect."""
        done: Done = await self._run(self._execute, sql, params)
        return done

    async def prepare(self, sql: str) -> None:
        """Compile a statement, which finds its mistakes."""
        await self._run(self._compile, sql)

    def _query(self, sql: str, params: Sequence[Bound]) -> Rows:
        started = perf_counter()
        cursor = self._connection.cursor()
        statements: list[tuple[str, bool]] = []

        def note(running: Any, text: str, _bindings: Any) -> bool:
            statements.append((text, running.is_readonly))
            return True

        cursor.exec_trace = note
        try:
            cursor.execute(sql, params)
            rows = self._rows(cursor, statements)
        except UnicodeDecodeError:
            if len(statements) != 1 or not statements[0][1]:
                raise InvalidError(
                    "sql: the result has a text that is not UTF-8", retryable=False
                ) from None
            return self._query(_as_bytes(cursor, statements[0][0]), params)
        if (
            len(statements) == 1
            and perf_counter() - started < IN_PLACE_S
            and _only_reads(sql)
            and statements[0][1]
        ):
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            self._plans.setdefault(sql.encode(), _Plan(sql))
        return rows

    def _rows(self, cursor: Any, statements: list[tuple[str, bool]]) -> Rows:
        try:
            description = cursor.get_description()
        except self._apsw.ExecutionCompleteError:
            return NO_ROWS
        seen = len(statements)
        rows: list[Any] = []
        for row in cursor:
            if len(statements) != seen:
                rows, seen = [], len(statements)
                description = cursor.get_description()
            rows.append(row)
        if len(statements) != seen:
            return NO_ROWS
        return flat_rows(description, rows)

    def _execute(self, sql: str, params: Sequence[Bound]) -> Done:
        connection = self._connection
        before = connection.total_changes()
        for _ in connection.cursor().execute(sql, params):
            pass
        changed = connection.total_changes() != before
        return Done(
            connection.last_insert_rowid(), connection.changes() if changed else 0
        )

    def _compile(self, sql: str) -> None:
        cursor = self._connection.cursor()
        cursor.exec_trace = lambda *_: False
        try:
            # Stands for any number of parameters; they are never looked at.
            cursor.execute(sql, getattr(self._apsw, "_null_bindings", None))
        except self._apsw.ExecTraceAbort:
            return
        finally:
            cursor.close(True)

    # -- in place ----------------------------------------------------------------------

    def query_now(self, sql: bytes, params: Sequence[Bound]) -> Rows | None:
        """Run a statement that is known to be quick."""
        plan = self._plans.get(sql)
        if plan is None or plan.misses >= MISSES:
            return None
        apsw, cursor = self._apsw, self._cursor
        connection = self._connection
        self._in_place = True
        self._deadline = perf_counter() + IN_PLACE_S
        connection.set_progress_handler(self._late, STEPS)
        try:
            cursor.execute(plan.text, params)
            try:
                description = cursor.get_description()
            except apsw.ExecutionCompleteError:
                return NO_ROWS
            return flat_rows(description, cursor.fetchall())
        except apsw.InterruptError:
            plan.misses += 1
            return None
        except (apsw.BusyError, apsw.LockedError, UnicodeDecodeError):
            return None
        except apsw.Error as error:
            raise failure_of(error) from error
        finally:
            self._in_place = False
            connection.set_progress_handler(None)

    def _late(self) -> bool:
        return perf_counter() > self._deadline

    # -- transactions ------------------------------------------------------------------

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return bool(self._connection.in_transaction)

    async def begin(self, isolation: str, *, read_only: bool) -> None:
        """Begin; who may write takes the lock now, so that no upgrade fails later."""
        if isolation not in ("default", "serializable"):
            raise InvalidError(
                f"sql begin: SQLite has no isolation level {isolation}", retryable=False
            )
        await self._run(self._begin, read_only)

    def _begin(self, read_only: bool) -> None:
        execute = self._connection.execute
        execute("BEGIN" if read_only else "BEGIN IMMEDIATE")
        if read_only:
            self._read_only = True
            execute("PRAGMA query_only = ON")

    async def commit(self) -> None:
        """Commit; what cannot be committed is rolled back."""
        await self._run(self._end, "COMMIT")

    async def rollback(self) -> None:
        """Roll back; SQLite may have done so by itself, after some errors."""
        await self._run(self._end, "ROLLBACK")

    def _end(self, how: str) -> None:
        connection = self._connection
        if self._read_only:
            self._read_only = False
            connection.execute("PRAGMA query_only = OFF")
        if not connection.in_transaction:
            if how == "COMMIT":
                raise self._apsw.SQLError("the transaction was rolled back already")
            return
        try:
            connection.execute(how)
        except self._apsw.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close it."""
        self._connection.close(True)

    async def shut(self) -> None:
        """Close it in a thread: the last one writes the log into the file."""
        await run_in_thread(self._connection.close, True, limiter=self._threads)


class SqliteDatabase(PooledDatabase):
    """``db.sql.sqlite``."""

    type = "sqlite"
    keeps_transactions = True

    async def connect(self, settings: Settings) -> SqliteSession:
        """Open the file, in a thread."""
        import apsw  # noqa: PLC0415 - start-up cost

        try:
            connection = await run_in_thread(_open, settings.file)
        except (apsw.Error, OSError) as error:
            raise UnavailableError(
                f"sql: cannot open {settings.file}: {error}", retryable=True
            ) from error
        return SqliteSession(connection)

    # A database in memory lives as long as its entry: it is never recycled.

    def _too_old(self, session: PooledSession) -> bool:
        return not self._in_memory and super()._too_old(session)

    @property
    def _in_memory(self) -> bool:
        return self.settings.file == ":memory:"

    async def _shut_idle(self) -> None:
        if not self._in_memory:
            await super()._shut_idle()

    def close(self) -> None:
        """Close the file; what is in memory stays until the entry goes."""
        if not self._in_memory:
            super().close()

    def dispose(self) -> None:
        """End for good."""
        self._open = False
        super().close()


def _open(file: str) -> Any:
    import apsw  # noqa: PLC0415 - an extra

    if file != ":memory:":
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    connection = apsw.Connection(file)
    try:
        connection.set_busy_timeout(int(BUSY_S * 1000))
        connection.execute("PRAGMA journal_mode = WAL")
        _load_vectors(connection)
    except BaseException:
        connection.close(True)
        raise
    return connection


def _load_vectors(connection: Any) -> None:
    """Bring in ``vec0`` tables, where the package is installed."""
    try:
        import sqlite_vec  # noqa: PLC0415 - an extra
    except ImportError:
        return
    connection.enable_load_extension(True)
    try:
        connection.load_extension(sqlite_vec.loadable_path())
    finally:
        connection.enable_load_extension(False)


# -- results ---------------------------------------------------------------------------


def flat_rows(
    description: Iterable[tuple[str, str | None]], rows: list[tuple[Any, ...]]
) -> Rows:
    """Give rows as they enter a VM, converted by the types the columns declare."""
    names, special = [], None
    for place, (name, declared) in enumerate(description):
        names.append(name.encode())
        if declared is not None:
            kind = declared.upper()
            if kind == "BOOLEAN" or kind in _DATES:
                special = [*(special or ()), (place, kind == "BOOLEAN")]
    values = [
        value.encode() if value.__class__ is str else value
        for row in rows
        for value in row
    ]
    if special:
        width = len(names)
        for place, is_boolean in special:
            convert = _boolean if is_boolean else _date
            values[place::width] = [convert(value) for value in values[place::width]]
    return Rows(tuple(names), values)


def _boolean(value: Any) -> Any:
    return value > 0 if value.__class__ is int else value


def _date(value: Any) -> Any:
    if value.__class__ is int:
        return rfc3339_of_number(value)
    return rfc3339_of_text(value) if value.__class__ is bytes else value


def _only_reads(sql: str) -> bool:
    return sql.lstrip()[:6].upper().startswith(("SELECT", "WITH", "VALUES"))


def _as_bytes(cursor: Any, sql: str) -> str:
    """Wrap a query so that its texts come as bytes: they are not all UTF-8."""
    count = len(cursor.get_description())
    names = ", ".join(f"c{i}" for i in range(count))
    shown = ", ".join(
        f"CASE typeof(c{i}) WHEN 'text' THEN CAST(c{i} AS BLOB) ELSE c{i} END"
        f' AS "{name.replace(chr(34), chr(34) * 2)}"'
        for i, (name, _) in enumerate(cursor.get_description())
    )
    inner = sql.rstrip().removesuffix(";")
    return f"WITH q({names}) AS ({inner}\n) SELECT {shown} FROM q"


# -- errors ----------------------------------------------------------------------------


def failure_of(error: Any) -> Error:
    """Translate an error of apsw; the engine's text stays (modules-io 2.5, 2.8)."""
    import apsw  # noqa: PLC0415 - an extra

    text = f"sql: {error}"
    extended = getattr(error, "extendedresult", 0)
    details = {"engine": "sqlite", "code": extended}
    if isinstance(error, apsw.ConstraintError):
        unique = (
            apsw.SQLITE_CONSTRAINT_UNIQUE,
            apsw.SQLITE_CONSTRAINT_PRIMARYKEY,
            apsw.SQLITE_CONSTRAINT_ROWID,
        )
        kind: type[Error] = AlreadyExistsError if extended in unique else InvalidError
        return kind(text, retryable=False, details=details)
    if isinstance(error, (apsw.BusyError, apsw.LockedError, apsw.SchemaChangeError)):
        return ConflictError(text, retryable=True, details=details)
    invalid = (
        apsw.SQLError,
        apsw.BindingsError,
        apsw.MismatchError,
        apsw.RangeError,
        apsw.TooBigError,
        apsw.ReadOnlyError,
        apsw.AuthError,
    )
    if isinstance(error, invalid):
        return InvalidError(text, retryable=False, details=details)
    if isinstance(
        error, (apsw.CantOpenError, apsw.FullError, apsw.IOError, apsw.NoMemError)
    ):
        return UnavailableError(text, retryable=True, details=details)
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError, apsw.InternalError)):
        return InternalError(text, retryable=False, details=details)
    return Error(text, details=details)

"""The handles of the module: database, statement, transaction.

The methods that Lua programs know are in ``sql.lua``; those here that end in ``_later``
or ``_now``, and `take`, are for it. A result stays here under a ticket until the Lua
part takes it, scalars in flat portions, and makes the tables inside the VM: that is
four times as fast as any encoding of rows.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.sdk import InvalidError, UnavailableError, method

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from wippy_trio.kernel import Process
    from wippy_trio.modules.sql.contract import Bound, Database, Rows, Session

__all__ = ["DB", "Statement", "Transaction", "bound"]

PORTION = 40_000
"""Values that cross at once: Lua's stack holds a million."""

MOST_SHAPES = 2000


class _Shapes:
    """Number the column lists that results have, so that the VM knows them again."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[bytes, ...], int] = {}
        self._names: dict[int, tuple[bytes, ...]] = {}
        self._last = 0

    def number(self, names: tuple[bytes, ...]) -> int:
        found = self._numbers.get(names)
        if found is None:
            if len(self._numbers) >= MOST_SHAPES:
                self._numbers.clear()
                self._names.clear()
            self._last += 1
            found = self._numbers[names] = self._last
            self._names[found] = names
        return found

    def names(self, number: int) -> tuple[bytes, ...]:
        return self._names[number]


_shapes = _Shapes()


def bound(marks: Any, params: Sequence[Any]) -> list[Bound]:
    """Read parameters as they crossed: strings are text where they can be.

    Args:
      marks: The places of ``sql.as.binary`` values, a text of numbers; or ``False``.
      params: The values; a string is ``bytes``, or ``str`` from the wire format.

    Returns:
      Text as ``str``; binary, and strings that are not UTF-8, as ``bytes``.
    """
    values = list(params)
    binary = {int(place) for place in marks.split()} if marks else ()
    for i, value in enumerate(values):
        if i in binary:
            if type(value) is str:
                values[i] = value.encode()
        elif type(value) is bytes:
            with contextlib.suppress(UnicodeDecodeError):
                values[i] = value.decode()
    return values


def text_of(sql: bytes) -> str:
    """Read the text of a statement."""
    try:
        return sql.decode()
    except UnicodeDecodeError as error:
        raise InvalidError(
            "sql: wanted a statement in UTF-8, got bytes that are not"
            f" ({error.reason} at byte {error.start})"
        ) from None


class _Runner:
    """Run statements: on the database, or on the session of a transaction."""

    def __init__(self, database: Database, process: Process) -> None:
        self.database = database
        self.process = process
        self._results: dict[int, tuple[Rows, int]] = {}
        self._last = 0

    def _lend(self) -> AbstractAsyncContextManager[Session]:
        """Lend a session for one operation."""
        raise NotImplementedError

    def _check(self) -> None:
        """Raise if the handle is no longer good."""
        raise NotImplementedError

    def _found(self, sql: bytes, params: list[Bound]) -> Rows | None:
        """Run a statement in place, if that is possible."""
        raise NotImplementedError

    # -- results -----------------------------------------------------------------------

    def _keep(self, rows: Rows) -> int:
        """Keep a result; give its ticket, or 0 for one without rows."""
        if not rows.values:
            return 0
        self._last += 1
        self._results[self._last] = (rows, 0)
        return self._last

    @method(flat=True)
    def take(self, ticket: int) -> tuple[Any, ...]:
        """Give the next portion: shape, whether more follows, values."""
        rows, start = self._results[ticket]
        width = len(rows.names)
        size = PORTION - PORTION % width or width
        end = start + size
        more = end < len(rows.values)
        if more:
            self._results[ticket] = (rows, end)
        else:
            del self._results[ticket]
        portion = rows.values[start:end]
        return (True, _shapes.number(rows.names), more, *portion)

    @method(flat=True)
    def shape(self, number: int) -> tuple[Any, ...]:
        """Give the column names of a shape."""
        return (True, *_shapes.names(number))

    # -- statements --------------------------------------------------------------------

    @method(flat=True)
    def query_now(self, sql: bytes, marks: Any, *params: Any) -> tuple[Any, ...]:
        """Give the ticket of a result that took no time, or ``False``."""
        self._check()
        rows = self._found(sql, bound(marks, params))
        return (False,) if rows is None else (True, self._keep(rows))

    async def query_later(self, sql: bytes, marks: Any, *params: Any) -> int:
        """Run a statement; give the ticket of its result."""
        self._check()
        text, values = text_of(sql), bound(marks, params)
        async with self._lend() as session:
            rows = await session.query(text, values)
        return self._keep(rows)

    async def execute_later(self, sql: bytes, marks: Any, *params: Any) -> list[int]:
        """Run statements for their effect."""
        self._check()
        text, values = text_of(sql), bound(marks, params)
        async with self._lend() as session:
            return list(await session.execute(text, values))


class DB(_Runner):
    """Stand for a database in one frame: a process or a function call."""

    lua_name = "sql.DB"

    def __init__(self, database: Database, process: Process) -> None:
        super().__init__(database, process)
        database.retain()
        self._released = False
        self._withdraw = process.on_end(self._let_go)

    def _let_go(self) -> None:
        if not self._released:
            self._released = True
            self.database.release()

    def _check(self) -> None:
        """Raise if it is released."""
        if self._released:
            raise InvalidError("sql: the database handle is released", retryable=False)

    def _lend(self) -> AbstractAsyncContextManager[Session]:
        """Take a session from the pool."""
        return self.database.lend()

    def _found(self, sql: bytes, params: list[Bound]) -> Rows | None:
        """Run a statement in place on a free session."""
        return self.database.query_now(sql, params)

    def type(self) -> str:
        """Name the engine."""
        return self.database.type

    def stats(self) -> dict[str, Any]:
        """Count the connections."""
        return dict(self.database.statistics())

    def release(self) -> bool:
        """Let go of the database; once is enough."""
        if not self._released:
            self._withdraw()
            self._let_go()
        return True

    async def prepare_later(self, sql: bytes) -> Statement:
        """Prepare a statement that runs on whatever session is free."""
        self._check()
        text = text_of(sql)
        async with self._lend() as session:
            await session.prepare(text)
        return Statement(self, sql)

    async def begin_later(self, isolation: str, read_only: bool) -> Transaction:
        """Begin a transaction on a session of its own."""
        self._check()
        session = await self.database.acquire()
        try:
            await session.begin(isolation, read_only=read_only)
        except BaseException:
            self.database.abandon(session)
            raise
        if not self.process.alive:  # it ended in the tick in which this succeeded
            self.database.abandon(session)
            raise UnavailableError("sql begin: the process has ended", retryable=False)
        return Transaction(self.database, self.process, session)


class Transaction(_Runner):
    """Stand for a transaction; it holds a session until it is over."""

    lua_name = "sql.Transaction"

    def __init__(self, database: Database, process: Process, session: Session) -> None:
        super().__init__(database, process)
        self._session: Session | None = session
        self._lock = trio.Lock()
        self._withdraw = process.on_end(self._abandon)

    def _abandon(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        if self._lock.locked():
            # The operation that is out ends with the process, and gives it back.
            self._left_behind = session
        else:
            self.database.abandon(session)

    _left_behind: Session | None = None

    def _check(self) -> None:
        """Raise if it is over."""
        self._open_session()

    def _open_session(self) -> Session:
        if self._session is None:
            raise InvalidError("sql: the transaction is finished", retryable=False)
        return self._session

    @contextlib.asynccontextmanager
    async def _lend(self) -> AsyncIterator[Session]:
        """Lend the session; operations of one transaction wait for each other."""
        async with self._lock:
            # Taking the lock let others run: the process may have ended meanwhile, and
            # what it left is given back here, whoever has the lock.
            try:
                yield self._open_session()
            finally:
                left, self._left_behind = self._left_behind, None
                if left is not None:
                    self.database.abandon(left)

    def _found(self, sql: bytes, params: list[Bound]) -> Rows | None:
        """Run a statement in place, if no other one is out."""
        if self._lock.locked():
            return None
        return self._open_session().query_now(sql, params)

    def db_type(self) -> str:
        """Name the engine."""
        self._check()
        return self.database.type

    def engine_now(self) -> str:
        """Name the engine, also after the end."""
        return self.database.type

    async def prepare_later(self, sql: bytes) -> Statement:
        """Prepare a statement that runs in this transaction."""
        self._check()
        text = text_of(sql)
        async with self._lend() as session:
            await session.prepare(text)
        return Statement(self, sql)

    async def point_later(self, command: str) -> bool:
        """Set, release or go back to a savepoint."""
        self._check()
        async with self._lend() as session:
            await session.execute(command, ())
        return True

    async def commit_later(self) -> bool:
        """Keep its effects."""
        return await self._finish(lambda session: session.commit())

    async def rollback_later(self) -> bool:
        """Undo its effects."""
        return await self._finish(lambda session: session.rollback())

    async def _finish(self, end: Callable[[Session], Any]) -> bool:
        self._check()
        async with self._lend() as session:
            self._session = None
            self._withdraw()
            try:
                await end(session)
            except BaseException:
                self.database.abandon(session)
                raise
            self.database.give_back(session)
        return True


class Statement(_Runner):
    """Stand for a prepared statement; the text is prepared again where it must be."""

    lua_name = "sql.Statement"

    def __init__(self, source: DB | Transaction, sql: bytes) -> None:
        super().__init__(source.database, source.process)
        self._sql = sql
        self._closed = False
        self._transaction = source if isinstance(source, Transaction) else None

    def _check(self) -> None:
        """Raise if it is closed, or if its transaction is over."""
        if self._closed or not self.process.alive:
            raise InvalidError("sql: the statement is closed", retryable=False)
        if self._transaction is not None:
            self._transaction._check()

    def _lend(self) -> AbstractAsyncContextManager[Session]:
        """Take a session of the pool, or the one of the transaction."""
        return (
            self.database.lend()
            if self._transaction is None
            else self._transaction._lend()
        )

    def _found(self, sql: bytes, params: list[Bound]) -> Rows | None:
        """Run it in place, if that is possible."""
        del sql
        where = self._transaction
        if where is not None:
            return where._found(self._sql, params)
        return self.database.query_now(self._sql, params)

    async def run_later(self, effect: bool, marks: Any, *params: Any) -> Any:
        """Run it: for its effect, or for the ticket of its rows."""
        if effect:
            return await self.execute_later(self._sql, marks, *params)
        return await self.query_later(self._sql, marks, *params)

    async def close_later(self) -> bool:
        """Close it."""
        self._check()
        self._closed = True
        await trio.lowlevel.checkpoint()
        return True

"""What the module asks of a database, whatever engine it is.

The kinds of ``services/sql`` implement it; so may the kind of another package. A value
that is bound is ``None``, bool, int, float, ``str`` for text or ``bytes`` for binary;
one that comes back is ``None``, bool, int, float or ``bytes``, as it enters a VM.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

__all__ = ["Bound", "Database", "Done", "Given", "Rows", "Session"]

Bound: TypeAlias = bool | int | float | str | bytes | None
Given: TypeAlias = bool | int | float | bytes | None


class Rows(NamedTuple):
    """Hold a result: the names of its columns, the values row after row."""

    names: tuple[bytes, ...]
    values: Sequence[Given]


NO_ROWS = Rows((), ())


class Done(NamedTuple):
    """Tell what a statement did; 0 for what the engine does not say."""

    last_insert_id: int
    rows_affected: int


class Session(ABC):
    """One connection. It is used by one task at a time; who has it may hold it.

    A cancelled operation has no effect, or its session is no longer `usable`.
    """

    usable: bool = True
    """Whether another may have it afterwards."""

    @abstractmethod
    async def query(self, sql: str, params: Sequence[Bound]) -> Rows:
        """Run a statement and give its rows."""

    @abstractmethod
    async def execute(self, sql: str, params: Sequence[Bound]) -> Done:
        """Run one or several statements for their effect."""

    @abstractmethod
    async def prepare(self, sql: str) -> None:
        """Check a statement, and keep what running it again needs."""

    @abstractmethod
    async def begin(self, isolation: str, *, read_only: bool) -> None:
        """Begin a transaction; ``isolation`` is a value of ``sql.isolation``."""

    @abstractmethod
    async def commit(self) -> None:
        """End the transaction and keep its effects; it is over even if this fails."""

    @abstractmethod
    async def rollback(self) -> None:
        """End the transaction and undo its effects; it is over even if this fails."""

    def query_now(self, sql: bytes, params: Sequence[Bound]) -> Rows | None:
        """Run a statement in place if that takes no time to speak of.

        Returns:
          ``None`` if it would, or if nobody can tell: then use `query`.
        """
        del sql, params
        return None


class Database(ABC):
    """What ``sql.get`` finds: a pool of sessions that an entry describes."""

    type: ClassVar[str]
    """A value of ``sql.type``."""

    id: str

    @abstractmethod
    def retain(self) -> None:
        """Count one more handle, or raise `UnavailableError`."""

    @abstractmethod
    def release(self) -> None:
        """Count one less."""

    @abstractmethod
    async def acquire(self) -> Session:
        """Take a session; wait for one where their number is limited."""

    @abstractmethod
    def give_back(self, session: Session) -> None:
        """Return a session that no transaction is open in."""

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncIterator[Session]:
        """Take a session for the length of a block."""
        session = await self.acquire()
        try:
            yield session
        finally:
            self.give_back(session)

    @abstractmethod
    def abandon(self, session: Session) -> None:
        """Return a session whose transaction nobody will end: it is rolled back."""

    @abstractmethod
    def statistics(self) -> Mapping[str, int | str]:
        """Count as ``db:stats()`` tells it."""

    def query_now(self, sql: bytes, params: Sequence[Bound]) -> Rows | None:
        """Run a statement in place if a session is free; see `Session.query_now`."""
        del sql, params
        return None

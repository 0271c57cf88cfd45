"""A database as a service: its connections, who has them, and how it ends.

The number of open connections is bounded by the tokens of one limiter, whose queue is
first come, first served; a connection that is idle holds no token. Who takes one out
returns it in any case, and it is closed then unless it may serve another: not if it is
in an unknown state, too old, or from before the settings changed. So new settings are
in force at once for whoever comes, and nobody's work is cut off.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING

import trio

from wippy_trio.duration import format_nanoseconds
from wippy_trio.logs import get_logger
from wippy_trio.modules.sql.contract import Bound, Database, Rows, Session
from wippy_trio.sdk import Error, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wippy_trio.sdk import Runtime, ServiceReport
    from wippy_trio.services.sql.settings import Settings

__all__ = ["PooledDatabase", "PooledSession"]

log = get_logger("sql")

MOST_THREADS = 40
"""Threads of one database whose number of connections is not limited."""

RECOVERY_S = 5.0
"""How long a transaction that was left behind may take to be rolled back."""


class PooledSession(Session):
    """One connection of a pool."""

    born: float = 0.0
    generation: int = 0
    token: object = None

    @property
    @abstractmethod
    def in_transaction(self) -> bool:
        """Whether a transaction is open, by whatever statement."""

    @abstractmethod
    def close(self) -> None:
        """Close it, in no time."""

    async def shut(self) -> None:
        """Close it; where that takes time, in a thread."""
        self.close()
        await trio.lowlevel.checkpoint()

    def alive(self) -> bool:
        """Tell whether the other side is still there, as far as can be seen at once."""
        return True


class PooledDatabase(Database):
    """Keep the connections of one entry; the `Service` of its lifecycle."""

    ping = "SELECT 1"

    def __init__(
        self,
        runtime: Runtime,
        id: str,  # noqa: A002 - its name
        settings: Settings,
        *,
        grace: float = 10.0,
    ) -> None:
        """Describe a database; nothing is opened yet.

        Args:
          runtime: Whose nursery its tasks run in.
          id: The entry.
          settings: Where it is.
          grace: Seconds that `stop` waits for those who hold it.
        """
        self.id = id
        self.grace = grace
        self.settings = settings
        self.refresh: Callable[[], Settings] | None = None
        self._runtime = runtime
        self._open = True
        self._handles = 0
        self._unheld = trio.Event()
        self._limiter = trio.CapacityLimiter(settings.pool.max_open or math.inf)
        self.threads = trio.CapacityLimiter(settings.pool.max_open or MOST_THREADS)
        self._idle: list[PooledSession] = []
        self._generation = 0
        self._opened = 0
        self._keeper: trio.CancelScope | None = None
        self._wait_count = 0
        self._waited = 0.0
        self._closed_idle = self._closed_old = 0

    # -- one engine --------------------------------------------------------------------

    @abstractmethod
    async def connect(self, settings: Settings) -> PooledSession:
        """Open a connection, or raise `UnavailableError`."""

    # -- handles -----------------------------------------------------------------------

    def retain(self) -> None:
        """Count one more handle; new settings of the environment take effect here."""
        if not self._open:
            raise UnavailableError(f"sql: the database {self.id} is stopped")
        if self.refresh is not None:
            self.configure(self.refresh())
        self._handles += 1

    def release(self) -> None:
        """Count one less."""
        self._handles -= 1
        if self._handles == 0:
            self._unheld.set()

    # -- sessions ----------------------------------------------------------------------

    async def acquire(self) -> PooledSession:
        """Take a session, an idle one or a new one."""
        token = object()
        await self._take_token(token)
        try:
            session = self._take_idle()
            if session is None:
                session = await self._open_session()
        except BaseException:
            self._limiter.release_on_behalf_of(token)
            raise
        session.token = token
        return session

    async def _take_token(self, token: object) -> None:
        try:
            self._limiter.acquire_on_behalf_of_nowait(token)
        except trio.WouldBlock:
            self._wait_count += 1
            started = trio.current_time()
            try:
                await self._limiter.acquire_on_behalf_of(token)
            finally:
                self._waited += trio.current_time() - started
        else:
            await trio.lowlevel.checkpoint_if_cancelled()

    def _take_idle(self) -> PooledSession | None:
        while self._idle:
            session = self._idle.pop()
            if self._too_old(session):
                self._closed_old += 1
            elif session.alive():
                return session
            self._dispose(session)
        return None

    async def _open_session(self) -> PooledSession:
        generation, settings = self._generation, self.settings
        try:
            session = await self.connect(settings)
        except Error:
            raise
        except Exception as error:
            raise UnavailableError(
                f"sql: cannot connect to {self.id}: {error}", retryable=True
            ) from error
        session.born, session.generation = trio.current_time(), generation
        self._opened += 1
        if self._keeper is None:
            self._keeper = trio.CancelScope()
            self._runtime.nursery.start_soon(self._close_at_the_end, self._keeper)
        return session

    async def _close_at_the_end(self, scope: trio.CancelScope) -> None:
        """Close what is idle when the runtime ends, whether it was stopped or not."""
        try:
            with scope:
                await trio.sleep_forever()
        finally:
            if self._keeper is scope:
                self._keeper = None
            self._generation += 1
            self._close_idle()

    def _too_old(self, session: PooledSession) -> bool:
        age = trio.current_time() - session.born
        return age > self.settings.pool.max_lifetime

    def give_back(self, session: Session) -> None:
        """Return a session; it is kept if another may have it."""
        assert isinstance(session, PooledSession)
        token, session.token = session.token, None
        self._limiter.release_on_behalf_of(token)
        if not self._may_serve_again(session):
            self._dispose(session)
        elif self._too_old(session):
            self._closed_old += 1
            self._dispose(session)
        elif len(self._idle) >= self.settings.pool.max_idle:
            self._closed_idle += 1
            self._dispose(session)
        else:
            self._idle.append(session)

    def _may_serve_again(self, session: PooledSession) -> bool:
        if not session.usable or session.generation != self._generation:
            return False
        return self.keeps_transactions or not session.in_transaction

    keeps_transactions = False
    """Whether a transaction begun by a plain statement outlives the statement."""

    def abandon(self, session: Session) -> None:
        """Return a session after rolling back what is open in it."""
        assert isinstance(session, PooledSession)
        if session.usable:
            try:
                self._runtime.nursery.start_soon(self._recover, session)
            except RuntimeError:  # the runtime has ended
                session.usable = False
        if not session.usable:
            self.give_back(session)

    async def _recover(self, session: PooledSession) -> None:
        try:
            with trio.move_on_after(RECOVERY_S) as scope:
                await session.rollback()
            if scope.cancelled_caught:
                session.usable = False
        except Error as error:
            session.usable = False
            log.warning("sql.rollback_failed", entry=self.id, error=str(error))
        except BaseException:
            session.usable = False
            raise
        finally:
            self.give_back(session)

    def _dispose(self, session: PooledSession) -> None:
        self._opened -= 1
        session.usable = False
        session.close()

    def _close_idle(self) -> None:
        while self._idle:
            self._dispose(self._idle.pop())

    def query_now(self, sql: bytes, params: Sequence[Bound]) -> Rows | None:
        """Run a statement in place on the idle session, if there is one."""
        if not self._idle or self._limiter.available_tokens < 1:
            return None
        session = self._idle[-1]
        if session.generation != self._generation:
            return None
        return session.query_now(sql, params)

    # -- settings ----------------------------------------------------------------------

    def configure(self, settings: Settings) -> None:
        """Take other settings; see the head of this file."""
        old, self.settings = self.settings, settings
        if settings.pool != old.pool:
            self._limiter.total_tokens = settings.pool.max_open or math.inf
            self.threads.total_tokens = settings.pool.max_open or MOST_THREADS
            while len(self._idle) > settings.pool.max_idle:
                self._closed_idle += 1
                self._dispose(self._idle.pop(0))
        if not settings.same_place(old):
            self._generation += 1
            self._close_idle()

    def statistics(self) -> Mapping[str, int | str]:
        """Count as ``db:stats()`` tells it."""
        idle = len(self._idle)
        return {
            "max_open_connections": self.settings.pool.max_open,
            "open_connections": self._opened,
            "in_use": self._opened - idle,
            "idle": idle,
            "wait_count": self._wait_count,
            "wait_duration": format_nanoseconds(int(self._waited * 1e9)),
            "max_idle_closed": self._closed_idle,
            "max_idle_time_closed": 0,
            "max_lifetime_closed": self._closed_old,
        }

    # -- life --------------------------------------------------------------------------

    async def start(self, report: Callable[[ServiceReport], None]) -> str:
        """See whether the database answers."""
        del report
        self._open = True
        try:
            session = await self.acquire()
            try:
                await session.query(self.ping, ())
            finally:
                self.give_back(session)
        except Error as error:
            raise UnavailableError(
                f"failed to ping database {self.id}: {error}", retryable=True
            ) from error
        return "database connection established"

    async def stop(self) -> None:
        """Refuse new handles, wait for those held, close."""
        self._open = False
        try:
            with trio.move_on_after(max(self.grace - 0.05, 0)):
                while self._handles:
                    self._unheld = trio.Event()
                    await self._unheld.wait()
        finally:
            with trio.CancelScope(shield=True):
                await self._shut_idle()
            self.close()

    async def _shut_idle(self) -> None:
        """Close what is idle without holding up others."""
        idle, self._idle = self._idle, []
        for session in idle:
            self._opened -= 1
            session.usable = False
            await session.shut()

    def close(self) -> None:
        """Close what is idle; what is in use follows when it comes back."""
        if self._keeper is not None:
            self._keeper.cancel()
        self._generation += 1
        self._close_idle()

    def dispose(self) -> None:
        """End for good: the entry is gone."""
        self._open = False
        self.close()

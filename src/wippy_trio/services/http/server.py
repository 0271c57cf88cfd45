"""A small ASGI server on Trio: listeners, connections, and the way to stop.

It serves any ASGI application; ours is one. Stopping closes the listeners, lets every
request that has begun finish, and then ends what is left. A connection that waits for
its next request is closed at once, after a last look whether one has arrived.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import InvalidError, UnavailableError
from wippy_trio.logs import get_logger
from wippy_trio.services.http.connection import Connection
from wippy_trio.services.http.limits import Limits
from wippy_trio.services.http.sockets import PlainStream

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

    from wippy_trio.services.http.parsing import RequestHead

__all__ = ["Server", "listen", "split_address"]

log = get_logger("http")

WATCH_AFTER = 0.05
"""Seconds after which a request gets a task that sees its client leave."""

BACKLOG = 1024


def split_address(address: str) -> tuple[str, int]:
    """Read ``host:port``; no host means all interfaces, ``[::1]:80`` is IPv6.

    Raises:
      InvalidError: It has no port, or none that exists.
    """
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not colon or not port.isdigit() or int(port) > 65535:
        raise InvalidError(f"addr: wanted host:port or :port, got {address!r}")
    return host, int(port)


async def listen(host: str, port: int) -> list[trio.SocketListener]:
    """Open the listeners of an address.

    Raises:
      UnavailableError: The port is in use, or the address is not ours.
    """
    where = f"{host}:{port}"
    try:
        return await trio.open_tcp_listeners(port, host=host or None, backlog=BACKLOG)
    except OSError as error:
        cause = error
        if isinstance(error.__cause__, OSError):
            cause = error.__cause__
        if isinstance(error.__cause__, BaseExceptionGroup):
            cause = error.__cause__.exceptions[0]  # type: ignore[assignment]
        if isinstance(cause, socket.gaierror):
            raise UnavailableError(f"listen on {where}: {cause.strerror}") from error
        reason = {
            errno.EADDRINUSE: "the port is in use by another server",
            errno.EACCES: "this user may not open the port",
            errno.EADDRNOTAVAIL: "no interface has this address",
        }.get(cause.errno or 0, str(cause))
        raise UnavailableError(
            f"listen on {where}: {reason}", retryable=True
        ) from error


class Server:
    """Serve an ASGI application.

    Attributes:
      app: The application.
      draining: Whether it is stopping.
      refused: How many requests were no HTTP.
      state: The lifespan state that every scope gets a copy of.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        *,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.app = app
        self.limits = limits or Limits()
        self.tls = tls
        self.draining = False
        self.refused = 0
        self.served = 0
        self.state: dict[str, Any] = {}
        self.listeners: Sequence[trio.SocketListener] = ()
        self.connections: set[Connection] = set()
        self._in_flight: dict[Connection, float] = {}
        self._begun = trio.Event()
        self._idle = trio.Event()
        self._room = trio.Event()
        self._stop = trio.Event()
        self._stopped = trio.Event()
        self._nursery: trio.Nursery | None = None

    @property
    def nursery(self) -> trio.Nursery:
        """Where connections live."""
        assert self._nursery is not None
        return self._nursery

    async def serve(
        self,
        listeners: Sequence[trio.SocketListener],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until `stop`, or until cancelled; the listeners are closed then."""
        self.listeners = listeners
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                for listener in listeners:
                    nursery.start_soon(self._accept, listener)
                nursery.start_soon(self._watch_slow)
                task_status.started()
                await self._stop.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._nursery = None
            for listener in listeners:
                listener.socket.close()
            self._stopped.set()

    async def stop(self, grace: float) -> None:
        """Finish what has begun, for at most ``grace`` seconds, then end the rest."""
        self.draining = True
        if self._nursery is None:
            return
        for listener in self.listeners:
            self._accept_waiting(listener)
            listener.socket.close()
        for connection in list(self.connections):
            connection.drain()
        with trio.move_on_after(grace) as scope:
            await self.wait_idle()
        if scope.cancelled_caught:
            log.warning("http.cut_off", connections=len(self.connections))
        self._stop.set()
        with trio.CancelScope(shield=True):
            await self._stopped.wait()

    async def wait_idle(self) -> None:
        """Wait until there is no connection."""
        while self.connections:
            if self._idle.is_set():
                self._idle = trio.Event()
            await self._idle.wait()

    # -- connections -----------------------------------------------------------------

    async def _accept(self, listener: trio.SocketListener) -> None:
        while not self.draining:
            most = self.limits.connections
            while most and len(self.connections) >= most:
                if self._room.is_set():
                    self._room = trio.Event()
                await self._room.wait()
            try:
                client, _address = await listener.socket.accept()
            except trio.ClosedResourceError:
                return
            except OSError as error:
                if error.errno == errno.EBADF:
                    return
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                    log.debug("http.accept_failed", error=str(error))
                    continue
                log.warning("http.accept_failed", error=str(error))
                await trio.sleep(0.1)
                continue
            raw = socket.socket(fileno=client.detach())
            raw.setblocking(False)
            self._welcome(raw)

    def _accept_waiting(self, listener: trio.SocketListener) -> None:
        """Take in who has connected but was not accepted yet."""
        raw = socket.socket(fileno=socket.dup(listener.socket.fileno()))
        raw.setblocking(False)
        with raw:
            while True:
                try:
                    client, _address = raw.accept()
                except OSError:
                    return
                client.setblocking(False)
                self._welcome(client)

    def _welcome(self, raw: socket.socket) -> None:
        stream: Any = PlainStream(raw)
        if self.tls is not None:
            stream = trio.SSLStream(
                stream, self.tls, server_side=True, https_compatible=True
            )
        connection = Connection(self, stream)
        self.connections.add(connection)
        self.nursery.start_soon(self._run, connection)

    async def _run(self, connection: Connection) -> None:
        try:
            await connection.run()
        except Exception as error:
            log.exception("http.connection_failed", error=repr(error))
        finally:
            connection.stop_watching()
            self.connections.discard(connection)
            self._room.set()
            if not self.connections:
                self._idle.set()

    # -- requests --------------------------------------------------------------------

    def begin(self, connection: Connection) -> None:
        """Note that a request has begun."""
        self.served += 1
        if not self._in_flight:
            self._begun.set()
        self._in_flight[connection] = trio.current_time()

    def ended(self, connection: Connection) -> None:
        """Note that it is over."""
        self._in_flight.pop(connection, None)

    async def _watch_slow(self) -> None:
        """Watch for clients that leave during a request that takes its time."""
        while True:
            if not self._in_flight:
                self._begun = trio.Event()
                await self._begun.wait()
            await trio.sleep(WATCH_AFTER)
            limit = trio.current_time() - WATCH_AFTER / 2
            for connection, began in list(self._in_flight.items()):
                if began > limit:
                    break  # they are in order of their beginning
                connection.watch()

    async def upgrade(self, connection: Connection, request: RequestHead) -> None:
        """Hand a connection over to the WebSocket protocol."""
        from wippy_trio.services.http.websocket import (  # noqa: PLC0415 - start-up cost
            serve_websocket,
        )

        await serve_websocket(connection, request)

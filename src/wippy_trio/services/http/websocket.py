"""WebSocket connections: wsproto between a connection and an ASGI application.

A task reads frames and answers pings even while the application does something else;
it stops reading when messages pile up, so a client that floods waits. Messages are put
together up to a limit and handed out whole.

Source: RFC 6455, RFC 7692, the ASGI specification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from wippy_trio.errors import InternalError
from wippy_trio.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from wippy_trio.services.http.connection import Connection
    from wippy_trio.services.http.parsing import RequestHead

__all__ = ["serve_websocket"]

log = get_logger("http")

QUEUED = 16
CLOSE_WAIT = 5.0
"""Seconds a client gets to answer our close."""


async def serve_websocket(connection: Connection, request: RequestHead) -> None:
    """Run the application on a request to upgrade, then close the connection."""
    version = [v for k, v in request.fields if k == b"sec-websocket-version"]
    if version != [b"13"]:
        connection.closing = True
        await connection.send_plain(
            426, b"sec-websocket-version: 13\r\n", b"wanted WebSocket version 13\n"
        )
        return
    socket = _Socket(connection, request)
    try:
        socket.ws.initiate_upgrade_connection(
            request.fields, request.target.decode("ascii")
        )
        first = next(iter(socket.ws.events()))
    except (RemoteProtocolError, StopIteration) as error:
        await connection.answer(400, f"this is no WebSocket handshake: {error}")
        return
    assert isinstance(first, Request)
    socket.offered = tuple(first.subprotocols)
    await socket.run()


class _Socket:
    """One WebSocket, seen by the application as `receive` and `send`."""

    def __init__(self, connection: Connection, request: RequestHead) -> None:
        self.connection = connection
        self.request = request
        self.ws = WSConnection(ConnectionType.SERVER)
        self.offered: tuple[str, ...] = ()
        self.accepted = False
        self.closed = False
        self.response: MutableMapping[str, Any] | None = None
        self._connected = False
        self._end: dict[str, Any] | None = None
        self._lock = trio.Lock()
        self._parts: list[Any] = []
        self._size = 0
        self._most = connection.limits.websocket_message
        self._put, self._get = trio.open_memory_channel[dict[str, Any]](QUEUED)
        self._reading: trio.Nursery | None = None

    async def run(self) -> None:
        connection = self.connection
        scope = connection.asgi_scope(self.request, "websocket")
        scope["subprotocols"] = list(self.offered)
        async with trio.open_nursery() as nursery:
            self._reading = nursery
            connection.going_away = self._going_away
            try:
                await connection.server.app(scope, self.receive, self.send)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            except Exception as error:
                log.exception("websocket.failed", path=scope["path"], error=repr(error))
                await self._after_failure()
            else:
                if not self.accepted and self.response is None and not self.closed:
                    await connection.answer(500, "no response sent")
                elif self.accepted and not self.closed:
                    await self._close(1000, "")
            finally:
                connection.going_away = None
            if self.accepted and self._end is None:
                with trio.move_on_after(CLOSE_WAIT):
                    async with self._get:
                        async for _ in self._get:
                            pass
            nursery.cancel_scope.cancel()
        if self.accepted:
            await connection.linger()

    async def _after_failure(self) -> None:
        if self.closed:
            return
        if self.accepted:
            await self._close(1011, "internal server error")
        elif self.response is None:
            await self.connection.answer(500, "internal server error")

    def _going_away(self) -> None:
        if self.accepted and not self.closed and self._reading is not None:
            self._reading.start_soon(self._leave)

    async def _leave(self) -> None:
        await self._close(1001, "server is going away")

    # -- from the client ---------------------------------------------------------------

    async def _read(self, early: bytes) -> None:
        """Read frames until the end; the news of that is the last message."""
        stream = self.connection.stream
        code, reason = 1006, ""
        try:
            with self._put:
                data: bytes = early
                while True:
                    if data:
                        self.ws.receive_data(data)
                        end = await self._take_events()
                        if end is not None:
                            code, reason = end
                            return
                    data = bytes(await stream.receive_some(64 * 1024))
                    if not data:
                        self.ws.receive_data(None)
                        return
        except LocalProtocolError:
            pass  # data behind the end
        except RemoteProtocolError as error:
            code, reason = 1002, str(error)
            await self._close(code, reason)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self._end = {"type": "websocket.disconnect", "code": code, "reason": reason}
            self.closed = True

    async def _take_events(self) -> tuple[int, str] | None:
        parts = self._parts
        for event in self.ws.events():
            if isinstance(event, (TextMessage, BytesMessage)):
                self._size += len(event.data)
                if self._size > self._most:
                    await self._close(1009, "the message is too large")
                    return 1009, "the message is too large"
                parts.append(event.data)
                if event.message_finished:
                    text = isinstance(event, TextMessage)
                    whole = ("" if text else b"").join(parts)
                    parts.clear()
                    self._size = 0
                    message: dict[str, Any] = {
                        "type": "websocket.receive",
                        "text": None,
                        "bytes": None,
                    }
                    message["text" if text else "bytes"] = whole
                    await self._put.send(message)
            elif isinstance(event, Ping):
                await self._send(event.response())
            elif isinstance(event, CloseConnection):
                if self.ws.state is ConnectionState.REMOTE_CLOSING:
                    await self._send(event.response())
                elif self.ws.state is ConnectionState.OPEN:
                    # Not the client's word: what it sent was no frame.
                    await self._close(int(event.code), event.reason or "")
                return int(event.code), event.reason or ""
        return None

    async def receive(self) -> dict[str, Any]:
        """Give the application the next message."""
        if not self._connected:
            self._connected = True
            await trio.lowlevel.checkpoint()
            return {"type": "websocket.connect"}
        if not self.accepted:
            await self.connection.wait_gone()
            return {"type": "websocket.disconnect", "code": 1006, "reason": ""}
        try:
            return await self._get.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            while self._end is None:
                await trio.lowlevel.checkpoint()
            return dict(self._end)

    # -- to the client -----------------------------------------------------------------

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Take a message of the application."""
        kind = message["type"]
        if kind == "websocket.accept":
            await self._accept(message)
        elif kind == "websocket.send":
            if not self.accepted:
                raise InternalError("the application sent before it accepted")
            text, data = message.get("text"), message.get("bytes")
            if text is not None:
                await self._send(TextMessage(data=text))
            elif data is not None:
                await self._send(BytesMessage(data=bytes(data)))
        elif kind == "websocket.close":
            if self.accepted:
                await self._close(
                    message.get("code", 1000), message.get("reason") or ""
                )
            else:
                self.closed = True
                await self.connection.answer(403, "forbidden")
        elif kind == "websocket.http.response.start":
            self.response = message
            self.connection.closing = True
            await self.connection.send({**message, "type": "http.response.start"})
        elif kind == "websocket.http.response.body":
            await self.connection.send({**message, "type": "http.response.body"})
        else:
            raise InternalError(f"a websocket has no message {kind!r}")

    async def _accept(self, message: MutableMapping[str, Any]) -> None:
        if self.accepted or self.closed or self.response is not None:
            raise InternalError("the application accepted twice, or too late")
        event = AcceptConnection(
            subprotocol=message.get("subprotocol"),
            extensions=[PerMessageDeflate()],
            extra_headers=[
                (name, value)
                for name, value in message.get("headers", ())
                if not name.startswith(b"sec-websocket-")
            ],
        )
        self.accepted = True
        await self._send(event)
        assert self._reading is not None
        early = await self.connection.detach()
        self._reading.start_soon(self._read, early)

    async def _send(self, event: Any) -> None:
        async with self._lock:
            try:
                data = self.ws.send(event)
            except LocalProtocolError as error:
                # It was closed meanwhile; the application learns that by `receive`.
                raise trio.ClosedResourceError(str(error)) from error
            await self.connection.send_raw(data)

    async def _close(self, code: int, reason: str) -> None:
        if self.closed and self.ws.state is not ConnectionState.OPEN:
            return
        self.closed = True
        try:
            # 123 bytes of reason are what a close frame holds (RFC 6455 5.5).
            text = reason.encode()[:123].decode("utf-8", "ignore")
            with trio.move_on_after(CLOSE_WAIT):
                await self._send(CloseConnection(code=code, reason=text))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

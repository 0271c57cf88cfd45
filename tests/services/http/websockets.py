"""A WebSocket client for the tests, over wsproto."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


class Socket:
    """One connection; events come whole."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.ws = WSConnection(ConnectionType.CLIENT)
        self.events: list[Any] = []
        self.received = 0
        self.parts: list[Any] = []
        self.accepted: AcceptConnection | None = None

    async def send(self, event: Any) -> None:
        await self.stream.send_all(self.ws.send(event))

    async def text(self, data: str) -> None:
        await self.send(TextMessage(data=data))

    async def event(self) -> Any:
        """Wait for the next event; ``None`` if the connection ended without one."""
        while not self.events:
            data = await self.stream.receive_some(65536)
            self.received += len(data)
            self.ws.receive_data(bytes(data) or None)
            parts = self.parts
            for event in self.ws.events():
                if isinstance(event, (TextMessage, BytesMessage)):
                    parts.append(event.data)
                    if not event.message_finished:
                        continue
                    whole: Any
                    whole = ("" if isinstance(event, TextMessage) else b"").join(parts)
                    self.events.append(type(event)(data=whole))
                    parts.clear()
                else:
                    self.events.append(event)
            if not data and not self.events:
                return None
        return self.events.pop(0)

    async def json(self) -> Any:
        event = await self.event()
        assert isinstance(event, TextMessage), event
        return json.loads(event.data)

    async def closed(self) -> tuple[int, str | None]:
        event = await self.event()
        assert isinstance(event, CloseConnection), event
        with contextlib.suppress(trio.BrokenResourceError, LocalProtocolError):
            await self.send(event.response())
        return int(event.code), event.reason


__all__ = ["BytesMessage", "Ping", "Pong", "Socket", "TextMessage", "open_websocket"]


@contextlib.asynccontextmanager
async def open_websocket(
    port: int,
    path: str,
    *,
    headers: Sequence[tuple[bytes, bytes]] = (),
    subprotocols: Sequence[str] = (),
    deflate: bool = False,
) -> AsyncIterator[Socket | tuple[int, bytes]]:
    """Connect; a refusal is given as its status and body."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        socket = Socket(stream)
        await socket.send(
            Request(
                host="test",
                target=path,
                extra_headers=list(headers),
                subprotocols=list(subprotocols),
                extensions=[PerMessageDeflate()] if deflate else [],
            )
        )
        event = await socket.event()
        if isinstance(event, RejectConnection):
            body = b""
            while event is not None and not (
                isinstance(event, RejectData) and event.body_finished
            ):
                event = await socket.event()
                if isinstance(event, RejectData):
                    body += event.data
            assert isinstance(event, RejectData)
            yield 0, body
            return
        assert isinstance(event, AcceptConnection)
        socket.accepted = event
        yield socket

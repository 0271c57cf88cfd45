"""One WebSocket connection to another server: wsproto over a Trio stream.

A task of the owning process reads: it answers pings, puts messages together and hands
them to a channel. While nobody takes them it stops reading, and the peer has to wait.

Source: RFC 6455, RFC 7692; modules-io 10.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Message,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.extensions import Extension, PerMessageDeflate
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from wippy_trio.kernel import Channel
from wippy_trio.sdk import Error, InternalError, hold_time
from wippy_trio.sdk.networks import find_network

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence

__all__ = ["Connection", "Dial"]

READ_SIZE = 1 << 16
CLOSE_WAIT_S = 2.0
NORMAL, GOING_AWAY, TOO_BIG = 1000, 1001, 1009


class Dial(NamedTuple):
    """How a connection is made and kept."""

    url: str
    headers: Mapping[str, str]
    protocols: Sequence[str]
    dial_timeout: float | None
    read_timeout: float | None
    write_timeout: float | None
    compression: int
    read_limit: int
    capacity: int


def failed(text: str) -> InternalError:
    """Say that the connection could not be made or broke; trying again may help."""
    return InternalError(text, retryable=True)


class Connection:
    """A connection that is open, or was."""

    def __init__(self, dial: Dial, stream: trio.abc.Stream, ws: WSConnection) -> None:
        self._dial = dial
        self._stream = stream
        self._ws = ws
        self._lock = trio.Lock()
        self._pongs: dict[bytes, trio.Event] = {}
        self._parts: list[Any] = []
        self._size = 0
        self._gone = trio.Event()
        self.messages: Channel[dict[str, Any]] = Channel(dial.capacity)
        self.closed = False

    # -- writing -----------------------------------------------------------------------

    async def send(self, data: bytes, *, text: bool) -> None:
        """Send one message.

        Raises:
          InternalError: The connection is closed, broke, or took too long.
        """
        event: Message[Any]
        if text:
            try:
                event = TextMessage(data.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise InternalError(
                    f"text message: wanted UTF-8, got bytes that are not: {error}",
                    retryable=False,
                ) from error
        else:
            event = BytesMessage(data)
        await self._write(event)

    async def _write(self, event: Any) -> None:
        if self.closed:
            raise InternalError("websocket is closed", retryable=False)
        limit = self._dial.write_timeout
        scope = trio.CancelScope() if limit is None else trio.move_on_after(limit)
        with scope, hold_time():
            async with self._lock:
                try:
                    data = self._ws.send(event)
                    await self._stream.send_all(data)
                except LocalProtocolError as error:
                    raise InternalError(
                        f"websocket is closed: {error}", retryable=False
                    ) from error
                except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                    self._over()
                    raise failed(f"websocket broke: {error}") from error
        if scope.cancelled_caught:
            self._over()
            raise failed("websocket: the message could not be sent in time")

    async def ping(self) -> None:
        """Send a ping and wait for its pong.

        Raises:
          InternalError: The connection closed meanwhile.
        """
        payload = secrets.token_bytes(8)
        arrived = self._pongs[payload] = trio.Event()
        try:
            await self._write(Ping(payload))
            await arrived.wait()
        finally:
            self._pongs.pop(payload, None)
        if self.closed:
            raise failed("websocket closed before the pong came")

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye, wait a little for the answer, close."""
        if self.closed:
            await trio.lowlevel.checkpoint()
            return
        with (
            trio.move_on_after(CLOSE_WAIT_S),
            contextlib.suppress(InternalError),
            hold_time(),
        ):
            await self._write(CloseConnection(code, reason or None))
            await self._gone.wait()
        await self.abort()

    async def leave(self) -> None:
        """Close because the process has ended: say so if that takes no time."""
        with trio.move_on_after(CLOSE_WAIT_S, shield=True):
            if not self.closed:
                with contextlib.suppress(InternalError):
                    await self._write(CloseConnection(GOING_AWAY, None))
        await self.abort()

    async def abort(self) -> None:
        """Close without a word."""
        self._over()
        await trio.aclose_forcefully(self._stream)

    def _over(self) -> None:
        self.closed = True
        self._gone.set()
        for waiting in self._pongs.values():
            waiting.set()
        if not self.messages.closed:
            self.messages.close()

    # -- reading -----------------------------------------------------------------------

    async def run(self) -> None:
        """Read until either side closes; the channel closes with it.

        If cancelled, the process has ended, and `leave` says goodbye and closes.
        """
        try:
            while not self.closed:
                await self._take_events()
                if self._ws.state is ConnectionState.CLOSED:
                    break
                if not await self._read():
                    break
        except (RemoteProtocolError, LocalProtocolError):
            pass  # the peer does not speak the protocol: close
        await self.abort()

    async def _read(self) -> bool:
        limit = self._dial.read_timeout
        scope = trio.CancelScope() if limit is None else trio.move_on_after(limit)
        data = b""
        with scope, hold_time():
            try:
                data = bytes(await self._stream.receive_some(READ_SIZE))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return False
        if scope.cancelled_caught or not data:
            return False
        self._ws.receive_data(data)
        return True

    async def _take_events(self) -> None:
        for event in self._ws.events():
            match event:
                case Ping():
                    await self._reply(event.response())
                case Pong():
                    waiting = self._pongs.get(bytes(event.payload))
                    if waiting is not None:
                        waiting.set()
                case CloseConnection():
                    if self._ws.state is not ConnectionState.CLOSED:
                        await self._reply(event.response())
                    self._over()
                    return
                case TextMessage() | BytesMessage():
                    if not await self._collect(event):
                        return
                case _:
                    pass

    async def _reply(self, event: Any) -> None:
        with contextlib.suppress(InternalError):
            await self._write(event)

    async def _collect(self, event: Message[Any]) -> bool:
        """Put a message together; tells whether reading goes on."""
        self._parts.append(event.data)
        self._size += len(event.data)
        if self._size > self._dial.read_limit:
            await self._reply(CloseConnection(TOO_BIG, "message too big"))
            return False
        if not event.message_finished:
            return True
        parts, self._parts, self._size = self._parts, [], 0
        if isinstance(event, TextMessage):
            row: dict[str, Any] = {"type": "text", "data": "".join(parts)}
        else:
            row = {"type": "binary", "data": b"".join(map(bytes, parts))}
        await self.messages.send(row)
        return True


def _extensions(compression: int) -> list[Extension]:
    if compression == 0:
        return []
    fresh = compression == 2
    return [
        PerMessageDeflate(
            client_no_context_takeover=fresh, server_no_context_takeover=fresh
        )
    ]


async def connect(dial: Dial, context: ssl.SSLContext | None = None) -> Connection:
    """Dial, shake hands, give the open connection; `Connection.run` reads it.

    Raises:
      InternalError: There is no connection, or the server refuses it.
    """
    limit = dial.dial_timeout
    scope = trio.CancelScope() if limit is None else trio.move_on_after(limit)
    with scope, hold_time():
        return await _connect(dial, context)
    raise failed(f"dial {dial.url}: timeout")


async def _connect(dial: Dial, context: ssl.SSLContext | None) -> Connection:
    parts = urlsplit(dial.url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise failed(f"dial {dial.url}: wanted a ws or wss URL")
    try:
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        network = find_network(None)
        stream: trio.abc.Stream = (
            await trio.open_tcp_stream(parts.hostname, port)
            if network is None
            else await network.open_stream(parts.hostname, port)
        )
    except (OSError, ValueError, Error) as error:
        raise failed(f"dial {dial.url}: {error}") from error
    try:
        if parts.scheme == "wss":
            import ssl as tls  # noqa: PLC0415 - few need it

            stream = trio.SSLStream(
                stream,
                context or tls.create_default_context(),
                server_hostname=parts.hostname,
                https_compatible=True,
            )
        host = parts.hostname if parts.port is None else f"{parts.hostname}:{port}"
        target = parts.path or "/"
        if parts.query:
            target = f"{target}?{parts.query}"
        return await _shake_hands(dial, stream, host, target)
    except BaseException:
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(stream)
        raise


async def _shake_hands(
    dial: Dial, stream: trio.abc.Stream, host: str, target: str
) -> Connection:
    ws = WSConnection(ConnectionType.CLIENT)
    headers = [(k.encode(), v.encode()) for k, v in dial.headers.items()]
    request = Request(
        host=host,
        target=target,
        extensions=_extensions(dial.compression),
        extra_headers=headers,
        subprotocols=list(dial.protocols),
    )
    body = b""
    try:
        await stream.send_all(ws.send(request))
        while True:
            data = bytes(await stream.receive_some(READ_SIZE))
            ws.receive_data(data or None)
            for event in ws.events():
                if isinstance(event, AcceptConnection):
                    return Connection(dial, stream, ws)
                if isinstance(event, RejectConnection) and not event.has_body:
                    raise failed(f"dial {dial.url}: status {event.status_code}")
                if isinstance(event, RejectConnection):
                    body = str(event.status_code).encode()
                if isinstance(event, RejectData) and event.body_finished:
                    raise failed(f"dial {dial.url}: status {body.decode()}")
            if not data:
                raise failed(f"dial {dial.url}: closed during the handshake")
    except (RemoteProtocolError, LocalProtocolError, OSError) as error:
        raise failed(f"dial {dial.url}: {error}") from error
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        cause = error.__cause__ or error
        raise failed(f"dial {dial.url}: {cause}") from error

"""One request and its response, between an ASGI server and whoever handles it.

The response waits in a buffer until it is flushed, grows past `HIGH_WATER`, or the
handler is done: then status and headers go out first. So headers may be set in any
order before the first byte leaves (modules-io D7), and a response that fits the buffer
goes out in one piece with its length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import trio

from wippy_trio.errors import InternalError, InvalidError, TimedOutError
from wippy_trio.modules.http.headers import Headers, checked_field, first_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

__all__ = [
    "BrokenResponseError",
    "Encoder",
    "Exchange",
    "Scope",
]

Scope = "MutableMapping[str, Any]"
HIGH_WATER = 64 * 1024
BODYLESS = frozenset({204, 304})

CHUNKED, SSE = "chunked", "sse"


class BrokenResponseError(InternalError):
    """A response that began cannot be completed; its connection must be closed."""


class Encoder(Protocol):
    """Change the bytes of a body on their way out, for a content coding."""

    def compress(self, data: bytes, /) -> bytes:
        """Take some of the body, give what is ready."""
        ...

    def flush(self, mode: int = ..., /) -> bytes:
        """Give all that was taken; 4 ends it, 2 does not."""
        ...


class Exchange:
    """Hold what a handler and the middlewares around it see of one request.

    Attributes:
      scope: The ASGI scope.
      headers: Of the request.
      remote: Where it came from, ``ip:port``; a middleware may know better.
      params: What the route found in the path; ``None`` without a route.
      route: The route that serves it.
      context: Actor, scope and values that its handler inherits.
      status: Of the response.
      fields: The headers of the response.
      touched: Whether somebody wrote to the response.
      started: Whether its head has left.
      disconnected: Whether the client is known to have gone.
      before_start: Called once with the exchange before the head leaves.
      encoder: The content coding of the response.
    """

    __slots__ = (
        "_body_done",
        "_broken",
        "_buffer",
        "_buffered",
        "_lock",
        "_read",
        "_receive",
        "_rest",
        "_send",
        "before_start",
        "context",
        "disconnected",
        "encoder",
        "fields",
        "files",
        "finished",
        "headers",
        "method",
        "mode",
        "params",
        "path",
        "reading",
        "remote",
        "route",
        "scope",
        "started",
        "status",
        "taken_over",
        "touched",
    )

    def __init__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self.method: str = scope.get("method", "GET")
        self.path: str = scope["path"]
        self.headers: Headers = scope["headers"]
        self.remote: str | None = None
        self.params: Mapping[str, str] | None = None
        self.route: Any = None
        self.context: Any = None
        self.status = 200
        self.fields: Headers = []
        self.mode = ""
        self.touched = False
        self.started = False
        self.finished = False
        self.disconnected = False
        self.taken_over = False
        self.reading = False
        self.before_start: list[Callable[[Exchange], None]] | None = None
        self.encoder: Encoder | None = None
        self.files: list[Any] | None = None
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._rest = b""
        self._read = 0
        self._body_done = False
        self._broken = False
        self._lock: trio.Lock | None = None

    # -- the request -----------------------------------------------------------------

    @property
    def peer(self) -> str:
        """The address of the peer, or what a trusted proxy said of it."""
        if self.remote is not None:
            return self.remote
        client = self.scope.get("client")
        if not client:
            return ""
        host, port = client
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def peer_ip(self) -> str:
        """The address alone, without its port."""
        if self.remote is not None:
            return self.remote
        client = self.scope.get("client")
        return client[0] if client else ""

    def header(self, name: bytes) -> bytes | None:
        """Join the values of a header, or ``None``."""
        found = [value for key, value in self.headers if key == name]
        if not found:
            return None
        return found[0] if len(found) == 1 else b", ".join(found)

    @property
    def content_length(self) -> int:
        """The announced length of the body; -1 if it is not known."""
        value = first_of(self.headers, b"content-length")
        if value is not None and value.isdigit():
            return int(value)
        if first_of(self.headers, b"transfer-encoding") is not None:
            return -1
        return 0

    def body_at_once(self) -> bytes | None:
        """Take the whole body if it has arrived already, or ``None``."""
        connection = self.scope.get("wippy_trio.connection")
        if connection is None or self._body_done or self._read:
            return None
        body: bytes | None = connection.body_at_once()
        if body is not None:
            self._body_done = True
        return body

    async def read(self, most: int = 0) -> bytes:
        """Read some of the body; nothing at its end.

        Args:
          most: The most bytes wanted; 0 for what is there.

        Raises:
          InternalError: The client went away, or somebody else is reading.
        """
        if self.reading:
            raise InternalError("the body is being read by another coroutine")
        self.reading = True
        try:
            while not self._rest and not self._body_done:
                message = await self._receive()
                if message["type"] != "http.request":
                    self.disconnected = True
                    raise InternalError("the client went away while sending the body")
                self._rest = message.get("body", b"")
                self._body_done = not message.get("more_body", False)
        finally:
            self.reading = False
        data, self._rest = self._rest, b""
        if most and len(data) > most:
            data, self._rest = data[:most], data[most:]
        self._read += len(data)
        return data

    async def receive(self) -> MutableMapping[str, Any]:
        """Receive as an ASGI application does, for one that handles the exchange."""
        if self._rest or self._read:
            return {
                "type": "http.request",
                "body": await self.read(),
                "more_body": not self._body_done,
            }
        return await self._receive()

    async def body(self, most: int, seconds: float) -> bytes:
        """Read the whole body.

        Raises:
          InvalidError: Larger than ``most``, or read before.
          TimedOutError: Not here after ``seconds``.
          InternalError: The client went away.
        """
        if self._read or (self._body_done and not self._rest):
            raise InvalidError("no request body: it was read already")
        self.check_length(most)
        pieces: list[bytes] = []
        size = 0
        with trio.move_on_after(seconds) as scope:
            while data := await self.read():
                size += len(data)
                if size > most:
                    raise InvalidError(
                        f"request body too large: wanted at most {most} bytes"
                    )
                pieces.append(data)
        if scope.cancelled_caught:
            raise TimedOutError("reading the request body timed out")
        return b"".join(pieces)

    def check_length(self, most: int) -> None:
        """Refuse a body whose announced length is over a limit."""
        if self.content_length > most:
            raise InvalidError(
                f"request body too large: {self.content_length} bytes,"
                f" wanted at most {most}"
            )

    # -- the response ----------------------------------------------------------------

    def set_field(self, name: bytes, value: bytes) -> None:
        """Set a header; earlier ones of that name go.

        Raises:
          InvalidError: The headers are out, or it cannot be sent.
        """
        if self.started:
            raise InvalidError("headers already sent")
        field = checked_field(name, value)
        if first_of(self.fields, field[0]) is not None:
            self.drop_field(field[0])
        self.fields.append(field)

    def add_field(self, name: bytes, value: bytes) -> None:
        """Add a header beside others of that name."""
        if self.started:
            raise InvalidError("headers already sent")
        self.fields.append(checked_field(name, value))

    def field(self, name: bytes) -> bytes | None:
        """Find a header of the response."""
        return first_of(self.fields, name)

    def drop_field(self, name: bytes) -> None:
        """Take a header of the response away."""
        self.fields[:] = [field for field in self.fields if field[0] != name]

    def vary(self, name: str) -> None:
        """Note that the response depends on a header of the request."""
        for key, value in self.fields:
            if key == b"vary":
                known = {item.strip().lower() for item in value.decode().split(",")}
                if name.lower() in known or "*" in known:
                    return
        self.fields.append((b"vary", name.encode()))

    def set_status(self, code: int) -> None:
        """Set the status.

        Raises:
          InvalidError: The headers are out, or the code is none.
        """
        if self.started:
            raise InvalidError("headers already sent")
        if not 200 <= code <= 999:
            raise InvalidError(f"invalid status code: {code}, wanted 200 to 999")
        self.touched = True
        self.status = code

    def write(self, data: bytes) -> bool:
        """Add to the body.

        Returns:
          Whether there is room for more; otherwise `flush` is wanted.

        Raises:
          InternalError: The response is over, has no body, or its client is gone.
        """
        if self.finished or self.taken_over:
            raise InternalError("write: the response is already over")
        if self.disconnected:
            raise InternalError("write: the client went away")
        self.touched = True
        if self.status in BODYLESS:
            if data:
                raise InternalError(f"write: status {self.status} allows no body")
            return True
        self._buffer.append(data)
        self._buffered += len(data)
        return self._buffered < HIGH_WATER

    @property
    def buffered(self) -> int:
        """How many bytes of the body wait."""
        return self._buffered

    def discard(self) -> None:
        """Forget the body that waits."""
        self._buffer.clear()
        self._buffered = 0

    async def flush(self) -> None:
        """Send the head, if it has not left, and what waits.

        If it is cancelled in the middle, the response is broken.

        Raises:
          InternalError: The client is gone, or the response is over.
        """
        if self._lock is None:
            self._lock = trio.Lock()
        async with self._lock:
            if self.finished:
                raise InternalError("flush: the response is already over")
            if self.disconnected:
                raise InternalError("flush: the client went away")
            self.touched = True
            await self._push(last=False)

    async def finish(self) -> None:
        """Send all that is left and end the response.

        Raises:
          BrokenResponseError: A part of it was lost on the way.
        """
        if self._lock is None:
            self.finished = True
            await self._push(last=True)
            return
        async with self._lock:
            self.finished = True
            if self._broken:
                raise BrokenResponseError("the response was interrupted")
            await self._push(last=True)

    async def _push(self, *, last: bool) -> None:
        body = self._buffer[0] if len(self._buffer) == 1 else b"".join(self._buffer)
        if not self.started:
            if self.before_start is not None:
                for hook in self.before_start:
                    hook(self)
            self.started = True
            body = self._encoded(body, last=last)
            head = self.method == "HEAD"
            fields = self.fields
            if last and self.status not in BODYLESS:
                known = first_of(fields, b"content-length")
                if known is None and not (head and not body):
                    fields.append((b"content-length", b"%d" % len(body)))
            start = {
                "type": "http.response.start",
                "status": self.status,
                "headers": fields,
            }
            self._broken = True
            await self._send(start)
        else:
            body = self._encoded(body, last=last)
            self._broken = True
        self._buffer.clear()
        self._buffered = 0
        await self._send(
            {"type": "http.response.body", "body": body, "more_body": not last}
        )
        self._broken = False

    def _encoded(self, body: bytes, *, last: bool) -> bytes:
        if self.encoder is None:
            return body
        data = self.encoder.compress(body) if body else b""
        return data + (self.encoder.flush() if last else self.encoder.flush(2))

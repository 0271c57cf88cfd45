"""One connection: requests in, an ASGI call for each, responses out.

One task does it all. It reads until a request's head is complete, calls the application
and reads on only when that asks for the body: what nobody wants stays in the socket,
and the client waits. A request that takes longer than a moment gets a second task,
started by the server, which reads ahead and so sees a client that leaves; from then on
the first one waits for it instead of reading itself.

Source: RFC 9110, RFC 9112; modules-io 8.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import trio

from wippy_trio.errors import InternalError
from wippy_trio.logs import get_logger
from wippy_trio.modules.http.exchange import BrokenResponseError
from wippy_trio.services.http.heads import (
    date_field,
    request_scope,
    response_head,
    status_line,
)
from wippy_trio.services.http.parsing import Parser, RequestHead

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from wippy_trio.services.http.limits import Limits

__all__ = ["Connection"]

log = get_logger("http")

READ_SIZE = 64 * 1024
READ_AHEAD = 64 * 1024
DRAIN = 256 * 1024
"""The most that is read of a body nobody wanted, to keep the connection."""

LAST_LOOK = 0.05
"""Seconds an idle connection gets to bring a request that is under way already."""

LINGER = 2.0
"""Seconds in which a client that is still sending may read our last answer."""


class _ClientGone(trio.BrokenResourceError):
    """The client closed or reset the connection, or takes nothing."""


class Server(Protocol):
    """What a connection needs of its server."""

    app: Callable[..., Awaitable[None]]
    limits: Limits
    tls: Any
    draining: bool
    refused: int
    state: dict[str, Any]

    @property
    def nursery(self) -> trio.Nursery:
        """Where its further tasks live."""
        ...

    def begin(self, connection: Connection) -> None:
        """Note that a request has begun."""
        ...

    def ended(self, connection: Connection) -> None:
        """Note that it is over."""
        ...

    async def upgrade(self, connection: Connection, request: RequestHead) -> None:
        """Speak another protocol on it."""
        ...


class Connection:
    """Serve one client.

    Attributes:
      busy: Whether a request is being served.
      on_gone: Called if the client leaves during the request.
      closing: Whether the connection ends with the response that is under way.
    """

    def __init__(self, server: Server, stream: trio.abc.HalfCloseableStream) -> None:
        self.server = server
        self.stream = stream
        self.limits = server.limits
        self.busy = False
        self.closing = False
        self.scope = trio.CancelScope()
        self.request: RequestHead | None = None
        self._parser = Parser(server.limits)
        self._eof = False
        self._watching = False
        self._reading = False
        self._arrived = trio.lowlevel.ParkingLot()  # who waits for bytes
        self._room = trio.lowlevel.ParkingLot()  # who reads ahead, when that is enough
        self._served = 0
        self.on_gone: Callable[[], None] | None = None
        self.client: tuple[str, int] | None = None
        self.local: tuple[str, int] | None = None
        self.secure = server.tls is not None
        self.tls: dict[str, Any] | None = None
        # the response under way
        self._start: MutableMapping[str, Any] | None = None
        self._framing = ""  # "", "chunked", "length", "close", "none"
        self._left = 0
        self._done = True
        self._continued = True
        self.detached = False  # another protocol has the stream
        self.going_away: Callable[[], None] | None = None  # of a WebSocket

    # -- life ------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until the client or the server has had enough."""
        try:
            with self.scope:
                await self._greet()
                while await self._serve_one():
                    pass
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self._left_by_client()
            with trio.CancelScope(shield=True), trio.move_on_after(LINGER):
                if isinstance(self.stream, trio.SSLStream):
                    await self.stream.aclose()
                else:
                    await trio.aclose_forcefully(self.stream)

    async def _greet(self) -> None:
        stream = self.stream
        if isinstance(stream, trio.SSLStream):
            with trio.fail_after(min(self.limits.header_timeout, 60)):
                try:
                    await stream.do_handshake()
                except (trio.BrokenResourceError, trio.TooSlowError) as error:
                    log.debug("tls.failed", error=repr(error.__cause__ or error))
                    raise _ClientGone from error
            self.tls = {"peer_certificate": stream.getpeercert()}
            socket = stream.transport_stream.socket
        else:
            socket = stream.socket  # type: ignore[attr-defined]
        try:
            self.client = socket.getpeername()[:2]
            self.local = socket.getsockname()[:2]
        except OSError as error:
            raise _ClientGone from error

    async def _serve_one(self) -> bool:
        """Serve the next request; tell whether there may be another."""
        request = await self._next()
        if request is None:
            return False
        if self._parser.fault is not None and not request.complete:
            await self._refuse(*self._parser.fault)
            return False
        self.request = request
        self.busy = True
        self._start, self._framing, self._done = None, "", False
        self._continued = not request.expects
        self._served += 1
        most = self.limits.requests
        if (
            not request.keep_alive
            or self.server.draining
            or (most and self._served >= most)
        ):
            self.closing = True
        self.server.begin(self)
        try:
            if request.upgrade:
                await self.server.upgrade(self, request)
                return False
            await self._call(request)
        finally:
            self.busy = False
            self.on_gone = None
            self.server.ended(self)
        if not self._done or self._framing == "close":
            return False
        self._parser.ready.remove(request)
        self._room.unpark_all()
        return await self._rest_of(request)

    async def _call(self, request: RequestHead) -> None:
        scope = self.asgi_scope(request, "http")
        try:
            await self.server.app(scope, self.receive, self.send)
        except BrokenResponseError:
            self._done = False
            fault = self._parser.fault
            if fault is not None and self._framing == "":
                await self.answer(*fault)
                await self.linger()
            return
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise
        except Exception as error:
            log.exception("http.failed", path=scope["path"], error=repr(error))
            if self._start is None or self._framing == "":
                self._start = None
                await self.answer(500, "internal server error")
            self._done = False
            return
        if not self._done and self._framing == "":
            self._start = None
            status, reason = self._parser.fault or (500, "no response sent")
            if not self._eof:
                await self.answer(status, reason)
                await self.linger()

    async def _rest_of(self, request: RequestHead) -> bool:
        """Read what is left of a body, as far as that is worth the connection."""
        if not request.complete and not self._continued:
            self.closing = True  # the client waits with the body, or is sending it
        if self.closing:
            await self.linger()
            return False
        request.body.clear()
        start = request.body_size
        while not request.complete:
            if self._eof or self._parser.fault or request.body_size - start > DRAIN:
                await self.linger()
                return False
            with trio.move_on_after(min(self.limits.read_timeout, 5.0)) as scope:
                await self._pull()
            if scope.cancelled_caught:
                return False
            request.body.clear()
        return True

    async def linger(self) -> None:
        """Close so that a client which is still sending gets to read the answer.

        A plain close answers unread input with a reset, and that may overtake the
        response (RFC 9112 9.6).
        """
        if isinstance(self.stream, trio.SSLStream):
            return
        with trio.move_on_after(LINGER):
            await self.stream.send_eof()
            left = DRAIN * 4
            while left > 0 and not self._eof:
                if self._watching:
                    await self._pull()
                    continue
                data = await self.stream.receive_some(READ_SIZE)
                if not data:
                    return
                left -= len(data)

    # -- reading ---------------------------------------------------------------------

    async def _next(self) -> RequestHead | None:
        """Wait for the next request; refuse what is none."""
        parser = self._parser
        scope = self.scope
        while True:
            if parser.ready:
                if scope.deadline != math.inf:
                    scope.deadline = math.inf
                return parser.ready[0]
            if parser.fault is not None:
                scope.deadline = math.inf
                await self._refuse(*parser.fault)
                return None
            if self._eof:
                return None
            if not parser.in_head:
                limit = self.limits.idle_timeout
                if not self._served:
                    limit = min(limit, self.limits.header_timeout)
                if self.server.draining:
                    limit = LAST_LOOK
                if limit != math.inf:
                    scope.deadline = trio.current_time() + limit
                await self._pull()
            else:
                scope.deadline = math.inf
                with trio.move_on_after(self.limits.header_timeout) as waited:
                    while parser.in_head and not parser.ready and not self._eof:
                        if parser.fault is not None:
                            break
                        await self._pull()
                if waited.cancelled_caught:
                    await self._refuse(408, "the request did not arrive in time")
                    return None

    async def _pull(self) -> None:
        """Get more bytes: read them, or wait for the task that does."""
        if self._watching or self._reading:
            self._room.unpark_all()
            await self._arrived.park()
        else:
            await self._read_once()

    async def _read_once(self) -> None:
        self._reading = True
        try:
            data = await self.stream.receive_some(READ_SIZE)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            data = b""
        finally:
            self._reading = False
            if self._arrived:
                self._arrived.unpark_all()
        if data:
            self._parser.feed(bytes(data))
        else:
            self._eof = True

    def watch(self) -> None:
        """Read ahead from now on, to see the client leave; the server asks for it."""
        quiet = not (self._watching or self._reading or self._eof or self.detached)
        if quiet and self.busy:
            self._watching = True
            self._watch_scope = trio.CancelScope()
            self.server.nursery.start_soon(self._watch)

    async def _watch(self) -> None:
        with self._watch_scope:
            while not self._eof:
                while self._full():
                    await self._room.park()
                await self._read_once()
                self._arrived.unpark_all()
        self._watching = False
        if not self._watch_scope.cancelled_caught:
            self._left_by_client()
        self._arrived.unpark_all()

    def _full(self) -> bool:
        ready = self._parser.ready
        if self._parser.upgraded is not None:
            return True
        if len(ready) > 1:
            return True
        return bool(ready) and sum(map(len, ready[0].body)) > READ_AHEAD

    def _left_by_client(self) -> None:
        if not self._eof:
            self._eof = True
        gone, self.on_gone = self.on_gone, None
        if gone is not None:
            gone()

    def end(self) -> None:
        """End all that is done for the client."""
        self.scope.cancel()

    def drain(self) -> None:
        """Close, unless a request has arrived or is arriving; the server stops."""
        if self.going_away is not None:
            self.going_away()
        elif not self.busy:
            self.scope.deadline = min(
                self.scope.deadline, trio.current_time() + LAST_LOOK
            )

    def stop_watching(self) -> None:
        """End the task that reads ahead, with the connection."""
        if self._watching:
            self._watch_scope.cancel()

    # -- ASGI ------------------------------------------------------------------------

    def asgi_scope(self, request: RequestHead, kind: str) -> dict[str, Any]:
        """Describe a request."""
        scope = request_scope(
            request, kind, secure=self.secure, client=self.client, local=self.local
        )
        scope["state"] = self.server.state.copy()
        scope["wippy_trio.connection"] = self
        if self.tls is not None:
            scope.setdefault("extensions", {})["tls"] = self.tls
        return scope

    def body_at_once(self) -> bytes | None:
        """Take the whole body of the request if it is here, else nothing."""
        request = self.request
        if request is None or not request.complete or request.taken:
            return None
        request.taken = True
        body = request.body
        data = body[0] if len(body) == 1 else b"".join(body)
        body.clear()
        return data

    async def receive(self) -> dict[str, Any]:
        """Give the application some of the body, or the news that the client left."""
        request = self.request
        if request is None or self._done:
            return await self.wait_gone()
        while not request.body and not request.complete:
            if self._eof or self._parser.fault is not None:
                return {"type": "http.disconnect"}
            if not self._continued:
                self._continued = True
                if self._start is None or self._framing == "":
                    await self._send_bytes(b"HTTP/1.1 100 Continue\r\n\r\n")
            limit = self.limits.read_timeout
            if limit == math.inf:
                await self._pull()
                continue
            with trio.move_on_after(limit) as scope:
                await self._pull()
            if scope.cancelled_caught:
                self.closing = True
                return {"type": "http.disconnect"}
        if request.taken:
            return await self.wait_gone()
        body = request.body
        data = body[0] if len(body) == 1 else b"".join(body)
        body.clear()
        self._room.unpark_all()
        request.taken = request.complete
        return {"type": "http.request", "body": data, "more_body": not request.complete}

    async def wait_gone(self) -> dict[str, Any]:
        """Wait for the end of the connection, or of the response."""
        while not (self._eof or self._done):
            if not self._watching:
                self.watch()
            await self._arrived.park()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Take a message of the application."""
        kind = message["type"]
        if kind == "http.response.body":
            await self._send_body(message)
        elif kind == "http.response.start":
            if self._start is not None:
                raise InternalError("the application began its response twice")
            self._start = message
        else:
            raise InternalError(f"an http response has no message {kind!r}")

    async def _send_body(self, message: MutableMapping[str, Any]) -> None:
        if self._start is None:
            raise InternalError("the application sent a body before its response")
        if self._done:
            raise InternalError("the application sent a body after its end")
        body: bytes = message.get("body", b"")
        last = not message.get("more_body", False)
        framing = self._framing
        if not framing:
            request = self.request
            if self._parser.fault is not None and request and not request.complete:
                raise BrokenResponseError("the request was refused meanwhile")
            assert request is not None
            # The client waits with its body for our word, which will not come.
            waits = not (self._continued or request.complete)
            head = response_head(
                request,
                self._start,
                body,
                last=last,
                closing=self.closing or waits or self.server.draining,
            )
            self.closing = head.closing
            self._framing, self._left, data = head.framing, head.left, head.data
            framing = head.framing
        else:
            data = b""
        if framing == "chunked":
            if body:
                data += b"%x\r\n%b\r\n" % (len(body), body)
            if last:
                data += b"0\r\n\r\n"
        elif framing == "length":
            self._left -= len(body)
            if self._left < 0:
                raise InternalError("the body is longer than its Content-Length")
            data += body
        elif framing == "close":
            data += body
        if data:
            await self._send_bytes(data)
        else:
            await trio.lowlevel.checkpoint()
        if last:
            if framing == "length" and self._left:
                log.warning("http.short_body", missing_bytes=self._left)
                return  # not done: the connection is closed
            self._done = True
            self._arrived.unpark_all()

    async def _send_bytes(self, data: bytes) -> None:
        limit = self.limits.write_timeout
        if limit == math.inf:
            await self.stream.send_all(data)
            return
        with trio.move_on_after(limit) as scope:
            await self.stream.send_all(data)
        if scope.cancelled_caught:
            log.warning("http.slow_client", client=self.client, limit_s=limit)
            raise _ClientGone

    async def send_raw(self, data: bytes) -> None:
        """Send what another protocol made."""
        await self._send_bytes(data)

    async def detach(self) -> bytes:
        """Stop reading for HTTP; give what has arrived for the next protocol."""
        self.detached = True
        if self._watching:
            self._watch_scope.cancel()
            while self._watching:
                await trio.lowlevel.checkpoint()
        early, self._parser.upgraded = self._parser.upgraded or b"", b""
        return early

    # -- answers of our own ----------------------------------------------------------

    async def answer(self, status: int, text: str) -> None:
        """Answer in the server's own name and close."""
        await self.send_plain(status, b"", text.encode() + b"\n")

    async def send_plain(self, status: int, fields: bytes, body: bytes) -> None:
        """Do so with more header lines."""
        head = (
            status_line(status)
            + fields
            + b"content-type: text/plain; charset=utf-8\r\n"
            b"content-length: %d\r\n" % len(body) + date_field()
        )
        self.closing = True
        if self.request is not None and self.request.method == "HEAD":
            body = b""
        await self._send_bytes(head + b"connection: close\r\n\r\n" + body)

    async def _refuse(self, status: int, reason: str) -> None:
        self.server.refused += 1
        log.debug("http.refused", status=status, reason=reason, client=self.client)
        self.request = None
        await self.answer(status, reason)
        await self.linger()

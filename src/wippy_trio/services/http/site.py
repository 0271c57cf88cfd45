"""What one ``http.service`` serves: routers, endpoints, mounts, as an ASGI application.

The application is complete in itself: our own server calls it, and so does any other
ASGI server that it is mounted in. A change of the entries makes a new table; requests
that run go on with the one they found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import trio

from wippy_trio.errors import Error, NotFoundError
from wippy_trio.kernel import Context
from wippy_trio.logs import get_logger
from wippy_trio.modules.http.exchange import BrokenResponseError, Exchange
from wippy_trio.modules.json import codec
from wippy_trio.services.http.link import Link
from wippy_trio.services.http.relay.handshake import websocket_exchange
from wippy_trio.services.http.routing import Mount, Route, Table, join_path

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    from wippy_trio.sdk import Runtime

    Handler = Callable[[Exchange], Awaitable[None]]

__all__ = ["Endpoint", "Router", "Site", "answer_text", "chained"]

log = get_logger("http")


class Middleware(Protocol):
    """What goes around a handler."""

    def around(self, handler: Handler, endpoint: Any) -> Handler:
        """Give the handler that goes around another."""
        ...


class Router:
    """Hold a prefix and the middlewares around the routes below it."""

    __slots__ = ("after", "before", "id", "prefix", "server")

    def __init__(
        self,
        id: str,  # noqa: A002 - its name
        prefix: str,
        before: Sequence[Middleware],
        after: Sequence[Middleware],
        server: str,
    ) -> None:
        self.id = id
        self.server = server
        self.prefix = prefix
        self.before = tuple(before)
        self.after = tuple(after)


class Endpoint:
    """Serve a route by calling a function of the registry (modules-io 8.3)."""

    __slots__ = (
        "function",
        "handler",
        "id",
        "options_handler",
        "path",
        "pattern",
        "router",
        "runtime",
    )

    def __init__(
        self,
        runtime: Runtime,
        id: str,  # noqa: A002 - its name
        function: str,
        router: Router,
        path: str,
    ) -> None:
        self.runtime = runtime
        self.id = id
        self.function = function
        self.path = path
        self.pattern = join_path(router.prefix, path)
        self.router = router
        self.handler = chained(
            router.before, chained(router.after, self.call, self), self
        )
        self.options_handler = chained(router.before, _options, self)

    async def call(self, exchange: Exchange) -> None:
        """Call the function and make its outcome the response."""
        connection = exchange.scope["wippy_trio.connection"]
        # A client that leaves takes the call with it (modules-io 8.3).
        connection.on_gone = connection.end
        try:
            value = await self.runtime.call(
                self.function, context=exchange.context, frame=exchange
            )
        except Error as error:
            log.debug("endpoint.failed", endpoint=self.id, error=str(error))
            if not exchange.touched:
                answer_text(exchange, 500, error.message)
            return
        finally:
            connection.on_gone = None
        if exchange.touched:
            return
        if value is None:
            answer_text(exchange, 500, "no response sent")
        elif isinstance(value, bytes):
            exchange.set_field(b"content-type", b"application/json")
            exchange.write(value)
        else:
            exchange.set_field(b"content-type", b"application/json")
            exchange.write(codec.encode(value).encode())


def answer_text(exchange: Exchange, status: int, text: str) -> None:
    """Make a plain text the response, in place of whatever waits."""
    exchange.discard()
    exchange.status = status
    exchange.set_field(b"content-type", b"text/plain; charset=utf-8")
    exchange.set_field(b"x-content-type-options", b"nosniff")
    exchange.write(text.encode("utf-8", "replace") + b"\n")


def chained(
    middlewares: Sequence[Middleware], handler: Handler, endpoint: Any
) -> Handler:
    """Put middlewares around a handler, the first listed outermost."""
    for middleware in reversed(middlewares):
        handler = middleware.around(handler, endpoint)
    return handler


async def _options(exchange: Exchange) -> None:
    """Answer OPTIONS for a path that has no endpoint for it."""
    exchange.set_status(204)


class Site:
    """Answer the requests of one service.

    Attributes:
      context: The identity the service's requests run with.
      buffer_size: How many messages may wait for the client of a relay.
    """

    def __init__(self, runtime: Runtime, id: str) -> None:  # noqa: A002
        self.runtime = runtime
        self.id = id
        self.context = Context()
        self.buffer_size = 1024
        self.routers: dict[str, Router] = {}
        self.routes: dict[str, Route] = {}
        self.mounts: dict[str, Mount] = {}
        self._table: Table | None = None

    def changed(self) -> None:
        """Have the table built anew."""
        self._table = None

    @property
    def table(self) -> Table:
        """The routes as they are now."""
        if self._table is None:
            self._table = Table(self.routes.values(), self.mounts.values())
        return self._table

    # -- ASGI ------------------------------------------------------------------------

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Serve one ASGI connection."""
        kind = scope["type"]
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        elif kind == "lifespan":
            await _lifespan(receive, send)
        else:
            raise NotFoundError(f"ASGI scope {kind!r}: wanted http or websocket")

    async def _http(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        exchange = Exchange(scope, receive, send)
        exchange.context = self.context
        if "wippy_trio.connection" in scope:
            await self.respond(exchange)
            return
        # Another server: only its messages tell that the client left.
        async with trio.open_nursery() as nursery:
            link = Link(exchange, receive, nursery.cancel_scope)
            scope["wippy_trio.connection"] = link
            exchange._receive = link.receive
            nursery.start_soon(link.watch)
            try:
                await self.respond(exchange)
            finally:
                nursery.cancel_scope.cancel()

    async def _websocket(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        found = self.table.find("GET", _encoded_path(scope))
        if found.mount is not None and hasattr(found.mount.target, "websocket"):
            await found.mount.target.websocket(scope, receive, send, found.mount.prefix)
            return
        await receive()  # the news that somebody wants to connect
        exchange = websocket_exchange(scope, receive, send)
        exchange.scope.setdefault("wippy_trio.connection", Link.idle())
        exchange.context = self.context
        await self.respond(exchange)

    async def respond(self, exchange: Exchange) -> None:
        """Route an exchange, run its handler, complete its response."""
        try:
            await self.route(exchange)
        except (
            BrokenResponseError,
            trio.BrokenResourceError,
            trio.ClosedResourceError,
            OSError,
        ):
            raise
        except Exception as error:
            log.exception("http.handler_failed", path=exchange.path, error=repr(error))
            if exchange.started:
                raise
            exchange.encoder = None
            exchange.before_start = None
            answer_text(exchange, 500, "internal server error")
        finally:
            if exchange.files:
                for file in exchange.files:
                    file.close()
        if exchange.disconnected and not exchange.taken_over:
            raise BrokenResponseError("the client went away")
        if not exchange.taken_over and not exchange.finished:
            await exchange.finish()

    async def route(self, exchange: Exchange) -> None:
        """Find what serves a request and let it."""
        scope = exchange.scope
        path = _encoded_path(scope)
        if path == "*":
            exchange.set_status(204)
            return
        table = self.table
        found = table.find(exchange.method, path)
        route = found.route
        if route is not None:
            exchange.params = found.params
            exchange.route = route
            await route.target.handler(exchange)
        elif found.redirect:
            query = scope.get("query_string", b"")
            target = scope.get("root_path", "") + found.redirect
            location = target.encode() + (b"?" + query if query else b"")
            exchange.status = 301 if exchange.method in ("GET", "HEAD") else 308
            exchange.set_field(b"location", location)
        elif found.allowed:
            allowed = ", ".join(found.allowed).encode()
            if exchange.method == "OPTIONS":
                route = table.route_for_options(path)
                assert route is not None
                exchange.set_field(b"allow", allowed)
                exchange.route = route
                await route.target.options_handler(exchange)
            else:
                answer_text(exchange, 405, "Method Not Allowed")
                exchange.set_field(b"allow", allowed)
        elif found.mount is not None:
            await found.mount.target.serve(exchange, found.mount.prefix, found.rest)
        else:
            answer_text(exchange, 404, "404 page not found")


def _encoded_path(scope: MutableMapping[str, Any]) -> str:
    """Give the path below the mount point, percent-encoded."""
    root: str = scope.get("root_path", "")
    raw = scope.get("raw_path")
    text = (
        raw.decode("latin-1")
        if raw is not None
        else quote(scope["path"], safe="/:@!$&'()*+,;=~-._")
    )
    if root:
        encoded = quote(root, safe="/:@!$&'()*+,;=~-._")
        if text == encoded or text.startswith(encoded + "/"):
            text = text[len(encoded) :] or "/"
    return text


async def _lifespan(
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Say yes to start and stop; the runtime's own life is elsewhere."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return

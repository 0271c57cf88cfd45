"""``cors``: which pages of other origins may call (modules-io 8.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.modules.http.headers import first_of
from wippy_trio.services.http.middleware import Middleware, Options
from wippy_trio.services.http.origins import OriginList

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.modules.http.exchange import Exchange
    from wippy_trio.sdk import Runtime

    Handler = Callable[[Exchange], Awaitable[None]]

__all__ = ["Cors"]

_HEADERS = "Origin,Content-Type,Accept,Authorization,X-Requested-With"
_METHODS = "GET,POST,PUT,DELETE,OPTIONS,PATCH"


class Cors(Middleware):
    """Answer preflights, and tell browsers who may read a response."""

    name = "cors"
    place = "before"

    def __init__(self, runtime: Runtime, options: Options, place: str) -> None:
        super().__init__(runtime, options, place)
        self._origins = OriginList(
            options.texts("cors.allow.origins", "*", "allow_origins")
        )
        methods = options.texts("cors.allow.methods", _METHODS, "allow_methods")
        headers = options.texts("cors.allow.headers", _HEADERS, "allow_headers")
        expose = options.texts("cors.expose.headers", "", "expose_headers")
        self._methods = ", ".join(methods).encode()
        self._headers = ", ".join(headers).encode()
        self._expose = ", ".join(expose).encode()
        self._credentials = options.flag("cors.allow.credentials", "allow_credentials")
        self._age = options.text("cors.max.age", "86400", "max_age").encode()
        self._private = options.flag(
            "cors.allow.private.network", "allow_private_network"
        )

    def around(self, handler: Handler, endpoint: Any) -> Handler:
        """Set the headers; a preflight never reaches the handler."""
        del endpoint

        async def cors(exchange: Exchange) -> None:
            origin = first_of(exchange.headers, b"origin")
            exchange.vary("Origin")
            if origin is None or origin.decode("latin-1") not in self._origins:
                await handler(exchange)
                return
            exchange.set_field(b"access-control-allow-origin", origin)
            if self._credentials:
                exchange.set_field(b"access-control-allow-credentials", b"true")
            wanted = first_of(exchange.headers, b"access-control-request-method")
            if exchange.method == "OPTIONS" and wanted is not None:
                self._preflight(exchange)
                return
            if self._expose:
                exchange.set_field(b"access-control-expose-headers", self._expose)
            await handler(exchange)

        return cors

    def _preflight(self, exchange: Exchange) -> None:
        exchange.vary("Access-Control-Request-Method")
        exchange.vary("Access-Control-Request-Headers")
        exchange.set_field(b"access-control-allow-methods", self._methods)
        exchange.set_field(b"access-control-allow-headers", self._headers)
        exchange.set_field(b"access-control-max-age", self._age)
        asked = first_of(exchange.headers, b"access-control-request-private-network")
        if self._private and asked == b"true":
            exchange.vary("Access-Control-Request-Private-Network")
            exchange.set_field(b"access-control-allow-private-network", b"true")
        exchange.set_status(204)

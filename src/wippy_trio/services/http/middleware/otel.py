"""``otel``: a span for each request, where telemetry is on (modules-io 8.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from wippy_trio.services.http.middleware import Middleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.modules.http.exchange import Exchange

    Handler = Callable[[Exchange], Awaitable[None]]

__all__ = ["Otel"]

SERVER_ERROR = 500


class Otel(Middleware):
    """Begin a span, within the trace that the request brings; pass it on."""

    name = "otel"
    place = "before"

    def around(self, handler: Handler, endpoint: Any) -> Handler:
        """Trace the handler; without telemetry do nothing."""
        route = getattr(endpoint, "pattern", "") or getattr(endpoint, "id", "")

        async def traced(exchange: Exchange) -> None:
            tracing = self.runtime.tracing
            if tracing is None or not tracing.http:
                await handler(exchange)
                return
            parent = None
            if tracing.extracts:
                names = (b"traceparent", b"tracestate", b"baggage")
                parent = tracing.carried(_brought(exchange, names))
            facts = {"http.request.method": exchange.method, "url.path": exchange.path}
            if route:
                facts["http.route"] = route
            name = f"{exchange.method} {route}".strip()
            span, inner = tracing.start(name, "server", parent, facts)
            exchange.context = attrs.evolve(exchange.context, trace=inner)
            status = SERVER_ERROR
            try:
                await handler(exchange)
                status = exchange.status
            finally:
                failed = f"status {status}" if status >= SERVER_ERROR else None
                tracing.finish(span, failed, {"http.response.status_code": status})

        return traced


def _brought(exchange: Exchange, names: tuple[bytes, ...]) -> dict[str, str]:
    """Read headers of the request that a trace may be in."""
    return {
        name.decode(): value.decode("latin-1")
        for name, value in exchange.headers
        if name in names
    }

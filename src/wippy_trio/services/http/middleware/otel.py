"""``otel``: a span for each request, where telemetry is on (modules-io 8.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.services.http.middleware import Middleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.modules.http.exchange import Exchange

    Handler = Callable[[Exchange], Awaitable[None]]

__all__ = ["Otel"]


class Otel(Middleware):
    """Do nothing: this version has no telemetry, and off means no spans."""

    name = "otel"
    place = "before"

    def around(self, handler: Handler, endpoint: Any) -> Handler:
        """Give the handler itself."""
        del endpoint
        return handler

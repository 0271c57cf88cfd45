"""``metrics``: how many, how long, how many at once (modules-io 8.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.services.http.middleware import Middleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.modules.http.exchange import Exchange

    Handler = Callable[[Exchange], Awaitable[None]]

__all__ = ["RequestMetrics"]


class RequestMetrics(Middleware):
    """Count requests by method, route and status."""

    name = "metrics"
    place = "before"

    def around(self, handler: Handler, endpoint: Any) -> Handler:
        """Measure around the handler."""
        metrics = self.runtime.metrics
        route = getattr(endpoint, "pattern", "") or getattr(endpoint, "id", "")

        async def measured(exchange: Exchange) -> None:
            method = exchange.method
            busy = {"method": method, "route": route}
            metrics.add_gauge("wippy_http_requests_in_flight", 1, busy)
            began = trio.current_time()
            status = 500
            try:
                await handler(exchange)
                status = exchange.status
            finally:
                metrics.add_gauge("wippy_http_requests_in_flight", -1, busy)
                facts = {**busy, "status": str(status)}
                metrics.add("wippy_http_requests_total", 1, facts)
                metrics.observe(
                    "wippy_http_request_duration_seconds",
                    trio.current_time() - began,
                    busy,
                )

        return measured

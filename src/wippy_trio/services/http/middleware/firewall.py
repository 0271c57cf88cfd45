"""``endpoint_firewall`` and ``resource_firewall``: who may call (modules-io 8.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.errors import InvalidError
from wippy_trio.modules.json import codec
from wippy_trio.registry import complete_id
from wippy_trio.security import Verdict
from wippy_trio.services.http.middleware import Middleware, Options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.modules.http.exchange import Exchange
    from wippy_trio.sdk import Runtime

    Handler = Callable[[Exchange], Awaitable[None]]

__all__ = ["EndpointFirewall", "ResourceFirewall"]


class _Firewall(Middleware):
    place = "any"  # before the route it knows no endpoint, and says so

    def __init__(self, runtime: Runtime, options: Options, place: str) -> None:
        super().__init__(runtime, options, place)
        self._place = place
        self._action = options.text(f"{self.name}.action", "access", "action")

    def _resource(self, endpoint: Any) -> str | None:
        raise NotImplementedError

    def around(self, handler: Handler, endpoint: Any) -> Handler:
        """Let through who has an actor and a scope that allow it."""
        resource = self._resource(endpoint) if self._place == "after" else None

        async def firewall(exchange: Exchange) -> None:
            if resource is None:
                refuse(
                    exchange,
                    500,
                    "Internal Server Error",
                    f"{self.name} stands after the route: use post_middleware",
                )
                return
            context = exchange.context
            if context.actor is None:
                refuse(exchange, 401, "Unauthorized", "authentication required")
            elif context.scope is None:
                refuse(exchange, 403, "Forbidden", "no security scope")
            elif (
                context.scope.evaluate(context.actor, self._action, resource, {})
                is not Verdict.ALLOW
            ):
                refuse(
                    exchange,
                    403,
                    "Forbidden",
                    f"not allowed: {self._action} {resource}",
                )
            else:
                await handler(exchange)

        return firewall


class EndpointFirewall(_Firewall):
    """Ask the policies about the endpoint."""

    name = "endpoint_firewall"

    def _resource(self, endpoint: Any) -> str | None:
        id_: str = endpoint.id
        return id_


class ResourceFirewall(_Firewall):
    """Ask the policies about one given id."""

    name = "resource_firewall"

    def __init__(self, runtime: Runtime, options: Options, place: str) -> None:
        super().__init__(runtime, options, place)
        target = options.text("resource_firewall.target", "", "target")
        if not target:
            raise InvalidError(f"{options.where}: resource_firewall.target is required")
        self._target = complete_id(target, options.namespace)

    def _resource(self, endpoint: Any) -> str | None:
        del endpoint
        return self._target


def refuse(exchange: Exchange, status: int, error: str, details: str) -> None:
    """Answer as the firewalls do."""
    exchange.discard()
    exchange.set_status(status)
    exchange.set_field(b"content-type", b"application/json")
    body = {"success": False, "error": error, "details": details}
    exchange.write(codec.encode(body).encode())

"""Requests for a WebSocket, before it is one: routed like a GET, then accepted or not.

The endpoint runs on a request of its own; a relay may then accept the connection. If
none does, whatever the endpoint answered refuses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.modules.http.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

__all__ = ["refusing", "websocket_exchange"]


def websocket_exchange(scope: Message, receive: Receive, send: Send) -> Exchange:
    """Make the exchange on which the handler of a WebSocket request runs."""
    inner = {**scope, "type": "http", "method": "GET"}
    inner["scheme"] = "https" if scope.get("scheme") == "wss" else "http"
    inner["wippy_trio.websocket"] = (receive, send)
    return Exchange(inner, _no_body, refusing(scope, send))


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def refusing(scope: Message, send: Send) -> Send:
    """Give what sends a response in place of the connection.

    A server without the extension for that can only refuse with 403.
    """
    offered = "websocket.http.response" in (scope.get("extensions") or {})
    refused = False

    async def refuse(message: Message) -> None:
        nonlocal refused
        if offered:
            await send({**message, "type": f"websocket.{message['type']}"})
        elif not refused:
            refused = True
            await send({"type": "websocket.close", "code": 1008})

    return refuse

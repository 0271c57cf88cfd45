"""``websocket_relay`` and ``sse_relay``: hand a connection to a process (8.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import Error
from wippy_trio.modules.http.exchange import BrokenResponseError
from wippy_trio.services.http.middleware import Middleware, Options
from wippy_trio.services.http.origins import OriginList
from wippy_trio.services.http.relay.command import may_connect, read_command
from wippy_trio.services.http.site import answer_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.modules.http.exchange import Exchange
    from wippy_trio.sdk import Runtime

    Handler = Callable[[Exchange], Awaitable[None]]

__all__ = ["SseRelayStart", "WebSocketRelayStart"]


class _Start(Middleware):
    place = "after"
    option = ""
    header = b""

    def __init__(self, runtime: Runtime, options: Options, place: str) -> None:
        super().__init__(runtime, options, place)
        listed = options.texts(f"{self.option}.allowed.origins", "", "allowed_origins")
        self._origins = OriginList(listed) if listed else None

    def around(self, handler: Handler, endpoint: Any) -> Handler:
        """Let the handler run first, and look whether it asks for a relay."""

        async def relay(exchange: Exchange) -> None:
            await handler(exchange)
            text = exchange.field(self.header)
            if text is None or exchange.started:
                return
            exchange.drop_field(self.header)
            await self._start(exchange, text, endpoint.router.server)

        return relay

    async def _start(self, exchange: Exchange, text: bytes, server: str) -> None:
        raise NotImplementedError


class WebSocketRelayStart(_Start):
    """Make a WebSocket a process if the handler's ``X-WS-Relay`` says so."""

    name = "websocket_relay"
    option = "wsrelay"
    header = b"x-ws-relay"

    async def _start(self, exchange: Exchange, text: bytes, server: str) -> None:
        from wippy_trio.services.http.relay.websocket import (  # noqa: PLC0415
            WebSocketRelay,
        )

        try:
            command = read_command(text, "ws.message", detached=False)
        except ValueError:
            return  # ignored: the handler's response stands
        except Error as error:
            answer_text(exchange, 400, f"X-WS-Relay: {error.message}")
            return
        channel = exchange.scope.get("wippy_trio.websocket")
        if channel is None:
            answer_text(exchange, 400, "a WebSocket was wanted")
            return
        if not may_connect(exchange.headers, self._origins):
            answer_text(exchange, 403, "origin not allowed")
            return
        exchange.taken_over = True
        relay = WebSocketRelay(command, *channel)
        host = self.runtime.node.host(server)
        most = self.runtime.resources.get(server).buffer_size
        await relay.live(host, exchange.context, most)


class SseRelayStart(_Start):
    """Make a response a stream of events if ``X-SSE-Relay`` says so."""

    name = "sse_relay"
    option = "sserelay"
    header = b"x-sse-relay"

    async def _start(self, exchange: Exchange, text: bytes, server: str) -> None:
        from wippy_trio.services.http.relay.sse import SseRelay  # noqa: PLC0415

        if exchange.buffered or exchange.status != 200:
            return  # not started: the response says something else already
        try:
            command = read_command(text, "sse.message", detached=True)
        except (ValueError, Error) as error:
            answer_text(exchange, 400, f"X-SSE-Relay: {error}")
            return
        if not may_connect(exchange.headers, self._origins):
            answer_text(exchange, 403, "origin not allowed")
            return
        relay = SseRelay(command, exchange)
        host = self.runtime.node.host(server)
        most = self.runtime.resources.get(server).buffer_size
        try:
            await relay.live(host, exchange.context, most)
        except trio.BrokenResourceError as error:
            raise BrokenResponseError("the client went away") from error
        if exchange.disconnected:
            raise BrokenResponseError("the client went away")

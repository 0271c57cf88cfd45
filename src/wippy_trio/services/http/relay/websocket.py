"""A WebSocket as a process (modules-io 8.6)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from wippy_trio.errors import Error
from wippy_trio.modules.json import codec
from wippy_trio.services.http.relay.life import Relay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from wippy_trio.kernel import Message, PythonContext
    from wippy_trio.services.http.relay.command import Command

__all__ = ["WebSocketRelay"]


class WebSocketRelay(Relay):
    """Pass frames to the target, and messages to the client as frames."""

    family = "ws"

    def __init__(
        self,
        command: Command,
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        super().__init__(command)
        self._receive = receive
        self._send = send

    async def open(self, me: PythonContext) -> None:
        """Accept the connection."""
        del me
        await self._send({"type": "websocket.accept"})

    async def read(self) -> None:
        """Pass on what the client sends; text as it is, binary as bytes."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self.finish(None)
                return
            if message["type"] != "websocket.receive":
                continue
            text = message.get("text")
            self.count += 1
            self.tell(
                self.command.topic, text if text is not None else message.get("bytes")
            )

    async def deliver(self, message: Message) -> None:
        """Send ``{"topic": ..., "data": ...}``; bytes go in base64."""
        values = message.open()
        data = values[0] if values else None
        if isinstance(data, bytes):
            data = base64.b64encode(data).decode()
        try:
            text = codec.encode({"topic": message.topic, "data": data})
        except Error:
            return  # what has no form in JSON has none in a frame
        await self._send({"type": "websocket.send", "text": text})

    async def close(self, reason: str) -> None:
        """Close in good order."""
        await self._send({"type": "websocket.close", "code": 1000, "reason": reason})

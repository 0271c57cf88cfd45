"""A stream of server-sent events as a process (modules-io 8.6)."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import Error
from wippy_trio.modules.json import codec
from wippy_trio.services.http.relay.life import Relay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.kernel import Message, PythonContext
    from wippy_trio.modules.http.exchange import Exchange
    from wippy_trio.services.http.relay.command import Command

__all__ = ["SseRelay", "event_text"]

_FIELDS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"connection", b"keep-alive"),
    (b"x-accel-buffering", b"no"),
)


def event_text(name: str, data: str) -> bytes:
    """Write an event; each line of its data is a line of its own."""
    name = name.replace("\r", " ").replace("\n", " ")
    lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    body = "".join(f"data: {line}\n" for line in lines)
    return f"event: {name}\n{body}\n".encode("utf-8", "replace")


class SseRelay(Relay):
    """Pass messages of one topic, or of all, to the client as events."""

    family = "sse"

    def __init__(self, command: Command, exchange: Exchange) -> None:
        super().__init__(command)
        self._exchange = exchange
        self._last = 0.0
        self._moved = trio.Event()
        self._gone = trio.Event()

    async def open(self, me: PythonContext) -> None:
        """Send the head; a detached stream says who it is."""
        exchange = self._exchange
        connection = exchange.scope["wippy_trio.connection"]
        connection.on_gone = self._gone.set
        self._last = trio.current_time()
        for name, value in _FIELDS:
            if exchange.field(name) is None or name == b"content-type":
                exchange.set_field(name, value)
        if self.command.target is None:
            facts = {"stream_pid": str(me.pid), "message_topic": self.command.topic}
            if self.command.metadata is not None:
                facts["metadata"] = self.command.metadata
            exchange.write(event_text("ready", codec.encode(facts)))
        await exchange.flush()

    async def read(self) -> None:
        """Wait for the client to leave; it says nothing else."""
        await self._gone.wait()
        self._exchange.disconnected = True
        self.finish(None)

    async def deliver(self, message: Message) -> None:
        """Send an event if its topic is ours."""
        if self.command.topic not in ("*", message.topic):
            return
        values = message.open()
        data: Any = values[0] if values else None
        if isinstance(data, bytes):
            data = base64.b64encode(data).decode()
        if not isinstance(data, str):
            try:
                data = codec.encode(data)
            except Error:
                return
        self.count += 1
        self._last = trio.current_time()
        self._exchange.write(event_text(message.topic, data))
        await self._exchange.flush()

    def overflow(self) -> None:
        """Give up the client, and do not wait for it to take the end."""
        self._exchange.disconnected = True
        super().overflow()

    def controlled(self) -> None:
        """Have the limits looked at anew."""
        self._moved.set()

    def further_tasks(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """Watch the limits of time."""
        return (self._limits,)

    async def _limits(self) -> None:
        while True:
            self._moved = trio.Event()
            idle = self._last + (self.command.idle or math.inf)
            hard = self._began + (self.command.hard or math.inf)
            with trio.CancelScope(deadline=min(idle, hard)):
                await self._moved.wait()
                continue
            now = trio.current_time()
            if self.command.hard and now >= self._began + self.command.hard:
                self.finish("hard timeout")
                return
            if self.command.idle and now >= self._last + self.command.idle:
                self.finish("idle timeout")
                return

    async def close(self, reason: str) -> None:
        """Say why, and end the response."""
        self._exchange.write(event_text("done", codec.encode({"reason": reason})))
        await self._exchange.flush()

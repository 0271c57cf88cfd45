"""What stands for the connection where another ASGI server has it.

Its messages alone tell that a client left, and only one task may receive at a time. So
one task watches, from the moment on when the body has been read or when there is none;
whatever else it gets it keeps for who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from wippy_trio.modules.http.exchange import Exchange

    Message = MutableMapping[str, Any]

__all__ = ["Link"]


class Link:
    """Receive for an exchange, and see its client leave.

    Attributes:
      on_gone: Called if the client leaves.
    """

    def __init__(
        self,
        exchange: Exchange | None,
        receive: Callable[[], Awaitable[Message]],
        scope: trio.CancelScope,
    ) -> None:
        self.on_gone: Callable[[], None] | None = None
        self._exchange = exchange
        self._receive = receive
        self._scope = scope
        self._read = trio.Event()  # all of the body was received
        self._news = trio.Event()
        self._kept: list[Message] = []
        self._watching = False
        self._gone = False

    @classmethod
    def idle(cls) -> Link:
        """Make one for a WebSocket: its own messages tell when the client leaves."""

        async def nothing() -> Message:
            await trio.sleep_forever()
            raise AssertionError  # pragma: no cover

        return cls(None, nothing, trio.CancelScope())

    def body_at_once(self) -> bytes | None:
        """Know nothing ahead of time."""
        return None

    def end(self) -> None:
        """End all that is done for the client."""
        self._scope.cancel()

    async def receive(self) -> Message:
        """Receive for the handler."""
        while True:
            if self._kept:
                return self._kept.pop(0)
            if self._gone:
                return {"type": "http.disconnect"}
            if not self._watching:
                return self._noted(await self._receive())
            await self._news.wait()

    async def watch(self) -> None:
        """Wait for the client to leave."""
        assert self._exchange is not None
        if self._exchange.content_length != 0:
            await self._read.wait()
        self._watching = True
        while not self._gone:
            message = self._noted(await self._receive())
            if not self._gone:
                self._kept.append(message)
            self._news.set()
            self._news = trio.Event()

    def _noted(self, message: Message) -> Message:
        if message["type"] != "http.request":
            self._gone = True
            if self._exchange is not None:
                self._exchange.disconnected = True
            if self.on_gone is not None:
                self.on_gone()
        elif not message.get("more_body", False):
            self._read.set()
        return message

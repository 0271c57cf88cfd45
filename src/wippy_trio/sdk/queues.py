"""What a message queue promises, whoever keeps the messages (modules-io 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import trio

from wippy_trio.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

__all__ = ["CODECS", "Delivery", "Message", "Queue", "QueueDriver", "decode", "encode"]

CODECS = {
    "json": "json/plain",
    "json/plain": "json/plain",
    "application/msgpack": "application/msgpack",
    "msgpack": "application/msgpack",
}
"""What an entry may name, and what it means."""


class Message(NamedTuple):
    """One message: its id, its headers by text, its body as plain data."""

    id: str
    headers: dict[str, Any]
    body: Any


class Delivery:
    """A message on its way to a handler; it is settled once.

    A driver subclasses it. In a handler's frame it is what ``queue.message()`` finds;
    called functions and spawned processes inherit it.
    """

    inherited = True

    def __init__(self, message: Message) -> None:
        self.message = message
        self.settled = False
        self.released = False

    async def accept(self) -> None:
        """Tell the driver that the message is done with."""
        raise NotImplementedError

    async def reject(self) -> None:
        """Tell the driver to deliver the message again."""
        raise NotImplementedError

    async def settle(self, *, done: bool) -> None:
        """Accept or reject, once.

        Raises:
          InvalidError: It was settled, or its handler is over.
        """
        if self.released:
            raise InvalidError("message is released", retryable=False)
        if self.settled:
            raise InvalidError("message is already settled", retryable=False)
        await trio.lowlevel.checkpoint_if_cancelled()
        self.settled = True
        try:
            await (self.accept() if done else self.reject())
        except trio.Cancelled:
            self.settled = False  # a cancelled operation left no trace
            raise


class Queue(NamedTuple):
    """A declared queue.

    Attributes:
      id: Of its entry.
      name: What the driver calls it.
      codec: How bodies are written where they are written.
      options: Of its driver.
      driver_id: Id of the driver's entry.
    """

    id: str
    name: str
    codec: str
    options: Mapping[str, Any]
    driver_id: str


class QueueDriver(Protocol):
    """Who keeps the messages of some queues."""

    async def declare(self, queue: Queue) -> None:
        """Make a queue known; what is in it already stays."""
        ...

    async def forget(self, queue: Queue) -> None:
        """Make a queue unknown; a broker keeps what is in it."""
        ...

    async def publish(self, queue: Queue, message: Message) -> None:
        """Put a message in; waits while there is no room."""
        ...

    async def info(self, queue: Queue) -> dict[str, int]:
        """Tell how many messages there are."""
        ...

    def consume(
        self,
        queue: Queue,
        *,
        prefetch: int,
        auto_ack: bool,
        options: Mapping[str, Any],
    ) -> AbstractAsyncContextManager[trio.MemoryReceiveChannel[Delivery]]:
        """Take messages as they come, up to ``prefetch`` ahead of their handlers.

        When the block ends, what was not handed on goes back to the queue.
        """
        ...


def encode(codec: str, body: Any) -> bytes:
    """Write a body.

    Raises:
      InvalidError: It has no form in this codec.
    """
    try:
        if codec == "json/plain":
            import json  # noqa: PLC0415 - start-up cost

            return json.dumps(_texts(body), separators=(",", ":")).encode()
        import msgspec  # noqa: PLC0415

        return msgspec.msgpack.encode(body)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidError(f"body: no form in {codec}: {error}") from error


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value.decode("utf-8") if isinstance(value, bytes) else value


def decode(codec: str, data: bytes) -> Any:
    """Read a body.

    Raises:
      InvalidError: It is not in this codec.
    """
    try:
        if codec == "json/plain":
            import json  # noqa: PLC0415 - start-up cost

            return json.loads(data)
        import msgspec  # noqa: PLC0415

        return msgspec.msgpack.decode(data)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"body: wanted {codec}: {error}") from error

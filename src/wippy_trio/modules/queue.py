"""`queue`: put messages into queues, and settle the one that is being handled."""

from __future__ import annotations

import uuid
from typing import Any

from wippy_trio.sdk import (
    Bag,
    Error,
    InternalError,
    InvalidError,
    LuaModule,
    current_process,
    current_runtime,
    runtime_of,
)
from wippy_trio.sdk.queues import Delivery, Message

MODULE = LuaModule(
    "queue",
    classes=("io", "nondeterministic"),
    declares="""
    type Message = {
      id: (self: Message) -> (string?, Error?),
      header: (self: Message, name: string) -> (any, Error?),
      headers: (self: Message) -> (table?, Error?),
      ack: (self: Message) -> (boolean?, Error?),
      nack: (self: Message) -> (boolean?, Error?)
    }
    publish: (id: string, data: any, headers: table?) -> (boolean?, Error?)
    message: () -> (Message?, Error?)
    info: (id: string) -> (table?, Error?)
    """,
)


def _allow(action: str, resource: str) -> None:
    process = current_process()
    if not runtime_of(process).allowed(process, action, resource):
        # Both sources say Invalid here (modules-io D14).
        raise InvalidError(
            f"not allowed to publish to queue: {resource}"
            if resource
            else "not allowed to publish to queues",
            retryable=False,
        )


def _find(id_: str) -> Any:
    found = current_runtime().resources.get(id_)
    if not hasattr(found, "queue") or not hasattr(found, "driver"):
        raise InvalidError(f"{id_} is not a queue")
    return found


def _failed(doing: str, error: Error) -> InternalError:
    return InternalError(f"{doing}: {error}", retryable=False, details=error.details)


def _headers(table: Any) -> dict[str, Any]:
    """Keep text keys with booleans, numbers and texts (modules-io 3.2)."""
    if table is None or table == []:
        return {}
    if not isinstance(table, dict):
        raise InvalidError("headers: wanted a table with text keys", retryable=False)
    return {
        key: value
        for key, value in table.items()
        if isinstance(key, str) and isinstance(value, (bool, int, float, str, bytes))
    }


@MODULE.export
async def publish(id: str | None, data: Bag, headers: Any) -> bool:  # noqa: A002
    """Put a message into a queue; waits while it is full."""
    _allow("queue.publish", "")
    if not id:
        raise InvalidError("queue ID is required", retryable=False)
    _allow("queue.publish.queue", id)
    if data is None or data in ([], {}):
        raise InvalidError("message data is required", retryable=False)
    given = _headers(headers)
    now = current_process().host.node.clock.unix_seconds()
    given.setdefault("timestamp", now)
    try:
        found = _find(id)
        tracing = current_runtime().tracing
        if tracing is not None and tracing.queue:
            tracing.carry(current_process().context.trace, given)
        message = Message(str(uuid.uuid4()), given, data)
        await found.driver.publish(found.queue, message)
    except Error as error:
        raise _failed(f"publish to {id}", error) from error
    return True


@MODULE.export
async def info(id: str | None) -> dict[str, int]:  # noqa: A002
    """Tell how many messages a queue has."""
    if not id:
        raise InvalidError("queue ID is required", retryable=False)
    try:
        found = _find(id)
        counts: dict[str, int] = await found.driver.info(found.queue)
    except Error as error:
        raise _failed(f"info of {id}", error) from error
    return counts


@MODULE.handle
class MessageHandle:
    """The message that is being handled."""

    lua_name = "queue.Message"

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def __str__(self) -> str:
        if self._delivery.released:
            return "queue.Message{released}"
        return f"queue.Message{{id={self._delivery.message.id}}}"

    def _message(self) -> Message:
        if self._delivery.released:
            raise InvalidError("message is released", retryable=False)
        return self._delivery.message

    def id(self) -> str:
        """Give its id."""
        return self._message().id

    def header(self, name: str) -> Any:
        """Give one header, or ``nil``."""
        return self._message().headers.get(name)

    def headers(self) -> dict[str, Any]:
        """Give all headers."""
        return dict(self._message().headers)

    async def ack(self) -> bool:
        """Say that the message is done with."""
        return await self._settle(done=True)

    async def nack(self) -> bool:
        """Have the message delivered again."""
        return await self._settle(done=False)

    async def _settle(self, *, done: bool) -> bool:
        try:
            await self._delivery.settle(done=done)
        except InvalidError:
            raise
        except Error as error:
            raise _failed("settle", error) from error
        return True


@MODULE.export
def message() -> Any:
    """Give the message that is being handled here."""
    delivery = current_process().frame
    if not isinstance(delivery, Delivery):
        raise InvalidError("no message in this call", retryable=False)
    if delivery.released:
        raise InvalidError("message is released", retryable=False)
    return MessageHandle(delivery)

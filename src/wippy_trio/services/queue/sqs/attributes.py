"""Messages of SQS: headers as typed attributes, bodies as text (modules-io 3.6)."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any

from wippy_trio.sdk import InvalidError
from wippy_trio.sdk.queues import Message, decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["is_fifo", "read_message", "write_message"]

BOOLEAN = "String.bool"
LONGEST_DELAY = 900
MOST_ATTRIBUTES = 10


def is_fifo(name: str) -> bool:
    """Tell whether a queue keeps the order of its groups."""
    return name.endswith(".fifo")


def write_message(name: str, codec: str, message: Message) -> dict[str, Any]:
    """Write a message as the arguments of sending it.

    Raises:
      InvalidError: A header has no form there, or one is missing.
    """
    found: dict[str, Any] = {"MessageBody": _body(codec, message.body)}
    attributes: dict[str, Any] = {}
    for header, value in message.headers.items():
        if header == "sqs.message_group_id":
            found["MessageGroupId"] = _text(value)
        elif header == "sqs.message_deduplication_id":
            found["MessageDeduplicationId"] = _text(value)
        elif header == "sqs.delay_seconds":
            found["DelaySeconds"] = _delay(value)
        else:
            attributes[header] = _attribute(value)
    if is_fifo(name) and "MessageGroupId" not in found:
        raise InvalidError(
            f"queue {name} keeps an order: the header sqs.message_group_id is required"
        )
    if len(attributes) > MOST_ATTRIBUTES:
        raise InvalidError(
            f"headers: wanted at most {MOST_ATTRIBUTES}, got {len(attributes)}"
        )
    if attributes:
        found["MessageAttributes"] = attributes
    return found


def _body(codec: str, body: Any) -> str:
    data = encode(codec, body)
    # Bodies are text; what is not is written as base64.
    return data.decode() if codec == "json/plain" else base64.b64encode(data).decode()


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _delay(value: Any) -> int:
    try:
        seconds = int(value)
    except (TypeError, ValueError, OverflowError):
        seconds = -1
    if isinstance(value, bool) or not 0 <= seconds <= LONGEST_DELAY:
        raise InvalidError(
            f"header sqs.delay_seconds: wanted 0 to {LONGEST_DELAY}, got {value!r}"
        )
    return seconds


def _attribute(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        text = "true" if value else "false"
        return {"DataType": BOOLEAN, "StringValue": text}
    if isinstance(value, float) and not math.isfinite(value):
        return {"DataType": "String", "StringValue": str(value)}
    if isinstance(value, (int, float)):
        return {"DataType": "Number", "StringValue": repr(value)}
    if isinstance(value, bytes):
        return {"DataType": "Binary", "BinaryValue": value}
    return {"DataType": "String", "StringValue": str(value)}


def read_message(codec: str, raw: Mapping[str, Any]) -> Message:
    """Read a message.

    Raises:
      InvalidError: The body is not in the queue's codec.
    """
    headers = {
        name: _value(attribute)
        for name, attribute in raw.get("MessageAttributes", {}).items()
    }
    for name, header in (
        ("MessageGroupId", "sqs.message_group_id"),
        ("MessageDeduplicationId", "sqs.message_deduplication_id"),
    ):
        if name in raw.get("Attributes", {}):
            headers[header] = raw["Attributes"][name]
    body = raw["Body"]
    if codec == "json/plain":
        data = body.encode()
    else:
        try:
            data = base64.b64decode(body, validate=True)
        except ValueError as error:
            raise InvalidError(f"body: wanted base64 of {codec}: {error}") from error
    return Message(raw["MessageId"], headers, decode(codec, data))


def _value(attribute: Mapping[str, Any]) -> Any:
    kind = attribute["DataType"]
    if kind.startswith("Binary"):
        return attribute["BinaryValue"]
    text = attribute["StringValue"]
    if kind == BOOLEAN:
        return text == "true"
    if kind.startswith("Number"):
        try:
            return int(text)
        except ValueError:
            return float(text)
    return text

"""Properties of AMQP messages as headers of ours, and back (modules-io 3.5).

The codec of pika has no floats: it cannot write them, and it reads a double as a whole
number. `Properties` writes the table of headers itself, and `Connection` reads it again
where a number came.
"""

from __future__ import annotations

import struct
import uuid
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pika
from pika import data, frame, spec

from wippy_trio.sdk import InvalidError
from wippy_trio.sdk.queues import Message, decode, encode
from wippy_trio.services.queue.amqp.settings import MOST_MS, milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Connection", "Outgoing", "Properties", "read_message", "write_message"]

CONTENT_TYPES = {
    "json/plain": "application/json",
    "application/msgpack": "application/msgpack",
}
_TEXTS = {
    "correlation_id": "correlation_id",
    "reply_to": "reply_to",
    "message_type": "type",
    "content_type": "content_type",
    "encoding": "content_encoding",
    "amqp.content_encoding": "content_encoding",
}
PERSISTENT = 2
LONGEST_TEXT = 255


class Outgoing(NamedTuple):
    """A message in the form it leaves in."""

    properties: Properties
    body: bytes
    mandatory: bool


class Properties(spec.BasicProperties):  # type: ignore[misc]
    """Properties whose headers may be floats."""

    headers: dict[str, Any] | None

    def encode(self) -> list[bytes]:
        """Write them; the table is put where its flag belongs."""
        headers, self.headers = self.headers, None
        try:
            flags, *pieces = super().encode()
        finally:
            self.headers = headers
        if headers is None:
            return [flags, *pieces]
        (bits,) = struct.unpack(">H", flags)
        # Two pieces each, of two fields that stand before the headers.
        before = 2 * (self.content_type is not None)
        before += 2 * (self.content_encoding is not None)
        pieces[before:before] = _table(headers)
        return [struct.pack(">H", bits | self.FLAG_HEADERS), *pieces]


def _table(headers: Mapping[str, Any]) -> list[bytes]:
    pieces: list[bytes] = []
    for key, value in headers.items():
        data.encode_short_string(pieces, key)
        if isinstance(value, float):
            pieces.append(struct.pack(">cd", b"d", value))
        else:
            data.encode_value(pieces, value)
    return [struct.pack(">I", sum(map(len, pieces))), *pieces]


_SIZES = {b"t": 1, b"b": 1, b"B": 1, b"U": 2, b"u": 2, b"s": 2, b"I": 4, b"i": 4}
_SIZES |= {b"L": 8, b"l": 8, b"T": 8, b"D": 5, b"f": 4, b"d": 8, b"V": 0}


def _floats(raw: bytes, at: int, end: int) -> dict[str, tuple[int, float]]:
    """Find the floats in a table, not in tables inside, and where each begins."""
    found: dict[str, tuple[int, float]] = {}
    while at < end:
        size = raw[at]
        key = raw[at + 1 : at + 1 + size]
        at += 1 + size
        kind = raw[at : at + 1]
        at += 1
        if kind in (b"f", b"d"):
            (number,) = struct.unpack_from(">f" if kind == b"f" else ">d", raw, at)
            found[key.decode("utf-8", "replace")] = (at - 1, number)
        if kind in _SIZES:
            at += _SIZES[kind]
        else:  # texts, tables and lists have their size in front
            at += 4 + int(struct.unpack_from(">I", raw, at)[0])
    return found


class Connection(pika.SelectConnection):  # type: ignore[misc]
    """A connection that reads headers that are floats.

    The library would make whole numbers of them, and fail at infinity: it is shown
    integers of the same size, and the floats are put in afterwards.
    """

    _frame_buffer: bytes

    def _read_frame(self) -> tuple[int, Any]:
        raw = self._frame_buffer
        if raw[:1] != HEADER_FRAME:
            return super()._read_frame()  # type: ignore[no-any-return]
        try:
            floats = _floats(raw, *_header_table(raw))
        except (IndexError, struct.error):  # not all of the frame is there
            return super()._read_frame()  # type: ignore[no-any-return]
        if not floats:
            return super()._read_frame()  # type: ignore[no-any-return]
        shown = bytearray(raw)
        for at, _ in floats.values():
            shown[at : at + 1] = b"l" if raw[at : at + 1] == b"d" else b"I"
        self._frame_buffer = bytes(shown)
        size, found = super()._read_frame()
        if isinstance(found, frame.Header):
            headers = found.properties.headers
            headers.update((name, number) for name, (_, number) in floats.items())
        else:
            self._frame_buffer = raw
        return size, found


HEADER_FRAME = b"\x02"


def _header_table(raw: bytes) -> tuple[int, int]:
    """Tell where the table of headers is in a frame; nowhere is an empty range."""
    (flags,) = struct.unpack_from(">H", raw, 19)
    if not flags & spec.BasicProperties.FLAG_HEADERS:
        return 0, 0
    at = 21
    for flag in (
        spec.BasicProperties.FLAG_CONTENT_TYPE,
        spec.BasicProperties.FLAG_CONTENT_ENCODING,
    ):
        if flags & flag:
            at += 1 + raw[at]
    (size,) = struct.unpack_from(">I", raw, at)
    return at + 4, at + 4 + size


# -- out -------------------------------------------------------------------------------


def write_message(codec: str, message: Message, default_ttl: float) -> Outgoing:
    """Write a message for a broker.

    Raises:
      InvalidError: A header or the body has no form there; the text names it.
    """
    properties = Properties(
        content_type=CONTENT_TYPES.get(codec, f"application/{codec}"),
        delivery_mode=PERSISTENT,
        message_id=message.id,
    )
    headers: dict[str, Any] = {}
    mandatory = False
    if default_ttl:
        properties.expiration = str(min(round(default_ttl * 1000), MOST_MS))
    for name, value in message.headers.items():
        if name in _TEXTS:
            setattr(properties, _TEXTS[name], _short(name, value))
        elif name == "timestamp":
            properties.timestamp = int(_number(name, value, 0, 2**63))
        elif name == "amqp.priority":
            properties.priority = int(_number(name, value, 0, 255))
        elif name == "amqp.delivery_mode":
            properties.delivery_mode = int(_number(name, value, 1, 2))
        elif name == "amqp.expiration":
            ms = milliseconds(value, f"header {name}") or 0
            properties.expiration = str(min(ms, MOST_MS))
        elif name == "amqp.mandatory":
            mandatory = value is True or value == "true"
        else:
            key = "x-delay" if name == "amqp.x_delay" else name
            headers[_short("header name", key)] = _value(name, value)
    properties.headers = headers or None
    return Outgoing(properties, encode(codec, message.body), mandatory)


def _short(name: str, value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if len(text.encode()) > LONGEST_TEXT:
        raise InvalidError(f"header {name}: wanted at most {LONGEST_TEXT} bytes")
    return text


def _number(name: str, value: Any, least: int, most: int) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if (
        not isinstance(value, (int, float))
        or isinstance(value, bool)
        or not least <= value <= most
    ):
        raise InvalidError(f"header {name}: wanted a number from {least} to {most}")
    return value


def _value(name: str, value: Any) -> Any:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise InvalidError(f"header {name}: {value} has more than 64 bits")
    return value


# -- in --------------------------------------------------------------------------------


def read_message(codec: str, properties: Any, body: bytes) -> Message:
    """Read a message of a broker.

    Raises:
      InvalidError: The body is not in the queue's codec.
    """
    headers: dict[str, Any] = {}
    for name, value in (properties.headers or {}).items():
        kept = _plain(value)
        if kept is not None:
            headers[name] = kept
    for name, attribute in _TEXTS.items():
        value = getattr(properties, attribute)
        if value is not None and not name.startswith("amqp."):
            headers[name] = value
    if properties.timestamp is not None:
        headers["timestamp"] = int(properties.timestamp)
    headers["amqp.priority"] = properties.priority or 0
    headers["amqp.delivery_mode"] = properties.delivery_mode or 1
    id_ = properties.message_id or str(uuid.uuid4())
    return Message(id_, headers, decode(codec, body))


def _plain(value: Any) -> Any:
    """Make a header's value one of ours; tables and lists are none (3.2)."""
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)  # pika's own class of long numbers is a subclass
    return value if isinstance(value, (float, str, bytes)) else None

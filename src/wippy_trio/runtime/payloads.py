"""The formats of payloads outside Lua: JSON, YAML, MessagePack, text (core PAY-6).

JSON and YAML are read and written as the modules of that name do. Text and MessagePack
are made of plain data, by the rules of bags (modules-data 0.5): text is what Go prints.
MessagePack is written in its old form, without the types ``str 8`` and ``bin``, because
that is what the reference's peers read (modules-data 3), and read in both: what is no
UTF-8 there is bytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import msgspec

from wippy_trio.errors import Error, InternalError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["read_payload", "write_payload"]

MOST_LEVELS = 128


def read_payload(kind: str, data: bytes) -> Any:
    """Read what a format says.

    Raises:
      InternalError: It is not of that format, or nothing reads that format.
    """
    if kind == "json/plain":
        from wippy_trio.modules.json import codec as json  # noqa: PLC0415 - start-up

        return _or_internal(json.decode, data)
    if kind == "yaml/plain":
        from wippy_trio.modules.yaml import codec as yaml  # noqa: PLC0415

        return _or_internal(yaml.decode, data)
    if kind == "application/msgpack":
        return _or_internal(_unpack, data)
    raise InternalError(f"no transcoding path from {kind} to lua/any")


def write_payload(kind: str, value: Any) -> bytes:
    """Write a value in a format.

    Raises:
      InternalError: It has no form there, or nothing writes that format.
    """
    if kind == "json/plain":
        from wippy_trio.modules.json import codec as json  # noqa: PLC0415

        return _bytes(_or_internal(json.encode, value))
    if kind == "yaml/plain":
        from wippy_trio.modules.yaml import codec as yaml  # noqa: PLC0415

        return _bytes(_or_internal(yaml.encode, value))
    if kind == "application/msgpack":
        pieces: list[bytes] = []
        _pack(_or_internal(_plain, value), pieces, 0)
        return b"".join(pieces)
    if kind in {"text/plain", "application/octet-stream"}:
        from wippy_trio.expr import go_text  # noqa: PLC0415

        if value is None:
            return b""
        return _bytes(_or_internal(lambda: go_text(_plain(value))))
    raise InternalError(f"no transcoding path from lua/any to {kind}")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _or_internal(convert: Callable[..., Any], *args: Any) -> Any:
    try:
        return convert(*args)
    except (ValueError, TypeError, RecursionError, Error) as error:
        raise InternalError(str(error)) from None


def _plain(value: Any) -> Any:
    from wippy_trio.modules._bag import bag  # noqa: PLC0415 - start-up

    return bag(value)


# -- MessagePack -----------------------------------------------------------------------


def _unpack(data: bytes) -> Any:
    try:
        return msgspec.msgpack.decode(data)
    except ValueError:
        return _Unpacker(data).whole()


_SIZES = {
    0xC4: ("raw", 1), 0xC5: ("raw", 2), 0xC6: ("raw", 4),
    0xD9: ("raw", 1), 0xDA: ("raw", 2), 0xDB: ("raw", 4),
    0xDC: ("list", 2), 0xDD: ("list", 4), 0xDE: ("map", 2), 0xDF: ("map", 4),
}  # fmt: skip
_NUMBERS = {
    0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8,
    0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8,
}  # fmt: skip


class _Unpacker:
    """Read MessagePack whose strings may hold any bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def whole(self) -> Any:
        value = self._value(0)
        if self._at != len(self._data):
            raise ValueError(f"something follows the value, at byte {self._at}")
        return value

    def _take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) < size:
            raise ValueError("it ends within a value")
        self._at += size
        return piece

    def _value(self, depth: int) -> Any:
        if depth > MOST_LEVELS:
            raise ValueError(f"nested deeper than {MOST_LEVELS} levels")
        first = self._take(1)[0]
        if 0xA0 <= first < 0xC0:
            return self._text(first - 0xA0)
        if 0x90 <= first < 0xA0:
            return self._list(first - 0x90, depth)
        if 0x80 <= first < 0x90:
            return self._map(first - 0x80, depth)
        if first in _SIZES:
            what, width = _SIZES[first]
            size = int.from_bytes(self._take(width), "big")
            if what == "raw":
                return self._text(size)
            return (self._list if what == "list" else self._map)(size, depth)
        width = _NUMBERS.get(first, 0)
        self._at -= 1
        return msgspec.msgpack.decode(self._take(1 + width))

    def _text(self, size: int) -> str | bytes:
        piece = self._take(size)
        try:
            return piece.decode()
        except UnicodeDecodeError:
            return piece

    def _list(self, size: int, depth: int) -> list[Any]:
        return [self._value(depth + 1) for _ in range(size)]

    def _map(self, size: int, depth: int) -> dict[Any, Any]:
        pairs = ((self._value(depth + 1), self._value(depth + 1)) for _ in range(size))
        return dict(pairs)


def _pack(value: Any, out: list[bytes], depth: int) -> None:
    if depth > MOST_LEVELS:
        raise InternalError(f"nested deeper than {MOST_LEVELS} levels")
    if value is None:
        out.append(b"\xc0")
    elif isinstance(value, bool):
        out.append(b"\xc3" if value else b"\xc2")
    elif isinstance(value, int):
        out.append(msgspec.msgpack.encode(value))
    elif isinstance(value, float):
        out.append(struct.pack(">Bd", 0xCB, value))
    elif isinstance(value, (str, bytes)):
        data = _bytes(value) if isinstance(value, str) else value
        _header(out, len(data), 0xA0, 32, 0xDA)
        out.append(data)
    elif isinstance(value, (list, tuple)):
        _header(out, len(value), 0x90, 16, 0xDC)
        for item in value:
            _pack(item, out, depth + 1)
    elif isinstance(value, dict):
        _header(out, len(value), 0x80, 16, 0xDE)
        for key in sorted(value, key=str):
            _pack(key if isinstance(key, (str, bytes)) else str(key), out, depth + 1)
            _pack(value[key], out, depth + 1)
    else:
        _pack(str(value), out, depth)


def _header(out: list[bytes], size: int, small: int, limit: int, medium: int) -> None:
    if size < limit:
        out.append(bytes([small | size]))
    elif size < 1 << 16:
        out.append(struct.pack(">BH", medium, size))
    else:
        out.append(struct.pack(">BI", medium + 1, size))

"""The formats of payloads outside Lua: JSON, YAML, MessagePack, text (core PAY-6).

JSON and YAML are read and written as the modules of that name do; text is what Go
prints. MessagePack is written in its old form, without the types ``str 8`` and ``bin``,
because that is what the reference's peers read (modules-data 3).
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from wippy_trio.errors import Error, InternalError

__all__ = ["read_payload", "write_payload"]

MOST_LEVELS = 128


def read_payload(kind: str, data: bytes) -> Any:
    """Read what a format says.

    Raises:
      InternalError: It is not of that format, or nothing reads that format.
    """
    if kind == "json/plain":
        from wippy_trio.modules.json import codec as json  # noqa: PLC0415 - start-up

        return _or_internal(kind, json.decode, data)
    if kind == "yaml/plain":
        from wippy_trio.modules.yaml import codec as yaml  # noqa: PLC0415

        return _or_internal(kind, yaml.decode, data)
    if kind == "application/msgpack":
        return _or_internal(kind, msgspec.msgpack.decode, data)
    raise InternalError(f"no transcoding path from {kind} to lua/any")


def write_payload(kind: str, value: Any) -> bytes:
    """Write a value in a format.

    Raises:
      InternalError: It has no form there, or nothing writes that format.
    """
    if kind == "json/plain":
        from wippy_trio.modules.json import codec as json  # noqa: PLC0415

        return _bytes(_or_internal(kind, json.encode, value))
    if kind == "yaml/plain":
        from wippy_trio.modules.yaml import codec as yaml  # noqa: PLC0415

        return _bytes(_or_internal(kind, yaml.encode, value))
    if kind == "application/msgpack":
        pieces: list[bytes] = []
        _pack(value, pieces, 0)
        return b"".join(pieces)
    if kind in {"text/plain", "application/octet-stream"}:
        from wippy_trio.expr import go_text  # noqa: PLC0415

        return _bytes("" if value is None else _or_internal(kind, go_text, value))
    raise InternalError(f"no transcoding path from lua/any to {kind}")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _or_internal(kind: str, convert: Any, value: Any) -> Any:
    try:
        return convert(value)
    except (ValueError, TypeError, RecursionError, Error, msgspec.DecodeError) as error:
        raise InternalError(f"transcode failed: {kind}: {error}") from None


def _pack(value: Any, out: list[bytes], depth: int) -> None:
    if depth > MOST_LEVELS:
        raise InternalError(f"transcode failed: nested deeper than {MOST_LEVELS}")
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

"""Payload formats that are text outside Lua: JSON and MessagePack (core PAY-6)."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from wippy_trio.errors import Error, InvalidError
from wippy_trio.lua.codec import TypeValue, decode, encode

__all__ = ["payload_decode", "payload_encode"]

JSON, MSGPACK = b"json/plain", b"application/msgpack"


def payload_decode(kind: bytes, text: Any) -> tuple[bytes | None, bytes]:
    """Read a text: the value in the wire format, or ``None`` and the reason."""
    if not isinstance(text, bytes):
        return None, b"wanted text, got another value"
    try:
        if kind == JSON:
            return encode([json.loads(text)]), b""
        if kind == MSGPACK:
            return encode([msgspec.msgpack.decode(text)]), b""
    except (ValueError, RecursionError, Error, msgspec.DecodeError) as error:
        return None, f"{kind.decode()}: {error}".encode()
    return None, b"no transcoding path from " + kind + b" to lua/any"


def payload_encode(kind: bytes, wire: bytes) -> tuple[bytes | None, bytes]:
    """Write a value given in the wire format: the text, or ``None`` and the reason."""
    try:
        (value,) = decode(wire)
        if kind == JSON:
            text = json.dumps(_text_keys(value), separators=(",", ":"), sort_keys=True)
            return text.encode(), b""
        if kind == MSGPACK:
            return msgspec.msgpack.encode(value), b""
    except (ValueError, TypeError, RecursionError, Error) as error:
        return None, f"{kind.decode()}: {error}".encode()
    return None, b"no transcoding path from lua/any to " + kind


def _text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _text_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_text_keys(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, TypeValue):
        raise InvalidError("type values cannot be encoded")
    return value

"""`json`: write, read and validate JSON."""

from __future__ import annotations

from typing import Any

from wippy_trio.modules.json import codec
from wippy_trio.sdk import InvalidError, LuaModule

__all__ = ["MODULE"]

MODULE = LuaModule(
    "json",
    classes=("encoding", "deterministic"),
    declares="""
    encode: (value: any) -> (string?, Error?)
    decode: (text: string) -> (any, Error?)
    """,
)


@MODULE.export
def encode(value: Any) -> str:
    """Write a value as JSON."""
    return codec.encode(value)


@MODULE.export
def decode(text: Any) -> Any:
    """Read a value from JSON."""
    if isinstance(text, str):
        text = text.encode()
    if not isinstance(text, bytes):
        raise InvalidError("string expected")
    return codec.decode(text)

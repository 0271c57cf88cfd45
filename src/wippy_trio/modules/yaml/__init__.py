"""`yaml`: write and read YAML (modules-data 2)."""

from __future__ import annotations

from typing import Any

from wippy_trio.modules._arguments import octets
from wippy_trio.modules.yaml import codec
from wippy_trio.sdk import InvalidError, LuaModule, during

__all__ = ["MODULE"]

MODULE = LuaModule(
    "yaml",
    classes=("encoding", "deterministic"),
    declares="""
    encode: (value: table, options: table?) -> (string?, Error?)
    decode: (text: string) -> (any, Error?)
    """,
)
LARGE = 64 * 1024
"""Smaller than for JSON: the same text takes many times as long."""


@MODULE.export(offload=LARGE, opaque="text")
def encode(value: Any, options: Any) -> str:
    """Write a table as YAML."""
    if not isinstance(value, (dict, list)):
        raise InvalidError("table expected", retryable=False)
    wanted = _options(options)
    with during("encode failed"):
        return codec.encode(value, wanted)


def _options(given: Any) -> codec.Options | None:
    """Read the options; what is none of ours, or of a wrong type, is ignored."""
    if not isinstance(given, dict):
        return None
    order, plain = given.get("field_order"), given.get("sort_unordered")
    named = isinstance(order, list)
    if not named and not isinstance(plain, bool):
        return None
    keys = [key for key in order or () if isinstance(key, str)] if named else []
    return codec.Options(tuple(keys), plain is True)


@MODULE.export(offload=LARGE)
def decode(text: Any) -> Any:
    """Read the first document of a text."""
    data = octets(text, "string expected")
    if not data:
        raise InvalidError("input cannot be empty", retryable=False)
    try:
        return codec.decode(data)
    except codec.YamlConversionError as error:
        error.context = "convert to Lua failed"
        raise
    except codec.YamlSyntaxError as error:
        error.context = "decode failed"
        raise

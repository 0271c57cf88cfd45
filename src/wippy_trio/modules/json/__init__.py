"""`json`: write, read and validate JSON (modules-data 1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wippy_trio.modules._arguments import octets
from wippy_trio.modules.json import codec
from wippy_trio.modules.json.schema import (
    Schema,
    compile_schema,
    data_from_lua,
    schema_from_lua,
)
from wippy_trio.sdk import Error, InvalidError, LuaModule, during

__all__ = ["MODULE"]

MODULE = LuaModule(
    "json",
    classes=("encoding", "deterministic"),
    declares="""
    encode: (value: any) -> (string?, Error?)
    decode: (text: string) -> (any, Error?)
    validate: (schema: table | string, data: any) -> (boolean, Error?)
    validate_string: (schema: table | string, data: string) -> (boolean, Error?)
    """,
    source=Path(__file__).with_name("json.lua").read_bytes(),
)
LARGE = 256 * 1024


@MODULE.export(offload=LARGE, opaque="null")
def encode(value: Any) -> str:
    """Write a value as JSON."""
    with during("encode failed"):
        return codec.encode(value)


@MODULE.export(offload=LARGE, marks=True)
def decode(text: Any) -> Any:
    """Read a value from JSON."""
    data = octets(text, "string expected")
    if not data:
        raise InvalidError("empty string is not valid JSON")
    with during("decode failed"):
        return codec.decode(data)


@MODULE.export(name="_transcode", pair=False)
def transcode(text: bytes) -> bytes | None:
    """Turn a JSON text into MessagePack, for the quick way; see json.lua."""
    return codec.transcode(text)


@MODULE.export(name="_fractions", pair=False)
def fractions(packed: bytes) -> bytes:
    """Write floats, for the quick way; see json.lua."""
    return codec.fractions(packed)


@MODULE.export(name="_members", pair=False)
def members(text: bytes) -> int:
    """Count the members of a JSON text; see json.lua."""
    return codec.members(text)


@MODULE.export(offload=LARGE)
def validate(schema: Any, data: Any) -> tuple[Any, ...]:
    """Hold a value against a schema: ``true``, or ``false`` and the first mistake."""
    try:
        compiled = _compiled(schema)
        if data is None:
            raise InvalidError("data is required")
        with during("validation failed"):
            compiled.validate(data_from_lua(data))
    except Error as error:
        return _refused(error)
    return (True,)


@MODULE.export(offload=LARGE)
def validate_string(schema: Any, data: Any) -> tuple[Any, ...]:
    """Do the same with a JSON text, which may also be ``null``."""
    try:
        compiled = _compiled(schema)
        text = octets(data, "data must be a JSON string")
        with during("validation failed"):
            compiled.validate(codec.read_whole(text))
    except Error as error:
        return _refused(error)
    return (True,)


def _compiled(schema: Any) -> Schema:
    if schema is None:
        raise InvalidError("schema is required")
    if isinstance(schema, bytes):
        raise InvalidError("schema is not JSON: it is not UTF-8")
    if isinstance(schema, str):
        with during("compile schema"):
            return compile_schema(schema)
    if not isinstance(schema, (dict, list)):
        raise InvalidError("schema must be a string or table")
    with during("compile schema"):
        return compile_schema(schema_from_lua(schema))


def _refused(error: Error) -> tuple[bool, Error]:
    error.retryable = False
    return False, error

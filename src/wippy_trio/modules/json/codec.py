"""JSON as the reference writes and reads it (modules-data 1.1, 1.2)."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from wippy_trio.errors import Error, InternalError, InvalidError
from wippy_trio.expr import plain_float_text

__all__ = ["decode", "encode"]

MOST_LEVELS = 128
_INT_MAX, _INT_MIN = 2**63 - 1, -(2**63)
_ESCAPED = re.compile('[\\x00-\\x1f"\\\\<>&\u2028\u2029]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n"}
_SHORT |= {"\r": "\\r", "\t": "\\t"}


def encode(value: Any) -> str:
    """Write a value.

    Raises:
      InternalError: It is too deep, has a gap in a sequence, or mixes keys.
    """
    if isinstance(value, float):
        return _top_float(value)
    pieces: list[str] = []
    _write(value, pieces.append, 0)
    return "".join(pieces)


def _text(text: str | bytes) -> str:
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    letter = match.group()
    return _SHORT.get(letter) or f"\\u{ord(letter):04x}"


def _top_float(value: float) -> str:
    if not math.isfinite(value):
        return "null"
    size = abs(value)
    if size != 0 and (size < 1e-6 or size >= 1e21):
        mantissa, _, exponent = repr(value).partition("e")
        sign, digits = exponent[0], exponent[1:].lstrip("0")
        return f"{mantissa.removesuffix('.0')}e{sign}{digits.rjust(2, '0')}"
    return _float(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        return "null"
    if value == int(value) and abs(value) < 2**63:
        return str(int(value))
    return plain_float_text(value)


def _write(value: Any, put: Any, depth: int) -> None:
    if value is None:
        put("null")
    elif value is True:
        put("true")
    elif value is False:
        put("false")
    elif isinstance(value, (str, bytes)):
        put(_text(value))
    elif isinstance(value, int):
        put(str(value))
    elif isinstance(value, float):
        put(_float(value))
    elif isinstance(value, Error):
        put(_text(str(value)))
    elif isinstance(value, (list, dict)):
        if depth > MOST_LEVELS:
            raise InternalError("exceeded maximum nesting depth for JSON encoding")
        if isinstance(value, list):
            _write_list(value, put, depth)
        else:
            _write_map(value, put, depth)
    else:
        put("null")


def _write_list(value: list[Any], put: Any, depth: int) -> None:
    put("[")
    for position, item in enumerate(value):
        if position:
            put(",")
        _write(item, put, depth + 1)
    put("]")


def _write_map(value: dict[Any, Any], put: Any, depth: int) -> None:
    items = any(type(key) is int and key >= 1 for key in value)
    if items:
        if all(type(key) is int and key >= 1 for key in value):
            raise InternalError(
                "cannot encode sparse array: non-contiguous numeric keys found"
            )
        raise InternalError(
            "cannot encode mixed-key table: table has both numeric and non-numeric keys"
        )
    rows = {_key(key): item for key, item in value.items()}
    put("{")
    for position, key in enumerate(sorted(rows, key=lambda k: k.encode())):
        if position:
            put(",")
        put(_text(key) + ":")
        _write(rows[key], put, depth + 1)
    put("}")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return key.decode("utf-8", "replace")
    if isinstance(key, bool):
        return "true" if key else "false"
    return _float(key) if isinstance(key, float) else str(key)


def _integer(digits: str) -> int:
    if len(digits) > 20:
        return _INT_MIN if digits[0] == "-" else _INT_MAX
    return max(_INT_MIN, min(_INT_MAX, int(digits)))


def _number(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        return math.copysign(1.7976931348623157e308, value)
    return value


def _constant(name: str) -> float:
    raise ValueError(f"unexpected {name}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return {key: item for key, item in found.items() if item is not None}


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_number,
    parse_constant=_constant,
)


def decode(data: bytes) -> Any:
    """Read the first value of a text; what stands behind it is ignored.

    Raises:
      InvalidError: The text is empty.
      InternalError: It is no JSON.
    """
    if not data:
        raise InvalidError("empty string is not valid JSON")
    try:
        text = data.decode("utf-8").lstrip(" \t\r\n")
        value, _ = _DECODER.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise InternalError(f"invalid JSON: {error}") from None
    if _deeper(value, MOST_LEVELS + 1):
        raise InternalError(f"invalid JSON: nested deeper than {MOST_LEVELS} levels")
    return value


def _deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, (list, dict)):
        return False
    if levels == 0:
        return True
    items = value if isinstance(value, list) else value.values()
    return any(_deeper(item, levels - 1) for item in items)

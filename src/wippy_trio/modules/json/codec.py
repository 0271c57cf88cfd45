"""JSON as the reference writes and reads it (modules-data 1.1, 1.2)."""

from __future__ import annotations

import contextlib
import json
import math
import re
from array import array
from itertools import chain
from typing import Any

import msgspec

from wippy_trio.errors import Error, InternalError, InvalidError
from wippy_trio.expr import plain_float_text
from wippy_trio.lua import TypeValue

__all__ = ["decode", "encode", "fractions", "members", "read_whole", "transcode"]

MOST_LEVELS = 128
MOST_COPIES = 100_000
_TOO_DEEP = f"invalid JSON: nested deeper than {MOST_LEVELS} levels"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")
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
    writer = _Writer()
    writer.value(value, 0)
    return "".join(writer.pieces)


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
        return f"{mantissa.removesuffix('.0')}e{sign}{digits}"
    return _float(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        return "null"
    if value == int(value) and abs(value) < 2**63:
        return str(int(value))
    return plain_float_text(value)


class _Writer:
    """Write one value, and see that it does not grow beyond measure.

    A table that is met again is written again; tables that hold each other many times
    would make a text of any size from a small value.
    """

    __slots__ = ("_met", "_open", "_written", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._open: set[int] = set()
        self._met: set[int] = set()
        self._written = 0

    def value(self, value: Any, depth: int) -> None:
        put = self.pieces.append
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
            self._table(value, depth)
        elif isinstance(value, TypeValue):
            raise InvalidError("type values cannot be encoded")  # types 2.3
        else:
            put("null")

    def _table(self, value: list[Any] | dict[Any, Any], depth: int) -> None:
        number = id(value)
        if number in self._open:
            raise InternalError("cannot encode recursively nested tables to JSON")
        if depth > MOST_LEVELS:
            raise InternalError("exceeded maximum nesting depth for JSON encoding")
        self._met.add(number)
        self._written += 1
        if self._written > MOST_COPIES and self._written > 10 * len(self._met):
            raise InternalError("cannot encode: the same tables are met too often")
        self._open.add(number)
        if isinstance(value, list):
            self._list(value, depth)
        else:
            self._map(value, depth)
        self._open.discard(number)

    def _list(self, value: list[Any], depth: int) -> None:
        put = self.pieces.append
        put("[")
        for position, item in enumerate(value):
            if position:
                put(",")
            self.value(item, depth + 1)
        put("]")

    def _map(self, value: dict[Any, Any], depth: int) -> None:
        put = self.pieces.append
        counted = [key for key in value if type(key) is int and key >= 1]
        if len(counted) == len(value) > 0:
            raise InternalError(
                "cannot encode sparse array: non-contiguous numeric keys found"
            )
        if counted:
            raise InternalError(
                "cannot encode mixed-key table:"
                " table has both numeric and non-numeric keys"
            )
        rows = {
            _key(key): item for key, item in value.items() if not isinstance(key, tuple)
        }
        put("{")
        for position, key in enumerate(sorted(rows, key=lambda k: k.encode())):
            if position:
                put(",")
            put(_text(key) + ":")
            self.value(rows[key], depth + 1)
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
        if _SURROGATE.search(text):
            _check_text(value)
    except ValueError as error:
        raise InternalError(f"invalid JSON: {error}") from None
    except RecursionError:
        raise InternalError(_TOO_DEEP) from None
    if _deeper(value, MOST_LEVELS + 1):
        raise InternalError(_TOO_DEEP)
    return value


_SPACED = re.compile(rb'"[ \t\r\n]+:')
_HALVES = re.compile(rb"\\u[dD][89a-fA-F]")


def transcode(data: bytes) -> bytes | None:
    """Turn a text into MessagePack, behind the number of its colons and a blank.

    The fast parser keeps the last of several equal keys, so the reader has to compare
    how many members it gets. There are as many colons, if no string holds one.

    Returns:
      ``None`` for a text that has to go the slow way: every wrong one among them.
    """
    if b"\\u" in data and _HALVES.search(data):
        return None
    try:
        wire = msgspec.msgpack.encode(_packed(msgspec.json.decode(data)))
    except (ValueError, RecursionError, OverflowError):
        return None
    return b"%d %b" % (data.count(b":"), wire)


def fractions(packed: bytes) -> bytes:
    """Write floats of 8 bytes, each text with a zero byte behind it.

    They are of a size that is written without an exponent.
    """
    text = msgspec.json.encode(array("d", packed).tolist())
    return text[1:-1].replace(b",", b"\0") + b"\0"


STRINGS, INTEGERS, FLOATS, ROWS = 1, 2, 3, 4
ALIKE = 8
"""From how many items on a list is looked at: whether they are all of one kind."""

MOST_COLUMNS = 50


def _packed(value: Any) -> Any:
    """Put lists of like items in forms that Lua reads many at a time.

    Texts end in a zero byte, numbers are 8 bytes wide, and objects with the same keys
    in the same order become their keys and one list a key.
    """
    if type(value) is dict:
        for key, item in value.items():
            if type(item) is list or type(item) is dict:
                value[key] = _packed(item)
    elif type(value) is list:
        return _packed_list(value)
    return value


def _packed_list(items: list[Any]) -> Any:
    if len(items) >= ALIKE:
        kinds = set(map(type, items))
        if len(kinds) == 1:
            packed = _alike(items, *kinds)
            if packed is not None:
                return packed
        elif list not in kinds and dict not in kinds:
            return items
        if kinds == {list} and max(map(len, items)) < ALIKE:
            inner = set(map(type, chain.from_iterable(items)))
            if list not in inner and dict not in inner:
                return items
    for i, item in enumerate(items):
        if type(item) is list or type(item) is dict:
            items[i] = _packed(item)
    return items


def _alike(items: list[Any], kind: type) -> msgspec.msgpack.Ext | None:
    if kind is str:
        text = "\0".join(items)
        if text.count("\0") == len(items) - 1:
            packed = b"%d %b\0" % (len(items), text.encode())
            return msgspec.msgpack.Ext(STRINGS, packed)
    elif kind is float:
        return msgspec.msgpack.Ext(FLOATS, array("d", items).tobytes())
    elif kind is int:
        with contextlib.suppress(OverflowError):
            return msgspec.msgpack.Ext(INTEGERS, array("q", items).tobytes())
    elif kind is dict:
        keys = tuple(items[0])
        if 0 < len(keys) <= MOST_COLUMNS and set(map(tuple, items)) == {keys}:
            columns = map(list, zip(*map(dict.values, items), strict=True))
            rows = [keys, len(items), *map(_packed_list, columns)]
            return msgspec.msgpack.Ext(ROWS, msgspec.msgpack.encode(rows))
    return None


def members(data: bytes) -> int:
    """Count the members of a valid text whose strings hold colons.

    The number is right or too large: strings that begin with a colon are counted, too,
    and then the text goes the slow way for nothing. Blanks before a colon and keys that
    end in a backslash would make it too small: then it is -1.
    """
    if b'\\\\":' in data or _SPACED.search(data):
        return -1
    return data.count(b'":') - data.count(b'\\":')


def _check_text(value: Any) -> None:
    """Refuse strings that escapes gave half a character."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if _HALF.search(item):
                raise ValueError("escape of a lone surrogate")
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += item
            waiting += item.values()


def read_whole(data: bytes) -> Any:
    """Read a text for a schema: nothing may follow, and nulls stay.

    Raises:
      InvalidError: It is no JSON.
    """
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"data is not JSON: {error}") from None
    if _deeper(value, MOST_LEVELS + 1):
        raise InvalidError(f"data is nested deeper than {MOST_LEVELS} levels")
    return value


def _deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, (list, dict)):
        return False
    if levels == 0:
        return True
    items = value if isinstance(value, list) else value.values()
    return any(_deeper(item, levels - 1) for item in items)

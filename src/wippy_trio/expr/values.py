"""The values of expressions and what operators do with them.

A value is None, bool, int (64 bits), float, str, list, dict with text keys, a
:class:`Moment`, a :class:`Duration` or a zone. Text is `str`; bytes that are no UTF-8
are surrogate escapes in it, and whatever counts bytes encodes it back.

Source: modules-data 11.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from wippy_trio.errors import InvalidError
from wippy_trio.expr.failure import Fault
from wippy_trio.expr.gotext import go_text
from wippy_trio.expr.gotime import FixedZone, Moment, NamedZone

__all__ = [
    "Duration",
    "compare",
    "decoded",
    "encoded",
    "equal",
    "from_host",
    "kind_of",
    "to_host",
    "type_name",
    "wrap",
]

_MAX_DEPTH = 128
_LARGEST = 2**63 - 1
_SPAN = 2**64


class Duration(NamedTuple):
    """A length of time in whole nanoseconds."""

    nanoseconds: int


def wrap(number: int) -> int:
    """Wrap an integer to 64 bits, as the machine does."""
    if -_LARGEST <= number <= _LARGEST:
        return number
    return (number + 2**63) % _SPAN - 2**63


def encoded(text: str) -> bytes:
    """Give the bytes of a text, invalid ones as they came."""
    return text.encode("utf-8", "surrogateescape")


def decoded(data: bytes) -> str:
    """Read bytes as text, invalid ones as surrogate escapes."""
    return data.decode("utf-8", "surrogateescape")


# Kinds

_KINDS: dict[type, str] = {
    type(None): "nil",
    bool: "bool",
    int: "int",
    float: "float",
    str: "string",
    list: "array",
    dict: "map",
    Moment: "time.Time",
    Duration: "time.Duration",
}
_TYPE_NAMES = {
    "nil": "<nil>",
    "float": "float64",
    "array": "[]interface {}",
    "map": "map[string]interface {}",
}


def kind_of(value: object) -> str:
    """Name the kind of a value: ``nil bool int float string array map``, or a type."""
    return _KINDS.get(type(value), "time.Location")


def type_name(value: object) -> str:
    """Name the type of a value as error texts do: ``<nil>``, ``int``, ``float64``."""
    kind = kind_of(value)
    return _TYPE_NAMES.get(kind, kind)


# In and out


def from_host(value: object) -> Any:
    """Copy a value of the host into one of expressions.

    Bytes become text, other mappings and sequences dicts and lists, keys text,
    integers beyond 64 bits floats.

    Raises:
      InvalidError: It is nested more than 128 deep (a value that contains itself is),
        or of a type that expressions do not have.
    """
    return _from_host(value, _MAX_DEPTH, {})


def _from_host(value: object, depth: int, known: dict[int, Any]) -> Any:
    kind = type(value)
    if kind is str or kind is bool or kind is float or value is None:
        return value
    if isinstance(value, int):
        return int(value) if -_LARGEST - 1 <= value <= _LARGEST else _float(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return decoded(bytes(value))
    if isinstance(value, (Moment, Duration, FixedZone, NamedZone)):
        return value
    if depth == 0:
        raise InvalidError(
            f"value nested too deeply: wanted at most {_MAX_DEPTH} levels"
        )
    made = known.get(id(value))  # what is shared stays shared
    if made is not None:
        return made
    if isinstance(value, Mapping):
        made = {
            key if type(key) is str else go_text(key): _from_host(
                item, depth - 1, known
            )
            for key, item in value.items()
        }
        known[id(value)] = made
        return made
    if isinstance(value, (Sequence, set, frozenset)):
        made = [_from_host(item, depth - 1, known) for item in value]
        known[id(value)] = made
        return made
    raise InvalidError(f"unsupported type: {kind.__name__}")


def to_host(value: object) -> Any:
    """Turn a result into plain data: moments to Unix seconds, durations to seconds.

    Raises:
      InvalidError: It is nested too deeply, or a zone.
    """
    return _to_host(value, _MAX_DEPTH, {})


def _to_host(value: object, depth: int, known: dict[int, Any]) -> Any:
    if isinstance(value, Moment):
        return wrap(value.seconds)
    if isinstance(value, Duration):
        return value.nanoseconds / 1e9
    if not isinstance(value, (list, dict)):
        if kind_of(value) == "time.Location":
            raise InvalidError("unsupported type: time.Location")
        return value
    if depth == 0:
        raise InvalidError(
            f"result nested too deeply: wanted at most {_MAX_DEPTH} levels"
        )
    made = known.get(id(value))
    if made is None:
        if isinstance(value, list):
            made = [_to_host(item, depth - 1, known) for item in value]
        else:
            made = {
                key if type(key) is str else go_text(key): _to_host(
                    item, depth - 1, known
                )
                for key, item in value.items()
            }
        known[id(value)] = made
    return made


# Comparing


def _is_number(value: object) -> bool:
    return type(value) is int or type(value) is float


def equal(left: Any, right: Any) -> bool:
    """Compare two values; numbers across int and float, in lists too; maps strictly."""
    if _is_number(left) and _is_number(right):
        if type(left) is type(right):
            return bool(left == right)
        return _float(left) == _float(right)
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, dict)):
        return _same(left, right, set(), loose=isinstance(left, list))
    if isinstance(left, Moment):
        return left.equal(right)
    return bool(left == right)


def _same(
    left: Any, right: Any, known: set[tuple[int, int, bool]], *, loose: bool
) -> bool:
    """Compare two values, each pair of tables once: sharing does not multiply work."""
    if type(left) is not list and type(left) is not dict:
        if loose:
            return equal(left, right)
        return type(left) is type(right) and bool(left == right)
    if type(left) is not type(right) or len(left) != len(right):
        return False
    pair = (id(left), id(right), loose)
    if pair in known:
        return True
    if isinstance(left, dict) and isinstance(right, dict):
        same = left.keys() == right.keys() and all(
            _same(item, right[key], known, loose=False) for key, item in left.items()
        )
    else:
        same = all(
            _same(one, other, known, loose=loose)
            for one, other in zip(left, right, strict=True)
        )
    if same:
        known.add(pair)
    return same


def compare(operator: str, left: Any, right: Any) -> bool:
    """Order two numbers, texts, moments or durations.

    Raises:
      Fault: They are of different or other kinds.
    """
    if _is_number(left) and _is_number(right):
        if type(left) is not type(right):
            left, right = _float(left), _float(right)
    elif type(left) is not type(right) or not isinstance(left, (str, Moment, Duration)):
        raise _refused(operator, left, right)
    elif isinstance(left, Moment):
        left, right = left.instant, right.instant
    elif isinstance(left, str):
        left, right = encoded(left), encoded(right)
    match operator:
        case "<":
            return bool(left < right)
        case ">":
            return bool(left > right)
        case "<=":
            return bool(left <= right)
        case _:
            return bool(left >= right)


def _refused(operator: str, left: object, right: object) -> Fault:
    return Fault(f"invalid operation: {type_name(left)} {operator} {type_name(right)}")


# Arithmetic


def _float(number: int | float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def add(left: Any, right: Any) -> Any:
    """Add numbers, join texts, move moments."""
    if type(left) is int and type(right) is int:
        return wrap(left + right)
    if _is_number(left) and _is_number(right):
        return _float(left) + _float(right)
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, Duration) and isinstance(right, Moment):
        left, right = right, left
    if isinstance(left, Moment) and isinstance(right, Duration):
        return left.add(right.nanoseconds)
    if isinstance(left, Duration) and isinstance(right, Duration):
        return Duration(wrap(left.nanoseconds + right.nanoseconds))
    raise _refused("+", left, right)


def subtract(left: Any, right: Any) -> Any:
    """Subtract numbers, moments, durations."""
    if type(left) is int and type(right) is int:
        return wrap(left - right)
    if _is_number(left) and _is_number(right):
        return _float(left) - _float(right)
    if isinstance(left, Moment) and isinstance(right, Moment):
        return Duration(left.sub(right))
    if isinstance(left, Moment) and isinstance(right, Duration):
        return left.add(-right.nanoseconds)
    if isinstance(left, Duration) and isinstance(right, Duration):
        return Duration(wrap(left.nanoseconds - right.nanoseconds))
    raise _refused("-", left, right)


def multiply(left: Any, right: Any) -> Any:
    """Multiply numbers, or a duration by one."""
    if type(left) is int and type(right) is int:
        return wrap(left * right)
    if _is_number(left) and _is_number(right):
        return _float(left) * _float(right)
    if isinstance(right, Duration):
        left, right = right, left
    if isinstance(left, Duration) and _is_number(right):
        product = left.nanoseconds * right
        if isinstance(product, float) and not math.isfinite(product):
            raise _refused("*", left, right)
        return Duration(wrap(int(product)))
    raise _refused("*", left, right)


def divide(left: Any, right: Any) -> Any:
    """Divide numbers, always as floats; by zero gives an infinity or NaN."""
    if not (_is_number(left) and _is_number(right)):
        raise _refused("/", left, right)
    dividend, divisor = _float(left), _float(right)
    if divisor:
        return dividend / divisor
    if dividend == 0 or math.isnan(dividend) or math.isnan(divisor):
        return math.nan
    return math.copysign(math.inf, dividend) * math.copysign(1.0, divisor)


def remainder(left: Any, right: Any) -> Any:
    """Take the rest of an integer division that goes toward zero."""
    if type(left) is not int or type(right) is not int:
        raise _refused("%", left, right)
    if right == 0:
        raise Fault("integer divide by zero")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def power(left: Any, right: Any) -> Any:
    """Raise a number to a power, as floats."""
    if not (_is_number(left) and _is_number(right)):
        raise _refused("**", left, right)
    base, exponent = _float(left), _float(right)
    odd = abs(exponent) < 2**53 and exponent % 2 == 1
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and odd else math.inf
    except ValueError:  # zero to a negative power, or a negative base and a fraction
        if base != 0:
            return math.nan
        return math.copysign(math.inf, base) if odd else math.inf


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
    "**": power,
}
"""The arithmetic operators; each raises :class:`Fault` for operands it refuses."""


def negate(value: Any) -> Any:
    """Change the sign of a number or duration."""
    if type(value) is int:
        return wrap(-value)
    if type(value) is float:
        return -value
    if isinstance(value, Duration):
        return Duration(wrap(-value.nanoseconds))
    raise Fault(f"invalid operation: - {type_name(value)}")


def affirm(value: Any) -> Any:
    """Let a number through."""
    if not _is_number(value):
        raise Fault(f"invalid operation: + {type_name(value)}")
    return value


# Containers


def contained(needle: Any, container: Any) -> bool:
    """Tell whether a list has an item, or a map a key; nothing is in nil."""
    if isinstance(container, list):
        return any(equal(needle, item) for item in container)
    if isinstance(container, dict):
        return _key_of(container, needle) is not None
    if container is None:
        return False
    raise Fault(f'operator "in" not defined on {kind_of(container)}')


def _key_of(container: dict[Any, Any], key: Any) -> Any:
    """Find the key of a map that a value means: itself, or its text."""
    if isinstance(key, (list, dict)):
        return None
    if key is not None and key in container and _scalar_match(container, key):
        return key
    if _is_number(key) or isinstance(key, bool):
        text = go_text(key)
        return text if text in container else None
    return None


def _scalar_match(container: dict[Any, Any], key: Any) -> bool:
    # True equals 1 as a key in Python, and is another key here.
    if isinstance(key, str):
        return True
    return all(
        isinstance(found, bool) == isinstance(key, bool)
        for found in container
        if not isinstance(found, str) and found == key
    )


def fetch(target: Any, key: Any) -> Any:
    """Read a key of a map, an item of a list, or a byte of a text.

    Raises:
      Fault: The target is nil or has no items; or the index is out of range.
    """
    if isinstance(target, dict):
        if isinstance(key, str):
            return target.get(key)
        found = _key_of(target, key)
        return None if found is None else target[found]
    if isinstance(target, (list, str)) and _is_number(key):
        items = encoded(target) if isinstance(target, str) else target
        index = _index(key)
        at = index + len(items) if index < 0 else index
        if not 0 <= at < len(items):
            raise Fault(f"index out of range: {index} (array length is {len(items)})")
        return items[at]
    raise Fault(f"cannot fetch {go_text(key)} from {type_name(target)}")


def _index(number: int | float) -> int:
    if isinstance(number, float) and not math.isfinite(number):
        raise Fault(f"invalid index: {go_text(number)}")
    return int(number)


def cut(target: Any, start: Any, stop: Any) -> Any:
    """Take a slice of a list, or of the bytes of a text; bounds are clamped.

    Raises:
      Fault: The target or a bound is of another kind.
    """
    if not isinstance(target, (list, str)):
        raise Fault(f"cannot slice {type_name(target)}")
    items = encoded(target) if isinstance(target, str) else target
    for bound in (start, stop):
        if bound is not None and not _is_number(bound):
            raise Fault(f"invalid operation: slice bound is {type_name(bound)}")
    first = 0 if start is None else _clamped(_index(start), len(items))
    last = len(items) if stop is None else _clamped(_index(stop), len(items))
    part = items[first : max(first, last)]
    return decoded(part) if isinstance(part, bytes) else part


def _clamped(index: int, length: int) -> int:
    if index < 0:
        index += length
    return min(max(index, 0), length)

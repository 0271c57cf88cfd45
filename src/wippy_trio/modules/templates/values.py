"""The values of templates: text, truth, arithmetic, members.

A value is None, bool, int, float, str, list, dict with text keys, or one of the few
objects that templates meet: functions, writers, errors, raw text. Ints and floats are
one kind of number.

Source: modules-data 9.1.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from wippy_trio.expr import decimal_digits, plain_float_text
from wippy_trio.modules.templates.failure import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Caught",
    "Function",
    "RawText",
    "Runner",
    "Writer",
    "escape_html",
    "json_text",
    "text_of",
    "truth",
]

_MAX_DEPTH = 100
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HTML = {
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord("&"): "&amp;",
    ord("'"): "&#39;",
    ord('"'): "&#34;",
}


class Runner(Protocol):
    """What functions may ask of the run they are called in."""

    def room(self, characters: int) -> None:
        """Charge characters that are about to be made."""

    def visible(self) -> tuple[Any, dict[str, Any]]:
        """Give the context and all variables."""


class Function(NamedTuple):
    """A function that templates may call."""

    name: str
    call: Callable[..., Any]
    low: int
    high: int | None


class Writer(NamedTuple):
    """A writer: ends a pipe and writes in its own way."""

    name: str
    write: Callable[[str], str]


class RawText(NamedTuple):
    """Text that is written without escaping, as ``writeJson`` makes it."""

    text: str


class Caught(NamedTuple):
    """What ``catch`` gives a name to."""

    text: str


def is_number(value: Any) -> bool:
    """Tell a number from the rest; a boolean is none."""
    return type(value) is int or type(value) is float


# Text


def escape_html(text: str) -> str:
    """Escape what has a meaning in HTML."""
    return text.translate(_HTML)


def text_of(value: Any) -> str:
    """Write a value as an action shows it; nil shows nothing.

    Raises:
      Fault: It is nested too deeply, or contains itself.
    """
    return "" if value is None else _shown(value, _MAX_DEPTH)


def _shown(value: Any, depth: int) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return plain_float_text(value)
    if depth == 0:
        raise Fault("value is nested too deeply to be written")
    if isinstance(value, list):
        return "[" + " ".join(_shown(item, depth - 1) for item in value) + "]"
    if isinstance(value, dict):
        pairs = sorted((str(key), item) for key, item in value.items())
        inner = " ".join(f"{key}:{_shown(item, depth - 1)}" for key, item in pairs)
        return f"map[{inner}]"
    if isinstance(value, (RawText, Caught)):
        return value.text
    if isinstance(value, (Function, Writer)):
        return value.name
    return str(value)


_JSON_ESCAPES = {
    **{code: f"\\u{code:04x}" for code in range(32)},
    8: "\\b",
    9: "\\t",
    10: "\\n",
    12: "\\f",
    13: "\\r",
    **{ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"},
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}


def json_text(value: Any) -> str:
    """Write a value as JSON, keys sorted, ``<>&`` escaped.

    Raises:
      Fault: It is nested too deeply, or not a number that JSON has.
    """
    return _json(value, _MAX_DEPTH)


def _json(value: Any, depth: int) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _json_float(value)
    if depth == 0:
        raise Fault("json: value is nested too deeply")
    if isinstance(value, list):
        return "[" + ",".join(_json(item, depth - 1) for item in value) + "]"
    if isinstance(value, dict):
        pairs = sorted((str(key), item) for key, item in value.items())
        inner = ",".join(
            f"{_quoted(key)}:{_json(item, depth - 1)}" for key, item in pairs
        )
        return f"{{{inner}}}"
    return _quoted(text_of(value))


def _quoted(text: str) -> str:
    return f'"{text.translate(_JSON_ESCAPES)}"'


def _json_float(number: float) -> str:
    if not math.isfinite(number):
        raise Fault(f"json: unsupported value: {plain_float_text(number)}")
    digits, exponent = decimal_digits(abs(number))
    if number == 0 or -6 <= exponent < 21:
        return plain_float_text(number)
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    mark = "+" if exponent > 0 else "-"
    return f"{'-' if number < 0 else ''}{digits[0]}{tail}e{mark}{abs(exponent)}"


# Operators


def truth(value: Any) -> bool:
    """Tell whether a value counts as true.

    False are nil, false, 0, and empty text, lists and maps.
    """
    if value is None or value is False:
        return False
    if isinstance(value, (int, float, str, list, dict)):
        return bool(value)
    return True


def _number(value: Any, operator: str) -> float | int:
    if is_number(value):
        number: int | float = value
        return number
    raise Fault(f"operand of {operator} is not a number: {kind_name(value)}")


def _right(value: Any, operator: str) -> float | int:
    """Read the right operand: a text that is a number counts as one."""
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            raise Fault(f"operand of {operator} is not a number: {value[:40]!r}")
        return float(value)
    return _number(value, operator)


def arithmetic(operator: str, left: Any, right: Any) -> Any:
    """Compute; ``/`` is exact, ``%`` works on integers, text plus anything is text.

    Raises:
      Fault: An operand is no number, or the divisor is zero.
    """
    if operator == "+" and isinstance(left, str):
        return left + text_of(right)
    a, b = _number(left, operator), _right(right, operator)
    match operator:
        case "+":
            return _limited(a + b)
        case "-":
            return _limited(a - b)
        case "*":
            return _limited(a * b)
        case "/":
            if b == 0:
                raise Fault("division by zero")
            return float(a) / float(b)
        case _:
            return _remainder(a, b)


def _limited(number: int | float) -> int | float:
    """Keep integers within the size that floats carry exactly."""
    if isinstance(number, int) and abs(number) > 2**53:
        return float(number)
    return number


def _remainder(a: int | float, b: int | float) -> int:
    if not (math.isfinite(a) and math.isfinite(b)):
        raise Fault("operand of % is not a finite number")
    dividend, divisor = int(a), int(b)
    if divisor == 0:
        raise Fault("division by zero")
    rest = abs(dividend) % abs(divisor)
    return -rest if dividend < 0 else rest


def negate(value: Any) -> Any:
    """Change the sign of a number.

    Raises:
      Fault: It is none.
    """
    return -_number(value, "-")


def equal(left: Any, right: Any) -> bool:
    """Compare values of one kind; values of different kinds are never equal.

    Raises:
      Fault: They are nested too deeply.
    """
    return _equal(left, right, _MAX_DEPTH)


def _equal(left: Any, right: Any, depth: int) -> bool:
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if depth == 0:
        raise Fault("values are nested too deeply to be compared")
    if isinstance(left, list):
        return len(left) == len(right) and all(
            _equal(a, b, depth - 1) for a, b in zip(left, right, strict=True)
        )
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(
            _equal(item, right[key], depth - 1) for key, item in left.items()
        )
    return bool(left == right)


def compare(operator: str, left: Any, right: Any) -> bool:
    """Order two numbers; a text on the right is read as one.

    Raises:
      Fault: One is no number.
    """
    a, b = _number(left, operator), _right(right, operator)
    match operator:
        case "<":
            return a < b
        case "<=":
            return a <= b
        case ">":
            return a > b
        case _:
            return a >= b


def kind_name(value: Any) -> str:
    """Name the kind of a value for complaints."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "bool"
    names = {int: "number", float: "number", str: "string", list: "list", dict: "map"}
    return names.get(type(value), type(value).__name__.lower())


# Members


def member(target: Any, key: Any) -> Any:
    """Read a key of a map, an item of a list, or a byte of a text.

    A missing key is nil.

    Raises:
      Fault: The target has no members, or the index is out of range.
    """
    if isinstance(target, dict):
        name = key if isinstance(key, str) else text_of(key)
        return target.get(name)
    if isinstance(target, (list, str)) and is_number(key):
        items = (
            target.encode("utf-8", "surrogateescape")
            if isinstance(target, str)
            else target
        )
        at = int(key) if math.isfinite(key) else -1
        if not 0 <= at < len(items):
            raise Fault(
                f"index {text_of(key)} is out of range for a length of {len(items)}"
            )
        return items[at]
    if isinstance(target, Caught) and key == "Error":
        return Function("Error", lambda _run: target.text, 0, 0)
    raise Fault(f"{kind_name(target)} has no field {text_of(key)!r}")


def has_key(target: Any, key: Any) -> bool:
    """Tell whether a map has a key, or a list an index."""
    if isinstance(target, dict):
        return (key if isinstance(key, str) else text_of(key)) in target
    return isinstance(target, list) and is_number(key) and 0 <= key < len(target)


def cut(target: Any, start: Any, stop: Any) -> Any:
    """Take a slice of a list, or of the bytes of a text.

    Raises:
      Fault: The target is neither, or a bound is out of range.
    """
    if isinstance(target, str):
        data = target.encode("utf-8", "surrogateescape")
        first, last = _bounds(len(data), start, stop)
        return data[first:last].decode("utf-8", "surrogateescape")
    if not isinstance(target, list):
        raise Fault(f"cannot slice {kind_name(target)}")
    first, last = _bounds(len(target), start, stop)
    return target[first:last]


def _bounds(length: int, start: Any, stop: Any) -> tuple[int, int]:
    first = 0 if start is None else _bound(start)
    last = length if stop is None else _bound(stop)
    if not 0 <= first <= last <= length:
        raise Fault(f"slice {first}:{last} is out of range for a length of {length}")
    return first, last


def _bound(value: Any) -> int:
    if not is_number(value) or not math.isfinite(value):
        raise Fault(f"slice bound is not a number: {kind_name(value)}")
    return int(value)


def call(run: Runner, target: Any, arguments: list[Any]) -> Any:
    """Call a function.

    Raises:
      Fault: It is none, or does not take these arguments.
    """
    if isinstance(target, Writer):
        raise Fault(f"writer {target.name} must be the last stage of a pipe")
    if not isinstance(target, Function):
        raise Fault(f"{kind_name(target)} is not a function")
    count = len(arguments)
    if count < target.low or (target.high is not None and count > target.high):
        raise Fault(f"wrong number of arguments for {target.name}: got {count}")
    return target.call(run, *arguments)

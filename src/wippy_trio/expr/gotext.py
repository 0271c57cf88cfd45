"""Go text: how values read where the reference prints them with ``%v``.

Used by the payload, excel, yaml and expression sides, and by conditions of policies
that compare by text. It never depends on how Lua prints a number.

Source: modules-data 0.6.4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from wippy_trio.errors import InvalidError

__all__ = ["decimal_digits", "float_text", "go_text", "plain_float_text"]

_MAX_DEPTH = 200
_MAX_TEXT = 64 * 1024 * 1024


def go_text(value: object) -> str:
    """Write a value as Go's ``%v`` does.

    Nil is ``<nil>``, lists are ``[1 a <nil>]``, maps ``map[a:1 b:2]`` with sorted
    keys. Bytes are read as UTF-8, each invalid byte as a surrogate escape.

    Raises:
      InvalidError: The value is nested more than 200 deep, or contains itself, or its
        text is longer than 64 MiB, as that of a small value can be that holds the same
        lists many times.
    """
    return _text(value, _MAX_DEPTH, {})


def _text(value: object, depth: int, known: dict[int, str]) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "surrogateescape")
    if depth == 0:
        raise InvalidError(
            f"text of a value: wanted at most {_MAX_DEPTH} levels, it goes deeper"
        )
    text = known.get(id(value))
    if text is not None:
        return text
    if isinstance(value, Mapping):
        pairs = sorted(
            (_text(k, depth - 1, known), _text(v, depth - 1, known))
            for k, v in value.items()
        )
        parts, ends = [f"{k}:{v}" for k, v in pairs], "map[]"
    elif isinstance(value, Sequence):
        parts, ends = [_text(item, depth - 1, known) for item in value], "[]"
    else:
        return str(value)
    if sum(map(len, parts)) > _MAX_TEXT:
        raise InvalidError(f"text of a value: longer than {_MAX_TEXT} characters")
    text = known[id(value)] = f"{ends[:-1]}{' '.join(parts)}]"
    return text


def decimal_digits(number: float) -> tuple[str, int]:
    """Split a finite positive float into its shortest digits and decimal exponent.

    Returns:
      ``("123456", 5)`` for 123456.0: the value is 1.23456 times ten to the exponent.
    """
    mantissa, _, exponent = repr(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    stripped = digits.lstrip("0")
    if not stripped:
        return "0", 0
    shift = len(whole) - 1 - (len(digits) - len(stripped))
    return stripped.rstrip("0"), shift + int(exponent or "0")


def float_text(number: float) -> str:
    """Write a float with its shortest digits, with an exponent below -4 or above 5.

    ``3``, ``0.1``, ``123456``, ``1e+06``, ``1.234567e+06``, ``1e-05``, ``1e+21``.
    """
    return _float(number, low=-4, high=5)


def plain_float_text(number: float) -> str:
    """Write a float with its shortest digits and never an exponent."""
    return _float(number, low=-400, high=400)


def _float(number: float, *, low: int, high: int) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    sign = "-" if math.copysign(1.0, number) < 0 else ""
    digits, exponent = decimal_digits(abs(number))
    if not low <= exponent <= high:
        tail = f".{digits[1:]}" if len(digits) > 1 else ""
        mark = "-" if exponent < 0 else "+"
        return f"{sign}{digits[0]}{tail}e{mark}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1 :]
    return f"{sign}{whole}.{fraction}" if fraction else sign + whole

"""What a plain scalar means: shared by the reader and the writer.

The reader asks for the value, the writer whether a text would come back as itself.

Source: modules-data 2.1, 2.2.
"""

from __future__ import annotations

import math
import re
from typing import Any

from wippy_trio.errors import Error
from wippy_trio.expr import UTC_ZONE, parse_moment

__all__ = ["OutOfRangeError", "plain_value", "reads_as_text", "timestamp_seconds"]

_WORDS: dict[str, Any] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_STARTS = frozenset("0123456789+-.~nNtTfF")
_INTEGER = re.compile(
    r"([-+]?)(?:0[bB]([01]+)|0[oO]([0-7]+)|0[xX]([0-9a-fA-F]+)|0([0-7]+)"
    r"|(0|[1-9][0-9]*))",
    re.ASCII,
)
_BASES = (2, 8, 16, 8, 10)
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII
)
_MOST_DIGITS = 70
_DATE = re.compile(r"[0-9]{4}-[0-9]", re.ASCII)
_DATE_LAYOUTS = (
    "2006-1-2T15:4:5.999999999Z07:00",
    "2006-1-2t15:4:5.999999999Z07:00",
    "2006-1-2 15:4:5.999999999",
    "2006-1-2",
)
# Booleans and base-60 numbers of YAML 1.1: texts here, but not for every reader.
_OLD_WORDS = frozenset(
    form
    for word in ("y", "n", "yes", "no", "on", "off")
    for form in (word, word.capitalize(), word.upper())
)
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", re.ASCII)


class OutOfRangeError(Exception):
    """An integer between the signed and the unsigned limit of 64 bits."""


def plain_value(text: str) -> Any:
    """Give an unquoted scalar its type: nil, boolean, number, date, else text.

    A date is Unix seconds.

    Raises:
      OutOfRangeError: It is an integer that only fits into 64 bits without a sign.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _STARTS:
        return text
    digits = text.replace("_", "") if text[0] != "_" else text
    integer = _integer(digits)
    if integer is not None:
        return integer
    # A number that begins with a point may not have separators.
    number = _float(text if text[0] == "." else digits)
    if number is not None:
        return number
    seconds = timestamp_seconds(text)
    return text if seconds is None else seconds


def _integer(text: str) -> int | None:
    match = _INTEGER.fullmatch(text)
    if match is None or len(text) > _MOST_DIGITS:
        return None
    sign, *groups = match.groups()
    digits, base = next(
        (digits, base)
        for digits, base in zip(groups, _BASES, strict=True)
        if digits is not None
    )
    number = int(digits, base)
    number = -number if sign == "-" else number
    if -(2**63) <= number < 2**63:
        return number
    if 0 < number < 2**64:
        raise OutOfRangeError
    return None


def _float(text: str) -> float | None:
    if not _FLOAT.fullmatch(text):
        return None
    number = float(text)
    return None if math.isinf(number) else number


def timestamp_seconds(text: str) -> int | None:
    """Read a date or timestamp as Unix seconds; None if it is none."""
    if not _DATE.match(text):
        return None
    for layout in _DATE_LAYOUTS:
        try:
            return parse_moment(layout, text, UTC_ZONE).seconds
        except Error:
            continue
    return None


def reads_as_text(text: str) -> bool:
    """Tell whether an unquoted text comes back as itself from any YAML reader."""
    if text == "<<" or text in _OLD_WORDS or _BASE_60.fullmatch(text):
        return False
    try:
        return isinstance(plain_value(text), str)
    except OutOfRangeError:
        return False

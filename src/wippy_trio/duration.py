"""Durations as text: ``"1h30m"`` to numbers and back.

The text form is Go's: a sign, then decimal numbers, each with a unit. This is the only
place that reads or writes it. Nanoseconds are integers, so nothing is lost; seconds are
floats, as Trio wants them.
"""

from __future__ import annotations

import re

from wippy_trio.errors import InvalidError

__all__ = [
    "format_nanoseconds",
    "parse_nanoseconds",
    "parse_seconds",
    "to_nanoseconds",
]

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # micro sign
    "\u03bcs": 1_000,  # Greek mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DAY = 24 * _UNITS["h"]
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.+\-]*)")
_LARGEST = 2**63 - 1
_SMALLEST = -(2**63)


def parse_nanoseconds(text: str, *, days: bool = False) -> int:
    """Read a duration as whole nanoseconds.

    Args:
      text: Such as ``"1h30m"``, ``"500ms"``, ``"-2s"`` or ``"0"``. Digits below a
        nanosecond are cut off.
      days: Whether the unit ``d``, 24 hours, is read too.

    Raises:
      InvalidError: The text is empty, has a number without a unit or an unknown unit,
        or does not fit into 64 bits.

    Source: core T-1, T-3; apps 8.5.4.
    """
    rest = text[1:] if text[:1] in {"+", "-"} else text
    if rest == "0":
        return 0
    if not rest:
        raise _invalid(text, "it is empty")
    total = 0
    position = 0
    while position < len(rest):
        match = _PART.match(rest, position)
        if match is None or not (match[1] or match[2]):
            raise _invalid(text, f"no number at {rest[position:]!r}")
        whole, fraction, unit = match[1], match[2] or "", match[3]
        if not unit:
            raise _invalid(text, f"no unit after {match[0]!r}")
        size = _DAY if days and unit == "d" else _UNITS.get(unit)
        if size is None:
            raise _invalid(text, f"unknown unit {unit!r}")
        total += int(whole or "0") * size
        if fraction:
            total += int(fraction) * size // 10 ** len(fraction)
        if total > -_SMALLEST:
            raise _invalid(text, "it does not fit into 64 bits of nanoseconds")
        position = match.end()
    signed = -total if text[0] == "-" else total
    if signed > _LARGEST:
        raise _invalid(text, "it does not fit into 64 bits of nanoseconds")
    return signed


def parse_seconds(text: str, *, days: bool = False) -> float:
    """Read a duration as float seconds, the unit of Trio's clock.

    Raises:
      InvalidError: As :func:`parse_nanoseconds`.
    """
    return parse_nanoseconds(text, days=days) / 1e9


def to_nanoseconds(value: object, *, days: bool = False) -> int:
    """Read a duration given as text or as a number of nanoseconds.

    A fraction of a nanosecond is cut off, so ``0.01`` is zero.

    Raises:
      InvalidError: The value is neither text nor a finite number of 64 bits.

    Source: core T-1, T-3.
    """
    if isinstance(value, str):
        return parse_nanoseconds(value, days=days)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidError(
            f"invalid duration: wanted text or a number, got {type(value).__name__}"
        )
    if isinstance(value, float) and not _SMALLEST <= value <= _LARGEST:
        raise _invalid(str(value), "it does not fit into 64 bits of nanoseconds")
    number = int(value)
    if not _SMALLEST <= number <= _LARGEST:
        raise _invalid(str(value), "it does not fit into 64 bits of nanoseconds")
    return number


def format_nanoseconds(nanoseconds: int) -> str:
    """Write a duration the way Go does: ``1h30m45s``, ``1m0s``, ``1.5s``, ``0s``.

    Source: core T-42.
    """
    if nanoseconds == 0:
        return "0s"
    sign = "-" if nanoseconds < 0 else ""
    size = abs(nanoseconds)
    for unit, scale in (("ns", 1), ("\u00b5s", 1_000), ("ms", 1_000_000)):
        if size < scale * 1_000:
            return f"{sign}{_decimal(size, scale)}{unit}"
    minutes, rest = divmod(size, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, _UNITS['s'])}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    if minutes:
        return f"{sign}{minutes}m{text}"
    return sign + text


def _decimal(size: int, scale: int) -> str:
    whole, rest = divmod(size, scale)
    if not rest:
        return str(whole)
    digits = str(rest).rjust(len(str(scale)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}"


def _invalid(text: str, why: str) -> InvalidError:
    shown = text if len(text) <= 60 else text[:57] + "..."
    return InvalidError(f'invalid duration {shown!r}: wanted text like "1h30m", {why}')

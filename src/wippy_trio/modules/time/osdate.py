"""`os.date` and `os.time`: dates in C's manner.

Source: core 12.2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wippy_trio.expr import UTC_ZONE, Moment, format_moment, moment_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["date_fields", "format_date", "read_time"]

_SPECIFIER = re.compile(r"%(.)", re.DOTALL)
_NUMBER = re.compile(
    r"\s*([+-]?)(?:0[xX]([0-9a-fA-F]{1,15})|([0-9]{1,15})(?:\.[0-9]*)?)\s*"
)


def _layout(layout: str) -> Callable[[Moment], str]:
    return lambda moment: format_moment(moment, layout)


def _iso_week(moment: Moment) -> str:
    return f"{moment.iso_week()[1]:02d}"


_SPECIFIERS: dict[str, Callable[[Moment], str]] = {
    "a": _layout("Mon"),
    "A": _layout("Monday"),
    "b": _layout("Jan"),
    "B": _layout("January"),
    "c": _layout("Mon Jan _2 15:04:05 2006"),
    "d": _layout("02"),
    "H": _layout("15"),
    "I": _layout("03"),
    "j": _layout("002"),
    "m": _layout("01"),
    "M": _layout("04"),
    "p": _layout("PM"),
    "S": _layout("05"),
    "U": _iso_week,
    "w": lambda moment: str(moment.weekday()),
    "W": _iso_week,
    "x": _layout("01/02/06"),
    "X": _layout("15:04:05"),
    "y": _layout("06"),
    "Y": _layout("2006"),
    "z": _layout("-0700"),
    "Z": _layout("MST"),
    "%": lambda _: "%",
}


def format_date(text: str, moment: Moment) -> str | dict[str, int | bool]:
    """Write a moment as ``os.date`` does.

    Args:
      text: The format; a leading ``!`` shows the moment in UTC, ``*t`` asks for
        fields. An unknown specifier is copied.
      moment: When, in the zone to show it in.

    Returns:
      A text, or for ``*t`` the fields.

    Source: core OS-2 to OS-7.
    """
    if text.startswith("!"):
        text, moment = text[1:], moment.in_zone(UTC_ZONE)
    if text.startswith("*t"):
        return date_fields(moment)

    def replace(match: re.Match[str]) -> str:
        write = _SPECIFIERS.get(match[1])
        return match[0] if write is None else write(moment)

    return _SPECIFIER.sub(replace, text)


def date_fields(moment: Moment) -> dict[str, int | bool]:
    """Name the fields of a moment as ``*t`` does.

    ``isdst`` tells whether daylight saving is in effect.

    Source: core OS-3.
    """
    year, month, day = moment.date()
    hour, minute, second = moment.clock()
    return {
        "year": year,
        "month": month,
        "day": day,
        "hour": hour,
        "min": minute,
        "sec": second,
        "wday": moment.weekday() + 1,
        "yday": moment.year_day(),
        "isdst": moment.zone.is_daylight(moment.seconds),
    }


def read_time(fields: Mapping[str, object], now: Moment) -> int:
    """Turn fields into Unix seconds as ``os.time`` does.

    Args:
      fields: ``year month day hour min sec``; others are not read, and neither is
        what is no number. Fields out of range are carried over.
      now: Gives the date where fields do not, and the zone.

    Source: core OS-1.
    """
    year, month, day = now.date()
    return moment_of(
        _field(fields, "year", year),
        _field(fields, "month", month),
        _field(fields, "day", day),
        _field(fields, "hour", 0),
        _field(fields, "min", 0),
        _field(fields, "sec", 0),
        zone=now.zone,
    ).seconds


def _field(fields: Mapping[str, object], name: str, default: int) -> int:
    value = fields.get(name)
    if isinstance(value, bool):
        return default
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if abs(value) < 2**63 else default
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return default
    sign, hexadecimal, decimal = match.groups()
    number = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return -number if sign == "-" else number

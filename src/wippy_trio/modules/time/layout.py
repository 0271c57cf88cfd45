"""What the `time` module knows of the calendar: layouts by name, constants, moments.

A time value is a :class:`Moment`: Unix seconds, nanoseconds and a zone. Its methods are
the arithmetic of core T-34 to T-39; the functions here write and read it.

Source: core 17.3, 17.5, 17.6.
"""

from __future__ import annotations

from wippy_trio.expr import (
    LOCAL,
    MONTHS,
    UTC_ZONE,
    WEEKDAYS,
    FixedZone,
    Moment,
    Zone,
    format_moment,
    load_zone,
    moment_of,
    moment_text,
    parse_moment,
)

__all__ = [
    "LAYOUTS",
    "LOCAL",
    "MONTH_CONSTANTS",
    "UTC_ZONE",
    "WEEKDAY_CONSTANTS",
    "FixedZone",
    "Moment",
    "Zone",
    "format_moment",
    "format_rfc3339",
    "load_zone",
    "moment_from_unix",
    "moment_of",
    "moment_text",
    "parse_moment",
]

LAYOUTS = {
    "RFC3339": "2006-01-02T15:04:05Z07:00",
    "RFC3339NANO": "2006-01-02T15:04:05.999999999Z07:00",
    "RFC822": "02 Jan 06 15:04 MST",
    "RFC822Z": "02 Jan 06 15:04 -0700",
    "RFC850": "Monday, 02-Jan-06 15:04:05 MST",
    "RFC1123": "Mon, 02 Jan 2006 15:04:05 MST",
    "RFC1123Z": "Mon, 02 Jan 2006 15:04:05 -0700",
    "KITCHEN": "3:04PM",
    "STAMP": "Jan _2 15:04:05",
    "STAMP_MILLI": "Jan _2 15:04:05.000",
    "STAMP_MICRO": "Jan _2 15:04:05.000000",
    "STAMP_NANO": "Jan _2 15:04:05.000000000",
    "DATE_TIME": "2006-01-02 15:04:05",
    "DATE_ONLY": "2006-01-02",
    "TIME_ONLY": "15:04:05",
}
"""The named layouts (core T-62)."""

MONTH_CONSTANTS = {name.upper(): number for number, name in enumerate(MONTHS, 1)}
"""``JANUARY`` 1 to ``DECEMBER`` 12 (core T-64)."""

WEEKDAY_CONSTANTS = {name.upper(): number for number, name in enumerate(WEEKDAYS)}
"""``SUNDAY`` 0 to ``SATURDAY`` 6 (core T-64)."""


def format_rfc3339(moment: Moment) -> str:
    """Write a moment as RFC 3339 has it, whole seconds.

    Source: core T-34.
    """
    return format_moment(moment, LAYOUTS["RFC3339"])


def moment_from_unix(seconds: int, nanoseconds: int = 0, zone: Zone = LOCAL) -> Moment:
    """Build a moment from Unix time; nanoseconds out of range are carried over.

    Source: core T-32.
    """
    return Moment(seconds, 0, zone).add(nanoseconds)

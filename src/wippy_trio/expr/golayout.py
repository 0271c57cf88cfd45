"""Go's time layouts: an example text says how a moment is written and read.

The example is Monday 2 January 2006, 15:04:05, zone MST (-0700). Parts that look like
one of its elements stand for that part of any moment; all else is literal.

Source: core 17.6.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from wippy_trio.errors import InvalidError
from wippy_trio.expr.gotime import (
    LOCAL,
    UTC_ZONE,
    FixedZone,
    Moment,
    Zone,
    civil_from_days,
    days_from_civil,
    days_in_month,
    is_leap,
    moment_of,
    offset_of_abbreviation,
)

__all__ = ["RFC3339", "RFC3339_NANO", "format_moment", "moment_text", "parse_moment"]

RFC3339 = "2006-01-02T15:04:05Z07:00"
RFC3339_NANO = "2006-01-02T15:04:05.999999999Z07:00"
_TEXT = "2006-01-02 15:04:05.999999999 -0700 MST"

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS = (
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
)
_SHORT_MONTHS = tuple(name[:3] for name in MONTHS)
_SHORT_WEEKDAYS = tuple(name[:3] for name in WEEKDAYS)

# Longer elements first; `Jan` and `Mon` not before a lower-case letter; `_2006` is an
# underscore before a year; a fraction counts only right after the seconds.
_ELEMENT = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST"
    r"|0[1-6]|002|15|1|2006|_2(?!006)|__2|2|3|4|5|PM|pm"
    r"|-07:00:00|-070000|-07:00|-0700|-07|Z07:00:00|Z070000|Z07:00|Z0700|Z07"
    r"|(?<=5)[.,](?:0+|9+)(?![0-9])"
)
_SECONDS = frozenset({"05", "5"})


class _Part(NamedTuple):
    literal: str
    element: str


@functools.lru_cache(maxsize=256)
def _split(layout: str) -> tuple[_Part, ...]:
    """Cut a layout into literals, each followed by an element; the last has none."""
    parts: list[_Part] = []
    position = 0
    previous = ""
    for match in _ELEMENT.finditer(layout):
        element, literal = match[0], layout[position : match.start()]
        if element[0] in ".," and (literal or previous not in _SECONDS):
            continue
        parts.append(_Part(literal, element))
        position = match.end()
        previous = element
    parts.append(_Part(layout[position:], ""))
    return tuple(parts)


# Writing


def format_moment(moment: Moment, layout: str) -> str:
    """Write a moment as a layout shows it.

    Source: core T-60, T-61.
    """
    year, month, day = moment.date()
    hour, minute, second = moment.clock()
    offset, abbreviation = moment.zone.lookup(moment.seconds)
    out: list[str] = []
    for literal, element in _split(layout):
        out.append(literal)
        match element:
            case "":
                text = ""
            case "2006":
                text = f"{year:04d}" if year >= 0 else f"-{-year:04d}"
            case "06":
                text = f"{year % 100:02d}"
            case "January":
                text = MONTHS[month - 1]
            case "Jan":
                text = _SHORT_MONTHS[month - 1]
            case "01":
                text = f"{month:02d}"
            case "1":
                text = str(month)
            case "Monday":
                text = WEEKDAYS[moment.weekday()]
            case "Mon":
                text = _SHORT_WEEKDAYS[moment.weekday()]
            case "02":
                text = f"{day:02d}"
            case "_2":
                text = f"{day:2d}"
            case "2":
                text = str(day)
            case "002":
                text = f"{moment.year_day():03d}"
            case "__2":
                text = f"{moment.year_day():3d}"
            case "15":
                text = f"{hour:02d}"
            case "03":
                text = f"{hour % 12 or 12:02d}"
            case "3":
                text = str(hour % 12 or 12)
            case "04":
                text = f"{minute:02d}"
            case "4":
                text = str(minute)
            case "05":
                text = f"{second:02d}"
            case "5":
                text = str(second)
            case "PM":
                text = "PM" if hour >= 12 else "AM"
            case "pm":
                text = "pm" if hour >= 12 else "am"
            case "MST":
                text = abbreviation or _offset_text(offset, "-0700")
            case _ if element[0] in ".,":
                text = _fraction_text(moment.nanoseconds, element)
            case _:
                text = _offset_text(offset, element)
        out.append(text)
    return "".join(out)


def moment_text(moment: Moment) -> str:
    """Write a moment as ``tostring`` shows it (core T-38)."""
    return format_moment(moment, _TEXT)


def _fraction_text(nanoseconds: int, element: str) -> str:
    digits = f"{nanoseconds:09d}".ljust(len(element) - 1, "0")[: len(element) - 1]
    if element[1] == "9":
        digits = digits.rstrip("0")
    return element[0] + digits if digits else ""


def _offset_text(offset: int, element: str) -> str:
    if element[0] == "Z" and offset == 0:
        return "Z"
    sign = "-" if offset < 0 else "+"
    minutes, seconds = divmod(abs(offset), 60)
    hours, minutes = divmod(minutes, 60)
    fields = [f"{hours:02d}"]
    digits = sum(character.isdigit() for character in element)
    if digits >= 4:
        fields.append(f"{minutes:02d}")
    if digits == 6:
        fields.append(f"{seconds:02d}")
    return sign + (":" if ":" in element else "").join(fields)


# Reading


class _Mismatch(Exception):  # noqa: N818 - a signal within this file
    """The rest of the value does not fit the element; or a field is out of range."""

    def __init__(self, range_of: str = "") -> None:
        super().__init__(range_of)
        self.range_of = range_of


class _Fields:
    """What a value said so far; -1 and None for what it did not say."""

    __slots__ = (
        "abbreviation",
        "afternoon",
        "day",
        "hour",
        "minute",
        "month",
        "nanosecond",
        "offset",
        "second",
        "utc",
        "year",
        "year_day",
    )

    def __init__(self) -> None:
        self.year = 0
        self.month = -1
        self.day = -1
        self.year_day = -1
        self.hour = 0
        self.minute = 0
        self.second = 0
        self.nanosecond = 0
        self.afternoon: bool | None = None
        self.utc = False
        self.offset: int | None = None
        self.abbreviation = ""


def parse_moment(layout: str, value: str, zone: Zone = LOCAL) -> Moment:
    """Read a moment from a text written as a layout shows.

    A fraction after the seconds is read even if the layout has none. What the layout
    does not mention is year 0, month 1, day 1, midnight. A text that names its offset
    keeps it, in ``zone`` if that zone has it then.

    Args:
      layout: The example.
      value: The text to read.
      zone: The zone of a text that names none.

    Raises:
      InvalidError: The text does not fit, or a field is out of range.

    Source: core T-33, T-63.
    """
    fields = _Fields()
    parts = _split(layout)
    rest = value
    for number, (literal, element) in enumerate(parts):
        held = rest
        try:
            rest = _skip(rest, literal)
        except _Mismatch:
            raise _unfit(layout, value, literal, held) from None
        if not element:
            if rest:
                raise InvalidError(
                    f"parsing time {value!r}: extra text: {rest!r}"
                ) from None
            break
        held = rest
        following = parts[number + 1].element if not parts[number + 1].literal else ""
        try:
            rest = _read(fields, element, rest, following)
        except _Mismatch as mismatch:
            if mismatch.range_of:
                raise _out_of_range(value, mismatch.range_of) from None
            raise _unfit(layout, value, element, held) from None
    return _assemble(fields, value, zone)


def _unfit(layout: str, value: str, element: str, rest: str) -> InvalidError:
    return InvalidError(
        f"parsing time {value!r} as {layout!r}: cannot parse {rest!r} as {element!r}"
    )


def _out_of_range(value: str, field: str) -> InvalidError:
    return InvalidError(f"parsing time {value!r}: {field} out of range")


def _skip(value: str, literal: str) -> str:
    """Step over a literal; a run of spaces fits any run, or the end."""
    while literal:
        if literal[0] == " ":
            if value and value[0] != " ":
                raise _Mismatch
            literal = literal.lstrip(" ")
            value = value.lstrip(" ")
            continue
        if not value or value[0] != literal[0]:
            raise _Mismatch
        literal, value = literal[1:], value[1:]
    return value


def _is_digit(text: str, index: int) -> bool:
    return index < len(text) and "0" <= text[index] <= "9"


def _number(value: str, *, fixed: bool) -> tuple[int, str]:
    """Read one or two digits; exactly two if fixed."""
    if not _is_digit(value, 0):
        raise _Mismatch
    if not _is_digit(value, 1):
        if fixed:
            raise _Mismatch
        return int(value[0]), value[1:]
    return int(value[:2]), value[2:]


def _lookup(names: tuple[str, ...], value: str) -> tuple[int, str]:
    for index, name in enumerate(names):
        if value[: len(name)].lower() == name.lower():
            return index, value[len(name) :]
    raise _Mismatch


def _nanoseconds(value: str, length: int) -> int:
    """Read a fraction, of which ``length`` counts the point and the digits."""
    if value[:1] not in {".", ","}:
        raise _Mismatch
    digits = value[1:length][:9]
    if not digits.isascii() or not digits.isdigit():
        raise _Mismatch
    return int(digits.ljust(9, "0"))


def _digits_after_point(value: str) -> int:
    end = 1
    while _is_digit(value, end):
        end += 1
    return end


def _within(number: int, low: int, high: int, field: str) -> int:
    if not low <= number <= high:
        raise _Mismatch(field)
    return number


def _read(fields: _Fields, element: str, value: str, following: str) -> str:
    """Read one element, and return what is left of the value."""
    match element:
        case "06":
            if not (_is_digit(value, 0) and _is_digit(value, 1)):
                raise _Mismatch
            short = int(value[:2])
            fields.year = short + (1900 if short >= 69 else 2000)
            return value[2:]
        case "2006":
            if not all(_is_digit(value, index) for index in range(4)):
                raise _Mismatch
            fields.year = int(value[:4])
            return value[4:]
        case "January" | "Jan":
            names = MONTHS if element == "January" else _SHORT_MONTHS
            index, value = _lookup(names, value)
            fields.month = index + 1
        case "Monday" | "Mon":
            _, value = _lookup(
                WEEKDAYS if element == "Monday" else _SHORT_WEEKDAYS, value
            )
        case "01" | "1":
            number, value = _number(value, fixed=element == "01")
            fields.month = _within(number, 1, 12, "month")
        case "02" | "_2" | "2":
            if element == "_2":
                value = value.removeprefix(" ")
            # Any one or two digits: the day is held against its month at the end.
            fields.day, value = _number(value, fixed=element == "02")
        case "002" | "__2":
            value = _read_year_day(fields, element, value)
        case "15" | "3" | "03":
            number, value = _number(value, fixed=element == "03")
            fields.hour = _within(number, 0, 23 if element == "15" else 12, "hour")
        case "04" | "4":
            number, value = _number(value, fixed=element == "04")
            fields.minute = _within(number, 0, 59, "minute")
        case "05" | "5":
            number, value = _number(value, fixed=element == "05")
            fields.second = _within(number, 0, 59, "second")
            if following[:1] not in {".", ","}:
                value = _read_fraction(fields, ".9", value)
        case "PM" | "pm":
            half = value[:2]
            if half not in ({"AM", "PM"} if element == "PM" else {"am", "pm"}):
                raise _Mismatch
            fields.afternoon = half.lower() == "pm"
            return value[2:]
        case "MST":
            value = _read_abbreviation(fields, value)
        case _ if element[0] in ".,":
            value = _read_fraction(fields, element, value)
        case _:
            value = _read_offset(fields, element, value)
    return value


def _read_year_day(fields: _Fields, element: str, value: str) -> str:
    if element == "__2":
        value = value.removeprefix(" ").removeprefix(" ")
    end = 0
    while end < 3 and _is_digit(value, end):
        end += 1
    if end == 0 or (element == "002" and end != 3):
        raise _Mismatch
    fields.year_day = int(value[:end])
    return value[end:]


def _read_fraction(fields: _Fields, element: str, value: str) -> str:
    if element[1] == "0":
        if len(value) < len(element):
            raise _Mismatch
        fields.nanosecond = _nanoseconds(value, len(element))
        return value[len(element) :]
    if value[:1] not in {".", ","} or not _is_digit(value, 1):
        return value
    end = _digits_after_point(value)
    fields.nanosecond = _nanoseconds(value, end)
    return value[end:]


def _read_offset(fields: _Fields, element: str, value: str) -> str:
    if element[0] == "Z" and value[:1] == "Z":
        fields.utc = True
        return value[1:]
    digits = sum(character.isdigit() for character in element)
    width = len(element.removeprefix("Z").removeprefix("-")) + 1
    text = value[:width]
    if len(text) < width or text[0] not in "+-":
        raise _Mismatch
    if ":" in element:
        if any(text[at] != ":" for at in range(3, width, 3)):
            raise _Mismatch
        text = text.replace(":", "")
    numbers = []
    for at, field in zip(
        range(1, digits + 1, 2), ("hour", "minute", "second"), strict=False
    ):
        number, _ = _number(text[at : at + 2], fixed=True)
        limit = 24 if field == "hour" else 60
        numbers.append(_within(number, 0, limit, f"time zone offset {field}"))
    hours, minutes, seconds = [*numbers, 0, 0][:3]
    offset = hours * 3600 + minutes * 60 + seconds
    fields.offset = -offset if text[0] == "-" else offset
    return value[width:]


def _read_abbreviation(fields: _Fields, value: str) -> str:
    if value.startswith("UTC"):
        fields.utc = True
        return value[3:]
    length = _abbreviation_length(value)
    if not length:
        raise _Mismatch
    fields.abbreviation = value[:length]
    return value[length:]


def _abbreviation_length(value: str) -> int:
    """Measure the zone abbreviation a value begins with; 0 if there is none."""
    if value[:4] in {"ChST", "MeST"}:
        return 4
    if value[:3] == "GMT":
        return 3 + _signed_offset_length(value[3:])
    if value[:1] in {"+", "-"}:
        return _signed_offset_length(value)
    upper = 0
    while upper < 6 and value[upper : upper + 1] and "A" <= value[upper] <= "Z":
        upper += 1
    if upper == 3 or (upper == 5 and value[4] == "T"):
        return upper
    if upper == 4 and (value[3] == "T" or value[:4] == "WITA"):
        return 4
    return 0


def _signed_offset_length(value: str) -> int:
    if value[:1] not in {"+", "-"}:
        return 0
    end = _digits_after_point(value)
    if end == 1 or end > 20 or int(value[1:end]) > 23:
        return 0
    return end


def _assemble(fields: _Fields, value: str, zone: Zone) -> Moment:
    hour = fields.hour
    if fields.afternoon is True and hour < 12:
        hour += 12
    elif fields.afternoon is False and hour == 12:
        hour = 0
    month, day = _month_and_day(fields, value)

    def build(shown_in: Zone) -> Moment:
        return moment_of(
            fields.year,
            month,
            day,
            hour,
            fields.minute,
            fields.second,
            fields.nanosecond,
            shown_in,
        )

    if fields.utc:
        return build(UTC_ZONE)
    if fields.offset is not None:
        moment = build(FixedZone(fields.abbreviation, fields.offset))
        offset, name = zone.lookup(moment.seconds)
        if offset == fields.offset and fields.abbreviation in {"", name}:
            return moment.in_zone(zone)
        return moment
    if fields.abbreviation:
        name = fields.abbreviation
        known = offset_of_abbreviation(zone, name, build(UTC_ZONE).seconds)
        if known is not None:
            return build(FixedZone(name, known)).in_zone(zone)
        hours = int(name[3:]) if name[:3] == "GMT" and len(name) > 3 else 0
        return build(FixedZone(name, hours * 3600))
    return build(zone)


def _month_and_day(fields: _Fields, value: str) -> tuple[int, int]:
    year = fields.year
    if fields.year_day >= 0:
        if not 1 <= fields.year_day <= 365 + is_leap(year):
            raise _out_of_range(value, "day-of-year")
        start = days_from_civil(year, 1, 1)
        _, month, day = civil_from_days(start + fields.year_day - 1)
        if fields.month >= 0 and fields.month != month:
            raise InvalidError(
                f"parsing time {value!r}: day-of-year does not match month"
            )
        if fields.day >= 0 and fields.day != day:
            raise InvalidError(
                f"parsing time {value!r}: day-of-year does not match day"
            )
        return month, day
    month = 1 if fields.month < 0 else fields.month
    day = 1 if fields.day < 0 else fields.day
    if not 1 <= day <= days_in_month(year, month):
        raise _out_of_range(value, "day")
    return month, day

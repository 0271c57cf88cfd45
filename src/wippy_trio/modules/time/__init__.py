"""`time`: durations, waits, timers, moments in places.

The calendar is :mod:`wippy_trio.expr`'s, since expressions have dates too; the waits
are the engine's, and the Lua part beside this file builds on both. A moment crosses as
Unix seconds, nanoseconds and the text of its zone: ``Local``, ``UTC``, a name of the
IANA database, or ``=name=offset`` for a fixed zone.
"""

from __future__ import annotations

from pathlib import Path

from wippy_trio.duration import format_nanoseconds
from wippy_trio.expr import (
    LOCAL,
    UTC_ZONE,
    FixedZone,
    Moment,
    Zone,
    format_moment,
    load_zone,
    moment_of,
    moment_text,
    parse_moment,
)
from wippy_trio.modules.time.layout import (
    LAYOUTS,
    MONTH_CONSTANTS,
    WEEKDAY_CONSTANTS,
)
from wippy_trio.sdk import InvalidError, LuaModule

__all__ = ["MODULE"]

MODULE = LuaModule(
    "time",
    classes=("time", "nondeterministic", "workflow"),
    declares="""
    type Duration = {
      nanoseconds: (self: Duration) -> integer,
      microseconds: (self: Duration) -> integer,
      milliseconds: (self: Duration) -> integer,
      seconds: (self: Duration) -> number,
      minutes: (self: Duration) -> number,
      hours: (self: Duration) -> number
    }
    type Location = {string: (self: Location) -> string}
    type Time = {
      add: (self: Time, d: any) -> Time,
      sub: (self: Time, t: Time) -> Duration,
      add_date: (self: Time, years: number, months: number, days: number) -> Time,
      before: (self: Time, t: Time) -> boolean,
      after: (self: Time, t: Time) -> boolean,
      equal: (self: Time, t: Time) -> boolean,
      format: (self: Time, layout: string) -> string,
      format_rfc3339: (self: Time) -> string,
      unix: (self: Time) -> integer,
      unix_nano: (self: Time) -> integer,
      date: (self: Time) -> (integer, integer, integer),
      clock: (self: Time) -> (integer, integer, integer),
      year: (self: Time) -> integer,
      month: (self: Time) -> integer,
      day: (self: Time) -> integer,
      hour: (self: Time) -> integer,
      minute: (self: Time) -> integer,
      second: (self: Time) -> integer,
      nanosecond: (self: Time) -> integer,
      weekday: (self: Time) -> integer,
      year_day: (self: Time) -> integer,
      is_zero: (self: Time) -> boolean,
      utc: (self: Time) -> Time,
      in_local: (self: Time) -> Time,
      in_location: (self: Time, place: Location) -> Time,
      location: (self: Time) -> Location,
      round: (self: Time, d: Duration) -> Time,
      truncate: (self: Time, d: Duration) -> Time
    }
    type Timer = {
      channel: (self: Timer) -> Channel<Time>,
      response: (self: Timer) -> Channel<Time>,
      stop: (self: Timer) -> boolean,
      reset: (self: Timer, d: any) -> boolean
    }
    type Ticker = {
      channel: (self: Ticker) -> Channel<Time>,
      response: (self: Ticker) -> Channel<Time>,
      stop: (self: Ticker) -> boolean
    }
    now: () -> Time
    date: (year: number, month: number, day: number, hour: number, minute: number,
      second: number, nanosecond: number, place: Location?) -> Time
    unix: (seconds: number, nanoseconds: number) -> Time
    parse: (layout: string, text: string, place: Location?) -> (Time?, Error?)
    parse_duration: (d: any) -> (Duration?, Error?)
    sleep: (d: any) -> (nil, Error?)
    after: (d: any) -> (Channel<Time>?, Error?)
    timer: (d: any) -> (Timer?, Error?)
    ticker: (d: any) -> (Ticker?, Error?)
    load_location: (name: string) -> (Location?, Error?)
    fixed_zone: (name: string, offset: number) -> Location
    utc: Location
    localtz: Location
    JANUARY: integer
    FEBRUARY: integer
    MARCH: integer
    APRIL: integer
    MAY: integer
    JUNE: integer
    JULY: integer
    AUGUST: integer
    SEPTEMBER: integer
    OCTOBER: integer
    NOVEMBER: integer
    DECEMBER: integer
    SUNDAY: integer
    MONDAY: integer
    TUESDAY: integer
    WEDNESDAY: integer
    THURSDAY: integer
    FRIDAY: integer
    SATURDAY: integer
    NANOSECOND: integer
    MICROSECOND: integer
    MILLISECOND: integer
    SECOND: integer
    MINUTE: integer
    HOUR: integer
    DATE_ONLY: string
    DATE_TIME: string
    TIME_ONLY: string
    KITCHEN: string
    RFC1123: string
    RFC1123Z: string
    RFC3339: string
    RFC3339NANO: string
    RFC822: string
    RFC822Z: string
    RFC850: string
    STAMP: string
    STAMP_MICRO: string
    STAMP_MILLI: string
    STAMP_NANO: string
    """,
    source=Path(__file__).with_name("time.lua").read_bytes(),
)
for _name, _value in {**LAYOUTS, **MONTH_CONSTANTS, **WEEKDAY_CONSTANTS}.items():
    MODULE.constant(_name, _value)


def _zone(text: str) -> Zone:
    if text == "Local":
        return LOCAL
    if text == "UTC":
        return UTC_ZONE
    if text.startswith("="):
        name, _, offset = text[1:].rpartition("=")
        return FixedZone(name, int(offset))
    return load_zone(text)


def _moment(seconds: int, nanoseconds: int, zone: str) -> Moment:
    return Moment(seconds, nanoseconds, _zone(zone))


@MODULE.export(name="_date", pair=False)
def date(
    year: int,
    month: int,
    day: int,
    hour: int,
    minute: int,
    second: int,
    nanosecond: int,
    zone: str,
) -> tuple[int, int]:
    """Find a moment by its parts, normalised (core T-31)."""
    found = moment_of(year, month, day, hour, minute, second, nanosecond, _zone(zone))
    return found.seconds, found.nanoseconds


@MODULE.export(name="_parse")
def parse(layout: str, value: str, zone: str) -> list[object]:
    """Read a text by a layout: seconds, nanoseconds, zone (core T-33)."""
    found = parse_moment(layout, value, _zone(zone))
    return [found.seconds, found.nanoseconds, _zone_text(found)]


def _zone_text(moment: Moment) -> str:
    zone = moment.zone
    if isinstance(zone, FixedZone):
        if zone == UTC_ZONE:
            return "UTC"
        return f"={zone.name}={zone.offset}"
    return zone.name


@MODULE.export(name="_format", pair=False, raises=True)
def write(seconds: int, nanoseconds: int, zone: str, layout: str) -> str:
    """Write a moment by a layout (core T-60)."""
    return format_moment(_moment(seconds, nanoseconds, zone), layout)


@MODULE.export(name="_text", pair=False, raises=True)
def text(seconds: int, nanoseconds: int, zone: str) -> str:
    """Write a moment as ``tostring`` does (core T-38)."""
    return moment_text(_moment(seconds, nanoseconds, zone))


@MODULE.export(name="_parts", pair=False, raises=True)
def parts(seconds: int, nanoseconds: int, zone: str) -> tuple[int, ...]:
    """Take a moment apart: date, clock, weekday, day of the year."""
    moment = _moment(seconds, nanoseconds, zone)
    return (*moment.date(), *moment.clock(), moment.weekday(), moment.year_day())


@MODULE.export(name="_add_date", pair=False, raises=True)
def add_date(
    seconds: int, nanoseconds: int, zone: str, years: int, months: int, days: int
) -> tuple[int, int]:
    """Move a moment by years, months and days (core T-36)."""
    moment = _moment(seconds, nanoseconds, zone).add_date(years, months, days)
    return moment.seconds, moment.nanoseconds


@MODULE.export(name="_round", pair=False, raises=True)
def rounded(
    seconds: int, nanoseconds: int, zone: str, step: int, up: bool
) -> tuple[int, int]:
    """Round or truncate to a multiple (core T-37)."""
    moment = _moment(seconds, nanoseconds, zone)
    moment = moment.round(step) if up else moment.truncate(step)
    return moment.seconds, moment.nanoseconds


@MODULE.export(name="_load")
def load(name: str) -> str:
    """Check the name of a place (core T-50)."""
    if not name:
        raise InvalidError("empty location name")
    return load_zone(name).name


@MODULE.export(name="_duration_text", pair=False)
def duration_text(nanoseconds: int) -> str:
    """Write a duration (core T-42)."""
    return format_nanoseconds(nanoseconds)

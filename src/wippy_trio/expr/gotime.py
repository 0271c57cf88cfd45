"""Moments, zones and calendar arithmetic, as Go computes them.

A moment is whole Unix seconds, nanoseconds within the second, and the zone it is shown
in. The calendar is the proleptic Gregorian one, for any year, so nothing here goes
through `datetime` except the offsets of IANA zones.

Source: core section 17.
"""

from __future__ import annotations

import functools
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from wippy_trio.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    import zoneinfo

__all__ = [
    "LOCAL",
    "UTC_ZONE",
    "ZERO_SECONDS",
    "FixedZone",
    "Moment",
    "NamedZone",
    "Zone",
    "civil_from_days",
    "days_from_civil",
    "days_in_month",
    "is_leap",
    "load_zone",
    "moment_of",
]

ZERO_SECONDS = -62_135_596_800
"""Unix seconds of the zero time, 1 January of year 1."""

_DAY = 86_400
_SECOND = 1_000_000_000
_MAX_INT64 = 2**63 - 1
_HALF_YEAR = 182 * _DAY
_FIRST = ZERO_SECONDS + 2 * _DAY
_LAST = 253_402_300_799 - 2 * _DAY  # the end of 9999, with room for an offset


class Zone(Protocol):
    """What a moment asks of the zone it is shown in."""

    @property
    def name(self) -> str:
        """Name the zone: ``UTC``, ``Local``, ``Europe/Paris``."""

    def lookup(self, seconds: int) -> tuple[int, str]:
        """Read the offset in seconds and the abbreviation at a Unix time."""

    def is_daylight(self, seconds: int) -> bool:
        """Tell whether daylight saving is in effect at a Unix time."""


class FixedZone(NamedTuple):
    """A zone with one offset, in seconds east of UTC.

    Source: core T-51.
    """

    name: str
    offset: int

    def lookup(self, seconds: int) -> tuple[int, str]:
        """Answer the one offset and the name."""
        return self.offset, self.name

    def is_daylight(self, seconds: int) -> bool:
        """Answer no."""
        return False


class NamedZone(NamedTuple):
    """A zone of the IANA database.

    Outside the years 1 to 9999 the rules of the nearest of them hold.

    Source: core T-50.
    """

    name: str
    rules: zoneinfo.ZoneInfo

    def _shown(self, seconds: int) -> datetime:
        at = datetime.fromtimestamp(_in_range(seconds), UTC)
        return at.astimezone(self.rules)

    def lookup(self, seconds: int) -> tuple[int, str]:
        """Read offset and abbreviation from the database."""
        shown = self._shown(seconds)
        offset = shown.utcoffset()
        seconds_east = 0 if offset is None else int(offset.total_seconds())
        return seconds_east, shown.tzname() or ""

    def is_daylight(self, seconds: int) -> bool:
        """Read it from the database."""
        return bool(self._shown(seconds).dst())


class _LocalZone(NamedTuple):
    """The zone of the machine, as the C library knows it."""

    name: str = "Local"

    def lookup(self, seconds: int) -> tuple[int, str]:
        shown = time.localtime(_in_range(seconds))
        return shown.tm_gmtoff, shown.tm_zone

    def is_daylight(self, seconds: int) -> bool:
        return time.localtime(_in_range(seconds)).tm_isdst > 0


def _in_range(seconds: int) -> int:
    return min(max(seconds, _FIRST), _LAST)


UTC_ZONE: Zone = FixedZone("UTC", 0)
"""Coordinated universal time (core T-52)."""

LOCAL: Zone = _LocalZone()
"""The zone of the machine (core T-52)."""


@functools.lru_cache(maxsize=128)
def load_zone(name: str) -> Zone:
    """Find a zone by its IANA name, ``UTC`` or ``Local``.

    Raises:
      InvalidError: The name is empty.
      NotFoundError: No such zone.

    Source: core T-50.
    """
    if not name:
        raise InvalidError("empty location name")
    if name == "UTC":
        return UTC_ZONE
    if name == "Local":
        return LOCAL

    import zoneinfo  # noqa: PLC0415 - start-up cost

    try:
        return NamedZone(name, zoneinfo.ZoneInfo(name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise NotFoundError(f"unknown time zone {name}") from error


def is_leap(year: int) -> bool:
    """Tell whether a year has 366 days."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(year: int, month: int) -> int:
    """Count the days of a month, 1 to 12."""
    if month == 2:
        return 29 if is_leap(year) else 28
    return 30 if month in {4, 6, 9, 11} else 31


def days_from_civil(year: int, month: int, day: int) -> int:
    """Count days from 1 January 1970; the day may be out of range, the month not."""
    # Years that begin in March put the leap day at the end: the lengths of the months
    # are then a straight line, and eras of 400 years repeat exactly.
    if month <= 2:
        year -= 1
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468 + day - 1


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Name year, month and day of a day counted from 1 January 1970."""
    era, of_era = divmod(days + 719_468, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + era * 400 + (month <= 2), month, day


class Moment(NamedTuple):
    """One instant, shown in one zone. Values never change.

    Two moments are the same instant if :meth:`equal` says so; ``==`` compares the zone
    as well.

    Source: core T-34 to T-39.
    """

    seconds: int
    nanoseconds: int = 0
    zone: Zone = UTC_ZONE

    @property
    def instant(self) -> tuple[int, int]:
        """Order moments by this, whatever their zones."""
        return self.seconds, self.nanoseconds

    @property
    def offset(self) -> int:
        """Read the zone's offset from UTC at this moment, in seconds."""
        return self.zone.lookup(self.seconds)[0]

    @property
    def abbreviation(self) -> str:
        """Read the zone's abbreviation at this moment, such as ``CET``."""
        return self.zone.lookup(self.seconds)[1]

    def _local(self) -> tuple[int, int]:
        return divmod(self.seconds + self.offset, _DAY)

    def date(self) -> tuple[int, int, int]:
        """Name year, month and day in the zone."""
        return civil_from_days(self._local()[0])

    def clock(self) -> tuple[int, int, int]:
        """Name hour, minute and second in the zone."""
        rest = self._local()[1]
        return rest // 3600, rest // 60 % 60, rest % 60

    def weekday(self) -> int:
        """Name the day of the week, 0 for Sunday."""
        return (self._local()[0] + 4) % 7

    def year_day(self) -> int:
        """Count the days of the year up to this one, 1 to 366."""
        days = self._local()[0]
        return days - days_from_civil(civil_from_days(days)[0], 1, 1) + 1

    def iso_week(self) -> tuple[int, int]:
        """Name the ISO 8601 year and week."""
        days = self._local()[0]
        # The week belongs to the year of its Thursday.
        thursday = days - (days + 3) % 7 + 3
        year = civil_from_days(thursday)[0]
        return year, (thursday - days_from_civil(year, 1, 1)) // 7 + 1

    def unix_nano(self) -> int:
        """Count nanoseconds from the epoch, wrapped to 64 bits."""
        return (self.seconds * _SECOND + self.nanoseconds + 2**63) % 2**64 - 2**63

    def is_zero(self) -> bool:
        """Tell whether this is the zero time, midnight UTC of 1 January of year 1."""
        return self.seconds == ZERO_SECONDS and self.nanoseconds == 0

    def equal(self, other: Moment) -> bool:
        """Compare the instants, whatever the zones (core T-35)."""
        return self.instant == other.instant

    def add(self, nanoseconds: int) -> Moment:
        """Move by a duration."""
        carry, rest = divmod(self.nanoseconds + nanoseconds, _SECOND)
        return Moment(self.seconds + carry, rest, self.zone)

    def sub(self, other: Moment) -> int:
        """Measure from the other moment, in nanoseconds; capped to 64 bits."""
        span = (self.seconds - other.seconds) * _SECOND
        span += self.nanoseconds - other.nanoseconds
        return min(max(span, -_MAX_INT64 - 1), _MAX_INT64)

    def add_date(self, years: int, months: int, days: int) -> Moment:
        """Move by calendar units, then normalise (core T-36)."""
        year, month, day = self.date()
        hour, minute, second = self.clock()
        return moment_of(
            year + years,
            month + months,
            day + days,
            hour,
            minute,
            second,
            self.nanoseconds,
            self.zone,
        )

    def truncate(self, nanoseconds: int) -> Moment:
        """Go down to a multiple of a duration since the zero time (core T-37)."""
        if nanoseconds <= 0:
            return self
        return self.add(-(self._since_zero() % nanoseconds))

    def round(self, nanoseconds: int) -> Moment:
        """Go to the nearest multiple since the zero time, halves up (core T-37)."""
        if nanoseconds <= 0:
            return self
        rest = self._since_zero() % nanoseconds
        if rest + rest < nanoseconds:
            return self.add(-rest)
        return self.add(nanoseconds - rest)

    def _since_zero(self) -> int:
        return (self.seconds - ZERO_SECONDS) * _SECOND + self.nanoseconds

    def in_zone(self, zone: Zone) -> Moment:
        """Show the same instant in another zone."""
        return Moment(self.seconds, self.nanoseconds, zone)


def moment_of(
    year: int,
    month: int,
    day: int,
    hour: int = 0,
    minute: int = 0,
    second: int = 0,
    nanosecond: int = 0,
    zone: Zone = UTC_ZONE,
) -> Moment:
    """Build a moment from calendar units; what is out of range is carried over.

    A time that the zone skips or has twice is read with one of the two offsets in
    question, as Go does.

    Source: core T-31.
    """
    carry, month = divmod(month - 1, 12)
    year += carry
    carry, nanosecond = divmod(nanosecond, _SECOND)
    days = days_from_civil(year, month + 1, 1) + day - 1
    seconds = days * _DAY + hour * 3600 + minute * 60 + second + carry
    offset = zone.lookup(seconds)[0]
    if offset:
        # The first guess reads the wall clock as UTC; near a change of the clocks the
        # offset that holds at the moment itself decides.
        offset = zone.lookup(seconds - offset)[0]
    return Moment(seconds - offset, nanosecond, zone)


def offset_of_abbreviation(zone: Zone, abbreviation: str, seconds: int) -> int | None:
    """Find the offset that a zone calls by an abbreviation, near a wall-clock time.

    Returns:
      ``None`` if the zone does not use it within half a year on either side.
    """
    found: int | None = None
    for shift in (0, _HALF_YEAR, -_HALF_YEAR):
        offset, name = zone.lookup(seconds + shift)
        if name != abbreviation:
            continue
        if zone.lookup(seconds - offset) == (offset, abbreviation):
            return offset
        found = offset if found is None else found
    return found

"""Times of databases as RFC 3339 text in UTC, to the second (modules-io 2.4). Pure."""

from __future__ import annotations

import datetime as dt
import re

__all__ = [
    "rfc3339_of_local",
    "rfc3339_of_number",
    "rfc3339_of_text",
    "rfc3339_of_time",
]

_MILLISECONDS = 1_000_000_000_000

_MOMENT = re.compile(
    rb"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?)?"
    rb" ?(Z|UTC|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?"
)
_CLOCK = re.compile(rb"(\d\d:\d\d:\d\d)(?:\.\d+)?([+-]\d\d(?::\d\d)?)?")
_PLAIN_ZONES = frozenset({None, b"Z", b"UTC", b"+00", b"+00:00", b"+0000"})


def rfc3339_of_number(value: int) -> bytes:
    """Read Unix seconds, or milliseconds where seconds would be far from any date."""
    if not -_MILLISECONDS <= value <= _MILLISECONDS:
        value //= 1000
    try:
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=value)
    except OverflowError:
        return str(value).encode()
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0").encode()


def rfc3339_of_text(text: bytes) -> bytes:
    """Read a date or a moment; a text that is none is given back as it is."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return text
    date, clock, zone = found.groups()
    if zone in _PLAIN_ZONES:
        if clock is None:
            clock = b"00:00:00"
        elif len(clock) == 5:
            clock += b":00"
        return b"%bT%bZ" % (date, clock)
    if clock is None:
        return text
    written = f"{date.decode()}T{clock.decode()}{_offset(zone)}"
    try:
        moment = dt.datetime.fromisoformat(written).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return text
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0").encode()


def _offset(zone: bytes) -> str:
    digits = zone[1:].replace(b":", b"").decode().ljust(4, "0")
    pairs = [digits[i : i + 2] for i in range(0, len(digits), 2)]
    return zone[:1].decode() + ":".join(pairs)


def rfc3339_of_time(text: bytes) -> bytes:
    """Read a time of day: of the day zero, as a database without dates tells it."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        return text
    clock, zone = found.groups()
    return b"0000-01-01T%b%b" % (
        clock,
        b"Z" if zone in _PLAIN_ZONES else zone + b":00" * (len(zone) == 3),
    )


def rfc3339_of_local(text: bytes, zone: dt.tzinfo | None) -> bytes:
    """Read a moment of a place, that of this machine if none is given."""
    try:
        moment = dt.datetime.fromisoformat(text.decode())
        moment = moment.replace(tzinfo=zone) if zone is not None else moment
        moment = moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return text
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0").encode()

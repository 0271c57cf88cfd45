"""The built-in functions of time, and the methods of moments and durations.

Source: modules-data 11.3, group time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.duration import format_nanoseconds, parse_nanoseconds
from wippy_trio.errors import Error
from wippy_trio.expr.arguments import as_int, as_text, invalid
from wippy_trio.expr.failure import Fault
from wippy_trio.expr.frame import ANYTHING, STRING, Builtin, Frame
from wippy_trio.expr.golayout import (
    RFC3339,
    RFC3339_NANO,
    format_moment,
    moment_text,
    parse_moment,
)
from wippy_trio.expr.gotime import LOCAL, UTC_ZONE, Moment, Zone, load_zone
from wippy_trio.expr.values import Duration, kind_of, type_name

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TIME_FUNCTIONS", "call_method", "json_value", "shown"]

_GUESSES = (
    "2006-01-02",
    RFC3339,
    "2006-01-02 15:04:05",
    "15:04:05",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
)


def shown(value: Any) -> Any:
    """Replace moments, durations and zones in a value by their texts."""
    return _shown(value, {})


def _shown(value: Any, known: dict[int, Any]) -> Any:
    if isinstance(value, Moment):
        return moment_text(value)
    if isinstance(value, Duration):
        return format_nanoseconds(value.nanoseconds)
    if isinstance(value, (list, dict)):
        made = known.get(id(value))  # what is shared is replaced once
        if made is None:
            if isinstance(value, list):
                made = [_shown(item, known) for item in value]
            else:
                made = {key: _shown(item, known) for key, item in value.items()}
            known[id(value)] = made
        return made
    if kind_of(value) == "time.Location":
        return value.name
    return value


def json_value(value: Any) -> str | int | None:
    """Give what stands for a moment or duration in JSON; None for anything else."""
    if isinstance(value, Moment):
        return format_moment(value, RFC3339_NANO)
    if isinstance(value, Duration):
        return value.nanoseconds
    return None


def _now(frame: Frame) -> Moment:
    seconds, nanoseconds = divmod(frame.now(), 1_000_000_000)
    return Moment(seconds, nanoseconds, LOCAL)


def _date(frame: Frame, text: Any, layout: Any = None, zone: Any = None) -> Moment:
    text = as_text("date", text)
    shown_in = UTC_ZONE if zone is None else _zone("date", zone)
    layouts = _GUESSES if layout is None else (as_text("date", layout),)
    for candidate in layouts:
        try:
            return parse_moment(candidate, text, shown_in)
        except Error as error:
            reason = str(error)
    if layout is None:
        reason = f"invalid date {text}"
    raise Fault(reason)


def _zone(function: str, value: Any) -> Zone:
    if isinstance(value, str):
        try:
            return load_zone(value)
        except Error as error:
            raise Fault(str(error)) from error
    if kind_of(value) != "time.Location":
        raise invalid(function, value)
    zone: Zone = value
    return zone


def _timezone(frame: Frame, name: Any) -> Zone:
    return _zone("timezone", as_text("timezone", name))


def _duration(frame: Frame, text: Any) -> Duration:
    try:
        return Duration(parse_nanoseconds(as_text("duration", text)))
    except Error as error:
        raise Fault(str(error)) from error


TIME_FUNCTIONS: dict[str, Builtin] = {
    "now": Builtin(_now, 0, 0, (), "time.Time"),
    "date": Builtin(_date, 1, 3, (STRING, STRING, ANYTHING), "time.Time"),
    "duration": Builtin(_duration, 1, 1, (STRING,), "time.Duration"),
    "timezone": Builtin(_timezone, 1, 1, (STRING,), "time.Location"),
}
"""By name."""


# Methods


def _moment(value: Any) -> Moment:
    if not isinstance(value, Moment):
        raise Fault(f"invalid argument: wanted a date, got {type_name(value)}")
    return value


def _length(value: Any) -> int:
    if not isinstance(value, Duration):
        raise Fault(f"invalid argument: wanted a duration, got {type_name(value)}")
    return value.nanoseconds


def _layout(value: Any) -> str:
    return as_text("Format", value)


_MOMENT: dict[str, tuple[int, Callable[..., Any]]] = {
    "Year": (0, lambda t: t.date()[0]),
    "Month": (0, lambda t: t.date()[1]),
    "Day": (0, lambda t: t.date()[2]),
    "Hour": (0, lambda t: t.clock()[0]),
    "Minute": (0, lambda t: t.clock()[1]),
    "Second": (0, lambda t: t.clock()[2]),
    "Nanosecond": (0, lambda t: t.nanoseconds),
    "Weekday": (0, lambda t: t.weekday()),
    "YearDay": (0, lambda t: t.year_day()),
    "Unix": (0, lambda t: t.seconds),
    "UnixMilli": (0, lambda t: t.seconds * 1000 + t.nanoseconds // 1_000_000),
    "UnixMicro": (0, lambda t: t.seconds * 1_000_000 + t.nanoseconds // 1000),
    "UnixNano": (0, lambda t: t.unix_nano()),
    "IsZero": (0, lambda t: t.is_zero()),
    "String": (0, moment_text),
    "UTC": (0, lambda t: t.in_zone(UTC_ZONE)),
    "Local": (0, lambda t: t.in_zone(LOCAL)),
    "Location": (0, lambda t: t.zone),
    "In": (1, lambda t, zone: t.in_zone(_zone("In", zone))),
    "Format": (1, lambda t, layout: format_moment(t, _layout(layout))),
    "Before": (1, lambda t, other: t.instant < _moment(other).instant),
    "After": (1, lambda t, other: t.instant > _moment(other).instant),
    "Equal": (1, lambda t, other: t.equal(_moment(other))),
    "Compare": (
        1,
        lambda t, other: (
            (t.instant > _moment(other).instant) - (t.instant < _moment(other).instant)
        ),
    ),
    "Add": (1, lambda t, span: t.add(_length(span))),
    "Sub": (1, lambda t, other: Duration(t.sub(_moment(other)))),
    "Round": (1, lambda t, span: t.round(_length(span))),
    "Truncate": (1, lambda t, span: t.truncate(_length(span))),
    "AddDate": (
        3,
        lambda t, years, months, days: t.add_date(
            as_int("AddDate", years), as_int("AddDate", months), as_int("AddDate", days)
        ),
    ),
}


def _toward_zero(number: int, unit: int) -> int:
    return abs(number) // unit * (-1 if number < 0 else 1)


_DURATION: dict[str, tuple[int, Callable[..., Any]]] = {
    "Nanoseconds": (0, lambda d: d.nanoseconds),
    "Microseconds": (0, lambda d: _toward_zero(d.nanoseconds, 1_000)),
    "Milliseconds": (0, lambda d: _toward_zero(d.nanoseconds, 1_000_000)),
    "Seconds": (0, lambda d: d.nanoseconds / 1e9),
    "Minutes": (0, lambda d: d.nanoseconds / 60e9),
    "Hours": (0, lambda d: d.nanoseconds / 3600e9),
    "Abs": (0, lambda d: Duration(min(abs(d.nanoseconds), 2**63 - 1))),
    "String": (0, lambda d: format_nanoseconds(d.nanoseconds)),
}


def call_method(target: Any, name: str, arguments: list[Any]) -> Any:
    """Call a method of a moment, duration or zone.

    Raises:
      Fault: There is no such method, or the arguments do not fit.
    """
    if isinstance(target, Moment):
        found = _MOMENT.get(name)
    elif isinstance(target, Duration):
        found = _DURATION.get(name)
    elif kind_of(target) == "time.Location" and name == "String":
        found = (0, lambda zone: zone.name)
    else:
        found = None
    if found is None:
        raise Fault(f"{type_name(target)} has no method {name}")
    wanted, method = found
    if len(arguments) != wanted:
        raise Fault(
            f"wrong number of arguments to call {name}:"
            f" wanted {wanted}, got {len(arguments)}"
        )
    return method(target, *arguments)

"""Show the value of a cell as its number format says.

A small part of what spreadsheets know: whole numbers, decimals, thousands, percent,
dates and times. Any other format shows a number as General does.

Source: modules-data 7.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import re
from decimal import ROUND_HALF_UP, Decimal

from wippy_trio.expr.golayout import MONTHS, WEEKDAYS

__all__ = ["shown"]

_NUMBER = re.compile(r"(?P<group>#,##)?0(?:\.(?P<places>0+))?(?P<percent>%)?")
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[$][^\]]*\]|_.|\*.')
_TOKEN = re.compile(
    r"\[h+\]|\[m+\]|\[s+\]|am/pm|a/p|yyyy|yy|y|mmmmm|mmmm|mmm|mm|m|dddd|ddd|dd|d|hh|h"
    r"|ss|s|\.0+|\"[^\"]*\"|\\.|.",
    re.IGNORECASE | re.DOTALL,
)
_DAYS = WEEKDAYS[1:] + WEEKDAYS[:1]  # from Monday on
_LONGEST = 200


def shown(value: object, number_format: str) -> str:
    """Show a value as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        return _number(value, number_format)
    if isinstance(value, dt.datetime):
        return _date(value, number_format)
    if isinstance(value, dt.date):
        return _date(dt.datetime(value.year, value.month, value.day), number_format)
    if isinstance(value, dt.time):
        return _date(dt.datetime.combine(dt.date(1899, 12, 31), value), number_format)
    if isinstance(value, dt.timedelta):
        return _span(value, number_format)
    return str(value)


def _number(value: float, number_format: str) -> str:
    section = number_format.partition(";")[0]
    match = _NUMBER.fullmatch(_LITERAL.sub("", section).strip())
    if match is None or not math.isfinite(value):
        return _general(value)
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if match["percent"]:
        exact *= 100
    if exact.adjusted() > 300:
        return _general(value)
    step = Decimal(1).scaleb(-len(match["places"] or ""))
    rounded = exact.quantize(step, ROUND_HALF_UP) if exact.adjusted() < 25 else exact
    text = f"{rounded:,f}" if match["group"] else f"{rounded:f}"
    return f"{text}%" if match["percent"] else text


def _general(value: float) -> str:
    if isinstance(value, int) and abs(value) < 10**15:
        return str(value)
    return f"{value:.15g}".replace("e", "E")


@functools.lru_cache(maxsize=256)
def _tokens(number_format: str) -> tuple[str, ...]:
    """Cut the format of a date; an ``m`` beside hours or seconds becomes ``n``."""
    section = number_format.partition(";")[0][:_LONGEST]
    tokens = [t if t[0] in '"\\' else t.lower() for t in _TOKEN.findall(section)]
    letters = [i for i, t in enumerate(tokens) if t.strip("[]")[:1] in "ymdhs" and t]
    for place, index in enumerate(letters):
        if tokens[index] not in ("m", "mm"):
            continue
        before = tokens[letters[place - 1]].strip("[]") if place else ""
        after = tokens[letters[place + 1]] if place + 1 < len(letters) else ""
        if before[:1] == "h" or after[:1] == "s":
            tokens[index] = tokens[index].replace("m", "n")
    return tuple(tokens)


def _date(at: dt.datetime, number_format: str) -> str:
    if number_format == "General":
        number_format = "yyyy-mm-dd hh:mm:ss"
    tokens = _tokens(number_format)
    half = "am/pm" in tokens or "a/p" in tokens
    return "".join(_part(token, at, half=half) for token in tokens)


def _part(token: str, at: dt.datetime, *, half: bool) -> str:
    if token[0] == '"':
        return token[1:-1]
    if token[0] == "\\":
        return token[1:]
    hour = (at.hour % 12 or 12) if half else at.hour
    values = {
        "yyyy": f"{at.year:04d}",
        "yy": f"{at.year % 100:02d}",
        "y": f"{at.year % 100:02d}",
        "mmmmm": MONTHS[at.month - 1][0],
        "mmmm": MONTHS[at.month - 1],
        "mmm": MONTHS[at.month - 1][:3],
        "mm": f"{at.month:02d}",
        "m": str(at.month),
        "dddd": _DAYS[at.weekday()],
        "ddd": _DAYS[at.weekday()][:3],
        "dd": f"{at.day:02d}",
        "d": str(at.day),
        "hh": f"{hour:02d}",
        "h": str(hour),
        "nn": f"{at.minute:02d}",
        "n": str(at.minute),
        "ss": f"{at.second:02d}",
        "s": str(at.second),
        "am/pm": "AM" if at.hour < 12 else "PM",
        "a/p": "A" if at.hour < 12 else "P",
    }
    if token in values:
        return values[token]
    if token.startswith(".0"):
        return f".{at.microsecond:06d}"[: len(token)]
    return token if len(token) == 1 and token not in "[]" else ""


def _span(value: dt.timedelta, number_format: str) -> str:
    """Show a time that may be longer than a day."""
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = {
        "h": str(hours),
        "hh": f"{hours:02d}",
        "n": str(minutes),
        "nn": f"{minutes:02d}",
        "s": str(seconds),
        "ss": f"{seconds:02d}",
    }
    text = ""
    for token in _tokens(number_format):
        bare = token.strip("[]")
        text += parts.get(bare, token if len(token) == 1 and token not in "[]" else "")
    return sign + text

"""Ranges and validators of files: pure rules (RFC 9110 13, 14)."""

from __future__ import annotations

import re
from email.utils import formatdate, parsedate_to_datetime
from typing import NamedTuple

__all__ = ["Range", "http_date", "not_modified", "parse_ranges", "read_date"]

MOST_RANGES = 16
"""More than so many in one request are an attack, not a wish."""

_SPEC = re.compile(r"[ \t]*(\d*)-(\d*)[ \t]*")


class Range(NamedTuple):
    """The bytes from ``start`` up to, not including, ``end``."""

    start: int
    end: int


def parse_ranges(header: str, size: int) -> list[Range] | None:
    """Read a Range header against a size.

    Returns:
      What to send; nothing means 416, ``None`` that the header says nothing to us and
      the whole is sent: another unit, bad syntax, too many ranges, or so much of them
      that the whole is less.
    """
    unit, equals, text = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    specs = text.split(",")
    if len(specs) > MOST_RANGES:
        return None
    found: list[Range] = []
    for spec in specs:
        if not spec.strip():
            continue
        match = _SPEC.fullmatch(spec)
        if match is None or match.groups() == ("", ""):
            return None
        first, last = match.groups()
        if len(first) > 18 or len(last) > 18:
            return None
        if not first:
            length = int(last)
            if length and size:
                found.append(Range(max(size - length, 0), size))
            continue
        start = int(first)
        if last and int(last) < start:
            return None
        if start < size:
            end = min(int(last) + 1, size) if last else size
            found.append(Range(start, end))
    if sum(r.end - r.start for r in found) > size:
        return None
    return found


def http_date(seconds: float) -> str:
    """Write a date as HTTP does."""
    return formatdate(seconds, usegmt=True)


def read_date(text: str) -> int | None:
    """Read an HTTP date as Unix seconds; ``None`` if it is none."""
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None


def not_modified(
    none_match: str | None, modified_since: str | None, tag: str, modified: int
) -> bool:
    """Tell whether the client has what it asks for (RFC 9110 13.2.2)."""
    if none_match is not None:
        if none_match.strip() == "*":
            return True
        bare = tag.removeprefix("W/")
        return any(
            item.strip().removeprefix("W/") == bare for item in none_match.split(",")
        )
    if modified_since is not None:
        since = read_date(modified_since)
        return since is not None and modified <= since
    return False

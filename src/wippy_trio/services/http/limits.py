"""What a server allows a client, and how long it waits; all of it configurable."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs

from wippy_trio.duration import parse_seconds
from wippy_trio.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Limits", "read_limits"]


@attrs.frozen(slots=True)
class Limits:
    """Hold the limits of one server; seconds and bytes.

    Attributes:
      header_timeout: From the first byte of a request to the end of its headers.
      read_timeout: For each wait for more of a body.
      write_timeout: For each piece of a response to be taken.
      idle_timeout: Between two requests of a connection.
      target: Length of the request target.
      head: Length of the request line and the headers together.
      fields: How many header fields.
      body: Length of a body, 0 for no limit.
      connections: Open at once, 0 for no limit; more wait to be accepted.
      requests: On one connection, 0 for no limit.
    """

    header_timeout: float = 60.0
    read_timeout: float = math.inf
    write_timeout: float = math.inf
    idle_timeout: float = math.inf
    target: int = 16 * 1024
    head: int = 64 * 1024
    fields: int = 128
    body: int = 0
    connections: int = 0
    requests: int = 0
    websocket_message: int = 16 * 1024 * 1024


_SIZES = {
    "target": "target",
    "head": "head",
    "fields": "fields",
    "body": "body",
    "connections": "connections",
    "requests": "requests",
    "websocket_message": "websocket_message",
}


def read_limits(data: Mapping[str, Any], where: str) -> Limits:
    """Read ``timeouts`` and ``limits`` of an entry; 0 is "none" for a time.

    Raises:
      InvalidError: A negative or unreadable value; the text names the field.
    """
    values: dict[str, Any] = {}
    times = _map(data, "timeouts", where)
    for name in ("header", "read", "write", "idle"):
        if name in times:
            values[f"{name}_timeout"] = _time(times[name], f"{where}: timeouts.{name}")
    sizes = _map(data, "limits", where)
    for name, value in sizes.items():
        if name not in _SIZES:
            raise InvalidError(
                f"{where}: limits.{name}: no such limit;"
                f" there are {', '.join(sorted(_SIZES))}"
            )
        values[_SIZES[name]] = read_count(value, f"{where}: limits.{name}")
    return Limits(**values)


def _map(data: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    value = data.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidError(f"{where}: {name}: wanted a map, got {value!r}")
    return value


def _time(value: Any, where: str) -> float:
    if value in (None, ""):
        return math.inf
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = f"{value}s" if value else "0s"
    if not isinstance(value, str):
        raise InvalidError(f"{where}: wanted a duration like 5s, got {value!r}")
    seconds = parse_seconds(value)
    if seconds < 0:
        raise InvalidError(f"{where}: wanted 0 or more, got {value!r}")
    return seconds or math.inf


def read_count(value: Any, where: str) -> int:
    """Read a whole number of 0 or more; its text is fine (apps 2.0.1)."""
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidError(f"{where}: wanted a number of 0 or more, got {value!r}")
    return value

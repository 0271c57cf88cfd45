"""What may pass from one process to another: a private copy of plain data.

Processes share nothing, so a value is copied at the moment it leaves its process
(core 5.5). What cannot be copied becomes ``None``, and never an error: a message is
delivered whole or not at all.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from typing import TYPE_CHECKING, Any, Final

from wippy_trio.errors import Error, InvalidError
from wippy_trio.kernel.pid import Pid

if TYPE_CHECKING:
    from wippy_trio.kernel.process import Process

__all__ = ["Copies", "Passable", "Sealed", "copied"]

_ATOMS: Final = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    Pid,
    enum.Enum,
    dt.date,
    dt.time,
    dt.timedelta,
    decimal.Decimal,
    uuid.UUID,
)
"""Immutable: the copy is the value itself."""


class Passable:
    """What several processes may hold at once: it passes as itself, not as a copy."""

    __slots__ = ()

    def passed(self, by: Process | None) -> bool:
        """Tell whether it may leave a process, and note that it does."""
        raise NotImplementedError


class Sealed:
    """A value in the form of a foreign engine; whoever receives it opens it."""

    __slots__ = ()

    def unseal(self) -> Any:
        """Give it as a Python value, a private copy."""
        raise NotImplementedError


class _Refused(enum.Enum):
    REFUSED = enum.auto()


_REFUSED: Final = _Refused.REFUSED


class Copies:
    """Carry values whose every reader gets a copy of its own.

    It is a :class:`~wippy_trio.kernel.events.Parcel`.
    """

    __slots__ = ("_values",)

    def __init__(self, *values: Any) -> None:
        self._values = tuple(copied(value) for value in values)

    def open(self) -> tuple[Any, ...]:
        """Return the values, a private copy."""
        return tuple(copied(value) for value in self._values)


def copied(value: Any, *, by: Process | None = None) -> Any:
    """Copy a value as it leaves its process.

    Numbers, text, bytes, pids, dates and enumeration members are themselves; lists,
    tuples, dictionaries and sets are copied deeply, with sharing and cycles inside the
    value rebuilt; an error becomes an equal error; a channel passes as itself. Anything
    else is ``None``, and inside a dictionary or a set it is left out.

    Args:
      value: What leaves.
      by: The process that passes it; the channels it passes first close at its end.

    Raises:
      InvalidError: The value is nested too deeply.

    Source: core M-40 to M-48.
    """
    if isinstance(value, _ATOMS):
        return value
    try:
        copy = _copy(value, {}, by)
    except RecursionError:
        raise InvalidError(
            f"cannot copy a {type(value).__name__}: it is nested too deeply"
        ) from None
    return None if copy is _REFUSED else copy


def _copy(value: Any, seen: dict[int, Any], by: Process | None) -> Any:
    if isinstance(value, _ATOMS):
        return value
    if id(value) in seen:
        return seen[id(value)]
    copy: Any
    if isinstance(value, list):
        copy = seen[id(value)] = []
        copy.extend(_item(item, seen, by) for item in value)
    elif isinstance(value, dict):
        copy = seen[id(value)] = {}
        for key, item in value.items():
            pair = _copy(key, seen, by), _copy(item, seen, by)
            if _REFUSED not in pair:
                copy[pair[0]] = pair[1]
    elif isinstance(value, tuple):
        items = [_item(item, seen, by) for item in value]
        if id(value) in seen:  # a cycle through one of the items has made it
            return seen[id(value)]
        make = getattr(type(value), "_make", tuple)
        copy = seen[id(value)] = make(items)
    elif isinstance(value, set | frozenset):
        kind = set if isinstance(value, set) else frozenset
        members = [_copy(item, seen, by) for item in value]
        copy = seen[id(value)] = kind(m for m in members if m is not _REFUSED)
    elif isinstance(value, bytearray | memoryview):
        copy = bytes(value)
    elif isinstance(value, Error):
        copy = seen[id(value)] = Error.of(
            value.kind,
            value.message,
            retryable=value.retryable,
            details=_copy(value.details, seen, by),
            stack=value.stack,
            context=value.context,
        )
    elif isinstance(value, Passable):
        copy = value if value.passed(by) else _REFUSED
    else:
        copy = _REFUSED
    return copy


def _item(value: Any, seen: dict[int, Any], by: Process | None) -> Any:
    copy = _copy(value, seen, by)
    return None if copy is _REFUSED else copy

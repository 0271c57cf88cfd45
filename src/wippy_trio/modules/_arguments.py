"""Arguments that functions check themselves, to return an error instead of raising."""

from __future__ import annotations

from typing import Any

from wippy_trio.sdk import Error, InvalidError

__all__ = ["named", "octets", "truthy"]


def octets(value: Any, message: str) -> bytes:
    """Take a Lua string as its bytes; numbers are not strings here.

    Raises:
      InvalidError: It is no string; with ``message``.

    Source: modules-data 0.4, E-f.
    """
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise InvalidError(message, retryable=False)


def named(value: Any) -> str:
    """Name a value in an error text: what it is, or what it says if that is short."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return f"{value[:60]!r}"
    if isinstance(value, bytes):
        return "a string that is not UTF-8"
    if isinstance(value, (list, dict)):
        return "a table"
    return "an error" if isinstance(value, Error) else "an object"


def truthy(value: Any) -> bool:
    """Tell whether Lua takes a value as true: zero and the empty string are."""
    return value is not None and value is not False

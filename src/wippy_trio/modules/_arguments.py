"""Arguments that functions check themselves, to return an error instead of raising."""

from __future__ import annotations

from typing import Any

from wippy_trio.sdk import InvalidError

__all__ = ["octets", "truthy"]


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


def truthy(value: Any) -> bool:
    """Tell whether Lua takes a value as true: zero and the empty string are."""
    return value is not None and value is not False

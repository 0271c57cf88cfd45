"""Lua strings as Python text and back; bytes that are no UTF-8 survive the trip."""

from __future__ import annotations

from typing import Any

__all__ = ["from_text", "to_text", "whole_number"]


def to_text(data: bytes | str) -> str:
    """Read a Lua string; what is no UTF-8 becomes surrogate escapes."""
    if isinstance(data, str):
        return data
    return data.decode("utf-8", "surrogateescape")


def from_text(text: str) -> str | bytes:
    """Write a Lua string, the inverse of :func:`to_text`."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")
    return text


def whole_number(value: Any, default: int, low: int, high: int) -> int:
    """Read an option that is an integer or a whole float; else take the default.

    Source: modules-data 0.6.2.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return default
    if isinstance(value, float) and not low <= value <= high:  # also NaN
        return default
    return int(value) if low <= value <= high else default

"""Read the arguments of built-in functions, and refuse the wrong ones by name."""

from __future__ import annotations

from typing import Any

from wippy_trio.expr.failure import Fault
from wippy_trio.expr.values import type_name

__all__ = ["as_int", "as_items", "as_map", "as_number", "as_text", "invalid"]


def invalid(function: str, value: object) -> Fault:
    """Make the complaint about an argument of the wrong type."""
    return Fault(f"invalid argument for {function} (type {type_name(value)})")


def as_text(function: str, value: object) -> str:
    """Let a text through."""
    if not isinstance(value, str):
        raise invalid(function, value)
    return value


def as_int(function: str, value: object) -> int:
    """Let an integer through, and a float cut to one."""
    if type(value) is int:
        return value
    if isinstance(value, float) and abs(value) < 2**63:
        return int(value)
    raise invalid(function, value)


def as_number(function: str, value: object) -> int | float:
    """Let a number through."""
    if type(value) is int or isinstance(value, float):
        return value
    raise invalid(function, value)


def as_items(function: str, value: object) -> list[Any]:
    """Let a list through; an empty map stands for an empty list.

    An empty Lua table arrives as a map (modules-data 11.3).
    """
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and not value:
        return []
    raise invalid(function, value)


def as_map(function: str, value: object) -> dict[Any, Any]:
    """Let a map through."""
    if not isinstance(value, dict):
        raise invalid(function, value)
    return value

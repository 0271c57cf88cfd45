"""`ctx`: the context values a process was born with (core section 15)."""

from __future__ import annotations

from typing import Any

from wippy_trio.sdk import InvalidError, LuaModule, NotFoundError, current_process

MODULE = LuaModule(
    "ctx",
    classes=("nondeterministic", "workflow"),
    declares="""
    get: (key: string) -> (any, Error?)
    all: () -> (table?, Error?)
    """,
)


@MODULE.export
def get(key: str) -> Any:
    """Give one value (core X-1)."""
    if not key:
        raise InvalidError("empty key")
    values = current_process().context.values
    if key not in values:
        raise NotFoundError(f"key not found: {key}")
    return values[key]


@MODULE.export(name="all")
def everything() -> dict[str, Any]:
    """Give all values, a fresh table (core X-2)."""
    return dict(current_process().context.values)

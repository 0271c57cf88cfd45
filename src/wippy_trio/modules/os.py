"""`os`: dates and clocks, always present (core 12.2)."""

from __future__ import annotations

from typing import Any

import trio

from wippy_trio.modules.time.layout import LOCAL, moment_from_unix
from wippy_trio.modules.time.osdate import format_date, read_time
from wippy_trio.sdk import InvalidError, LuaModule, current_process, current_runtime

MODULE = LuaModule(
    "os",
    classes=("time", "workflow"),
    declares="""
    time: (fields: table?) -> integer
    date: (format: string?, time: number?) -> string | table
    clock: () -> number
    difftime: (a: number, b: number) -> number
    platform: string
    """,
)
MODULE.constant("platform", "wippy")


def _now() -> float:
    return current_process().host.node.clock.unix()


@MODULE.export(pair=False, raises=True)
def time(fields: dict[str, Any] | None) -> int:
    """Give Unix seconds, now or of the fields of a local date (core OS-1)."""
    now = int(_now())
    if fields is None:
        return now
    if not isinstance(fields, dict):
        raise InvalidError("bad argument #1 to 'time' (table with fields expected)")
    return read_time(fields, moment_from_unix(now, 0, LOCAL))


@MODULE.export(pair=False, raises=True)
def date(form: str | None, at: int | None) -> Any:
    """Write a date, or take it apart (core OS-2 to OS-7)."""
    seconds = int(_now()) if at is None else at
    return format_date("%c" if form is None else form, moment_from_unix(seconds))


@MODULE.export(pair=False)
def clock() -> float:
    """Give the seconds since the runtime started (core OS-8)."""
    return trio.current_time() - current_runtime().started_at


@MODULE.export(pair=False)
def difftime(a: float, b: float) -> float:
    """Give the seconds between two times (core OS-9)."""
    return a - b

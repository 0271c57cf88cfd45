"""`env`: the environment variables of the application."""

from __future__ import annotations

from wippy_trio.sdk import (
    InvalidError,
    LuaModule,
    check_permission,
    current_process,
    current_runtime,
    runtime_of,
)

MODULE = LuaModule(
    "env",
    classes=("process", "nondeterministic"),
    declares="""
    get: (key: string) -> (string?, Error?)
    set: (key: string, value: string) -> (boolean?, Error?)
    get_all: () -> ({[string]: string}?, Error?)
    """,
)


def _namespace() -> str:
    return current_process().entry.partition(":")[0]


@MODULE.export
def get(key: str) -> str:
    """Give the value of a variable (apps 2.7.2)."""
    if not key:
        raise InvalidError("empty key")
    check_permission(
        "env.get", key, f"not allowed to access environment variable: {key}"
    )
    value: str = current_runtime().env.get(key, _namespace())
    return value


@MODULE.export(name="set")
def set_(key: str, value: str) -> bool:
    """Keep a value for a variable (apps 2.7.3)."""
    if not key:
        raise InvalidError("empty key")
    check_permission("env.set", key, f"not allowed to set environment variable: {key}")
    current_runtime().env.set(key, value, _namespace())
    return True


@MODULE.export
def get_all() -> dict[str, str]:
    """List what the storages have, as far as the caller may see (apps 2.7.4)."""
    process = current_process()
    runtime = runtime_of(process)
    values: dict[str, str] = runtime.env.all()
    return {k: v for k, v in values.items() if runtime.allowed(process, "env.get", k)}

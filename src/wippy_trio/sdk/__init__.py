"""What the author of a Lua module or of an entry kind imports, ours and a stranger's.

`LuaModule` makes a module, `method` tunes a handle's method, `current_process` tells
for whom a function acts, `runtime_of` and `current_runtime` reach the running services,
`EntryKind` and `Service` are the contract of an entry kind, `Fields` reads what stands
in an `Entry`, `run_in_thread` calls what blocks.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wippy_trio.errors import (
        AlreadyExistsError,
        CanceledError,
        ConflictError,
        Error,
        InternalError,
        InvalidError,
        NotFoundError,
        PermissionDeniedError,
        RateLimitedError,
        TimedOutError,
        UnavailableError,
        during,
    )
    from wippy_trio.lua.functions import (
        MisuseError,
        current_process,
        move_to_thread,
    )
    from wippy_trio.registry import Entry
    from wippy_trio.sdk.chance import Randomness
    from wippy_trio.sdk.fields import Fields
    from wippy_trio.sdk.kind import EntryKind, Service, ServiceReport
    from wippy_trio.sdk.lifecycle import (
        Identity,
        Lifecycle,
        read_identity,
        read_lifecycle,
    )
    from wippy_trio.sdk.methods import method
    from wippy_trio.sdk.module import Bag, LuaModule
    from wippy_trio.sdk.runtime import (
        Runtime,
        check_permission,
        current_runtime,
        randomness,
        runtime_of,
    )
    from wippy_trio.sdk.threads import hold_time, run_in_thread

_HOME = {
    **dict.fromkeys(
        (
            "AlreadyExistsError",
            "CanceledError",
            "ConflictError",
            "Error",
            "InternalError",
            "InvalidError",
            "NotFoundError",
            "PermissionDeniedError",
            "RateLimitedError",
            "TimedOutError",
            "UnavailableError",
            "during",
        ),
        "wippy_trio.errors",
    ),
    "Bag": "wippy_trio.sdk.module",
    "Entry": "wippy_trio.registry",
    "EntryKind": "wippy_trio.sdk.kind",
    "Fields": "wippy_trio.sdk.fields",
    "Identity": "wippy_trio.sdk.lifecycle",
    "Lifecycle": "wippy_trio.sdk.lifecycle",
    "LuaModule": "wippy_trio.sdk.module",
    "MisuseError": "wippy_trio.lua.functions",
    "Randomness": "wippy_trio.sdk.chance",
    "Runtime": "wippy_trio.sdk.runtime",
    "Service": "wippy_trio.sdk.kind",
    "ServiceReport": "wippy_trio.sdk.kind",
    "check_permission": "wippy_trio.sdk.runtime",
    "current_process": "wippy_trio.lua.functions",
    "current_runtime": "wippy_trio.sdk.runtime",
    "randomness": "wippy_trio.sdk.runtime",
    "hold_time": "wippy_trio.sdk.threads",
    "method": "wippy_trio.sdk.methods",
    "move_to_thread": "wippy_trio.lua.functions",
    "read_identity": "wippy_trio.sdk.lifecycle",
    "read_lifecycle": "wippy_trio.sdk.lifecycle",
    "run_in_thread": "wippy_trio.sdk.threads",
    "runtime_of": "wippy_trio.sdk.runtime",
}

__all__ = [
    "AlreadyExistsError",
    "Bag",
    "CanceledError",
    "ConflictError",
    "Entry",
    "EntryKind",
    "Error",
    "Fields",
    "Identity",
    "InternalError",
    "InvalidError",
    "Lifecycle",
    "LuaModule",
    "MisuseError",
    "NotFoundError",
    "PermissionDeniedError",
    "Randomness",
    "RateLimitedError",
    "Runtime",
    "Service",
    "ServiceReport",
    "TimedOutError",
    "UnavailableError",
    "check_permission",
    "current_process",
    "current_runtime",
    "during",
    "hold_time",
    "method",
    "move_to_thread",
    "randomness",
    "read_identity",
    "read_lifecycle",
    "run_in_thread",
    "runtime_of",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return __all__

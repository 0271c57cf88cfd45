"""Many Lua processes in one VM, alone in knowing lupa.

An `Engine` runs them; `Surroundings` is what it asks of the runtime around it; `Code`
and `Unit` are what it runs. A module function is described by `HostFunction`, a module
by `ModuleDescription`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wippy_trio.lua.codec import TypeValue
    from wippy_trio.lua.functions import (
        HandleClass,
        HostFunction,
        ModuleDescription,
        Parameter,
        current_process,
    )
    from wippy_trio.lua.isolation import Engine
    from wippy_trio.lua.sandbox import LUA_VERSIONS
    from wippy_trio.lua.surroundings import FunctionTarget, Surroundings
    from wippy_trio.lua.units import Code, CodeSource, Unit
    from wippy_trio.lua.vm import VM, Statistics

_HOME = {
    "Code": "units",
    "CodeSource": "units",
    "Engine": "isolation",
    "FunctionTarget": "surroundings",
    "HandleClass": "functions",
    "HostFunction": "functions",
    "LUA_VERSIONS": "sandbox",
    "ModuleDescription": "functions",
    "Parameter": "functions",
    "Statistics": "vm",
    "Surroundings": "surroundings",
    "TypeValue": "codec",
    "Unit": "units",
    "VM": "vm",
    "current_process": "functions",
}

__all__ = [
    "LUA_VERSIONS",
    "VM",
    "Code",
    "CodeSource",
    "Engine",
    "FunctionTarget",
    "HandleClass",
    "HostFunction",
    "ModuleDescription",
    "Parameter",
    "Statistics",
    "Surroundings",
    "TypeValue",
    "Unit",
    "current_process",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)

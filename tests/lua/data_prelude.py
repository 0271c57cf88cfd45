"""A bare VM that holds the data part of the prelude and nothing else.

No scheduler and no processes: the files about errors, copies, the wire, payloads and
JSON need handles and the text of numbers, nothing else.
"""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from typing import Any

import wippy_trio.lua

VERSIONS = ("lua53", "lua54", "lua55")
FILES = ("handles", "numbers", "errors", "copy", "wire")
FOLDER = Path(wippy_trio.lua.__file__).parent / "prelude"

SETUP = b"""
local P = { host = {}, units = 0 }
local raw = { string = string, table = table, math = math, coroutine = coroutine,
  utf8 = utf8, getrawmetatable = debug.getmetatable,
  setrawmetatable = debug.setmetatable, traceback = debug.traceback,
  getinfo = debug.getinfo, format = string.format, load = load }
for _, name in ipairs { "type", "next", "pairs", "ipairs", "rawget", "rawset",
  "rawequal", "rawlen", "select", "error", "assert", "pcall", "xpcall", "tostring",
  "tonumber", "setmetatable", "getmetatable" } do
  raw[name] = _G[name]
end
P.raw = raw
function P.charge(n) P.units = P.units + n end
function P.load(source, name) return assert(load(source, name, "t"))(P) end
return P
"""


class DataVM:
    """A Lua VM with the data prelude; programs see the functions a program sees."""

    def __init__(self, version: str = "lua54") -> None:
        module = importlib.import_module("lupa." + version)
        self.runtime: Any = module.LuaRuntime(
            encoding=None, unpack_returned_tuples=True, max_memory=0
        )
        self.P: Any = self.runtime.execute(SETUP)
        for name in FILES:
            path = FOLDER / f"{name}.lua"
            self.P[b"load"](path.read_bytes(), f"=prelude/{name}.lua".encode())
        self.loader: Any = self.runtime.execute(
            b"""local P = ...
            return function(source, ...)
              local env = setmetatable({ P = P, errors = P.errors, payload = P.payload,
                json = P.json, type = P.type, next = P.next, pairs = P.pairs,
                rawget = P.rawget, rawset = P.rawset, setmetatable = P.setmetatable,
                tostring = P.tostring }, { __index = _G })
              return assert(load(source, "=app:main", "t", env))(...)
            end""",
            self.P,
        )

    def run(self, source: str, *args: object) -> Any:
        """Run a program's text; what it returns comes back as Lua returns it."""
        return self.loader(source.encode(), *args)


@functools.cache
def shared_vm(version: str = "lua54") -> DataVM:
    """Give the one VM of a version: making one costs more than most tests."""
    return DataVM(version)

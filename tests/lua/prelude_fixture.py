"""A bare Lua VM with the library part of the prelude, for tests of its functions.

There is no scheduler and no process here: `P.charge` only adds up, and programs see the
functions that a program sees, libraries behind their fronts included.
"""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from typing import Any

import wippy_trio.lua
from wippy_trio.lua.unicode import lower, upper

VERSIONS = ("lua53", "lua54", "lua55")
FILES = (
    "handles",
    "numbers",
    "patterns",
    "matcher",
    "format",
    "strings",
    "tables",
    "maths",
)
FOLDER = Path(wippy_trio.lua.__file__).parent / "prelude"

SETUP = b"""
local upper, lower = ...
local P = { host = { upper = upper, lower = lower }, charged = 0 }
local raw = { getrawmetatable = debug.getmetatable,
  setrawmetatable = debug.setmetatable, traceback = debug.traceback,
  getinfo = debug.getinfo, format = string.format }
for _, name in ipairs { "type", "next", "pairs", "ipairs", "rawget", "rawset",
  "rawequal", "rawlen", "select", "error", "assert", "pcall", "xpcall", "tostring",
  "tonumber", "setmetatable", "getmetatable", "load" } do
  raw[name] = _G[name]
end
local function copy(library)
  local t = {}
  for k, v in pairs(library) do
    t[k] = v
  end
  return t
end
for _, name in ipairs { "string", "table", "math", "coroutine", "os", "utf8" } do
  raw[name] = copy(_G[name])
end
P.raw = raw
function P.charge(units)
  assert(math.type(units) == "integer" and units >= 0)
  P.charged = P.charged + units
  if P.on_charge then
    P.on_charge()
  end
end
P.objects = setmetatable({}, { __mode = "k" })
function P.mark_object(t)
  P.objects[t] = true
end
function P.load(source, name)
  assert(load(source, name, "t"))(P)
end
return P
"""

FINISH = b"""
local P = ...
local raw = P.raw
-- The smallest class of errors that tells what a library function does with one.
local TEXT = P.key("text")
local error_class = P.class("error", {
  message = function(self) return raw.rawget(self, TEXT) end,
}, { __tostring = function(self) return raw.rawget(self, TEXT) end })
function P.new_error(text)
  return raw.setrawmetatable({ [TEXT] = text }, error_class)
end
raw.setrawmetatable("", { __index = P.string, __metatable = false })
local base = {
  assert = raw.assert, error = raw.error, getmetatable = P.getmetatable,
  ipairs = P.ipairs, next = P.next, pairs = P.pairs, pcall = raw.pcall,
  rawequal = raw.rawequal, rawget = P.rawget, rawset = P.rawset, select = P.select,
  setmetatable = P.setmetatable, tonumber = P.tonumber, tostring = P.tostring,
  type = P.type, unpack = P.table.unpack, xpcall = raw.xpcall,
  coroutine = raw.coroutine,
  string = P.library("string", P.string), table = P.library("table", P.table),
  math = P.library("math", P.math), new_error = P.new_error, P = P, raw = raw,
}
return function(source, ...)
  local env = raw.setrawmetatable({}, { __index = base })
  return raw.assert(raw.load(source, "@app:main", "t", env))(...)
end
"""


class LibraryVM:
    """A Lua VM with the libraries of the prelude.

    `P` and `raw` are globals of the programs, for tests that look behind the libraries,
    and `new_error(text)` makes an error object.
    """

    def __init__(self, version: str = "lua54") -> None:
        module = importlib.import_module("lupa." + version)
        self.version = version
        self.runtime: Any = module.LuaRuntime(
            encoding=None, unpack_returned_tuples=True, max_memory=0
        )
        self.P: Any = self.runtime.execute(SETUP, upper, lower)
        for name in FILES:
            path = FOLDER / f"{name}.lua"
            self.P[b"load"](path.read_bytes(), f"@{name}.lua".encode())
        self.loader: Any = self.runtime.execute(FINISH, self.P)

    def run(self, source: str, *args: object) -> Any:
        """Run the text of a program; what it returns comes back as Lua returns it."""
        return self.loader(source.encode(), *args)

    def charged(self, source: str, *args: object) -> int:
        """Run a program and tell how many units of work its library calls charged."""
        self.P[b"charged"] = 0
        self.run(source, *args)
        units: int = self.P[b"charged"]
        return units


@functools.cache
def library_vm(version: str = "lua54") -> LibraryVM:
    """Give the one VM of a version: making one costs more than most tests."""
    return LibraryVM(version)

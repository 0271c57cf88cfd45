"""Make one Lua VM: nothing of Python reachable, nothing of the machine either.

Everything a program could reach is taken away before the prelude runs, and the prelude
itself gets what it needs in one private table. No Python object ever reaches a program,
not even a host function: programs get Lua closures.
"""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wippy_trio.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LUA_VERSIONS", "make_runtime"]

LUA_VERSIONS = ("5.3", "5.4", "5.5")

PRELUDE = (
    "handles",
    "numbers",
    "patterns",
    "matcher",
    "format",
    "strings",
    "tables",
    "maths",
    "errors",
    "copy",
    "wire",
    "payload",
    "scheduler",
    "channel",
    "mailbox",
    "evaluated",
    "life",
    "process",
    "spawn",
    "timers",
    "bridge",
    "funcs",
    "type_graph",
    "type_relations",
    "type_texts",
    "type_validators",
    "type_descriptions",
    "type_checks",
    "type_errors",
    "abroad",
    "types",
    "base",
    "step",
    "seeded",
)

_PREPARE = b"""
local host, G = ..., _G
local raw = {}
for _, name in ipairs{
  "type", "next", "pairs", "ipairs", "rawget", "rawset", "rawequal", "rawlen", "select",
  "error", "assert", "pcall", "xpcall", "tostring", "tonumber", "setmetatable",
  "getmetatable", "load", "collectgarbage"} do
  raw[name] = G[name]
end
local function copy(lib)
  local t = {}
  for k, v in pairs(lib) do t[k] = v end
  return t
end
raw.string, raw.table, raw.math = copy(string), copy(table), copy(math)
raw.os = copy(os)
raw.coroutine, raw.utf8 = copy(coroutine), copy(utf8)
raw.getrawmetatable, raw.setrawmetatable = debug.getmetatable, debug.setmetatable
raw.traceback, raw.getinfo = debug.traceback, debug.getinfo
-- A traceback looks for each function in all loaded libraries: 6 us, or 0.6.
local loaded = debug.getregistry()._LOADED
for k in pairs(loaded) do loaded[k] = nil end
raw.format = string.format
local real_host = {}
for i = 1, #host, 2 do real_host[host[i]] = host[i + 1] end
local names = {}
for k in pairs(G) do names[#names + 1] = k end
for _, k in raw.ipairs(names) do G[k] = nil end
return { raw = raw, host = real_host, carriers = {}, packers = {}, unpackers = {} }
"""


@functools.cache
def _prelude_text(name: str) -> bytes:
    return (Path(__file__).parent / "prelude" / f"{name}.lua").read_bytes()


_compiled: dict[tuple[str, str], bytes] = {}
"""The prelude's files as the first VM of a Lua version compiled them: to read that back
takes a fifth of the time."""


def _load_prelude(runtime: Any, version: str, name: str) -> Any:
    load, dump = runtime.eval(b"load"), runtime.eval(b"string.dump")
    compiled = _compiled.get((version, name))
    chunk = load(compiled or _prelude_text(name), f"@{name}.lua".encode())
    if isinstance(chunk, tuple):
        raise RuntimeError(f"prelude {name}.lua: {chunk[1]!r}")  # noqa: TRY004
    if compiled is None:
        _compiled[version, name] = dump(chunk)
    return chunk


def _refuse(_object: object, _name: object, _setting: bool) -> object:
    raise AttributeError("no Python object is open to Lua")


def make_runtime(
    version: str, host: Mapping[str, Any], *, seed: int | None = None
) -> tuple[Any, Any]:
    """Open a VM and load the prelude into it.

    Args:
      version: ``5.3``, ``5.4`` or ``5.5``.
      host: Python functions for the prelude, by name.
      seed: Of random numbers, turns and the order of `pairs`; without one the first
        are the system's.

    Returns:
      The lupa runtime and the private state table of the prelude.

    Raises:
      InvalidError: No such Lua version here.
    """
    if version not in LUA_VERSIONS:
        raise InvalidError(
            f"Lua version {version!r}: wanted one of {', '.join(LUA_VERSIONS)}"
        )
    module = importlib.import_module("lupa.lua" + version.replace(".", ""))
    runtime = module.LuaRuntime(
        encoding=None,
        unpack_returned_tuples=True,
        register_eval=False,
        register_builtins=False,
        attribute_filter=_refuse,
        max_memory=0,
    )
    pairs: list[Any] = []
    for name, fn in host.items():
        pairs += (name.encode(), fn)
    chunks = [_load_prelude(runtime, version, name) for name in PRELUDE]
    prepare = runtime.eval(b"load")(_PREPARE, b"=prepare")
    state = prepare(runtime.table_from(pairs))
    for chunk in chunks:
        chunk(state)
    if seed is not None:
        state[b"begin_seeded"](seed)
    return runtime, state

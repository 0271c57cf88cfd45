"""A bare virtual machine for the tests: loads plain and translated text alike."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal, NamedTuple

from wippy_trio.lang import Erased, compile_chunk

__all__ = ["VERSIONS", "Outcome", "loads", "run", "run_plain", "translate"]

VERSIONS = ("5.3", "5.4", "5.5")

# A type library that says yes: what the run-time types do is another room's matter.
_HOST = """
local load, tostring, type, select, pcall = load, tostring, type, select, pcall
local concat, next, error, sethook = table.concat, next, error, debug.sethook
local host = {checks = 0, emptied = 0, objects = 0}
local NILKEY = {"nil key"}

local function typed(name, accepts)
  local T = {name = name}
  T.is = function(a, b)
    local v = b
    if a ~= T then v = a end
    if accepts(v) then return v end
    return nil, "expected " .. name
  end
  return setmetatable(T, {
    __call = function(_, v)
      if accepts(v) then return v end
      error("expected " .. name .. ", got " .. type(v), 2)
    end,
    __tostring = function() return name end,
  })
end

local function of(kind) return function(v) return type(v) == kind end end
local function yes() return true end
local primitives = {
  number = typed("number", of("number")),
  integer = typed("integer", function(v) return math.type(v) == "integer" end),
  string = typed("string", of("string")),
  boolean = typed("boolean", of("boolean")),
  table = typed("table", of("table")),
  any = typed("any", yes),
  unknown = typed("unknown", yes),
  never = typed("never", function() return false end),
}

function host.types()
  return setmetatable({typeof = function(v, n) return type(v), n end}, {
    __index = function(t, k)
      local T = primitives[k] or typed(tostring(k), yes)
      t[k] = T
      return T
    end,
  })
end

function host.engine()
  return {
    NILKEY = NILKEY,
    emptied = function(t) host.emptied = host.emptied + 1 end,
    object = function(t) host.objects = host.objects + 1 return t end,
  }
end

function host.credit(give, limit)
  return function()
    host.checks = host.checks + 1
    if host.checks > limit then error("ended by its budget", 0) end
    return give
  end
end

local function text(v)
  if type(v) == "table" or type(v) == "function" or type(v) == "thread" then
    return type(v)
  end
  return (math.type(v) or type(v)) .. ":" .. tostring(v)
end

function host.environment(lines)
  local env = {}
  for k, v in next, _G do env[k] = v end
  env._G = env
  env.print = function(...)
    local parts = {}
    for i = 1, select("#", ...) do parts[i] = text((select(i, ...))) end
    lines[#lines + 1] = concat(parts, " ")
  end
  return env
end

function host.report(lines, ok, ...)
  local results = {}
  for i = 1, select("#", ...) do results[i] = text((select(i, ...))) end
  return concat(lines, "\\n"), ok, concat(results, " ")
end

function host.run(source, name, plain, give, limit, steps)
  local lines = {}
  local env = host.environment(lines)
  local chunk, problem
  if plain then
    chunk, problem = load(source, name, "t", env)
  else
    chunk, problem = load(source, name, "t")
    if chunk then
      chunk = chunk(env, host.types(), host.credit(give, limit), host.engine())
    end
  end
  if not chunk then return "", "load", problem end
  sethook(function() error("hung", 0) end, "", steps)
  return host.report(lines, pcall(chunk, "first", 2))
end

return host
"""


class Outcome(NamedTuple):
    """What a program printed and how it ended."""

    printed: str
    ok: bool | str
    results: str
    checks: int
    emptied: int
    objects: int


def translate(
    source: str,
    *,
    version: str = "5.4",
    budget: Literal["full", "loops", "off"] = "full",
) -> Erased:
    """Translate a source under the name that the tests use."""
    return compile_chunk(
        source.encode(), "test:case", lua_version=version, budget=budget
    )


def run(
    source: str,
    *,
    version: str = "5.4",
    budget: Literal["full", "loops", "off"] = "full",
    credit: int = 1000,
    limit: int = 1 << 40,
) -> Outcome:
    """Translate and run a source.

    Args:
      source: The program.
      version: Of the virtual machine.
      budget: Which checks are planted.
      credit: What each call of ``__w`` gives.
      limit: After how many of them the program is ended.
    """
    text = translate(source, version=version, budget=budget).text
    return _execute(text, version, plain=False, credit=credit, limit=limit)


def loads(text: bytes, *, version: str = "5.4") -> str:
    """Return why a virtual machine refuses a text; nothing if it takes it."""
    module: Any = import_module(f"lupa.lua{version.replace('.', '')}")
    lua = module.LuaRuntime(encoding=None)
    load = lua.eval(b'function(s) return select(2, load(s, "@t", "t")) or "" end')
    found: bytes = load(text)
    return found.decode("latin-1")


def run_plain(source: str, *, version: str = "5.4", steps: int = 50_000_000) -> Outcome:
    """Run a source as it stands; after so many ``steps`` it counts as hung."""
    return _execute(source.encode(), version, plain=True, steps=steps)


def _execute(
    text: bytes,
    version: str,
    *,
    plain: bool,
    credit: int = 0,
    limit: int = 0,
    steps: int = 50_000_000,
) -> Outcome:
    module: Any = import_module(f"lupa.lua{version.replace('.', '')}")
    lua = module.LuaRuntime(encoding=None)
    host = lua.execute(_HOST.encode())
    printed, ok, results = host[b"run"](
        text, b"@test:case", plain, credit, limit, steps
    )
    return Outcome(
        printed.decode("latin-1"),
        ok if isinstance(ok, bool) else ok.decode(),
        results.decode("latin-1"),
        host[b"checks"],
        host[b"emptied"],
        host[b"objects"],
    )

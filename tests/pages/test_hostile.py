"""No argument, however wrong, brings out a fault of ours (core 26, check 1).

Every function of every module, and every method of a handle of each class, is called
with values that no page speaks of. It may answer, fail or raise; what it may not do is
to fail with an internal fault, name a thing of Python, or end the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.modules.application import run_application
from tests.modules.test_declarations import (
    BUILT,
    MADE,
    SAMPLES,
    declared_handles,
)

if TYPE_CHECKING:
    from pathlib import Path

HEAD = r"""
local function nest(n) local t = {} for _ = 1, n do t = {t} end return t end
local function keyed(n) local t = {} for _ = 1, n do t = {k = t} end return t end
local cyclic = {1}
cyclic.me, cyclic[2] = cyclic, cyclic
local holes = {}
holes[1], holes[3], holes[70000] = 1, 3, 5
local values = {
  false, true, 0, 1, -1, 2, 0.5, -0.0, 0/0, 1/0, -1/0, 1e308, 2^53, 2^63,
  math.maxinteger, math.mininteger,
  "", " ", "x", "a:b", "app:none", "0", "-1", "1e400", "\0", "\255\254", "a\nb",
  "../..", "@x", "*", "%", "(", "[", "{", "\xed\xa0\x80", ("x"):rep(70000),
  "ns:" .. ("n"):rep(300),
  {}, {1, 2, 3}, {1, nil, 3}, {x = 1}, {[0] = 1}, {[-1] = 1}, {[1.5] = 2}, {[true] = 1},
  {1, 2, x = 3}, {"a", "b"}, {{}}, {x = {}}, {[{}] = 1}, {x = print}, {print}, holes,
  {x = 0/0}, {["\255"] = 1}, {["a\0b"] = "\255"}, {ns = 1, name = {}},
  {id = 5, kind = {}},
  nest(150), nest(300), nest(1500), keyed(300), keyed(1500), cyclic,
  print, coroutine.create(print), errors.new("e"), channel.new(1), payload.new({1}),
  setmetatable({}, {__index = function() error("index") end}),
  setmetatable({}, {__tostring = function() return "t" end}),
}
local count, seed = #values, 12345
local function any()
  seed = (seed * 1103515245 + 12345) % 2147483648
  return values[seed // 65536 % count + 1]
end
local problems = {}
local function told(name, ok, ...)
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    local text
    if type(v) == "string" and not ok then
      text = v
    elseif type(v) == "userdata" and v.kind and v.message and v.retryable then
      text = v:message()
    end
    if text and (text:find("internal fault") or text:find("object at 0x")
      or text:find("Traceback") or text:find("<class") or text:find("NoneType")
      or text:find("wippy_trio") or text:find("TypeError") or text:find("ValueError")
      or text:find("%.py") or text:find("dict_") or text:find("Error%('")
      or text:find("Error%(\"") or text:find("prelude")) then
      problems[text:sub(1, 200)] = name
    end
  end
end
local function try(name, f, self)
  local offset = self == nil and 0 or 1
  for round = 1, ROUNDS do
    local n = round % 5
    local args = table.pack()
    for i = 1, n do args[i] = any() end
    if round % 7 == 0 and n > 1 then args[1] = nil end
    if offset == 1 then
      told(name, pcall(f, self, table.unpack(args, 1, n)))
    else
      told(name, pcall(f, table.unpack(args, 1, n)))
    end
  end
  for i = 1, count do
    if offset == 1 then
      told(name, pcall(f, self, values[i]))
      told(name, pcall(f, values[i]))
    else
      told(name, pcall(f, values[i]))
      told(name, pcall(f, "x", values[i]))
    end
  end
end
local function shown()
  local out = {}
  for text, name in pairs(problems) do out[#out + 1] = name .. ": " .. text end
  table.sort(out)
  return out
end
"""
# These end the process, wait for what never comes, or are the same as another.
SKIPPED = {
    "system": ("exit", "set_limit", "collect", "stats", "heap_objects"),
    "time": ("sleep",),
    "crypto": ("pbkdf2",),
    "funcs": (),
}
LEFT_OUT = {
    "logger",  # an object, no table of functions
    "hub",  # every call that is right asks a server of the world
}
FUNCTIONS = r"""
local skipped = SKIP
local function walk(name, t, depth)
  for k, f in pairs(t) do
    if type(f) == "function" and not skipped[k] then
      try(name .. "." .. tostring(k), f)
    elseif type(f) == "table" and depth < 3 then
      walk(name .. "." .. tostring(k), f, depth + 1)
    end
  end
end
return { main = function()
  walk("NAME", require("NAME"), 1)
  return shown()
end }
"""
METHODS = r"""
local NAME = require("NAME")
local function fresh() return assert(SAMPLE) end
return { main = function(methods)
  for _, method in ipairs(methods) do
    local handle = fresh()
    try("NAME:" .. method, handle[method], handle)
    if handle.rollback then handle:rollback() end -- else the next one waits for it
  end
  return shown()
end }
"""


@pytest.mark.parametrize("name", sorted({*BUILT, "funcs", "payload"} - LEFT_OUT))
def test_no_function_shows_a_fault(name: str, tmp_path: Path) -> None:
    """The functions of a module."""
    skipped = "".join(f"{each} = true, " for each in SKIPPED.get(name, ()))
    body = FUNCTIONS.replace("SKIP", f"{{{skipped}}}").replace("NAME", name)
    source = HEAD.replace("ROUNDS", "60") + body
    assert run_application(tmp_path, source, modules=name, entries=MADE) == []


@pytest.mark.parametrize(("name", "handle"), SAMPLES)
def test_no_method_shows_a_fault(name: str, handle: str, tmp_path: Path) -> None:
    """The methods of a handle."""
    methods = sorted(declared_handles(name)[handle] - {"receive", "begin"})
    body = METHODS.replace("SAMPLE", SAMPLES[name, handle]).replace("NAME", name)
    source = HEAD.replace("ROUNDS", "40") + body
    modules = ", ".join({name, "fs"})
    found = run_application(tmp_path, source, methods, modules=modules, entries=MADE)
    assert found == []

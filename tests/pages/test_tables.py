"""What holds for the tables of all modules (modules-data 0.2, 0.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.modules.application import run_function
from tests.modules.test_declarations import BUILT
from wippy_trio.modules.eval_runner import _BASE
from wippy_trio.runtime.catalogue import NATIVE

if TYPE_CHECKING:
    from pathlib import Path

TABLES = """
local name = ...
return {main = function(names)
  local problems = {}
  local function note(what) problems[#problems + 1] = what end
  local function walk(path, t, depth)
    local first
    for k, v in pairs(t) do
      first = first or k
      if type(v) == "table" and depth < 4 then
        walk(path .. "." .. tostring(k), v, depth + 1)
      end
    end
    if pcall(function() t.added = 1 end) then note("assigned " .. path) end
    if pcall(function() t[1] = 1 end) then note("indexed " .. path) end
    if first ~= nil then
      if pcall(function() t[first] = nil end) then note("removed from " .. path) end
      if pcall(rawset, t, first, 1) and t[first] == 1 then note("raw " .. path) end
      if pcall(table.insert, t, 1) then note("inserted " .. path) end
    end
    if pcall(setmetatable, t, {}) then note("metatable " .. path) end
    if t.added ~= nil or t[1] == 1 then note("changed " .. path) end
  end
  for _, each in ipairs(names) do
    local module = require(each)
    if not rawequal(module, require(each)) then note("not the same " .. each) end
    if _G[each] ~= module then note("no global " .. each) end -- L-2
    if each == "logger" then
      if type(module) ~= "userdata" then note("logger is " .. type(module)) end
    elseif type(module) ~= "table" then
      note(each .. " is " .. type(module))
    else
      walk(each, module, 1)
    end
  end
  return problems
end}
"""
CLASSES = """
json: encoding deterministic
yaml: encoding deterministic
base64: encoding deterministic
compress: encoding deterministic
payload: encoding deterministic
treesitter: encoding deterministic
archive: encoding io nondeterministic
excel: io encoding
html: security deterministic
templates: deterministic
text: deterministic
expr: deterministic
hash: encoding security deterministic
crypto: security nondeterministic workflow
uuid: nondeterministic workflow
env: process nondeterministic
logger: io workflow
metrics: io nondeterministic
io: io nondeterministic
tty: io nondeterministic
system: process nondeterministic
os: time workflow
ctx: nondeterministic workflow
store: storage io nondeterministic
security: security nondeterministic
"""


def test_tables_are_closed_and_the_same_everywhere(tmp_path: Path) -> None:
    """L-2, L-3, L-4: a global, the result of `require`, and nobody can change it."""
    source = TABLES.replace("local name = ...\n", "")
    names = [*BUILT, "funcs"]
    problems = run_function(tmp_path, source, names, modules=", ".join(names))
    assert problems == []


def test_what_is_not_declared_is_not_there(tmp_path: Path) -> None:
    """MOD-3, and a name that no entry of the closure declares is never visible."""
    source = """
    return {main = function(names)
      local problems = {}
      for _, name in ipairs(names) do
        local ok, err = pcall(require, name)
        local wanted = "module '" .. name .. "' not found"
        if ok or not tostring(err):find(wanted, 1, true) then
          problems[#problems + 1] = name .. ": " .. tostring(err)
        end
        if _G[name] ~= nil then problems[#problems + 1] = "global " .. name end
      end
      return problems
    end}
    """
    names = sorted({*BUILT, "nothing", "string ", ""} - {"json", "os"})
    assert run_function(tmp_path, source, names, modules="json") == []


def test_evaluated_code_knows_the_same_classes() -> None:
    """The classes of what the prelude provides are told alike in two places."""
    told = {name: frozenset(classes) for name, (_, classes) in NATIVE.items()}
    assert told == {name: _BASE[name] for name in told}


@pytest.mark.parametrize("line", CLASSES.strip().splitlines())
def test_modules_have_their_classes(line: str, tmp_path: Path) -> None:
    """`system.modules` tells the classes of modules-data 0.3."""
    name, _, classes = line.partition(": ")
    source = """
    return {main = function(name)
      for _, row in ipairs(system.modules()) do
        if row.name == name then return row.class end
      end
    end}
    """
    assert run_function(tmp_path, source, name, modules="system") == classes.split()

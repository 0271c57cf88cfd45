"""Births whose chunk takes longer than a slice (core P-5, M-1a)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.modules.application import run_application

if TYPE_CHECKING:
    from pathlib import Path

CHILD = """
  - name: slow
    kind: process.lua
    source: |
      local turns = 0
      while turns < 3000000 do turns = turns + 1 end
      if FAIL then error("no") end
      return { main = function(x) return x * 2 end }
    method: main
"""


@pytest.mark.parametrize("fail", [False, True])
def test_exec_of_a_slow_chunk(tmp_path: Path, fail: bool) -> None:
    """The wait for the result is in place before the child first runs (core P-92)."""
    entries = CHILD.replace("if FAIL", "if true" if fail else "if false")
    body = """
    return {main = function()
      local value, err = process.exec("app:slow", "app:processes", 21)
      local pid = process.spawn_monitored("app:slow", "app:processes", 1)
      local event = pid and process.events():receive()
      return {value or false, err and tostring(err:kind()) or false,
        event and event.result.value or false}
    end}
    """
    found = run_application(tmp_path, body, modules="", entries=entries)
    assert found == ([False, "Internal", False] if fail else [42, False, 2])


MODULE_LEVEL = """
local fs, store = require("fs"), require("store")
local kept = store.get("app:kept")
local file = fs.get("app:data"):open("log", "w")
return {main = function(x)
  local before = kept:get("t:last")
  kept:set("t:last", x)
  file:write(x)
  return before or "none"
end}
"""
STATES = """
  - {name: kept, kind: store.memory}
  - {name: data, kind: fs.directory, directory: data, auto_init: true}
  - name: g
    kind: function.lua
    source: |
%s
    method: main
    modules: [fs, store]
"""


def test_what_a_chunk_opens_lives_as_long_as_its_state(tmp_path: Path) -> None:
    """Caches at the level of a function's chunk work in all its calls (apps 13.19)."""
    chunk = "\n".join(f"      {line}" for line in MODULE_LEVEL.splitlines())
    body = """
    local funcs = require("funcs")
    return {main = function()
      local out = {}
      for i, x in ipairs({"a", "b", "c"}) do out[i] = funcs.call("app:g", x) end
      return out
    end}
    """
    found = run_application(tmp_path, body, modules="funcs", entries=STATES % chunk)
    assert found == ["none", "a", "b"]
    assert (tmp_path / "data/log").read_text() == "abc"

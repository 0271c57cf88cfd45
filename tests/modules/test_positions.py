"""A wrong argument is reported where the program made the mistake, not inside of us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.modules.application import run_function

if TYPE_CHECKING:
    from pathlib import Path

MODULES = ("time", "json", "uuid", "funcs", "base64", "hash", "events", "logger")
SOURCE = """
local probes = { {}, { true }, { {} }, { "x" }, { 1 }, { print }, { {}, {} },
  { "a", {} }, { "x", true, {} }, { print, print } }
-- These wait, or end the process.
local skipped = { exit = true, upgrade = true, terminate = true, yield = true,
  sleep = true, spawn = true, exec = true, select = true, inbox = true }
local problems, calls, seen = {}, 0, {}

local function try(name, f, ...)
  local function call(...)
    return (f(...)) -- this line is the author's
  end
  for _, args in ipairs(probes) do
    local given = table.pack(...)
    for _, v in ipairs(args) do given[#given + 1] = v end
    local ok, e = pcall(call, table.unpack(given))
    if not ok then
      calls = calls + 1
      if type(e) == "string" and e:find("^[%w_]+%.lua:%d") then
        problems[#problems + 1] = name .. ": " .. e
      end
    end
  end
end

local function walk(name, lib, depth)
  if type(lib) ~= "table" or seen[lib] or depth > 3 then return end
  seen[lib] = true
  for k, v in pairs(lib) do
    local full = name .. "." .. tostring(k)
    if type(v) == "function" and not skipped[k] then
      try(full, v)
    else
      walk(full, v, depth + 1)
    end
  end
end

local function main(modules)
  for _, name in ipairs({ "string", "table", "math", "channel", "coroutine", "process",
    "errors", "payload", "os" }) do
    walk(name, _G[name], 1)
  end
  for _, name in ipairs(modules) do walk(name, require(name), 1) end
  for _, name in ipairs({ "setmetatable", "pairs", "ipairs", "next", "rawget", "rawset",
    "tonumber", "unpack", "xpcall", "require", "subscribe", "unsubscribe" }) do
    try(name, _G[name])
  end
  local time = require("time")
  local now, second = time.now(), time.parse_duration("1s")
  for _, name in ipairs({ "add", "sub", "format", "unix", "before", "equal" }) do
    try("time:" .. name, now[name], now)
    try("time." .. name, now[name])
  end
  try("duration.hours", second.hours)
  local ch = channel.new()
  for _, name in ipairs({ "send", "receive", "close", "case_send", "case_receive" }) do
    try("channel." .. name, ch[name])
  end
  try("error.kind", errors.new("x").kind)
  return { problems, calls }
end
return { main = main }
"""


def test_no_error_names_a_file_of_ours(tmp_path: Path) -> None:
    """Some hundred calls with wrong arguments (core G-2)."""
    problems, calls = run_function(
        tmp_path, SOURCE, list(MODULES), modules=", ".join(MODULES)
    )
    assert problems == []
    assert calls > 500

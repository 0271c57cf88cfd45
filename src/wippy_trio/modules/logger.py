"""`logger`: structured records of a program."""

from __future__ import annotations

from typing import Any

from wippy_trio.sdk import LuaModule, current_process, current_runtime

MODULE = LuaModule(
    "logger",
    classes=("io", "workflow"),
    declares="""
    debug: (self: Logger, message: string, fields: table?) -> ()
    info: (self: Logger, message: string, fields: table?) -> ()
    warn: (self: Logger, message: string, fields: table?) -> ()
    error: (self: Logger, message: string, fields: table?) -> ()
    named: (self: Logger, name: string) -> Logger
    with: (self: Logger, fields: table) -> Logger
    """,
    source=b"""
local P, F = ...
local raw = P.raw
local NAME, FIELDS = P.key("name"), P.key("fields")
local methods = {}
local LOGGER = P.class("logger", methods)
function LOGGER.__tostring() return "logger" end
local function new(name, fields)
  return raw.setrawmetatable({ [NAME] = name, [FIELDS] = fields }, LOGGER)
end
local function own(self)
  if raw.type(self) ~= "table" or raw.getrawmetatable(self) ~= LOGGER then
    raw.error("logger expected, got " .. P.type(self), 3)
  end
end
-- A record never fails: what is no table or no data is written by its text.
local function merged(a, b)
  local t = {}
  for k, v in raw.next, a do t[k] = v end
  if P.is_error(b) then
    t.error = P.bag(b)
  elseif b ~= nil and P.type(b) ~= "table" then
    t.value = P.bag(b)
  elseif b ~= nil then
    for k, v in P.pairs(b) do
      if raw.type(k) == "string" then
        local ok, data = raw.pcall(P.bag, v)
        t[k] = ok and data or not ok and P.plain_text(v)
      end
    end
  end
  return t
end
for _, level in raw.ipairs({ "debug", "info", "warn", "error" }) do
  methods[level] = function(self, message, fields)
    own(self)
    local ok, text = raw.pcall(P.tostring, message)
    text = ok and text or P.plain_text(message)
    F._log(level, text, P.location(2), self[NAME], merged(self[FIELDS], fields))
  end
end
function methods.named(self, name)
  own(self)
  name = P.text_argument(1, "named", name)
  if name == "" then
    raw.error("bad argument #1 to 'named' (name expected, got an empty string)", 2)
  end
  return new(self[NAME] == "" and name or self[NAME] .. "." .. name, self[FIELDS])
end
methods["with"] = function(self, fields)
  own(self)
  if P.type(fields) ~= "table" then
    P.bad_argument(1, "with", "table", fields)
  end
  return new(self[NAME], merged(self[FIELDS], fields))
end
return new("", {})
""",
)

LEVELS = {"debug": "debug", "info": "info", "warn": "warning", "error": "error"}


@MODULE.export(name="_log", pair=False)
def log(level: str, message: bytes, location: str, name: str, fields: Any) -> None:
    """Write one record."""
    current_runtime().program_log(
        current_process(),
        LEVELS[level],
        message.decode("utf-8", "replace"),
        location,
        fields if isinstance(fields, dict) else None,
        name,
    )

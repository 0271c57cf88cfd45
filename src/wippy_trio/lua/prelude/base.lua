-- The names every program finds: the base library, the libraries that need no declaration.

local P = ...
local raw = P.raw

local front = {}
for _, name in raw.ipairs({ "string", "table", "math", "coroutine", "process", "channel",
  "errors", "payload", "os" }) do
  local lib = P[name]
  if lib then
    front[name] = P.brand(lib) and lib or P.library(name, lib)
  end
end
P.library_type(front.string, "string")
P.library_type(front.table, "table")

-- Strings of all processes share one metatable; it reaches the real library, never the front.
raw.setrawmetatable("", { __index = P.string, __metatable = false })

local package = P.library("package", {
  path = "",
  cpath = "",
  loadlib = function()
    return nil, "dynamic libraries are not available", "absent"
  end,
  seeall = function() end,
})

local base = {
  _VERSION = "Lua 5.3",
  assert = raw.assert,
  error = raw.error,
  getmetatable = P.getmetatable,
  ipairs = P.ipairs,
  next = P.next,
  pairs = P.pairs,
  pcall = P.pcall,
  print = P.print,
  rawequal = raw.rawequal,
  rawget = P.rawget,
  rawset = P.rawset,
  require = P.require,
  select = P.select or raw.select,
  setmetatable = P.setmetatable,
  subscribe = P.subscribe,
  tonumber = P.tonumber or raw.tonumber,
  tostring = P.tostring,
  type = P.type,
  unpack = P.table.unpack,
  unsubscribe = P.unsubscribe,
  xpcall = P.xpcall,
  package = package,
}
for name, lib in raw.next, front do
  base[name] = lib
end
for _, name in raw.ipairs({ "number", "integer", "boolean", "any", "unknown", "never", "Number",
  "Integer", "String", "Boolean", "Any", "Unknown", "Never" }) do
  base[name] = P.primitive_types[name]
end
P.base = base

P.always = { package = package }
for name, lib in raw.next, front do
  P.always[name] = lib
  P.natives[name] = lib
end
P.natives.print, P.natives.subscribe, P.natives.unsubscribe = P.print, P.subscribe, P.unsubscribe

-- What the rewrites of the compiler call (types.md 4.9).
P.rewrites = {
  NILKEY = P.NILKEY or { "nil key" },
  emptied = P.mark_object or function() end,
  object = P.mark_new_object or function(t)
    return t
  end,
}
P.random = P.random or raw.math.random

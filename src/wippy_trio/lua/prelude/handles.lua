-- Handles: what a program may hold of ours without being able to look inside or harm it.
--
-- A host object (channel, message, error, time, type value ...) is a table. Its state sits
-- under private key objects, never under names or integers, and its metatable is closed and
-- known to `brands`. A library is an empty table in front of the real one. Both are safe only
-- together with the functions below, which are the only `type`, `next`, `pairs`, `rawget` ...
-- that a program ever sees: the native ones would walk over the private keys.
--
-- `brands[metatable]` is asked instead of a field of the metatable, because a metatable made
-- by a program may itself have an `__index` function, which would receive the private key.
--
-- This file is loaded first. P is the private state that the prelude files share; P.raw
-- holds the native functions, kept before the sandbox removed them.

local P = ...
local raw = P.raw

local rawtype, rawnext, native_rawget, native_rawset =
  raw.type, raw.next, raw.rawget, raw.rawset
local rawmt, setrawmt = raw.getrawmetatable, raw.setrawmetatable
local native_setmetatable, native_ipairs, error = raw.setmetatable, raw.ipairs, raw.error
local native_tostring, format = raw.tostring, raw.format

-- metatable -> brand: "lib", "frozen", "env", "type", or the name of a class of handles
local brands = setrawmt({}, { __mode = "k" })
P.brands = brands
-- The classes of handles there are, by name.
P.class_names = {}

-- brands whose values a program sees as tables
local TABLE_LIKE = { lib = true, frozen = true, env = true }

-- The brand of a value, or nil for anything that is the program's own.
local function brand(v)
  if rawtype(v) ~= "table" then
    return nil
  end
  local mt = rawmt(v)
  return mt and brands[mt]
end
P.brand = brand

-- A new private key; the text is for whoever debugs the prelude.
function P.key(text)
  return { text }
end

local function refuse_assignment(self, k)
  error(format("cannot assign %s: %s is immutable", P.show_key(k), P.describe(self)), 2)
end

-- How an error text names a key, and what a value is.
function P.show_key(k)
  if rawtype(k) == "string" then
    return "'" .. k .. "'"
  end
  return rawtype(k)
end

function P.describe(v)
  local b = brand(v)
  if b == "lib" then
    return "library '" .. rawmt(v).name .. "'"
  elseif b == "frozen" then
    return "a frozen table"
  end
  return b or rawtype(v)
end

-- Make a class of handles. `methods` is what `:` reaches; `events` adds metamethods.
function P.class(name, methods, events)
  local mt = {
    __index = methods,
    __newindex = refuse_assignment,
    __metatable = false,
    name = name,
  }
  mt.__len = function()
    error("attempt to get length of a " .. name .. " value", 2)
  end
  if events then
    for k, v in rawnext, events do
      mt[k] = v
    end
  end
  brands[mt] = name
  P.class_names[name] = true
  return mt
end

-- Put a closed front before a library: enumerable, readable, not assignable (core G-5).
function P.library(name, real)
  local mt = {
    __index = real,
    __newindex = refuse_assignment,
    __metatable = false,
    name = name,
  }
  brands[mt] = "lib"
  return setrawmt({}, mt)
end

-- The table behind a library or frozen front.
local function behind(v)
  return rawmt(v).__index
end

-- The table whose raw fields stand for `v`: the one behind a front, the globals with their
-- built-in names copied in, `v` itself for the program's own tables, nil for a handle.
local function contents(v)
  local mt = rawmt(v)
  if mt == nil then
    return v
  end
  local b = brands[mt]
  if b == nil then
    return v
  elseif b == "lib" or b == "frozen" then
    return behind(v)
  elseif b == "env" then
    P.materialise(v)
    return v
  end
  return nil
end
P.contents = contents

-- Copy the built-in names into a process's globals, so that raw access finds them.
function P.materialise(env)
  local base = rawmt(env).__index
  setrawmt(env, nil)
  for k, v in rawnext, base do
    if env[k] == nil then
      env[k] = v
    end
  end
end

-- Where the program is that called us, however deep we are: `app:main:12: `, or nothing. Its
-- chunks have ids of entries for names, with a colon; ours have names of files.
local function author()
  local level = 3
  while true do
    local info = raw.getinfo(level, "Sl")
    if not info then
      return ""
    elseif info.currentline > 0 and raw.string.find(info.short_src, ":", 1, true) then
      return info.short_src .. ":" .. info.currentline .. ": "
    end
    level = level + 1
  end
end

-- Raise a text with the position of the program that made the mistake.
function P.misuse(text)
  error(author() .. text, 0)
end

local function bad(n, name, wanted, v)
  P.misuse(format("bad argument #%d to '%s' (%s expected, got %s)", n, name, wanted,
    v == nil and "no value" or P.type(v)))
end
P.bad_argument = bad

-- The functions a program sees ------------------------------------------------------------

local function type_(v)
  local t = rawtype(v)
  if t ~= "table" then
    return t
  end
  local mt = rawmt(v)
  if mt == nil then
    return t
  end
  local b = brands[mt]
  if b == nil or TABLE_LIKE[b] then
    return t
  elseif b == "type" then
    return "type"
  end
  return "userdata"
end
P.type = type_

-- Tables that were found to be the program's own, a few at a time: one look-up instead of a
-- look at the metatable. Looked up and not compared, because `==` would ask the program's
-- `__eq`; weak, so that none is kept alive.
local vetted, vetted_count = setrawmt({}, { __mode = "k" }), 0
P.vetted = vetted

function P.forget_vetted()
  if vetted_count == 0 then
    return -- asked at every step: the emptied table keeps its size
  end
  for k in rawnext, vetted do
    vetted[k] = nil
  end
  vetted_count = 0
end

-- Whether `t` is a table of the program that can be read and changed by raw access.
local function vet(t)
  if rawtype(t) ~= "table" or contents(t) ~= t then
    return false
  end
  if vetted_count >= 64 then
    P.forget_vetted()
  end
  vetted[t], vetted_count = true, vetted_count + 1
  return true
end
P.vet = vet

local function next_(t, k)
  if vetted[t] or vet(t) then
    return rawnext(t, k)
  end
  local real = rawtype(t) == "table" and contents(t)
  if not real then
    bad(1, "next", "table", t)
  end
  return rawnext(real, k)
end
P.next = next_

local function pairs_(t)
  if not vetted[t] and (rawtype(t) ~= "table" or contents(t) == nil) then
    bad(1, "pairs", "table", t)
  end
  return next_, t, nil
end
P.pairs = pairs_

local function ipairs_(t)
  if not vetted[t] and (rawtype(t) ~= "table" or type_(t) ~= "table") then
    bad(1, "ipairs", "table", t)
  end
  return native_ipairs(t)
end
P.ipairs = ipairs_

function P.rawget(t, k)
  local real = rawtype(t) == "table" and contents(t)
  if not real then
    bad(1, "rawget", "table", t)
  end
  return native_rawget(real, k)
end

function P.rawset(t, k, v)
  local real = rawtype(t) == "table" and contents(t)
  if not real then
    bad(1, "rawset", "table", t)
  elseif real ~= t then
    error(format("cannot assign %s: %s is immutable", P.show_key(k), P.describe(t)), 2)
  end
  return native_rawset(t, k, v)
end

-- Finalizers are never armed: a finalizer of a dead process would run inside another one.
-- Lua marks an object for finalization only if the field is there at this very moment.
function P.setmetatable(t, mt)
  if rawtype(t) ~= "table" then
    bad(1, "setmetatable", "table", t)
  end
  if mt ~= nil and (rawtype(mt) ~= "table" or type_(mt) ~= "table") then
    bad(2, "setmetatable", "nil or table", mt)
  end
  local b = brand(t)
  if b == "env" then
    P.materialise(t)
  elseif b then
    error(format("cannot change a protected metatable: %s is immutable",
      P.describe(t)), 2)
  end
  if mt == nil then
    return native_setmetatable(t, nil)
  end
  local gc = native_rawget(mt, "__gc")
  if gc == nil then
    return native_setmetatable(t, mt)
  end
  native_rawset(mt, "__gc", nil)
  native_setmetatable(t, mt)
  native_rawset(mt, "__gc", gc)
  return t
end

function P.getmetatable(v)
  local t = rawtype(v)
  if t == "string" then
    return false -- it is shared by all processes of the VM
  elseif t ~= "table" then
    return nil
  end
  local mt = rawmt(v)
  if mt == nil then
    return nil
  end
  local b = brands[mt]
  if b == nil then
    local shown = native_rawget(mt, "__metatable")
    if shown ~= nil then
      return shown
    end
    return mt
  elseif TABLE_LIKE[b] then
    return nil
  elseif b == "type" then
    return "type"
  end
  return false
end

-- Make a table of the program read-only, in place: its contents move behind it (STD-25).
function P.freeze(t)
  if rawtype(t) ~= "table" or brand(t) == "env" then
    bad(1, "freeze", "table", t)
  end
  local b = brand(t)
  if b then
    return t
  end
  local real = {}
  for k, v in rawnext, t do
    real[k] = v
  end
  for k in rawnext, real do
    t[k] = nil
  end
  local old = rawmt(t)
  setrawmt(real, old)
  local mt = {
    __index = real,
    __newindex = refuse_assignment,
    __len = function()
      return #real
    end,
    __metatable = false,
  }
  if old then
    for _, event in native_ipairs({ "__call", "__tostring", "__eq", "__lt", "__le" }) do
      mt[event] = native_rawget(old, event)
    end
  end
  brands[mt] = "frozen"
  vetted[t] = nil
  return setrawmt(t, mt)
end

function P.isfrozen(t)
  local b = brand(t)
  return b ~= nil and b ~= "env"
end

-- Addresses are never shown: a number from a counter stands for the object.
local numbers = setrawmt({}, { __mode = "k" })
local last = 0

function P.object_number(v)
  local n = numbers[v]
  if n == nil then
    last = last + 1
    n = last
    numbers[v] = n
  end
  return n
end

function P.has_number(v)
  return numbers[v] ~= nil
end

-- Text of a value without asking its metatable: `table: 0x0000002a`.
function P.plain_text(v)
  local t = rawtype(v)
  if t == "table" or t == "function" or t == "thread" then
    return format("%s: 0x%08x", type_(v), P.object_number(v))
  end
  return native_tostring(v)
end

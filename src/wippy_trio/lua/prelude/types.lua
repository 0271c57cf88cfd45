-- Type values of a program: primitives that check, declared types.
--
-- `__t` of a chunk is a front over the types of the chunk; `string(x)`, `integer:is(x)` and
-- their kin are compiled to calls of what it holds (STD-2). Primitives check; a declared type
-- accepts every value until run-time types are built from its descriptor.

local P = ...
local raw = P.raw
local rawtype, setrawmt, rawmt, native_error = raw.type, raw.setrawmetatable,
  raw.getrawmetatable, raw.error
local math_type = raw.math.type

local NAME, CHECK = P.key("type name"), P.key("type check")
local methods = {}
local TYPE = P.class("type", methods)
TYPE.__metatable = "type"

local function describe(v)
  local t = rawtype(v)
  if t == "number" then
    return math_type(v) == "integer" and "integer" or "number"
  end
  return P.type(v)
end

local function type_error(self, v)
  return P.error_new("expected " .. self[NAME] .. ", got " .. describe(v), P.errors.INVALID,
    false)
end

function TYPE.__call(self, ...)
  local n = raw.select("#", ...)
  if n == 0 then
    native_error("type " .. self[NAME] .. " expects at least 1 argument", 2)
  elseif n > 1 then
    native_error("type " .. self[NAME] .. " validation expects 1 value, got " .. n, 2)
  end
  local v = ...
  if self[CHECK](v) then
    return v
  end
  native_error("expected " .. self[NAME] .. ", got " .. describe(v), 2)
end

function TYPE.__tostring(self)
  return self[NAME]
end

local primitives = {}

-- `T:is(v)` and `T.is(v)` are the same; a primitive knows itself.
local function new_type(name, check)
  local self
  local own = setrawmt({
    is = function(a, b)
      local v = b
      if rawtype(a) ~= "table" or rawmt(a) == nil or P.brand(a) ~= "type" then
        v = a
      end
      if check(v) then
        return v, nil
      end
      return nil, type_error(self, v)
    end,
    kind = function()
      return name
    end,
    name = function()
      return name
    end,
  }, { __index = methods })
  local mt = {}
  for k, v in raw.next, TYPE do
    mt[k] = v
  end
  mt.__index = own
  P.brands[mt] = "type"
  self = setrawmt({ [NAME] = name, [CHECK] = check }, mt)
  return self
end

local function accepts_all()
  return true
end

primitives.any = new_type("any", accepts_all)
primitives.unknown = new_type("unknown", accepts_all)
primitives.never = new_type("never", function()
  return false
end)
primitives.string = new_type("string", function(v)
  return rawtype(v) == "string"
end)
primitives.number = new_type("number", function(v)
  return rawtype(v) == "number"
end)
primitives.integer = new_type("integer", function(v)
  return math_type(v) == "integer"
    or rawtype(v) == "number" and v == raw.math.floor(v) and v - v == 0
end)
primitives.boolean = new_type("boolean", function(v)
  return rawtype(v) == "boolean"
end)
primitives.table = new_type("table", function(v)
  return rawtype(v) == "table"
end)
primitives.error = new_type("error", function(v)
  return P.is_error(v)
end)
primitives["nil"] = new_type("nil", function(v)
  return v == nil
end)
primitives.int, primitives.bool = primitives.integer, primitives.boolean
for _, name in raw.ipairs({ "Number", "Integer", "String", "Boolean", "Any", "Unknown", "Never" }) do
  primitives[name] = primitives[name:lower()]
end
P.primitive_types = primitives

local NATURE = { string = "string", boolean = "boolean", ["nil"] = "nil" }

local function type_of_value(v)
  if rawtype(v) == "number" then
    return primitives[math_type(v) == "integer" and "integer" or "number"]
  elseif NATURE[rawtype(v)] then
    return primitives[NATURE[rawtype(v)]]
  elseif rawtype(v) == "table" and P.type(v) == "table" then
    return primitives.table
  end
  return primitives.any
end

local declared = {}

-- The `__t` of one chunk.
function P.types_of(key)
  local types = declared[key]
  if not types then
    types = setrawmt({ typeof = type_of_value }, {
      __index = function(t, name)
        local value = primitives[name]
        if value == nil then
          value = new_type(rawtype(name) == "string" and name or "type", accepts_all)
        end
        t[name] = value
        return value
      end,
    })
    declared[key] = types
  end
  return types
end

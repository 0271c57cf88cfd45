-- The `time` module: durations, waits, timers, moments, places.

local P, F = ...
local raw = P.raw
local rawtype, find, sub, tonumber = raw.type, raw.string.find, raw.string.sub, raw.tonumber
local tointeger = raw.math.tointeger
local K = P.errors

local UNITS = { ns = 1, us = 1e3, ["µs"] = 1e3, ["μs"] = 1e3, ms = 1e6, s = 1e9, m = 60e9,
  h = 3600e9 }

-- Nanoseconds of the text of a duration, or nil (T-1, T-3). Texts are few: remember them.
local known, count = {}, 0

local function parse(text)
  local at, sign = 1, 1
  local c = sub(text, 1, 1)
  if c == "-" or c == "+" then
    at, sign = 2, c == "-" and -1 or 1
  end
  if sub(text, at) == "0" then
    return 0
  elseif at > #text then
    return nil
  end
  local total = 0
  while at <= #text do
    local _, e, number, unit = find(text, "^(%d*%.?%d*)([^%d%.]+)", at)
    local scale = e and UNITS[unit]
    local n = scale and tonumber(number)
    if not n then
      return nil
    end
    total = total + n * scale
    at = e + 1
  end
  return tointeger(sign * raw.math.floor(total + 0.5))
end

local function duration_of_text(text)
  local found = known[text]
  if found == nil then
    found = parse(text) or false
    if count > 1000 then
      known, count = {}, 0
    end
    known[text], count = found, count + 1
  end
  return found
end

local NS = P.key("nanoseconds")
local duration_methods = {}
local DURATION = P.class("time.Duration", duration_methods)

-- Nanoseconds of whatever stands for a duration, or nil.
local function nanoseconds(v)
  local t = rawtype(v)
  if t == "number" then
    if raw.math.type(v) == "integer" then
      return v
    elseif v ~= v or v >= 2 ^ 63 or v < -2 ^ 63 then
      return nil
    end
    return tointeger(v < 0 and raw.math.ceil(v) or raw.math.floor(v))
  elseif t == "string" then
    return duration_of_text(v) or nil
  elseif t == "table" and raw.getrawmetatable(v) == DURATION then
    return v[NS]
  end
end

local time = F

function time.sleep(d)
  local ns = nanoseconds(d)
  if not ns then
    return P.fail(K.INVALID, "time.sleep: invalid duration: " .. P.tostring(d))
  end
  P.sleep(ns / 1e9)
end

return time

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

local function duration(ns)
  return P.raw.setrawmetatable({ [NS] = ns }, DURATION)
end

local function own(self, class, name)
  if rawtype(self) ~= "table" or raw.getrawmetatable(self) ~= class then
    P.misuse(name .. " expected, got " .. P.type(self))
  end
  return self
end

function DURATION.__tostring(self)
  return (F._duration_text(self[NS]))
end

for name, scale in raw.next, { nanoseconds = 1, microseconds = 1000, milliseconds = 1000000 } do
  duration_methods[name] = function(self)
    local ns = own(self, DURATION, "duration")[NS]
    return ns < 0 and -(-ns // scale) or ns // scale
  end
end
for name, scale in raw.next, { seconds = 1e9, minutes = 60e9, hours = 3600e9 } do
  duration_methods[name] = function(self)
    return own(self, DURATION, "duration")[NS] / scale
  end
end

local time = {}
for name, value in raw.next, F do
  if sub(name, 1, 1) ~= "_" then
    time[name] = value
  end
end
time.NANOSECOND, time.MICROSECOND, time.MILLISECOND = 1, 1000, 1000000
time.SECOND, time.MINUTE, time.HOUR = 1000000000, 60000000000, 3600000000000

-- Locations -----------------------------------------------------------------------------------

local ZONE = P.key("zone")
local location_methods = {}
local LOCATION = P.class("time.Location", location_methods)

local function location(zone)
  return raw.setrawmetatable({ [ZONE] = zone }, LOCATION)
end

function location_methods.string(self)
  local zone = own(self, LOCATION, "location")[ZONE]
  if sub(zone, 1, 1) == "=" then
    return raw.string.match(zone, "^=(.*)=[^=]*$")
  end
  return zone
end
LOCATION.__tostring = location_methods.string

time.utc, time.localtz = location("UTC"), location("Local")

function time.load_location(name)
  local zone, err = F._load(name)
  if err then
    return nil, err
  end
  return location(zone), nil
end

function time.fixed_zone(name, offset)
  if rawtype(name) ~= "string" then
    P.bad_argument(1, "fixed_zone", "string", name)
  elseif rawtype(offset) ~= "number" then
    P.bad_argument(2, "fixed_zone", "number", offset)
  end
  return location("=" .. name .. "=" .. raw.format("%d", raw.math.floor(offset)))
end

-- Moments -------------------------------------------------------------------------------------

local SEC, NSEC, PLACE = P.key("seconds"), P.key("nanosecond"), P.key("place")
local moment_methods = {}
local TIME = P.class("time.Time", moment_methods)

local function moment(seconds, nanoseconds, zone)
  return raw.setrawmetatable({ [SEC] = seconds, [NSEC] = nanoseconds, [PLACE] = zone }, TIME)
end

local function fields(self)
  own(self, TIME, "time")
  return self[SEC], self[NSEC], self[PLACE]
end

function TIME.__tostring(self)
  return (F._text(fields(self)))
end

local function now()
  local seconds, nanoseconds = P.host.wall()
  return moment(seconds, nanoseconds, "Local")
end
time.now = now

local function zone_of(v, n, name)
  if v == nil then
    return "Local"
  elseif rawtype(v) == "table" and raw.getrawmetatable(v) == LOCATION then
    return v[ZONE]
  end
  P.bad_argument(n, name, "location", v)
end

function time.date(y, mo, d, h, mi, s, ns, place)
  local given = { y, mo, d, h, mi, s, ns }
  for i = 1, 7 do
    if rawtype(given[i]) ~= "number" then
      P.bad_argument(i, "date", "number", given[i])
    end
  end
  local zone = zone_of(place, 8, "date")
  local seconds, nanoseconds = F._date(y, mo, d, h, mi, s, ns, zone)
  return moment(seconds, nanoseconds, zone)
end

local function normal(seconds, nanoseconds, zone)
  return moment(seconds + nanoseconds // 1000000000, nanoseconds % 1000000000, zone)
end

function time.unix(seconds, nanoseconds)
  local s, n = nanoseconds ~= nil and seconds or nil, nanoseconds
  if rawtype(s) ~= "number" or rawtype(n) ~= "number" then
    P.bad_argument(rawtype(seconds) == "number" and 2 or 1, "unix", "number",
      rawtype(seconds) == "number" and nanoseconds or seconds)
  end
  return normal(raw.math.tointeger(s // 1), raw.math.tointeger(n // 1), "Local")
end

function time.parse(layout, value, place)
  local found, err = F._parse(layout, value, zone_of(place, 3, "parse"))
  if err then
    return nil, err
  end
  return moment(found[1], found[2], found[3]), nil
end

local function duration_argument(d, name)
  local ns = nanoseconds(d)
  if not ns then
    P.bad_argument(1, name, "duration", d)
  end
  return ns
end

function moment_methods.add(self, d)
  local seconds, n, zone = fields(self)
  local ns = duration_argument(d, "add")
  return normal(seconds + ns // 1000000000, n + ns % 1000000000, zone)
end

function moment_methods.sub(self, other)
  local s1, n1 = fields(self)
  local s2, n2 = fields(other)
  -- A span that 64 bits cannot hold is capped to what they can.
  local s, n = s1 - s2, n1 - n2
  if n < 0 then
    s, n = s - 1, n + 1000000000
  end
  if s > 9223372036 or s == 9223372036 and n > 854775807 then
    return duration(raw.math.maxinteger)
  elseif s < -9223372037 or s == -9223372037 and n < 145224192 then
    return duration(raw.math.mininteger)
  end
  return duration(s * 1000000000 + n)
end

function moment_methods.add_date(self, y, m, d)
  local seconds, n, zone = fields(self)
  seconds, n = F._add_date(seconds, n, zone, y, m, d)
  return moment(seconds, n, zone)
end

function moment_methods.before(self, other)
  local s1, n1 = fields(self)
  local s2, n2 = fields(other)
  return s1 < s2 or s1 == s2 and n1 < n2
end

function moment_methods.after(self, other)
  local s1, n1 = fields(self)
  local s2, n2 = fields(other)
  return s1 > s2 or s1 == s2 and n1 > n2
end

function moment_methods.equal(self, other)
  local s1, n1 = fields(self)
  local s2, n2 = fields(other)
  return s1 == s2 and n1 == n2
end

function moment_methods.format(self, layout)
  local seconds, n, zone = fields(self)
  return (F._format(seconds, n, zone, layout))
end

function moment_methods.format_rfc3339(self)
  local seconds, n, zone = fields(self)
  return (F._format(seconds, n, zone, time.RFC3339))
end

function moment_methods.unix(self)
  return (fields(self))
end

function moment_methods.unix_nano(self)
  local seconds, n = fields(self)
  return seconds * 1000000000 + n
end

function moment_methods.date(self)
  local y, m, d = F._parts(fields(self))
  return y, m, d
end

function moment_methods.clock(self)
  local _, _, _, h, m, s = F._parts(fields(self))
  return h, m, s
end

for i, name in raw.ipairs({ "year", "month", "day", "hour", "minute", "second", "weekday",
  "year_day" }) do
  moment_methods[name] = function(self)
    return (raw.select(i, F._parts(fields(self))))
  end
end

function moment_methods.nanosecond(self)
  local _, n = fields(self)
  return n
end

function moment_methods.is_zero(self)
  local seconds, n = fields(self)
  return seconds == -62135596800 and n == 0
end

local function placed(self, zone)
  local seconds, n = fields(self)
  return moment(seconds, n, zone)
end

function moment_methods.utc(self)
  return placed(self, "UTC")
end

function moment_methods.in_local(self)
  return placed(self, "Local")
end

function moment_methods.in_location(self, place)
  return placed(self, own(place, LOCATION, "location")[ZONE])
end

function moment_methods.location(self)
  local _, _, zone = fields(self)
  return location(zone)
end

for name, up in raw.next, { round = true, truncate = false } do
  moment_methods[name] = function(self, d)
    local seconds, n, zone = fields(self)
    local step = own(d, DURATION, "duration")[NS]
    seconds, n = F._round(seconds, n, zone, step, up)
    return moment(seconds, n, zone)
  end
end

-- Durations and waits -------------------------------------------------------------------------

local function invalid(name, v)
  return P.fail(K.INVALID, "time." .. name .. ": invalid duration: " .. P.tostring(v))
end

function time.parse_duration(v)
  local ns = nanoseconds(v)
  if not ns then
    return invalid("parse_duration", v)
  end
  return duration(ns), nil
end

function time.sleep(d)
  local ns = nanoseconds(d)
  if not ns then
    return invalid("sleep", d)
  end
  P.sleep(ns / 1e9)
end

-- Nanoseconds of a duration that must be above zero, or nil and an error.
local function positive(name, d)
  local ns = nanoseconds(d)
  if not ns then
    return P.fail(K.INVALID, "time." .. name .. ": duration must be > 0: invalid duration: "
      .. P.tostring(d))
  elseif ns <= 0 then
    return P.fail(K.INVALID, "time." .. name .. ": duration must be > 0")
  end
  return ns
end

function time.after(d)
  local ns, err = positive("after", d)
  if not ns then
    return nil, err
  end
  return (P.timer_channel(ns / 1e9, now))
end

local WAIT = P.key("timer")

local function timer_class(name, methods)
  local class = P.class(name, methods)
  local function channel(self)
    return own(self, class, name)[WAIT].handle
  end
  methods.channel, methods.response = channel, channel
  class.__tostring = function()
    return name .. "{}"
  end
  return class
end

local timer_methods, ticker_methods = {}, {}
local TIMER = timer_class("time.Timer", timer_methods)
local TICKER = timer_class("time.Ticker", ticker_methods)

function time.timer(d)
  local ns, err = positive("timer", d)
  if not ns then
    return nil, err
  end
  local _, st = P.timer_channel(ns / 1e9, now)
  return raw.setrawmetatable({ [WAIT] = st }, TIMER), nil
end

function timer_methods.stop(self)
  return P.stop_timer(own(self, TIMER, "timer")[WAIT])
end

function timer_methods.reset(self, d)
  local st = own(self, TIMER, "timer")[WAIT]
  local ns = nanoseconds(d)
  if not ns or ns <= 0 then
    raw.error("timer:reset: duration must be > 0, got " .. P.tostring(d), 2)
  end
  return P.reset_timer(st, ns / 1e9)
end

function time.ticker(d)
  local ns, err = positive("ticker", d)
  if not ns then
    return nil, err
  end
  local _, st = P.ticker_channel(ns / 1e9, now)
  return raw.setrawmetatable({ [WAIT] = st }, TICKER), nil
end

function ticker_methods.stop(self)
  P.stop_timer(own(self, TICKER, "ticker")[WAIT])
  return true
end

return time

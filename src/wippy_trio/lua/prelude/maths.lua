-- The library `math`: the native functions, those of 5.1 that later versions dropped, and
-- random numbers from one generator per VM (core STD-26, STD-27).

local P = ...
local raw = P.raw
local math = raw.math
local to_integer, wrong_argument, small = P.to_integer, P.wrong_argument, P.small
local exp, log, sqrt, abs, fmod, floor = math.exp, math.log, math.sqrt, math.abs, math.fmod,
  math.floor
local atan, ult, math_type, HUGE = math.atan, math.ult, math.type, math.huge

local lib = {}
P.math = lib

for _, name in raw.ipairs({
  "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "huge", "log", "max",
  "maxinteger", "min", "mininteger", "modf", "pi", "rad", "sin", "sqrt", "tan", "tointeger",
  "type", "ult",
}) do
  lib[name] = math[name]
end

-- A float from an argument, as the native functions read it.
local function to_float(v, n, name)
  local number = math_type(v) and v or raw.tonumber(P.as_text(v))
  if not number then
    raw.error(raw.format("bad argument #%d to '%s' (number expected, got %s)", n, name,
      P.type(v)), 3)
  end
  return number + 0.0
end

function lib.pow(x, y)
  return to_float(x, 1, "pow") ^ to_float(y, 2, "pow")
end

function lib.log10(x)
  return log(to_float(x, 1, "log10"), 10.0)
end

function lib.atan2(y, x)
  return atan(to_float(y, 1, "atan2"), to_float(x, 2, "atan2"))
end

function lib.cosh(x)
  x = to_float(x, 1, "cosh")
  return exp(x - log(2)) + exp(-x - log(2)) -- halved before they can overflow
end

function lib.sinh(x)
  x = to_float(x, 1, "sinh")
  if abs(x) < 0.3 then
    local square = x * x -- the difference of two numbers near 1 would lose digits
    return x * (1 + square / 6 * (1 + square / 20 * (1 + square / 42 * (1 + square / 72
      * (1 + square / 110 * (1 + square / 156))))))
  end
  return exp(x - log(2)) - exp(-x - log(2))
end

function lib.tanh(x)
  x = to_float(x, 1, "tanh")
  if abs(x) < 0.3 then
    return lib.sinh(x) / lib.cosh(x)
  elseif x > 20 then
    return 1.0
  elseif x < -20 then
    return -1.0
  end
  local e = exp(2 * x)
  return (e - 1) / (e + 1)
end

-- Zero as divisor gives NaN, for integers too.
function lib.fmod(x, y)
  if not (math_type(x) and math_type(y)) then
    x, y = to_float(x, 1, "fmod"), to_float(y, 2, "fmod")
  end
  if y == 0 then
    return 0.0 / 0.0
  end
  return fmod(x, y)
end
lib.mod = lib.fmod

-- m and e with x = m * 2^e and m in [0.5, 1).
function lib.frexp(x)
  x = to_float(x, 1, "frexp")
  if x == 0 or x ~= x or x == HUGE or x == -HUGE then
    return x, 0
  end
  local e, size = 0, abs(x)
  if size < 2.0 ^ -1022 then
    x, size, e = x * 2.0 ^ 54, size * 2.0 ^ 54, -54
  end
  local guess = floor(log(size, 2)) + 1
  -- In two steps: 2^-guess alone may be out of range. The logarithm may be off by one.
  local half = guess // 2
  local m = x / 2.0 ^ half / 2.0 ^ (guess - half)
  if abs(m) >= 1 then
    m, guess = m / 2, guess + 1
  elseif abs(m) < 0.5 then
    m, guess = m * 2, guess - 1
  end
  return m, e + guess
end

function lib.ldexp(m, e)
  m, e = to_float(m, 1, "ldexp"), to_integer(e, 2, "ldexp")
  if e > 1023 then
    e = e < 2200 and e or 2200
    while e > 1023 do
      m, e = m * 2.0 ^ 1023, e - 1023
    end
  elseif e < -1022 then
    e = e > -2200 and e or -2200
    local place = 0
    if m ~= 0 and m - m == 0 then
      m, place = lib.frexp(m) -- so that only the last step rounds
    end
    e = e + place
    if e < -1080 then
      return m * 0.0
    elseif e < -1021 then
      return m * 2.0 ^ -1021 * 2.0 ^ (e + 1021)
    end
  end
  return m * 2.0 ^ e
end

-- Random numbers --------------------------------------------------------------------------------
-- xorshift64* : in Lua it is as fast as a native call, and the same in all versions.

local state = 0x2545F4914F6CDD1D

-- Start the sequence anew; the engine does so once per VM.
function P.seed_random(seed)
  -- One round of splitmix64, so that seeds near each other begin far apart.
  local z = seed + 0x9E3779B97F4A7C15
  z = (z ~ z >> 30) * 0xBF58476D1CE4E5B9
  z = (z ~ z >> 27) * 0x94D049BB133111EB
  z = z ~ z >> 31
  state = z ~= 0 and z or 0x2545F4914F6CDD1D
end

local function random_bits()
  local x = state
  x = x ~ x >> 12
  x = x ~ x << 25
  x = x ~ x >> 27
  state = x
  return x * 0x2545F4914F6CDD1D
end

-- A number from 0 to `most`, as unsigned integers.
local function up_to(most)
  if most >= 0 and most < 0x100000000 then
    return (random_bits() >> 11) * 1.1102230246251565e-16 * (most + 1) // 1 | 0
  end
  local mask = most
  for shift = 0, 5 do
    mask = mask | mask >> (1 << shift)
  end
  local bits
  repeat
    bits = (random_bits() ~ random_bits() >> 32) & mask -- the low bits alone are weak
  until not ult(most, bits)
  return bits
end

local function slow_random(low, high)
  low = to_integer(low, 1, "random")
  if high == nil then
    if low < 1 then
      wrong_argument(1, "random", "interval is empty")
    end
    return up_to(low - 1) + 1
  end
  high = to_integer(high, 2, "random")
  if low > high then
    wrong_argument(2, "random", "interval is empty")
  end
  return low + up_to(high - low)
end

function lib.random(low, high)
  if low == nil then
    return (random_bits() >> 11) * 1.1102230246251565e-16
  end
  local first, last = small[low], small[high]
  if high == nil then
    first, last = 1, first
  end
  if first and last and first <= last then
    return ((random_bits() >> 11) * 1.1102230246251565e-16 * (last - first + 1) // 1 | 0)
      + first
  end
  return slow_random(low, high)
end

P.random = lib.random -- for the prelude's own use: one sequence, one seed

-- Accepted and without effect: other processes draw from the same sequence (STD-27).
function lib.randomseed() end

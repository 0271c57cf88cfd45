-- Numbers: their text, and how library functions read the arguments they get.
--
-- The text is the reference's (types 4.9, first row): a whole float shows its digits and no
-- fraction, others the fewest digits that read back. PUC prints `3.0` and 14 digits.
--
-- Arguments: where a library wants an integer a float is cut toward zero (NaN and the
-- infinities count as 0), where it wants a string a number or an error object will do (core
-- E-30). `P.small` makes that cheap: it has an entry for the integers that programs use
-- most, and a float with such a value finds the same entry. One look-up, no call.

local P = ...
local raw = P.raw
local rawtype, rawmt, rawget, error = raw.type, raw.getrawmetatable, raw.rawget, raw.error
local native_tonumber, native_tostring, native_select = raw.tonumber, raw.tostring, raw.select
local format, math_type = raw.format, raw.math.type
local match, gsub, rep, sub = raw.string.match, raw.string.gsub, raw.string.rep, raw.string.sub
local pack, unpack = raw.string.pack, raw.string.unpack
local HUGE, TWO63 = raw.math.huge, 2.0 ^ 63
local NORMAL = 2.2250738585072014e-308 -- the smallest float with all its bits
local MAXINT, MININT = raw.math.maxinteger, raw.math.mininteger

local small = {}
for i = 1, 256 do
  small[i] = i
end
for i = -15, 0 do
  small[i] = i
end
P.small = small

-- The longest text that `rep`, `format`, `gsub` and `concat` make: the memory limit of a VM
-- would end the process instead, after a silence.
P.longest_text = 1 << 27

-- Text ----------------------------------------------------------------------------------------

-- Exactly one bit of the fraction field decides whether the gap below is half the gap above.
local function is_power_of_two(n)
  return unpack("<i8", pack("<d", n)) & 0xFFFFFFFFFFFFF == 0
end

-- The fewest digits of a finite float that is not 0, without sign or point, and the power of
-- ten of the first: 0.5 is "5", -1.
local function decimal(n)
  if n < 0 then
    n = -n
  end
  -- Every decimal of 15 digits survives the trip through a normal float, so 15 is where to
  -- begin; a subnormal one has fewer.
  local from = n < NORMAL and 0 or 14
  for places = from, 16 do
    local text = format("%." .. places .. "e", n)
    local head, tail, power = match(text, "^(%d)%.?(%d*)e([-+]%d+)$")
    power = native_tonumber(power)
    if native_tonumber(text) == n then
      return (gsub(head .. tail, "0+$", "")), power
    end
    if places == 15 and is_power_of_two(n) then
      -- The nearest 16 digits lie below, where the gap is small; those above may do.
      local digits = format("%d", native_tonumber(head .. tail) + 1)
      if native_tonumber("0." .. digits .. "e" .. power + 1 + #digits - 16) == n then
        return (gsub(digits, "0+$", "")), power + #digits - 16
      end
    end
  end
end

-- Digits and power as text; `widest` is the first power that is written with an exponent.
local function layout(digits, power, widest)
  local count = #digits
  if power < -4 or power >= widest then
    local tail = count > 1 and "." .. sub(digits, 2) or ""
    return format("%s%se%s%02d", sub(digits, 1, 1), tail, power < 0 and "-" or "+",
      power < 0 and -power or power)
  elseif power >= count - 1 then
    return digits .. rep("0", power - count + 1)
  elseif power >= 0 then
    return sub(digits, 1, power + 1) .. "." .. sub(digits, power + 2)
  end
  return "0." .. rep("0", -power - 1) .. digits
end

-- The text of a float in the fewest digits, with an exponent from 10^widest on.
local function shortest(n, widest)
  if n == 0 then
    return "0"
  elseif n ~= n then
    return "NaN"
  elseif n == HUGE then
    return "+Inf"
  elseif n == -HUGE then
    return "-Inf"
  end
  local digits, power = decimal(n)
  local text = layout(digits, power, widest)
  return n < 0 and "-" .. text or text
end
P.shortest = shortest

-- The text of any number, as every text we make shows it.
local function number_text(n)
  if n > -TWO63 and n < TWO63 then
    if n // 1 == n then
      return (n | 0) .. ""
    end
    if n > NORMAL or n < -NORMAL then
      local text = format("%.15g", n)
      if native_tonumber(text) == n then
        return text
      end
      text = format("%.16g", n)
      if native_tonumber(text) == n then
        return text
      elseif not is_power_of_two(n) then
        return format("%.17g", n)
      end
    end
  elseif math_type(n) == "integer" then
    return format("%d", n) -- the smallest integer: as a float it is -2^63 itself
  end
  return shortest(n, 21)
end
P.number_text = number_text

function P.tostring(v)
  local t = rawtype(v)
  if t == "string" then
    return v
  elseif t == "number" then
    if small[v] then
      return (v | 0) .. ""
    end
    return number_text(v)
  elseif t == "table" then
    local mt = rawmt(v)
    local convert = mt and rawget(mt, "__tostring")
    if convert then
      local text = convert(v)
      t = rawtype(text)
      if t == "string" then
        return text
      elseif t == "number" then
        return number_text(text)
      end
      error("'__tostring' must return a string", 2)
    end
  elseif t == "nil" or t == "boolean" then
    return native_tostring(v)
  end
  return P.plain_text(v)
end

-- Arguments -----------------------------------------------------------------------------------
-- The readers below raise at level 3: they are called by a library function directly.

local function wrong(n, name, wanted, v, level)
  error(format("bad argument #%d to '%s' (%s expected, got %s)", n, name, wanted, P.type(v)),
    level + 1)
end

-- A float without its fraction; NaN and the infinities are 0.
local function cut(v)
  if v >= TWO63 then
    return v == HUGE and 0 or MAXINT
  elseif v < -TWO63 then
    return v == -HUGE and 0 or MININT
  elseif v >= 0 then
    return v // 1 | 0
  elseif v < 0 then
    return -(-v // 1) | 0
  end
  return 0
end
P.cut = cut

-- An integer from a number or from the text of one.
local function as_integer(v)
  local t = math_type(v)
  if t == "integer" then
    return v
  elseif t == "float" then
    return cut(v)
  elseif rawtype(v) == "string" then
    v = native_tonumber(v)
    return v and (math_type(v) == "integer" and v or cut(v))
  end
  return nil
end
P.as_integer = as_integer

function P.to_integer(v, n, name, default)
  if v == nil and default then
    return default
  end
  local i = as_integer(v)
  if not i then
    wrong(n, name, "number", v, 3)
  end
  return i
end

-- The text of a value that may stand where a string is wanted, nil for others.
local function as_text(v)
  local t = rawtype(v)
  if t == "string" then
    return v
  elseif t == "number" then
    return number_text(v)
  elseif P.brand(v) == "error" then
    return P.tostring(v)
  end
  return nil
end
P.as_text = as_text

function P.to_text(v, n, name)
  if rawtype(v) == "string" then
    return v
  end
  local text = as_text(v)
  if not text then
    wrong(n, name, "string", v, 3)
  end
  return text
end

-- For library functions that have an argument error of their own to report.
function P.wrong_argument(n, name, what)
  error(format("bad argument #%d to '%s' (%s)", n, name, what), 3)
end

-- Functions of the base library -----------------------------------------------------------------

function P.tonumber(v, base)
  if base == nil then
    local t = rawtype(v)
    if t == "number" then
      return v
    elseif t ~= "string" then
      v = as_text(v)
      return v and native_tonumber(v)
    elseif #v > 200 then
      P.charge(#v // 16)
    end
    return native_tonumber(v)
  end
  local text = P.to_text(v, 1, "tonumber")
  base = P.to_integer(base, 2, "tonumber")
  if base < 2 or base > 36 then
    P.wrong_argument(2, "tonumber", "base out of range")
  elseif #text > 200 then
    P.charge(#text // 8)
  end
  return native_tonumber(text, base)
end

function P.select(n, ...)
  if n ~= "#" then
    n = small[n] or P.to_integer(n, 1, "select")
    if n == 0 or n < 0 and -n > native_select("#", ...) then
      P.wrong_argument(1, "select", "index out of range")
    end
  end
  return native_select(n, ...)
end

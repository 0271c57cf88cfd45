-- `string.format` in the manner of the reference's formatter: it never raises for what it is
-- given (types 4.9).
--
-- A format is read once and kept. Reading makes two things of it. The first is a format for
-- the native function with one converter for each argument: a converter returns what the
-- native function can take, or nil, and then the slow way is taken. The second, for the slow
-- way, is the list of pieces, each of which makes its own text of whatever it gets.

local P = ...
local raw = P.raw
local rawtype, error, select, raw_tonumber = raw.type, raw.error, raw.select, raw.tonumber
local native_format, concat, unpack = raw.format, raw.table.concat, raw.table.unpack
local find, match, sub, gsub, byte, rep = raw.string.find, raw.string.match, raw.string.sub,
  raw.string.gsub, raw.string.byte, raw.string.rep
local upper, lower = raw.string.upper, raw.string.lower
local utf8_len, utf8_offset, utf8_char, utf8_codepoint = raw.utf8.len, raw.utf8.offset,
  raw.utf8.char, raw.utf8.codepoint
local math_type = raw.math.type
local small, cut, shortest = P.small, P.cut, P.shortest

local KEPT = 500 -- formats remembered
local WIDEST = 1000000 -- a larger width or precision is not one

-- Characters ------------------------------------------------------------------------------------

-- Where the character at `at` ends; a byte that is not valid UTF-8 is one.
local function char_end(s, at)
  if utf8_len(s, at, at) then
    return (utf8_offset(s, 2, at) or #s + 1) - 1
  end
  return at
end

local function count_chars(s)
  if not find(s, "[\128-\255]") then
    return #s
  end
  local count, at = 0, 1
  while at <= #s do
    local good, bad = utf8_len(s, at)
    if good then
      return count + good
    end
    count = count + utf8_len(sub(s, at, bad - 1)) + 1
    at = bad + 1
  end
  return count
end

-- The first `count` characters.
local function first_chars(s, count)
  if #s <= count then
    return s
  elseif not find(s, "[\128-\255]") then
    return sub(s, 1, count)
  end
  local at = 1
  for _ = 1, count do
    if at > #s then
      break
    end
    at = char_end(s, at) + 1
  end
  return sub(s, 1, at - 1)
end

local function pad(spec, text, zeros)
  local missing = spec.width and spec.width - count_chars(text) or 0
  if missing <= 0 then
    return text
  elseif spec.left then
    return text .. rep(" ", missing)
  end
  return rep(zeros and spec.zero and "0" or " ", missing) .. text
end

-- Quoting ---------------------------------------------------------------------------------------

local escapes = {
  ["\a"] = "\\a", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t", ["\v"] = "\\v", ["\\"] = "\\\\", ['"'] = '\\"',
}

local function escape_byte(c)
  return escapes[c] or native_format("\\x%02x", byte(c))
end

-- Characters without a shape of their own, in pairs from, to: they are written as escapes.
local invisible = {
  0x80, 0xA0, 0xAD, 0xAD, 0x1680, 0x1680, 0x180E, 0x180E, 0x2000, 0x200F, 0x2028, 0x202F,
  0x205F, 0x206F, 0x3000, 0x3000, 0xE000, 0xF8FF, 0xFEFF, 0xFEFF, 0xFFF0, 0xFFFB,
  0xFFFE, 0xFFFF, 0xE0000, 0xE00FF, 0xF0000, 0x10FFFF,
}

local function escape_char(c)
  local code = utf8_codepoint(c)
  if code >= 0xD800 and code <= 0xDFFF then -- a character in some versions of Lua
    return (gsub(c, ".", escape_byte))
  end
  for i = 1, #invisible, 2 do
    if code >= invisible[i] and code <= invisible[i + 1] then
      return native_format(code < 0x10000 and "\\u%04x" or "\\U%08x", code)
    end
  end
end

local function quote_valid(s)
  s = gsub(s, '[%c"\\\127]', escape_byte)
  if find(s, "[\128-\255]") then
    s = gsub(s, "[\194-\244][\128-\191]+", escape_char)
  end
  return s
end

local function quote(s)
  local parts, at = {}, 1
  while at <= #s do
    local good, bad = utf8_len(s, at)
    if good then
      break
    end
    parts[#parts + 1] = quote_valid(sub(s, at, bad - 1))
    parts[#parts + 1] = native_format("\\x%02x", byte(s, bad))
    at = bad + 1
  end
  return '"' .. concat(parts) .. quote_valid(sub(s, at)) .. '"'
end

-- Making texts ----------------------------------------------------------------------------------

local function wrong_kind(spec, v)
  return "%!" .. spec.verb .. "(" .. P.tostring(v) .. ")"
end

-- Put sign, zeros and blanks around the digits of a number.
local function number_parts(spec, sign, digits)
  if sign == "" then
    sign = spec.plus and "+" or spec.space and " " or ""
  end
  local missing = (spec.width or 0) - #sign - #digits
  if missing > 0 and spec.zero and not spec.left then
    digits = rep("0", missing) .. digits
  end
  return pad(spec, sign .. digits)
end

local function integer_text(spec, v)
  local number = v
  local t = math_type(v)
  if t == "float" then
    number = cut(v)
  elseif t ~= "integer" then
    local text = P.as_text(v)
    if not text then
      return wrong_kind(spec, v)
    elseif spec.base == "d" then
      if not raw_tonumber(text) then
        return wrong_kind(spec, v)
      elseif not find(text, "^[-+]?%d+$") or math_type(raw_tonumber(text)) ~= "integer" then
        return pad(spec, text) -- the text of a number prints itself
      end
      number = raw_tonumber(text)
    elseif spec.base == "o" then
      return wrong_kind(spec, v)
    else
      return pad(spec, (gsub(text, ".", function(c)
        return native_format(spec.verb == "X" and "%02X" or "%02x", byte(c))
      end)), true)
    end
  end
  local sign, digits = "", native_format("%" .. spec.base, number)
  if number < 0 then
    sign = "-"
    digits = spec.base == "d" and sub(digits, 2) or native_format("%" .. spec.base, -number)
  end
  if spec.verb == "X" then
    digits = upper(digits)
  end
  local precision = spec.precision
  if precision then
    if precision == 0 and number == 0 then
      digits = ""
    end
    digits = rep("0", precision - #digits) .. digits
    if spec.zero then
      spec = { width = spec.width, left = spec.left, plus = spec.plus, space = spec.space }
    end
  end
  if spec.sharp and spec.base ~= "d" then
    sign = sign .. (spec.base == "o" and "0" or "0" .. spec.verb)
  end
  return number_parts(spec, sign, digits)
end

local function float_text(spec, v)
  local number = math_type(v) and v or raw_tonumber(P.as_text(v) or "")
  if not number then
    return wrong_kind(spec, v)
  end
  number = number * 1.0 -- not `+ 0.0`: that turns -0.0 into 0.0
  if number - number ~= 0 then
    local text = number ~= number and "NaN" or number > 0 and "+Inf" or "-Inf"
    return pad(spec, text)
  end
  local text
  if spec.shortest then
    text = shortest(number, 6)
  elseif spec.base == "a" and not spec.precision then
    text = native_format("%a", number)
  else
    local precision = spec.precision or 6
    text = native_format("%." .. (precision < 99 and precision or 99) .. spec.base, number)
    if precision > 99 and spec.base == "f" then
      text = text .. rep("0", precision - 99)
    end
  end
  if find(spec.verb, "[EGA]") then
    text = upper(text)
  end
  local sign, digits = match(text, "^(%-?)(.*)$")
  return number_parts(spec, sign, digits)
end

local function text_text(spec, v)
  local text = P.tostring(v)
  if spec.precision then
    text = first_chars(text, spec.precision)
  end
  return pad(spec, text, true)
end

local function char_text(spec, v)
  local number = math_type(v) and cut(v + 0.0)
  if not number then
    return wrong_kind(spec, v)
  elseif number < 0 or number > 0x10FFFF or number >= 0xD800 and number < 0xE000 then
    number = 0xFFFD
  end
  return pad(spec, utf8_char(number), true)
end

local function quote_text(spec, v)
  local t = rawtype(v)
  if t == "number" or t == "boolean" or v == nil then
    return pad(spec, P.tostring(v))
  end
  local text = P.as_text(v)
  if not text then
    return wrong_kind(spec, v)
  elseif spec.precision then
    text = first_chars(text, spec.precision)
  end
  return pad(spec, quote(text))
end

local function boolean_text(spec, v)
  if rawtype(v) ~= "boolean" then
    return wrong_kind(spec, v)
  end
  return pad(spec, v and "true" or "false", true)
end

local texts = {
  s = text_text, v = text_text, d = integer_text, i = integer_text, u = integer_text,
  x = integer_text, X = integer_text, o = integer_text, c = char_text, q = quote_text,
  t = boolean_text, e = float_text, E = float_text, f = float_text, F = float_text,
  g = float_text, G = float_text, a = float_text, A = float_text,
}

-- Converters ------------------------------------------------------------------------------------
-- What the native function prints as it should: the value itself or a finished text.

local function take_text(v)
  if rawtype(v) == "string" then
    return #v <= 1000 and v or nil
  elseif v == nil then
    return nil
  end
  return P.tostring(v)
end

-- For `%5s` and `%-5s`.
local function take_padded(spec)
  local width, left = spec.width, spec.left
  return function(v)
    if v == nil then
      return nil
    end
    local text = rawtype(v) == "string" and v or P.tostring(v)
    local size = #text
    if size > 1000 then
      return nil
    elseif utf8_len(text) ~= size then
      size = count_chars(text)
    end
    if size >= width then
      return text
    end
    return left and text .. rep(" ", width - size) or rep(" ", width - size) .. text
  end
end

local function take_integer(v)
  if small[v] then
    return v
  end
  local t = math_type(v)
  return t == "integer" and v or t == "float" and cut(v) or nil
end

local function take_natural(v)
  local number = take_integer(v)
  return number and number >= 0 and number or nil
end

local function take_ascii(v)
  local number = take_integer(v)
  return number and number >= 0 and number < 128 and number or nil
end

local function take_float(v)
  return math_type(v) and v - v == 0 and v or nil
end

-- `%5.1f`, `%-3d`, `%02x` are the same natively; nil where the native function refuses.

local function native_way(spec, flags, text)
  local verb = spec.verb
  local short = (spec.width or 0) < 100 and (spec.precision or 0) < 100
    and not find(flags, "(.).*%1")
  if find(verb, "[sv]") then
    if not spec.width and not spec.precision then
      return take_text, "%s"
    elseif spec.width and not spec.precision and not spec.zero and spec.width < 200 then
      return take_padded(spec), "%s"
    end
  elseif find(verb, "[diu]") then
    if short and not spec.precision and find(flags, "^[-+0 ]*$") then
      return take_integer, sub(text, 1, -2) .. "d"
    end
  elseif find(verb, "[xXo]") then
    if short and not spec.precision and find(flags, "^[-0]*$") then
      return take_natural, text
    end
  elseif find(verb, "[eEfF]") or find(verb, "[gG]") and spec.precision then
    if short and find(flags, "^[-+0 ]*$") then
      return take_float, verb == "F" and sub(text, 1, -2) .. "f" or text
    end
  elseif verb == "c" and flags == "" and not spec.width and not spec.precision then
    return take_ascii, "%c"
  end
  return function(v)
    if v ~= nil and not (rawtype(v) == "string" and #v > 1000) then
      return texts[verb](spec, v)
    end
  end, "%s"
end

-- Reading a format ------------------------------------------------------------------------------

local function read_spec(flags, width, dot, precision, verb)
  return {
    verb = verb,
    base = find(verb, "[iu]") and "d" or lower(verb),
    left = find(flags, "-", 1, true), zero = find(flags, "0", 1, true),
    plus = find(flags, "+", 1, true), space = find(flags, " ", 1, true),
    sharp = find(flags, "#", 1, true),
    width = width ~= "" and raw_tonumber(width) or nil,
    precision = dot ~= "" and (raw_tonumber(precision) or 0) or nil,
    shortest = find(verb, "[gG]") and dot == "",
  }
end

-- Pieces are texts and specs in turn; `native` and the converters are for the fast way.
local function read(f)
  local pieces, count = {}, 0
  local natives, converters, specs = {}, {}, 0
  local at = 1
  local function add(text)
    count = count + 1
    pieces[count] = text
    natives[#natives + 1] = (gsub(text, "%%", "%%%%"))
  end
  while true do
    local place = find(f, "%", at, true)
    add(sub(f, at, place and place - 1))
    if not place then
      break
    end
    local flags, width, dot, precision, stop = match(f, "^([-+# 0]*)(%d*)(%.?)(%d*)()", place + 1)
    if dot == "" and precision ~= "" then
      stop = stop - #precision
    end
    local verb = match(f, "^[\194-\244][\128-\191]+", stop) or sub(f, stop, stop)
    at = stop + #verb
    if verb == "" or (raw_tonumber(width) or 0) > WIDEST
      or (raw_tonumber(precision) or 0) > WIDEST then
      add("%!(NOVERB)")
      break
    elseif verb == "%" then
      add("%")
    else
      local spec = read_spec(flags, width, dot, precision, verb)
      count, specs = count + 1, specs + 1
      pieces[count] = spec
      if texts[verb] then
        local text = sub(f, place, at - 1)
        converters[specs], natives[#natives + 1] = native_way(spec, flags, text)
      else
        converters[specs], natives[#natives + 1] = function(v)
          return v ~= nil and wrong_kind(spec, v) or nil
        end, "%s"
      end
    end
  end
  converters.pieces, converters.count, converters.native = pieces, specs, concat(natives)
  return converters
end

local formats, format_count = {}, 0

local function format_of(f)
  local way = formats[f]
  if not way then
    if #f > 200 then
      P.charge(#f)
    end
    way = read(f)
    if #f <= 2000 then
      if format_count >= KEPT then
        formats, format_count = {}, 0
      end
      formats[f], format_count = way, format_count + 1
    end
  end
  return way
end

local function slow_format(f, ...)
  f = P.to_text(f, 1, "format")
  local way = format_of(f)
  local pieces, given, args = way.pieces, select("#", ...), { ... }
  local out, taken, size, longest = {}, 0, 0, P.longest_text
  for i = 1, #pieces do
    local piece = pieces[i]
    if rawtype(piece) ~= "string" then
      taken = taken + 1
      if taken > given then
        piece = "%!" .. piece.verb .. "(MISSING)"
      else
        local v, make = args[taken], texts[piece.verb]
        if rawtype(v) == "string" and #v > 200 then
          P.charge(#v // 16)
        end
        piece = make and make(piece, v) or wrong_kind(piece, v)
      end
    end
    out[i] = piece
    size = size + #piece
    if size > longest then
      error("resulting string too large", 2)
    end
  end
  if size > 200 then
    P.charge(#pieces + size // 32)
  end
  return concat(out)
end

P.string = P.string or {}

function P.string.format(f, ...)
  local way = formats[f]
  if way then
    local count = way.count
    if count == 1 then
      local a = way[1](...)
      if a ~= nil then
        return native_format(way.native, a)
      end
    elseif count == 2 then
      local a, b = ...
      a, b = way[1](a), way[2](b)
      if a ~= nil and b ~= nil then
        return native_format(way.native, a, b)
      end
    elseif count == 3 then
      local a, b, c = ...
      a, b, c = way[1](a), way[2](b), way[3](c)
      if a ~= nil and b ~= nil and c ~= nil then
        return native_format(way.native, a, b, c)
      end
    elseif count == 4 then
      local a, b, c, d = ...
      a, b, c, d = way[1](a), way[2](b), way[3](c), way[4](d)
      if a ~= nil and b ~= nil and c ~= nil and d ~= nil then
        return native_format(way.native, a, b, c, d)
      end
    elseif count <= 20 then
      local args = { ... }
      for i = 1, count do
        local a = way[i](args[i])
        if a == nil then
          return slow_format(f, ...)
        end
        args[i] = a
      end
      return native_format(way.native, unpack(args, 1, count))
    end
  end
  return slow_format(f, ...)
end

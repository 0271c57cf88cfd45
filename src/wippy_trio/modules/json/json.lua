-- The quick ways of `json`, for what nearly all values and texts are; all else, and every error, is
-- Python's (codec.py), which both ways agree with.
--
-- Writing walks the table here: plain tables of named fields or lists, nested as far as allowed. A
-- small one becomes text at once. A larger one becomes MessagePack, whose strings need neither quotes
-- nor a look at each letter, and Python's fast writer makes text of that.
-- Reading has Python's fast parser write MessagePack, which is read here. That parser keeps the last
-- of two equal keys, which is an error for us: so Python says how many members the text has, and the
-- reader counts those it gets.

local P, F = ...
local raw = P.raw
local rawtype, rawnext, rawmt, rawlen, math_type =
  raw.type, raw.next, raw.getrawmetatable, raw.rawlen, raw.math.type
local concat, sort, table_unpack = raw.table.concat, raw.table.sort, raw.table.unpack
local byte, char, find, format, gsub, pack, sub, unpack =
  raw.string.byte, raw.string.char, raw.string.find, raw.string.format, raw.string.gsub,
  raw.string.pack, raw.string.sub, raw.string.unpack
local tonumber, tointeger, utf8_len = raw.tonumber, raw.math.tointeger, raw.utf8.len
local brands, objects = P.brands, P.objects

local MOST_TABLES, MOST_LEVELS = 10000, 129
local SMALL, SHORT = 60, 8 -- pieces of a text, items of a list
local LARGE = 256 * 1024

-- Writing -----------------------------------------------------------------------------------------

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
  ["\b"] = "\\b", ["\f"] = "\\f" }
for i = 0, 31 do
  local c = raw.string.char(i)
  ESCAPES[c] = ESCAPES[c] or format("\\u%04x", i)
end
for c in raw.string.gmatch("<>&", ".") do
  ESCAPES[c] = format("\\u%04x", byte(c))
end
local SEPARATORS = { ["\226\128\168"] = "\\u2028", ["\226\128\169"] = "\\u2029" }
local LAX = utf8_len("\xed\xa0\x80") ~= nil -- Lua 5.3 lets surrogates pass

-- The JSON text of a string; nil if it is not UTF-8.
local function quoted(s)
  if find(s, "[\128-\255]") then
    if not utf8_len(s) or LAX and find(s, "\xed[\xa0-\xbf]") then
      return nil
    elseif find(s, "\226\128[\168\169]") then
      s = gsub(gsub(s, '[%z\1-\31"\\<>&]', ESCAPES), "\226\128[\168\169]", SEPARATORS)
      return '"' .. s .. '"'
    end
  end
  return '"' .. gsub(s, '[%z\1-\31"\\<>&]', ESCAPES) .. '"'
end

-- Names met before, with what stands before and behind them.
local NAMES, names_left = {}, 4000

local function name_text(k)
  local text = quoted(k)
  if not text then
    return nil
  end
  text = "," .. text .. ":"
  if #k <= 40 then
    if names_left == 0 then
      NAMES, names_left = {}, 4000
    end
    names_left = names_left - 1
    NAMES[k] = text
  end
  return text
end

-- A number inside a table; nil for what takes thought.
local function number_text(v)
  if math_type(v) == "integer" then
    return format("%d", v)
  elseif v ~= v or v - v ~= 0 then
    return "null"
  end
  local whole = tointeger(v)
  if whole then
    return format("%d", whole)
  end
  for digits = 14, 17 do
    local text = format("%." .. digits .. "g", v)
    if tonumber(text) == v then
      return not find(text, "e", 1, true) and text or nil
    end
  end
end

-- The pieces of what is being written, how many tables are in it, and whether it is too long for a
-- text. Nothing here can set the task aside, so one of each serves all.
local out, tables, large

local write

local function write_list(t, count, n, level)
  out[n + 1] = "["
  n = n + 1
  for i = 1, count do
    if i > 1 then
      n = n + 1
      out[n] = ","
    end
    n = write(t[i], n, level)
    if not n then
      return nil
    end
  end
  out[n + 1] = "]"
  return n + 1
end

local function write_map(t, n, level)
  local keys, count = {}, 0
  for k in rawnext, t do
    if rawtype(k) ~= "string" then
      return nil
    end
    count = count + 1
    keys[count] = k
  end
  if count > 1 then
    sort(keys)
  end
  local first = n + 1
  for i = 1, count do
    local k = keys[i]
    local name, v = NAMES[k] or name_text(k), t[k]
    if not name then
      return nil
    end
    out[n + 1] = name
    if rawtype(v) == "string" and not find(v, '[%c"\\<>&\128-\255]') then
      out[n + 2], out[n + 3], out[n + 4] = '"', v, '"'
      n = n + 4
    else
      n = write(v, n + 1, level)
      if not n then
        return nil
      end
    end
  end
  out[first] = "{" .. sub(out[first], 2)
  out[n + 1] = "}"
  return n + 1
end

local function is_list(t, count)
  local i = 0
  for k in rawnext, t do
    i = i + 1
    if k ~= i and (math_type(k) ~= "integer" or k < 1 or k > count) then
      return false
    end
  end
  return i == count
end

-- Write a value behind the n-th piece: the new n, or nil if it is not one for the quick way.
function write(v, n, level)
  local kind = rawtype(v)
  if kind == "string" then
    local text = v
    if find(v, '[%c"\\<>&\128-\255]') then
      text = quoted(v)
      if not text then
        return nil
      end
      out[n + 1] = text
      return n + 1
    end
    out[n + 1], out[n + 2], out[n + 3] = '"', text, '"'
    return n + 3
  elseif kind == "number" then
    local text = number_text(v)
    if not text then
      return nil
    end
    out[n + 1] = text
    return n + 1
  elseif kind == "table" then
    local mt = rawmt(v)
    if n > SMALL then
      large = true
      return nil
    elseif mt and brands[mt] then
      return nil
    elseif rawnext(v) == nil then
      out[n + 1] = objects[v] and "{}" or "[]"
      return n + 1
    end
    local count = rawlen(v)
    if count > 0 then
      if is_list(v, count) then
        return write_list(v, count, n, level + 1)
      end
      return nil
    end
    return write_map(v, n, level + 1)
  elseif kind == "boolean" then
    out[n + 1] = v and "true" or "false"
    return n + 1
  end
  out[n + 1] = "null"
  return n + 1
end

-- A value that is nested too deep to reach Python at all fails as any other that is too deep.
local function encode_there(v)
  local ok, text, err = raw.pcall(F.encode, v)
  if ok then
    return text, err
  elseif P.is_error(text) then
    return nil, P.error_new("exceeded maximum nesting depth for JSON encoding",
      P.errors.INTERNAL, false)
  end
  raw.error(text, 0)
end

-- Writing much ------------------------------------------------------------------------------------

local TEXT_HEADS, MAP_HEADS, LIST_HEADS = {}, {}, {}
for i = 0, 255 do
  TEXT_HEADS[i] = i < 32 and char(0xa0 + i) or char(0xd9, i)
end
for i = 0, 15 do
  MAP_HEADS[i], LIST_HEADS[i] = char(0x80 + i), char(0x90 + i)
end

-- Names and whole numbers met before, as MessagePack.
local WIRE_NAMES, wire_names_left = {}, 4000
local WIRE_NUMBERS, wire_numbers_left = {}, 4000

local function wire_name(k)
  local size = #k
  local wire = (TEXT_HEADS[size] or pack(">BI4", 0xdb, size)) .. k
  if size <= 40 then
    if wire_names_left == 0 then
      WIRE_NAMES, wire_names_left = {}, 4000
    end
    wire_names_left = wire_names_left - 1
    WIRE_NAMES[k] = wire
  end
  return wire
end

local function wire_integer(v)
  local wire = pack(">Bi8", 0xd3, v)
  if wire_numbers_left > 0 then
    wire_numbers_left = wire_numbers_left - 1
    WIRE_NUMBERS[v] = wire
  end
  return wire
end

-- A float that is not whole; nil for those that are written with an exponent.
local function wire_float(v)
  if v ~= v or v - v ~= 0 then
    return "\xc0"
  end
  local whole = tointeger(v)
  if whole then
    return WIRE_NUMBERS[whole] or wire_integer(whole)
  end
  local size = v < 0 and -v or v
  return size >= 1e-4 and size < 1e15 and pack(">Bd", 0xcb, v) or nil
end

local wire_table

-- Write a value behind the n-th piece: the new n, or nil if it is not one for the quick way.
local function wire_value(v, n, level)
  local kind = rawtype(v)
  if kind == "string" then
    local size = #v
    out[n + 1], out[n + 2] = TEXT_HEADS[size] or pack(">BI4", 0xdb, size), v
    return n + 2
  elseif kind == "table" then
    return wire_table(v, n, level)
  elseif kind == "number" then
    local wire
    if math_type(v) == "integer" then
      wire = WIRE_NUMBERS[v] or wire_integer(v)
    else
      wire = wire_float(v)
      if not wire then
        return nil
      end
    end
    out[n + 1] = wire
  elseif kind == "boolean" then
    out[n + 1] = v and "\xc3" or "\xc2"
  else
    out[n + 1] = "\xc0"
  end
  return n + 1
end

function wire_table(t, n, level)
  local mt = rawmt(t)
  tables = tables + 1
  if level > MOST_LEVELS or tables > MOST_TABLES or mt and brands[mt] then
    return nil
  end
  local first = n + 1
  local count = rawlen(t)
  n = first
  if count > 0 then
    if not is_list(t, count) then
      return nil
    end
    for i = 1, count do
      n = wire_value(t[i], n, level + 1)
      if not n then
        return nil
      end
    end
    out[first] = LIST_HEADS[count] or pack(">BI4", 0xdd, count)
    return n
  end
  for k, v in rawnext, t do
    if rawtype(k) ~= "string" then
      return nil
    end
    count = count + 1
    out[n + 1] = WIRE_NAMES[k] or wire_name(k)
    if rawtype(v) == "string" then
      local size = #v
      out[n + 2], out[n + 3] = TEXT_HEADS[size] or pack(">BI4", 0xdb, size), v
      n = n + 3
    else
      n = wire_value(v, n + 1, level + 1)
      if not n then
        return nil
      end
    end
  end
  if count == 0 and not objects[t] then
    out[first] = LIST_HEADS[0]
  else
    out[first] = MAP_HEADS[count] or pack(">BI4", 0xdf, count)
  end
  return n
end

local function encode(v)
  if rawtype(v) ~= "table" then
    return F.encode(v)
  end
  out, large = {}, rawlen(v) > SHORT
  local n = not large and write(v, 0, 1) or nil
  if large then
    tables, out = 0, {}
    n = wire_table(v, 0, 1)
  end
  local pieces = out
  out = nil
  if not n then
    return F.encode(v)
  end
  if n > 200 then
    P.charge(n)
  end
  local text = concat(pieces, "", 1, n)
  if not large then
    return text, nil
  end
  text = F._text_of(text)
  if not text then
    return F.encode(v)
  end
  return text, nil
end

-- Reading -----------------------------------------------------------------------------------------

local NOTHING = {}
local UNFIT = { "for the slow way" }
local input, members

local read

local function read_list(pos, count, level)
  if level > MOST_LEVELS then
    raw.error(UNFIT, 0)
  end
  -- Laid out at its full size, so that `#` sees over nulls.
  local t
  if count == 0 then
    return {}, pos
  elseif count <= 200000 then
    t = { table_unpack(NOTHING, 1, count) }
  else
    t = {}
  end
  for i = 1, count do
    local b = byte(input, pos)
    if b < 0x80 then
      t[i], pos = b, pos + 1
    elseif b >= 0xa0 and b < 0xc0 then
      t[i], pos = sub(input, pos + 1, pos + b - 0xa0), pos + b - 0x9f
    else
      t[i], pos = read(pos, level)
    end
  end
  return t, pos
end

local function read_map(pos, count, level)
  if level > MOST_LEVELS then
    raw.error(UNFIT, 0)
  end
  members = members + count
  -- Constructors with names make room for as many.
  local t
  if count <= 2 then
    t = { a = nil, b = nil }
  elseif count <= 4 then
    t = { a = nil, b = nil, c = nil, d = nil }
  else
    t = { a = nil, b = nil, c = nil, d = nil, e = nil, f = nil, g = nil, h = nil }
  end
  for _ = 1, count do
    local b, k = byte(input, pos), nil
    if b < 0xc0 then
      k, pos = sub(input, pos + 1, pos + b - 0xa0), pos + b - 0x9f
    else
      k, pos = read(pos, level)
    end
    b = byte(input, pos)
    if b < 0x80 then
      t[k], pos = b, pos + 1
    elseif b >= 0xa0 and b < 0xc0 then
      t[k], pos = sub(input, pos + 1, pos + b - 0xa0), pos + b - 0x9f
    else
      t[k], pos = read(pos, level)
    end
  end
  if rawnext(t) == nil then
    objects[t] = true
  end
  return t, pos
end

local NUMBERS = { [0xcb] = { ">d", 8 }, [0xcc] = { ">B", 1 }, [0xcd] = { ">I2", 2 },
  [0xce] = { ">I4", 4 }, [0xcf] = { ">i8", 8 }, [0xd0] = { ">b", 1 }, [0xd1] = { ">i2", 2 },
  [0xd2] = { ">i4", 4 }, [0xd3] = { ">i8", 8 } }
local LENGTHS = { [0xd9] = ">I1", [0xda] = ">I2", [0xdb] = ">I4", [0xdc] = ">I2", [0xdd] = ">I4",
  [0xde] = ">I2", [0xdf] = ">I4" }

function read(pos, level)
  local b = byte(input, pos)
  if b < 0x80 then
    return b, pos + 1
  elseif b < 0x90 then
    return read_map(pos + 1, b - 0x80, level + 1)
  elseif b < 0xa0 then
    return read_list(pos + 1, b - 0x90, level + 1)
  elseif b < 0xc0 then
    return sub(input, pos + 1, pos + b - 0xa0), pos + b - 0x9f
  elseif b >= 0xe0 then
    return b - 256, pos + 1
  end
  local number = NUMBERS[b]
  if number then
    local v = unpack(number[1], input, pos + 1)
    if b == 0xcf and v < 0 then
      raw.error(UNFIT, 0) -- above 2^63 - 1
    end
    return v, pos + 1 + number[2]
  end
  local length = LENGTHS[b]
  if length then
    local count, after = unpack(length, input, pos + 1)
    if b < 0xdc then
      return sub(input, after, after + count - 1), after + count
    elseif b < 0xde then
      return read_list(after, count, level + 1)
    end
    return read_map(after, count, level + 1)
  elseif b == 0xc3 then
    return true, pos + 1
  elseif b == 0xc2 then
    return false, pos + 1
  end
  return nil, pos + 1
end

local function decode(text)
  if rawtype(text) ~= "string" or #text > LARGE then
    return F.decode(text)
  end
  -- In front stands the number of members, as a text that ends in a blank.
  local wire = F._transcode(text)
  if not wire then
    return F.decode(text)
  end
  local from = find(wire, " ", 1, true)
  input, members = wire, 0
  local ok, v = raw.pcall(read, from + 1, 0)
  input = nil
  if not ok then
    if v ~= UNFIT then
      raw.error(v, 0)
    end
    return F.decode(text)
  elseif members ~= tonumber(sub(wire, 1, from - 1)) then
    return F.decode(text)
  end
  if #text > 3200 then
    P.charge(#text // 16)
  end
  return v, nil
end

return { encode = encode, decode = decode, validate = F.validate,
  validate_string = F.validate_string }

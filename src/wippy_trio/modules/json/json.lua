-- The quick ways of `json`, for what nearly all values and texts are; all else, and every error, is
-- Python's (codec.py), which both ways agree with.
--
-- Writing walks the table here: plain tables of named fields or lists, nested as far as allowed.
-- Reading has Python's fast parser write MessagePack, which is read here. That parser keeps the last
-- of two equal keys, which is an error for us: so Python says how many members the text has, and the
-- reader counts those it gets.

local P, F = ...
local raw = P.raw
local rawtype, rawnext, rawmt, rawlen, math_type =
  raw.type, raw.next, raw.getrawmetatable, raw.rawlen, raw.math.type
local concat, sort, table_unpack = raw.table.concat, raw.table.sort, raw.table.unpack
local byte, find, format, gsub, pack, sub, unpack =
  raw.string.byte, raw.string.find, raw.string.format, raw.string.gsub, raw.string.pack,
  raw.string.sub, raw.string.unpack
local tonumber, tointeger, utf8_len = raw.tonumber, raw.math.tointeger, raw.utf8.len
local brands, objects = P.brands, P.objects

local MOST_TABLES, MOST_PIECES, MOST_LEVELS = 10000, 100000, 129
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
  local chars = utf8_len(s)
  if not chars then
    return nil
  elseif chars ~= #s then
    if LAX and find(s, "\xed[\xa0-\xbf]") then
      return nil
    elseif find(s, "\226\128[\168\169]") then
      s = gsub(gsub(s, '[%z\1-\31"\\<>&]', ESCAPES), "\226\128[\168\169]", SEPARATORS)
      return '"' .. s .. '"'
    end
  end
  return '"' .. gsub(s, '[%z\1-\31"\\<>&]', ESCAPES) .. '"'
end

-- A number inside a table; nil for what takes thought.
local function float_text(v)
  if v ~= v or v - v ~= 0 then
    return "null"
  end
  local whole = tointeger(v)
  if whole then
    return format("%d", whole)
  end
  -- The shortest text that reads back: zeros at the end are not written, so 15 digits do for less.
  local text = format("%.15g", v)
  if tonumber(text) ~= v then
    text = format("%.16g", v)
    if tonumber(text) ~= v then
      text = format("%.17g", v)
    end
  end
  return not find(text, "e", 1, true) and text or nil
end

-- Short strings and small integers met before, with their text: to look there costs a tenth of
-- writing one anew. When many were new none is added for a while, for then few will come again.
local TEXTS, texts_left = nil, 0
local SHORT, MOST_TEXTS, PAUSE = 24, 4000, 20000

local function forget_texts()
  TEXTS, texts_left = { [true] = "true", [false] = "false" }, MOST_TEXTS
end
forget_texts()

local function remember_text(v, text)
  texts_left = texts_left - 1
  if texts_left >= 0 then
    TEXTS[v] = text
  elseif texts_left < -PAUSE then
    forget_texts()
  end
end

-- Key sets met before: first key in the table -> number of keys -> the keys in order, and what
-- stands before the value of each.
local SHAPES, shapes_left = {}, 1000

local function new_shape(t, first)
  local keys, names, count = {}, {}, 0
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
  for i = 1, count do
    local text = quoted(keys[i])
    if not text then
      return nil
    end
    names[i] = (i == 1 and "{" or ",") .. text .. ":"
  end
  local shape = { keys = keys, names = names, count = count }
  if count <= 64 then
    if shapes_left == 0 then
      SHAPES, shapes_left = {}, 1000
    end
    shapes_left = shapes_left - 1
    local by_count = SHAPES[first]
    if not by_count then
      by_count = {}
      SHAPES[first] = by_count
    end
    by_count[count] = shape
  end
  return shape
end

-- The pieces of the text being written, and how many tables are in it; fractions, which Python
-- writes in a third of the time, and the places of their texts. Nothing here can set the task aside,
-- so one of each serves all.
local out, tables, floats, places, fractions
local FEW = 8

local write

-- A table whose keys are 1..count: the new n; nil if it is none, or something in it does not fit.
local function write_list(t, count, n, level)
  local mark, i = "[", 0
  for k, v in rawnext, t do
    i = i + 1
    if k ~= i then
      return nil
    end
    out[n + 1] = mark
    mark = ","
    local text = TEXTS[v]
    if text then
      n = n + 2
      out[n] = text
    elseif math_type(v) == "integer" then
      n = n + 2
      out[n] = v
    else
      n = write(v, n + 1, level)
      if not n then
        return nil
      end
    end
  end
  out[n + 1] = "]"
  return i == count and n + 1 or nil
end

-- Write the members of a table with the keys of a shape: nil if one has no value, and then false
-- if its value does not fit.
local function write_members(t, shape, n, level)
  local keys, names = shape.keys, shape.names
  for i = 1, shape.count do
    local v = t[keys[i]]
    local text = TEXTS[v]
    out[n + 1] = names[i]
    if text then
      n = n + 2
      out[n] = text
    elseif v == nil then
      return nil
    else
      n = write(v, n + 1, level)
      if not n then
        return nil, true
      end
    end
  end
  out[n + 1] = "}"
  return n + 1
end

local function write_map(t, first, n, level)
  local count = 0
  for _ in rawnext, t do
    count = count + 1
  end
  local by_count = SHAPES[first]
  local shape = by_count and by_count[count]
  if shape then
    local after, unfit = write_members(t, shape, n, level)
    if after or unfit then
      return after
    end
    -- As many keys, but others.
  end
  shape = new_shape(t, first)
  return shape and (write_members(t, shape, n, level))
end

-- Write a value behind the n-th piece: the new n, or nil if it is not one for the quick way.
function write(v, n, level)
  local kind = rawtype(v)
  if kind == "string" then
    local size = #v
    -- Quotes, backslashes and control characters make it longer than that.
    local text = format("%q", v)
    local chars = #text == size + 2 and utf8_len(v)
    if not chars or find(v, "<", 1, true) or find(v, ">", 1, true) or find(v, "&", 1, true)
      or chars ~= size and (LAX or find(v, "\226\128", 1, true)) then
      text = quoted(v)
      if not text then
        return nil
      end
    end
    if size <= SHORT then
      remember_text(v, text)
    end
    out[n + 1] = text
    return n + 1
  elseif kind == "number" then
    if math_type(v) == "integer" then
      if v >= -1000 and v <= 1000 then
        remember_text(v, format("%d", v))
      end
      out[n + 1] = v
      return n + 1
    end
    local whole = tointeger(v)
    if whole then
      out[n + 1] = whole
      return n + 1
    end
    local size = v < 0 and -v or v
    if size >= 1e-4 and size < 1e15 then
      fractions = fractions + 1
      floats[fractions], places[fractions], out[n + 1] = v, n + 1, ""
      return n + 1
    end
    local text = float_text(v)
    if not text then
      return nil
    end
    out[n + 1] = text
    return n + 1
  elseif kind == "table" then
    local mt = rawmt(v)
    tables = tables + 1
    if level > MOST_LEVELS or tables > MOST_TABLES or n > MOST_PIECES or mt and brands[mt] then
      return nil
    end
    local first = rawnext(v)
    if first == nil then
      out[n + 1] = objects[v] and "{}" or "[]"
      return n + 1
    end
    local count = rawlen(v)
    if count > 0 then
      return write_list(v, count, n, level + 1)
    end
    return write_map(v, first, n, level + 1)
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

local EIGHT_TEXTS, EIGHT_FLOATS = "zzzzzzzz", "=dddddddd"

local function write_fractions(pieces)
  local n, at = fractions, 1
  if n < FEW then
    for i = 1, n do
      pieces[places[i]] = float_text(floats[i])
    end
    return
  end
  local packed, f, k = {}, floats, 0
  for i = n + 1, n + 7 do
    f[i] = 0.5 -- to a multiple of eight
  end
  for i = 1, n, 8 do
    k = k + 1
    packed[k] = pack(EIGHT_FLOATS, f[i], f[i + 1], f[i + 2], f[i + 3], f[i + 4], f[i + 5],
      f[i + 6], f[i + 7])
  end
  local texts = F._fractions(concat(packed, "", 1, k))
  for i = 1, n, 8 do
    f[i], f[i + 1], f[i + 2], f[i + 3], f[i + 4], f[i + 5], f[i + 6], f[i + 7], at =
      unpack(EIGHT_TEXTS, texts, at)
  end
  for i = 1, n do
    pieces[places[i]] = f[i]
  end
end

local function encode(v)
  if rawtype(v) ~= "table" then
    return encode_there(v)
  end
  out, tables, floats, places, fractions = {}, 0, {}, {}, 0
  local n = write(v, 0, 1)
  local pieces = out
  out = nil
  if n and fractions > 0 then
    write_fractions(pieces)
  end
  floats, places = nil, nil
  if not n then
    return encode_there(v)
  end
  if n > 200 then
    P.charge(n)
  end
  return concat(pieces, "", 1, n), nil
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
-- Lists of like items (codec.py): the length of the data and its place.
local EXTENSIONS = { [0xc7] = ">I1", [0xc8] = ">I2", [0xc9] = ">I4" }
for i = 0, 4 do
  EXTENSIONS[0xd4 + i] = 1 << i
end
local STRINGS, INTEGERS, FLOATS = 1, 2, 3
local EIGHT = { "z", "=i8", "=d" }
for i = 1, 3 do
  EIGHT[i + 3] = raw.string.rep(EIGHT[i], 8)
end

local function read_alike(kind, pos, count)
  local one, eight = EIGHT[kind], EIGHT[kind + 3]
  local t = count <= 200000 and { table_unpack(NOTHING, 1, count) } or {}
  local i = 1
  while i + 7 <= count do
    t[i], t[i + 1], t[i + 2], t[i + 3], t[i + 4], t[i + 5], t[i + 6], t[i + 7], pos =
      unpack(eight, input, pos)
    i = i + 8
  end
  while i <= count do
    t[i], pos = unpack(one, input, pos)
    i = i + 1
  end
  return t
end

-- Functions that make rows of columns, by their keys.
local MAKERS, makers_left = {}, 200

local function new_maker(keys, name)
  local locals, values, fields = {}, {}, {}
  for i = 1, #keys do
    locals[i] = "c" .. i
    values[i] = "columns[" .. i + 2 .. "]"
    fields[i] = format("[%q]=c%d[i]", keys[i], i)
  end
  local maker = raw.load(format(
    "local t, n, columns = ... local %s = %s for i = 1, n do t[i] = {%s} end",
    concat(locals, ","), concat(values, ","), concat(fields, ",")), "=rows", "t", {})
  if makers_left == 0 then
    MAKERS, makers_left = {}, 200
  end
  makers_left = makers_left - 1
  MAKERS[name] = maker
  return maker
end

local function read_rows(pos, level)
  if level + 2 > MOST_LEVELS then
    raw.error(UNFIT, 0)
  end
  local parts = read(pos, level)
  local keys, count = parts[1], parts[2]
  members = members + #keys * count
  local t = count <= 200000 and { table_unpack(NOTHING, 1, count) } or {}
  local name = concat(keys, "\0")
  local make = MAKERS[name] or new_maker(keys, name)
  make(t, count, parts)
  for i = 1, count do
    if rawnext(t[i]) == nil then
      objects[t[i]] = true
    end
  end
  return t
end

local function read_extension(b, pos, level)
  local size = EXTENSIONS[b]
  if b < 0xd4 then
    size, pos = unpack(size, input, pos)
  end
  local kind, after = byte(input, pos), pos + 1 + size
  if kind == STRINGS then
    local blank = find(input, " ", pos, true)
    return read_alike(kind, blank + 1, tonumber(sub(input, pos + 1, blank - 1))), after
  elseif kind == INTEGERS or kind == FLOATS then
    return read_alike(kind, pos + 1, size // 8), after
  end
  return read_rows(pos + 1, level), after
end

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
  elseif b ~= 0xc0 then
    return read_extension(b, pos + 1, level)
  end
  return nil, pos + 1
end

local function decode(text)
  if rawtype(text) ~= "string" or #text > LARGE then
    return F.decode(text)
  end
  -- In front stands the number of colons, as a text that ends in a blank. Are there as many members,
  -- then no key came twice; else strings hold colons, perhaps, and members are counted.
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
  elseif members ~= tonumber(sub(wire, 1, from - 1)) and members ~= F._members(text) then
    return F.decode(text)
  end
  if #text > 3200 then
    P.charge(#text // 16)
  end
  return v, nil
end

return { encode = encode, decode = decode, validate = F.validate,
  validate_string = F.validate_string }

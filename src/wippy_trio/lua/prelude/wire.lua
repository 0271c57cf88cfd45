-- The wire: values that leave a VM, to Python, to another VM, to another node, as bytes.
--
-- MessagePack, one array of the values a message or call has. On top of it:
--
--   * A table with the keys 1..n and no other is an array, any other a map; keys may be any
--     value. `de 00 00`, the long form of an empty map, is an empty table that is an object
--     to JSON; `80` and `90` are plain empty tables.
--   * Objects are numbered from 0 in the order in which they are opened: tables and errors.
--     ext 1 is a back reference, an unsigned number of 1, 2 or 4 bytes; so sharing and cycles
--     within one value survive. Two values of one message share nothing (M-42).
--   * ext 2 is a structured error: kind, message, retryable, details, stack and context,
--     written one after the other.
--   * ext 3 is a handle: class and object, written one after the other (`P.packers`,
--     `P.unpackers`). What has no packer travels as nil (M-45).
--   * A string that is valid UTF-8 is a `str`, any other a `bin`; Lua reads both alike.
--   * Integers fit 64 bits with sign. Floats are 64 bits wide.
--
-- codec.py is the same in Python. Values nested deeper than MAX_DEPTH are refused with a
-- structured error (Invalid), on both sides.

local P = ...
local raw = P.raw
local rawtype, rawnext, rawmt, rawlen, math_type =
  raw.type, raw.next, raw.getrawmetatable, raw.rawlen, raw.math.type
local concat, table_unpack, utf8_len = raw.table.concat, raw.table.unpack, raw.utf8.len
local byte, char, find, sub = raw.string.byte, raw.string.char, raw.string.find, raw.string.sub
local format, pack, unpack = raw.string.format, raw.string.pack, raw.string.unpack
local brands, objects, NILKEY = P.brands, P.objects, P.NILKEY
local INVALID = P.errors.INVALID

local DATA = { string = true, number = true, boolean = true, table = true }

local MAX_DEPTH = 1000

-- brand -> function(handle) -> class, object; class -> function(class, object) -> handle
local packers, unpackers = P.packers or {}, P.unpackers or {}
P.packers, P.unpackers = packers, unpackers

-- Writing -----------------------------------------------------------------------------------------

local FIXSTR, STR8, BIN8, FIXMAP, FIXARRAY, INTS = {}, {}, {}, {}, {}, {}
for i = 0, 255 do
  STR8[i], BIN8[i] = char(0xd9, i), char(0xc4, i)
  INTS[i] = i < 128 and char(i) or char(0xcc, i)
end
for i = 0, 31 do
  FIXSTR[i] = char(0xa0 + i)
end
for i = 0, 15 do
  FIXMAP[i], FIXARRAY[i] = char(0x80 + i), char(0x90 + i)
end
for i = 1, 128 do
  INTS[-i] = i <= 32 and char(256 - i) or char(0xd0, 256 - i)
end
local EMPTY_OBJECT = "\xde\x00\x00"

-- utf8.len of Lua 5.3 lets surrogates pass.
local LAX = utf8_len("\xed\xa0\x80") ~= nil

local function string_header(s, n)
  local chars = utf8_len(s)
  if chars and (chars == n or not LAX or not find(s, "\xed[\xa0-\xbf]")) then
    if n < 32 then
      return FIXSTR[n]
    elseif n < 256 then
      return STR8[n]
    elseif n < 65536 then
      return pack(">BI2", 0xda, n)
    end
    return pack(">BI4", 0xdb, n)
  elseif n < 256 then
    return BIN8[n]
  elseif n < 65536 then
    return pack(">BI2", 0xc5, n)
  end
  return pack(">BI4", 0xc6, n)
end

local function number_bytes(v)
  if math_type(v) == "float" then
    return pack(">Bd", 0xcb, v)
  end
  local known = INTS[v]
  if known then
    return known
  elseif v >= 0 then
    if v < 0x10000 then
      return pack(">BI2", 0xcd, v)
    elseif v < 0x100000000 then
      return pack(">BI4", 0xce, v)
    end
  elseif v >= -0x8000 then
    return pack(">Bi2", 0xd1, v)
  elseif v >= -0x80000000 then
    return pack(">Bi4", 0xd2, v)
  end
  return pack(">Bi8", 0xd3, v)
end

-- Key strings met before, with their header.
local NAMES, names_left = {}, 4000

local function name_bytes(k)
  local text = string_header(k, #k) .. k
  if #k <= 40 then
    if names_left == 0 then
      NAMES, names_left = {}, 4000
    end
    names_left = names_left - 1
    NAMES[k] = text
  end
  return text
end

-- The pieces of the message being written; how many objects are open; table -> its number,
-- made at the first table inside a table, when the number of the outermost must be known.
local out, opened, seen, root, root_number = {}, 0, nil, nil, 0

local function ext(code, n, first)
  local body = concat(out, "", first + 1, n)
  local size = #body
  if size < 256 then
    out[first] = char(0xc7, size, code)
  elseif size < 65536 then
    out[first] = pack(">BI2B", 0xc8, size, code)
  else
    out[first] = pack(">BI4B", 0xc9, size, code)
  end
  out[first + 1] = body
  return first + 1
end

local function back_reference(number)
  if number < 256 then
    return char(0xd4, 1, number)
  elseif number < 65536 then
    return pack(">BBI2", 0xd5, 1, number)
  end
  return pack(">BBI4", 0xd6, 1, number)
end

local put

-- What becomes of that which has no form: it is left out (nil), written as nil ("null") or as
-- its text ("text"), for the module functions that want to see it, or refused ("refuse").
local opaque, next_opaque

-- Number `v`; if it is open already, the reference to it instead.
local function open(v)
  if root == nil then
    root, root_number = v, opened
  else
    if seen == nil then
      seen = { [root] = root_number }
    end
    local number = seen[v]
    if number then
      return back_reference(number)
    end
    seen[v] = opened
  end
  opened = opened + 1
end

local function put_error(e, n, depth)
  local first = n + 1
  local message, kind, retryable, details, stack, context = P.error_fields(e)
  n = put(kind, first, depth)
  n = put(message, n, depth)
  n = put(retryable, n, depth)
  n = put(details, n, depth)
  n = put(stack, n, depth)
  n = put(context, n, depth)
  return ext(2, n, first)
end

local function put_handle(v, packer, n, depth)
  if opaque == "refuse" then
    raw.error("a " .. brands[rawmt(v)] .. " is no data", 0)
  end
  local class, object
  if packer then
    class, object = packer(v)
  end
  if class == nil then
    if opaque == "text" then
      return put(P.tostring(v), n, depth)
    end
    out[n + 1] = "\xc0"
    return n + 1
  end
  local first = n + 1
  n = put(class, first, depth)
  n = put(object, n, depth)
  return ext(3, n, first)
end

-- Is `t` made of the keys 1..n and no other? In the usual case `next` walks in order.
local function is_list(t, n)
  local i = 0
  for k in rawnext, t do
    i = i + 1
    if k ~= i and (math_type(k) ~= "integer" or k < 1 or k > n) then
      return false
    end
  end
  return i == n
end

local function put_list(t, count, n, depth)
  n = n + 1
  if count < 16 then
    out[n] = FIXARRAY[count]
  elseif count < 65536 then
    out[n] = pack(">BI2", 0xdc, count)
  else
    out[n] = pack(">BI4", 0xdd, count)
  end
  for i = 1, count do
    n = put(t[i], n, depth)
  end
  return n
end

-- Can the key be written, or is its entry dropped (M-48)?
local function is_key(k)
  local kind = rawtype(k)
  if kind == "table" then
    local b = brands[rawmt(k)]
    return k ~= NILKEY and (b == nil or b == "error" or packers[b] ~= nil)
  end
  return kind == "string" or kind == "number" or kind == "boolean"
end

local each = rawnext

-- In a run with a seed the order of fields is seen outside, too.
function P.write_in_order(ordered_next)
  each = ordered_next
end

local function put_map(t, n, depth)
  local first, count = n + 1, 0
  n = first
  for k, v in each, t do
    local kind = rawtype(v)
    if DATA[kind] or opaque then
      local known = NAMES[k]
      if known then
        count = count + 1
        n = n + 1
        out[n] = known
        n = put(v, n, depth, kind)
      elseif is_key(k) then
        count = count + 1
        if rawtype(k) == "string" then
          n = n + 1
          out[n] = name_bytes(k)
        else
          n = put(k, n, depth)
        end
        n = put(v, n, depth, kind)
      end
    end
  end
  if count < 16 then
    out[first] = FIXMAP[count]
  elseif count < 65536 then
    out[first] = pack(">BI2", 0xde, count)
  else
    out[first] = pack(">BI4", 0xdf, count)
  end
  return n
end

local function put_table(v, n, depth)
  if depth > MAX_DEPTH then
    P.raise_kind(INVALID, "value nested too deep: more than " .. MAX_DEPTH .. " tables")
  end
  local k, t, b = rawnext(v), v, nil
  if NAMES[k] == nil then
    local mt = rawmt(v)
    b = mt and brands[mt]
    if b == "lib" or b == "frozen" then
      t = mt.__index
      k = rawnext(t)
    elseif b and b ~= "env" and b ~= "error" then
      return put_handle(v, packers[b], n, depth + 1)
    end
  end
  local reference = open(v)
  if reference then
    out[n + 1] = reference
    return n + 1
  elseif b == "error" then
    return put_error(v, n, depth + 1)
  elseif k == nil then
    out[n + 1] = objects[v] and EMPTY_OBJECT or "\x90"
    return n + 1
  end
  local count = rawlen(t)
  if count > 0 and is_list(t, count) then
    return put_list(t, count, n, depth + 1)
  end
  return put_map(t, n, depth + 1)
end

-- Write a value after the n-th piece; `kind` is its type, if known. Returns the new n.
function put(v, n, depth, kind)
  kind = kind or rawtype(v)
  if kind == "string" then
    local size = #v
    if size < 32 and utf8_len(v) == size then
      out[n + 1] = FIXSTR[size]
    else
      out[n + 1] = string_header(v, size)
    end
    out[n + 2] = v
    return n + 2
  elseif kind == "number" then
    n = n + 1
    out[n] = number_bytes(v)
    return n
  elseif kind == "table" then
    return put_table(v, n, depth)
  end
  n = n + 1
  if v == true then
    out[n] = "\xc3"
  elseif v == false then
    out[n] = "\xc2"
  elseif v ~= nil and opaque == "text" then
    return put(P.tostring(v), n - 1, depth)
  elseif v ~= nil and opaque == "refuse" then
    raw.error("a " .. kind .. " is no data", 0)
  else
    out[n] = "\xc0"
  end
  return n
end

-- Handles that pass to another process only in what is sent to one (channels): whether this
-- message is, and the numbers of those that were met.
local passing, pins = false, nil

-- Whether the message being written goes to another process.
function P.is_passing()
  return passing
end

-- A packer wrote the number of a handle that passes.
function P.pin(number)
  pins = pins or {}
  pins[#pins + 1] = number
end

local function write(n, ...)
  local a, b = ...
  opened, seen, root = 0, nil, nil
  opaque, next_opaque = next_opaque, nil
  local pieces
  if n == 1 then
    out[1] = "\x91"
    pieces = put(a, 1, 0)
  elseif n == 0 then
    return "\x90", 0
  else
    if n < 16 then
      out[1] = FIXARRAY[n]
    else
      out[1] = pack(">BI4", 0xdd, n)
    end
    pieces = put(a, 1, 0)
    seen, root = nil, nil
    pieces = put(b, pieces, 0)
    if n > 2 then
      local list = { ... }
      for i = 3, n do
        seen, root = nil, nil
        pieces = put(list[i], pieces, 0)
      end
    end
  end
  local bytes = concat(out, "", 1, pieces)
  seen, root = nil, nil
  if pieces > 4000 then
    out = {}
  end
  return bytes, pieces
end

-- Write n values as one message.
function P.pack(n, ...)
  passing = false
  local bytes, pieces = write(n, ...)
  if pieces > 200 then
    P.charge(pieces)
  end
  return bytes
end

-- Write n values, with `mode` for what has no form.
function P.pack_whole(mode, n, ...)
  next_opaque = mode
  return P.pack(n, ...)
end

-- Write n values that pass to another process, with the channels among them: the message, and
-- the list of their numbers, if there are any.
function P.pack_passing(n, ...)
  passing, pins = true, nil
  local bytes, pieces = write(n, ...)
  local met = pins
  passing, pins = false, nil
  if pieces > 200 then
    P.charge(pieces)
  end
  return bytes, met
end

-- The same for one value while another message is being written, by a packer. The caller sees
-- to it that nothing is charged, for that could set the task aside.
function P.pack_within(v)
  local kept_out, kept_opened, kept_seen, kept_root, kept_number, kept_passing, kept_pins =
    out, opened, seen, root, root_number, passing, pins
  out = {}
  local ok, bytes, met = raw.pcall(P.pack_passing, 1, v)
  out, opened, seen, root, root_number, passing, pins =
    kept_out, kept_opened, kept_seen, kept_root, kept_number, kept_passing, kept_pins
  if not ok then
    raw.error(bytes, 0)
  end
  return bytes, met
end

-- Reading -----------------------------------------------------------------------------------------

-- The message being read, its length, its objects by number.
local input, length, objects_read, read_count = "", 0, nil, 0

local function malformed(what)
  P.raise_kind(INVALID, "malformed wire data: " .. what)
end

local function truncated()
  malformed("it ends within a value")
end

local function read_number(fmt, pos, size)
  if pos + size - 1 > length then
    truncated()
  end
  return unpack(fmt, input, pos), pos + size
end

local function read_bytes(pos, size)
  local after = pos + size
  if after - 1 > length then
    truncated()
  end
  return sub(input, pos, after - 1), after
end

local get

local NOTHING = {}

local function get_list(pos, count, depth)
  if count > length - pos + 1 then
    truncated()
  elseif depth > MAX_DEPTH then
    malformed("nested too deep")
  end
  -- Laid out at its full size, so that `#` sees over holes.
  local t
  if count == 0 then
    t = {}
  elseif count == 1 then
    t = { nil }
  elseif count <= 200000 then
    t = { table_unpack(NOTHING, 1, count) }
  else
    t = {}
  end
  objects_read[read_count] = t
  read_count = read_count + 1
  for i = 1, count do
    t[i], pos = get(pos, depth + 1)
  end
  return t, pos
end

local function get_map(pos, count, depth)
  if count > length - pos + 1 then
    truncated()
  elseif depth > MAX_DEPTH then
    malformed("nested too deep")
  end
  -- Constructors with names make room for as many.
  local t
  if count <= 2 then
    t = { a = nil, b = nil }
  elseif count <= 4 then
    t = { a = nil, b = nil, c = nil, d = nil }
  else
    t = { a = nil, b = nil, c = nil, d = nil, e = nil, f = nil, g = nil, h = nil }
  end
  objects_read[read_count] = t
  read_count = read_count + 1
  for _ = 1, count do
    local b, k, v = byte(input, pos), nil, nil
    if b and b >= 0xa0 and b < 0xc0 then
      k = sub(input, pos + 1, pos + b - 0xa0)
      pos = pos + b - 0x9f
    else
      k, pos = get(pos, depth + 1)
      if k == nil or k ~= k then
        malformed("a key is nil or NaN")
      end
    end
    v, pos = get(pos, depth + 1)
    t[k] = v
  end
  return t, pos
end

local function get_ext(pos, size, depth)
  local code = byte(input, pos)
  if not code or pos + size > length then
    truncated()
  end
  local after = pos + size + 1
  pos = pos + 1
  if code == 1 then
    if size ~= 1 and size ~= 2 and size ~= 4 then
      malformed("a back reference of " .. size .. " bytes")
    end
    local number = unpack(">I" .. size, input, pos)
    local t = number < read_count and objects_read[number]
    if not t then
      malformed("back reference to object " .. number .. " of " .. read_count)
    end
    return t, after
  elseif code == 2 then
    local number = read_count
    read_count = read_count + 1
    objects_read[number] = false
    local kind, message, retryable, details, stack, context
    kind, pos = get(pos, depth + 1)
    message, pos = get(pos, depth + 1)
    retryable, pos = get(pos, depth + 1)
    details, pos = get(pos, depth + 1)
    stack, pos = get(pos, depth + 1)
    context, pos = get(pos, depth + 1)
    if pos ~= after or rawtype(kind) ~= "string" or rawtype(message) ~= "string"
      or rawtype(stack) ~= "string"
      or retryable ~= nil and rawtype(retryable) ~= "boolean"
      or details ~= nil and rawtype(details) ~= "table"
      or context ~= nil and rawtype(context) ~= "string" then
      malformed("a structured error of the wrong form")
    end
    local e = P.error_new(message, kind, retryable, details, stack, context)
    objects_read[number] = e
    return e, after
  elseif code == 3 then
    local class, object
    class, pos = get(pos, depth + 1)
    object, pos = get(pos, depth + 1)
    if pos ~= after or class == nil then
      malformed("a handle of the wrong form")
    end
    local make = unpackers[class] or P.make_handle
    if not make then
      return nil, after
    end
    -- It may read a message itself: the description of the class.
    local bytes, size, objects_before, count = input, length, objects_read, read_count
    local handle = make(class, object)
    input, length, objects_read, read_count = bytes, size, objects_before, count
    return handle, after
  end
  malformed("unknown extension " .. code)
end

local LONG = {
  [0xc0] = function(pos)
    return nil, pos
  end,
  [0xc2] = function(pos)
    return false, pos
  end,
  [0xc3] = function(pos)
    return true, pos
  end,
  [0xca] = function(pos)
    return read_number(">f", pos, 4)
  end,
  [0xcb] = function(pos)
    return read_number(">d", pos, 8)
  end,
  [0xcc] = function(pos)
    return read_number(">B", pos, 1)
  end,
  [0xcd] = function(pos)
    return read_number(">I2", pos, 2)
  end,
  [0xce] = function(pos)
    return read_number(">I4", pos, 4)
  end,
  [0xcf] = function(pos)
    local v, after = read_number(">i8", pos, 8)
    if v < 0 then
      malformed("an integer above 2^63 - 1")
    end
    return v, after
  end,
  [0xd0] = function(pos)
    return read_number(">b", pos, 1)
  end,
  [0xd1] = function(pos)
    return read_number(">i2", pos, 2)
  end,
  [0xd2] = function(pos)
    return read_number(">i4", pos, 4)
  end,
  [0xd3] = function(pos)
    return read_number(">i8", pos, 8)
  end,
  [0xde] = function(pos, depth)
    local count, after = read_number(">I2", pos, 2)
    local t
    t, pos = get_map(after, count, depth)
    if count == 0 then
      objects[t] = true
    end
    return t, pos
  end,
}

-- Lengths of 1, 2 and 4 bytes in front of strings, lists, maps and extensions.
local function text_reader(fmt, size)
  return function(pos)
    local n, after = read_number(fmt, pos, size)
    return read_bytes(after, n)
  end
end
local function ext_reader(fmt, size)
  return function(pos, depth)
    local n, after = read_number(fmt, pos, size)
    return get_ext(after, n, depth)
  end
end
for i, fmt in raw.ipairs({ ">B", ">I2", ">I4" }) do
  local size = i == 3 and 4 or i
  LONG[0xc3 + i] = text_reader(fmt, size)
  LONG[0xc6 + i] = ext_reader(fmt, size)
  LONG[0xd8 + i] = text_reader(fmt, size)
end
for i = 0, 4 do
  LONG[0xd4 + i] = function(pos, depth)
    return get_ext(pos, 1 << i, depth)
  end
end
LONG[0xdc] = function(pos, depth)
  local count, after = read_number(">I2", pos, 2)
  return get_list(after, count, depth)
end
LONG[0xdd] = function(pos, depth)
  local count, after = read_number(">I4", pos, 4)
  return get_list(after, count, depth)
end
LONG[0xdf] = function(pos, depth)
  local count, after = read_number(">I4", pos, 4)
  return get_map(after, count, depth)
end

-- Read the value at `pos`: it and the position after it.
function get(pos, depth)
  local b = byte(input, pos)
  if b == nil then
    truncated()
  elseif b < 0x80 then
    return b, pos + 1
  elseif b >= 0xa0 then
    if b < 0xc0 then
      local after = pos + b - 0x9f
      return sub(input, pos + 1, after - 1), after
    elseif b >= 0xe0 then
      return b - 256, pos + 1
    end
    local read = LONG[b]
    if not read then
      malformed(format("byte 0x%02x", b))
    end
    return read(pos + 1, depth)
  elseif b < 0x90 then
    return get_map(pos + 1, b - 0x80, depth)
  end
  return get_list(pos + 1, b - 0x90, depth)
end

-- Read the values of a message, `n` of them from `pos` on.
local function get_values(n, pos)
  if n == 1 then
    local v, after = get(pos, 0)
    return after, v
  elseif n > length then
    truncated()
  elseif n > 200000 then
    malformed("too many values")
  end
  local values = {}
  for i = 1, n do
    values[i], pos = get(pos, 0)
  end
  return pos, table_unpack(values, 1, n)
end

-- The message is read; nothing of it is kept here.
local function finish(n, pos, ...)
  if pos ~= length + 1 then
    if pos > length then
      truncated()
    end
    malformed("something follows its values")
  end
  input, objects_read = "", nil
  return n, ...
end

-- Read a message: the number of its values, and the values.
function P.unpack_wire(bytes)
  local size = #bytes
  if size > 3200 then
    P.charge(size // 16)
  end
  input, length = bytes, size
  objects_read, read_count = {}, 0
  local b = byte(bytes, 1)
  local n, pos
  if b and b >= 0x90 and b < 0xa0 then
    n, pos = b - 0x90, 2
  elseif b == 0xdc then
    n, pos = read_number(">I2", 2, 2)
  elseif b == 0xdd then
    n, pos = read_number(">I4", 2, 4)
  else
    malformed("no list of values")
  end
  return finish(n, get_values(n, pos))
end

local function was_read(ok, n, ...)
  if ok then
    return n, ...
  elseif n == "not enough memory" then
    raw.error(n, 0)
  elseif not P.is_error(n) then
    n = P.error_new("malformed wire data: " .. P.tostring(n), INVALID, false)
  end
  return nil, n
end

-- The same for the scheduler, where damage must concern nobody but the receiver: nil and an error
-- instead of the number of values.
function P.read_wire(bytes)
  return was_read(raw.pcall(P.unpack_wire, bytes))
end

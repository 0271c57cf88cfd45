-- The library `string`, except `format` (format.lua).
--
-- Each function begins with the case that programs are made of, decided without a call, and
-- tail-calls the native function. Everything else, floats as positions, numbers and errors
-- as subjects, long subjects, goes through the slow function beside it. Tail calls matter:
-- an error of a native function then shows the line of the program, not one of ours.

local P = ...
local raw = P.raw
local string = raw.string
local rawtype, error, native_select = raw.type, raw.error, raw.select
local native_byte, native_char, native_find, native_gmatch, native_gsub, native_lower =
  string.byte, string.char, string.find, string.gmatch, string.gsub, string.lower
local native_match, native_rep, native_reverse, native_sub, native_upper =
  string.match, string.rep, string.reverse, string.sub, string.upper
local native_pack, native_unpack, native_packsize =
  string.pack, string.unpack, string.packsize
local native_pcall = raw.pcall
local MAXINT, math_type = raw.math.maxinteger, raw.math.type
local unpack, utf8_len = raw.table.unpack, raw.utf8.len
local small, to_text, to_integer, wrong_argument =
  P.small, P.to_text, P.to_integer, P.wrong_argument
local free, infos, info_of, allow =
  P.patterns.free, P.patterns.infos, P.patterns.info, P.patterns.allow
local matcher, vetted = P.matcher, P.vetted

local MOST_RESULTS = 900000 -- of one call; Lua's stack holds a million values

local lib = P.string or {}
P.string = lib

-- Parts -----------------------------------------------------------------------------------------

local function slow_sub(s, i, j)
  s = to_text(s, 1, "sub")
  i, j = to_integer(i, 2, "sub"), to_integer(j, 3, "sub", -1)
  local part = native_sub(s, i, j)
  if #part > 4096 then
    P.charge(#part // 64)
  end
  return part
end

function lib.sub(s, i, j)
  if rawtype(s) == "string" then
    if small[i] and (j == nil or small[j]) then
      return native_sub(s, i, j)
    elseif math_type(i) == "integer" and (j == i
      or math_type(j) == "integer" and i >= 0 and j >= 0 and j - i <= 4096) then
      return native_sub(s, i, j) -- a short piece of a long text
    end
  end
  return slow_sub(s, i, j)
end

local function slow_byte(s, i, j)
  s, i = to_text(s, 1, "byte"), to_integer(i, 2, "byte", 1)
  if j == nil then
    return native_byte(s, i)
  end
  j = to_integer(j, 3, "byte")
  if #s > 200 then
    local count = #native_sub(s, i, j)
    if count > MOST_RESULTS then
      error("string slice too long", 2)
    end
    P.charge(count // 8)
  end
  return native_byte(s, i, j)
end

function lib.byte(s, i, j)
  if j == nil and (i == nil or small[i] or math_type(i) == "integer")
    and rawtype(s) == "string" then
    return native_byte(s, i)
  end
  return slow_byte(s, i, j)
end

-- Characters by code, filled when first asked for one.
local chars = {}

local function slow_char(...)
  local count, codes = native_select("#", ...), { ... }
  for i = 1, count do
    local code = to_integer(codes[i], i, "char")
    if code < 0 or code > 255 then
      wrong_argument(i, "char", "value out of range")
    end
    codes[i] = code
  end
  if not chars[0] then
    for code = 0, 255 do
      chars[code] = native_char(code)
    end
  elseif count > 200 then
    P.charge(count)
  end
  return native_char(unpack(codes, 1, count))
end

function lib.char(...)
  local a, b, c, d = ...
  if chars[a] then
    local count = native_select("#", ...)
    if count == 1 then
      return chars[a]
    elseif count <= 4 and chars[b] and (count < 3 or chars[c]) and (count < 4 or chars[d]) then
      return native_char(...)
    end
  end
  return slow_char(...)
end

function lib.len(s)
  if rawtype(s) == "string" then
    return #s
  end
  s = to_text(s, 1, "len")
  return #s
end

local function slow_reverse(s)
  s = to_text(s, 1, "reverse")
  P.charge(#s // 16)
  return native_reverse(s)
end

function lib.reverse(s)
  if rawtype(s) == "string" and #s <= 200 then
    return native_reverse(s)
  end
  return slow_reverse(s)
end

-- Letters beyond ASCII are the host's business; a text without them is not (types 4.9).
local function slow_case(s, name, native)
  s = to_text(s, 1, name)
  if #s > 200 then
    P.charge(#s // 16)
  end
  if native_find(s, "[\128-\255]") then
    P.charge(#s // 2)
    return P.host[name](s)
  end
  return native(s)
end

-- As many characters as bytes: all of them ASCII.
function lib.lower(s)
  if rawtype(s) == "string" and #s <= 200 and utf8_len(s) == #s then
    return native_lower(s)
  end
  return slow_case(s, "lower", native_lower)
end

function lib.upper(s)
  if rawtype(s) == "string" and #s <= 200 and utf8_len(s) == #s then
    return native_upper(s)
  end
  return slow_case(s, "upper", native_upper)
end

local function slow_rep(s, n, sep)
  s, n = to_text(s, 1, "rep"), small[n] or to_integer(n, 2, "rep")
  local size = #s
  if sep ~= nil then
    sep = to_text(sep, 3, "rep")
    size = size + #sep
  end
  if n <= 0 or size == 0 then
    return ""
  elseif n > P.longest_text // size then
    error("resulting string too large", 2)
  elseif n * size > 200 then
    P.charge(n * size // 32)
    if n > 512 and size < 64 and sep == nil then
      -- The native one copies piece by piece; a longer piece is several times faster.
      return native_rep(native_rep(s, 256), n // 256) .. native_rep(s, n % 256)
    end
  end
  return native_rep(s, n, sep)
end

function lib.rep(s, n, sep)
  if sep == nil and small[n] and rawtype(s) == "string" and #s <= 16 then
    return native_rep(s, n)
  end
  return slow_rep(s, n, sep)
end

-- Patterns --------------------------------------------------------------------------------------

-- A plain search compares at every place: many times a long text is worked off by windows.
local function plain_find(s, p, init)
  local n, m = #s, #p
  local work = m > 16 and n // 16 * m or n
  if work > 200 then
    P.charge(work < 400000 and work // 8 or 50000)
  end
  if work <= 10000000 then
    return native_find(s, p, init, true)
  end
  if init < 0 then
    init = n + init + 1
  end
  init = init < 1 and 1 or init
  local window = 100000000 // m + 1
  while init + m - 1 <= n do
    local from, to = native_find(native_sub(s, init, init + window + m - 1), p, 1, true)
    if from then
      return from + init - 1, to + init - 1
    end
    init = init + window
    P.charge(50000)
  end
  return nil
end

-- Where a search begins, or nil if that is beyond the end.
local function start(init, n)
  if init < 0 then
    init = n + init + 1
  end
  if init < 1 then
    return 1
  elseif init <= n + 1 then
    return init
  end
end

local function slow_find(s, p, init, plain)
  s, p = to_text(s, 1, "find"), to_text(p, 2, "find")
  init = to_integer(init, 3, "find", 1)
  if plain then
    return plain_find(s, p, init)
  end
  local info = info_of(p)
  if not native_find(p, "[%^%$%*%+%?%.%(%[%%%-]") then
    return plain_find(s, p, init)
  end
  init = start(init, #s)
  if not init then
    return nil
  elseif allow(info, #s - init + 1) then
    return native_find(s, p, init)
  end
  return matcher.find(s, p, init)
end

function lib.find(s, p, init, plain)
  local limit = free[p] or plain and rawtype(p) == "string" and 200
  if limit and (init == nil or small[init]) and rawtype(s) == "string" and #s <= limit then
    return native_find(s, p, init, plain)
  end
  return slow_find(s, p, init, plain)
end

local function slow_match(s, p, init)
  s, p = to_text(s, 1, "match"), to_text(p, 2, "match")
  init = to_integer(init, 3, "match", 1)
  init = start(init, #s) or #s + 2
  if allow(info_of(p), #s - init + 1) then
    return native_match(s, p, init)
  end
  return matcher.match(s, p, init)
end

function lib.match(s, p, init)
  local limit = free[p]
  if limit and (init == nil or small[init]) and rawtype(s) == "string" and #s <= limit then
    return native_match(s, p, init)
  end
  return slow_match(s, p, init)
end

local function slow_gmatch(s, p)
  s, p = to_text(s, 1, "gmatch"), to_text(p, 2, "gmatch")
  if native_find(p, "^^") then
    p = "%" .. p -- it anchors nothing here
  end
  if allow(info_of(p), #s) then
    return native_gmatch(s, p)
  end
  return matcher.gmatch(s, p)
end

function lib.gmatch(s, p)
  local limit = free[p]
  if limit and rawtype(s) == "string" and #s <= limit then
    return native_gmatch(s, p)
  end
  return slow_gmatch(s, p)
end

lib.gfind = lib.gmatch

-- Replacing -------------------------------------------------------------------------------------

-- Replacement texts with every `%` before a digit or another `%`: one elsewhere stands for
-- itself in the reference, and is an error natively (types 4.9). And the largest capture
-- they mention.
local plain_texts, plain_count = {}, 0

local function plain_text(text)
  local known = plain_texts[text]
  if not known then
    local largest = 0
    local fixed = native_gsub(text, "%%(.?)", function(c)
      local digit = native_find(c, "^%d") and native_byte(c) - 48
      if digit then
        largest = digit > largest and digit or largest
        return "%" .. c
      end
      return c == "%" and "%%" or "%%" .. c
    end)
    if plain_count >= 200 then
      plain_texts, plain_count = {}, 0
    end
    known = { text = fixed, largest = largest }
    plain_texts[text], plain_count = known, plain_count + 1
  end
  return known
end

-- The text to give to the native function; without captures, %1 is the whole match.
local function checked_text(text, info)
  local known = plain_text(text)
  local largest = known.largest
  if largest > 1 and largest > info.captures then
    error("invalid capture index %" .. largest .. " in replacement string", 3)
  end
  return known.text
end

-- What a callback or table gives: nil and false keep the match, odd values count as "".
local function replacement(value)
  if not value or rawtype(value) == "string" then
    return value
  end
  return P.as_text(value) or ""
end

local function by_function(f, captures)
  if captures <= 1 then
    return function(a)
      local value = f(a)
      if not value or rawtype(value) == "string" then
        return value
      end
      return replacement(value)
    end
  end
  return function(...)
    local value = f(...)
    if not value or rawtype(value) == "string" then
      return value
    end
    return replacement(value)
  end
end

local function by_table(t)
  return function(key)
    local value = t[key]
    if not value or rawtype(value) == "string" then
      return value
    end
    return replacement(value)
  end
end

-- A replacement text as a list of texts and capture numbers.
local function template(text)
  local parts, count, at = {}, 0, 1
  while true do
    local place = native_find(text, "%", at, true)
    if not place then
      parts[count + 1] = native_sub(text, at)
      return parts
    end
    local c = native_sub(text, place + 1, place + 1)
    parts[count + 1] = native_sub(text, at, place - 1)
    parts[count + 2] = native_find(c, "^%d") and native_byte(c) - 48 or c
    count, at = count + 2, place + 2
  end
end

local function fill(parts, program, state, from, to, out, count)
  for i = 1, #parts do
    local part = parts[i]
    if math_type(part) then
      if part == 0 or part == 1 and program.captures == 0 then
        part = native_sub(state.s, from, to - 1)
      else
        part = matcher.capture(state, part)
      end
    end
    count = count + 1
    out[count] = part
  end
  return count
end

-- `convert` is a text in which each `%` is followed by a digit or `%`, or a function.
local function patient_gsub(s, p, convert, most)
  local program, state = matcher.program(p), matcher.state(s)
  local parts = rawtype(convert) == "string" and template(convert)
  local out, count, size = {}, 0, 0
  local at, last, done, copied = 1, nil, 0, 1
  while done < most do
    local from, to = matcher.next(program, state, at, last)
    if not from then
      break
    end
    done = done + 1
    out[count + 1] = native_sub(s, copied, from - 1)
    local before = count + 1
    if parts then
      count = fill(parts, program, state, from, to, out, before)
    else
      count = before + 1
      out[count] = convert(matcher.captures(program, state, from, to))
        or native_sub(s, from, to - 1)
    end
    for i = before, count do
      size = size + #(out[i] .. "")
    end
    if size > P.longest_text then
      error("resulting string too large", 2)
    end
    matcher.worked(state, (count - before) * 4)
    at, last, copied = to, to, to
    if program.anchored then
      break
    end
  end
  out[count + 1] = native_sub(s, copied)
  P.charge(state.work + size // 32)
  return raw.table.concat(out), done
end

local function slow_gsub(s, p, repl, most)
  s, p = to_text(s, 1, "gsub"), to_text(p, 2, "gsub")
  local kind, length = rawtype(repl), 0
  if kind == "function" then
    repl = by_function(repl, info_of(p).captures)
  elseif P.vet(repl) or kind == "table" and P.type(repl) == "table" then
    repl = by_table(repl)
  else
    local text = P.as_text(repl)
    if not text then
      wrong_argument(3, "gsub", "string/function/table expected, got " .. P.type(repl))
    end
    length = #text
    repl = native_find(text, "%", 1, true) and checked_text(text, info_of(p)) or text
  end
  most = to_integer(most, 4, "gsub", MAXINT)
  -- A text may be put in at every place, and each of its captures may be the whole match.
  if allow(info_of(p), #s) and (length + 1) * (#s + 1) <= P.longest_text // 2 then
    return native_gsub(s, p, repl, most)
  end
  return patient_gsub(s, p, repl, most)
end

function lib.gsub(s, p, repl, most)
  local limit = free[p]
  if limit and rawtype(s) == "string" and #s <= limit and (most == nil or small[most]) then
    local kind = rawtype(repl)
    if kind == "string" then
      if #repl < 200 then
        local known = plain_texts[repl]
        if known and known.largest <= 1 then
          repl = known.text
        elseif native_find(repl, "%", 1, true) then
          repl = checked_text(repl, infos[p])
        end
        return native_gsub(s, p, repl, most)
      end
    elseif kind == "function" then
      return native_gsub(s, p, by_function(repl, infos[p].captures), most)
    elseif vetted[repl] then
      return native_gsub(s, p, by_table(repl), most)
    end
  end
  return slow_gsub(s, p, repl, most)
end

-- Binary texts ----------------------------------------------------------------------------------

-- An error of a native function, moved to the line of the program.
local function passed(name, ok, ...)
  if not ok then
    local text = ...
    if text == "not enough memory" then
      error(text, 0) -- the engine knows it by this text
    end
    error((native_gsub(text, "to '[^']*'", "to '" .. name .. "'")), 2)
  end
  return ...
end

-- `c1000000000` is a short format for a long text.
local function check_format(f, name)
  local size, longest = 0, P.longest_text
  for digits in native_gmatch(f, "c(%d+)") do
    size = size + (#digits < 12 and raw.tonumber(digits) or longest)
  end
  if #f > 200 or size > 200 then
    if #f > longest // 16 or size >= longest then
      error("bad argument #1 to '" .. name .. "' (format result too large)", 3)
    end
    P.charge(#f + size // 32)
  end
end

function lib.pack(f, ...)
  f = to_text(f, 1, "pack")
  check_format(f, "pack")
  return passed("pack", native_pcall(native_pack, f, ...))
end

function lib.packsize(f)
  f = to_text(f, 1, "packsize")
  check_format(f, "packsize")
  return passed("packsize", native_pcall(native_packsize, f))
end

function lib.unpack(f, s, at)
  f, s = to_text(f, 1, "unpack"), to_text(s, 2, "unpack")
  check_format(f, "unpack")
  at = small[at] or to_integer(at, 3, "unpack", 1)
  return passed("unpack", native_pcall(native_unpack, f, s, at))
end

function lib.dump()
  error("unable to dump given function", 2)
end

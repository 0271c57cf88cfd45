-- The library `table`.
--
-- A function that changes a table asks `vetted`, or `vet`, whether it is the program's own:
-- handles are refused, frozen and library tables raise "immutable" (core STD-29c). One that
-- only reads takes the table behind a frozen front. Ranges are bounded and charged, because
-- nothing can stop a native function inside.

local P = ...
local raw = P.raw
local rawtype, rawnext, error, native_pcall, select =
  raw.type, raw.next, raw.error, raw.pcall, raw.select
local native_insert, native_remove, native_concat, native_unpack, native_move, native_create =
  raw.table.insert, raw.table.remove, raw.table.concat, raw.table.unpack, raw.table.move,
  raw.table.create
local native_sort = raw.table.sort
local format, match, math_type = raw.format, raw.string.match, raw.math.type
local small, to_integer, to_text, wrong_argument =
  P.small, P.to_integer, P.to_text, P.wrong_argument
local vetted, vet, contents = P.vetted, P.vet, P.contents

local LONGEST = 1 << 26 -- elements that one call moves or sorts
local MOST_RESULTS = 900000 -- of one call; Lua's stack holds a million values
local PART = 8192 -- elements moved between two charges

local lib = {}
P.table = lib

-- Both are called by a library function directly: level 3 is the program.

local function refuse(t, name)
  if rawtype(t) == "table" and P.type(t) == "table" then
    error(format("cannot %s: %s is immutable", name, P.describe(t)), 3)
  end
  error(format("bad argument #1 to '%s' (table expected, got %s)", name, P.type(t)), 3)
end

local function readable(t, name)
  local real = rawtype(t) == "table" and contents(t)
  if not real then
    error(format("bad argument #1 to '%s' (table expected, got %s)", name, P.type(t)), 3)
  end
  return real
end

-- Elements --------------------------------------------------------------------------------------

local function slow_insert(t, ...)
  local count = select("#", ...)
  if count == 1 then
    t[#t + 1] = ...
    return
  elseif count ~= 2 then
    error("wrong number of arguments to 'insert'", 2)
  end
  local at, v = ...
  at = to_integer(at, 2, "insert")
  local n = #t
  if at < 1 or at > n + 1 then
    t[at] = v
    return
  elseif n - at > 200 then
    P.charge((n - at) // 4)
  end
  return native_insert(t, at, v)
end

function lib.insert(t, ...)
  if vetted[t] or vet(t) then
    local a, b = ...
    if b == nil then
      if select("#", ...) == 1 then
        t[#t + 1] = a
        return
      end
    elseif small[a] and a > 0 then
      local n = #t
      if a <= n + 1 and n <= 200 and select("#", ...) == 2 then
        return native_insert(t, ...)
      end
    end
    return slow_insert(t, ...)
  end
  refuse(t, "insert")
end

function lib.remove(t, at)
  if vetted[t] or vet(t) then
    local n = #t
    if n == 0 then
      return nil
    elseif at == nil then
      local v = t[n]
      t[n] = nil
      return v
    end
    at = small[at] or to_integer(at, 2, "remove")
    if at > n then
      return nil
    elseif at < 1 then
      at = n
    elseif n - at > 200 then
      P.charge((n - at) // 4)
    end
    return native_remove(t, at)
  end
  refuse(t, "remove")
end

local function slow_unpack(t, i, j)
  t = readable(t, "unpack")
  i, j = to_integer(i, 2, "unpack", 1), to_integer(j, 3, "unpack", #t)
  if i > j then
    return
  elseif j - i < 0 or j - i >= MOST_RESULTS then
    error("too many results to unpack", 2)
  end
  P.charge((j - i) // 4)
  return native_unpack(t, i, j)
end

function lib.unpack(t, i, j)
  if (vetted[t] or vet(t)) and (i == nil or small[i]) and (small[j] or j == nil and #t <= 200) then
    return native_unpack(t, i, j)
  end
  return slow_unpack(t, i, j)
end
P.unpack = lib.unpack

lib.pack = raw.table.pack

-- The number of elements, and the largest positive number that is a key.

function lib.getn(t)
  local real = vetted[t] and t or readable(t, "getn")
  return #real
end

function lib.maxn(t)
  local real = vetted[t] and t or readable(t, "maxn")
  P.charge(#real)
  local largest = 0
  for k in rawnext, real do
    if math_type(k) and k > largest then
      largest = k
    end
  end
  return largest
end

-- Concatenation ---------------------------------------------------------------------------------

-- Raises for an element that is no string. `#` is an operator of the language: finding that
-- out this way costs a tenth of asking for the type of each element.
local function concat_strings(t, sep, i, j)
  local size = 0
  for k = i, j do
    size = size + #t[k]
  end
  if size + (j - i + 1) * #sep <= P.longest_text then
    return native_concat(t, sep, i, j)
  end
end

-- With numbers, error objects or holes: a hole ends the list.
local function slow_concat(t, sep, i, j)
  local out, count, size = {}, 0, 0
  for k = i, j do
    local v = t[k]
    if v == nil then
      break
    end
    if math_type(v) == "integer" then
      size = size + 20
    else
      v = P.as_text(v)
      if not v then
        error(format("invalid value (at index %d) in table for 'concat'", k), 2)
      end
      size = size + #v
    end
    count = count + 1
    out[count] = v
    if count % PART == 0 then
      P.charge(PART)
    end
  end
  if size + count * #sep > P.longest_text then
    error("resulting string too large", 2)
  end
  P.charge(size // 64)
  return native_concat(out, sep)
end

function lib.concat(t, sep, i, j)
  local real = (vetted[t] or vet(t)) and t or readable(t, "concat")
  local n = #real
  if sep == nil then
    sep = ""
  elseif rawtype(sep) ~= "string" then
    sep = to_text(sep, 2, "concat")
  end
  if i == nil and j == nil then
    i, j = 1, n
  else
    i, j = to_integer(i, 3, "concat", 1), to_integer(j, 4, "concat", n)
    i, j = i < 1 and 1 or i, j > n and n or j
  end
  if j - i > 200 then
    P.charge(j - i)
  end
  local ok, text = native_pcall(concat_strings, real, sep, i, j)
  if not (ok and text) then
    return slow_concat(real, sep, i, j)
  elseif #text > 4096 then
    P.charge(#text // 64)
  end
  return text
end

-- Ranges ----------------------------------------------------------------------------------------

function lib.move(from, first, last, at, to)
  local source = vetted[from] and from or readable(from, "move")
  if to == nil then
    to = from
  end
  if not (vetted[to] or vet(to)) then
    refuse(to, "move")
  end
  first, last = to_integer(first, 2, "move"), to_integer(last, 3, "move")
  at = to_integer(at, 4, "move")
  if last < first then
    return to
  elseif first <= 0 and last >= first + LONGEST or last - first >= LONGEST then
    wrong_argument(3, "move", "too many elements to move")
  elseif at > raw.math.maxinteger - (last - first) then
    wrong_argument(4, "move", "destination wrap around")
  elseif last - first < PART then
    P.charge((last - first) // 4)
    return native_move(source, first, last, at, to)
  end
  local shift = at - first
  if at > last or at <= first or to ~= source then
    for i = first, last, PART do
      P.charge(PART // 4)
      native_move(source, i, i + PART - 1 < last and i + PART - 1 or last, i + shift, to)
    end
  else -- overlapping, to a higher place: from the end
    for i = last, first, -PART do
      local start = i - PART + 1 > first and i - PART + 1 or first
      P.charge(PART // 4)
      native_move(source, start, i, start + shift, to)
    end
  end
  return to
end

-- A table with room. One made for named fields is an object to encoders, also when empty.
function lib.create(array, hash)
  array = to_integer(array, 1, "create", 0)
  hash = to_integer(hash, 2, "create", 0)
  local t
  if native_create and array >= 0 and hash >= 0 and array + hash <= 1 << 20 then
    t = native_create(array, hash)
  else
    t = {}
  end
  if hash > 0 then
    P.mark_object(t)
  end
  return t
end

function lib.freeze(t)
  if not vetted[t] and (rawtype(t) ~= "table" or contents(t) == nil) then
    refuse(t, "freeze")
  end
  return P.freeze(t)
end

function lib.isfrozen(t)
  return P.isfrozen(t)
end

-- Sorting ---------------------------------------------------------------------------------------
-- A merge sort: any comparator will do, also one that contradicts itself (types 4.9), and as
-- it is Lua the comparator may wait. The table is written when all is in order, so an error
-- of the comparator leaves it as it was.

-- Sort a[first..last], at most a dozen elements, by insertion.
local function insertion(a, first, last, before)
  for i = first + 1, last do
    local v, k = a[i], i - 1
    if before then
      while k >= first and before(v, a[k]) do
        a[k + 1] = a[k]
        k = k - 1
      end
    else
      while k >= first and v < a[k] do
        a[k + 1] = a[k]
        k = k - 1
      end
    end
    a[k + 1] = v
  end
end

-- Merge a[i..middle] and a[middle + 1..last] into b[i..last].
local function merge(a, b, i, middle, last, before)
  local j, x, y = middle + 1, a[i], a[middle + 1]
  local from = i
  for k = i, last do
    local second
    if before then
      second = before(y, x)
    else
      second = y < x
    end
    if second then
      b[k] = y
      j = j + 1
      if j > last then
        return native_move(a, from, middle, k + 1, b)
      end
      y = a[j]
    else
      b[k] = x
      from = from + 1
      if from > middle then
        return native_move(a, j, last, k + 1, b)
      end
      x = a[from]
    end
    if k % 1024 == 0 then
      P.charge(4096)
    end
  end
end

local WIDTH, BLOCK = 8, 4096

-- Sort stretches of a[1..n] natively; false if that failed (NaN, values of two types), and
-- then `a` still holds the same elements.
local function native_blocks(a, n)
  for first = 1, n, BLOCK do
    local size = n - first + 1 < BLOCK and n - first + 1 or BLOCK
    local part = native_move(a, first, first + size - 1, 1, {})
    P.charge(size * 8)
    if not native_pcall(native_sort, part) then
      return false
    end
    native_move(part, 1, size, first, a)
  end
  return true
end

local function sorted(a, n, before)
  local b, width = {}, WIDTH
  -- Natively `<` is three times as fast, but tables have an `__lt`, and that may wait.
  if not before and rawtype(a[1]) ~= "table" and native_blocks(a, n) then
    width = BLOCK
  else
    for first = 1, n, WIDTH do
      insertion(a, first, first + WIDTH - 1 < n and first + WIDTH - 1 or n, before)
      if first % 256 == 1 then
        P.charge(1024)
      end
    end
  end
  while width < n do
    for first = 1, n, 2 * width do
      local middle, last = first + width - 1, first + 2 * width - 1
      if middle >= n then
        native_move(a, first, n, first, b)
      else
        last = last < n and last or n
        local behind
        if before then
          behind = before(a[middle + 1], a[middle])
        else
          behind = a[middle + 1] < a[middle]
        end
        if behind then
          merge(a, b, first, middle, last, before)
        else -- in order already
          native_move(a, first, last, first, b)
        end
      end
    end
    a, b, width = b, a, 2 * width
  end
  return a
end

-- Elements that cannot be compared are the program's mistake, not one of this file.
local function in_order(ok, result)
  if not ok then
    local text = rawtype(result) == "string" and match(result, "^[^:]*tables%.lua:%d+: (.*)$")
    error(text or result, text and 3 or 0)
  end
  return result
end

function lib.sort(t, before)
  if not (vetted[t] or vet(t)) then
    refuse(t, "sort")
  elseif before ~= nil and rawtype(before) ~= "function" then
    P.bad_argument(2, "sort", "function", before)
  end
  local n = #t
  if n < 2 then
    return
  elseif n > LONGEST then
    wrong_argument(1, "sort", "array too big")
  end
  local copy = native_move(t, 1, n, 1, {})
  if before then
    copy = sorted(copy, n, before)
  else
    copy = in_order(native_pcall(sorted, copy, n))
  end
  native_move(copy, 1, n, 1, t)
end

-- Copies: what leaves a process leaves as a copy, made at the moment of the call (core 5.5).
--
-- This is the hot path of every message, so the common cases come first. A table of up to
-- three named scalar fields is read by unrolled `next` and rebuilt by a constructor of the
-- right size: 0.2 to 0.4 us, two thirds of what a loop takes. Everything else is a graph:
-- `node` copies one table and `seen` maps the tables met to their copies, so sharing and
-- cycles are rebuilt (M-42). Nesting is followed by recursion down to MAX_DEPTH and by a work
-- list below that, so no depth of nesting overflows a stack, and none is refused.
--
-- `NAMES` holds key strings met before: one index instead of a call of `type`. It also tells
-- that a table is neither a handle, whose keys are private objects, nor a front, which is
-- empty: so the fast path never looks at metatables, which are dropped anyway (M-43).

local P = ...
local raw = P.raw
local rawtype, rawnext, rawmt, setrawmt =
  raw.type, raw.next, raw.getrawmetatable, raw.setrawmetatable
local unpack, native_error, rawlen, math_type =
  raw.table.unpack, raw.error, raw.rawlen, raw.math.type
local brands = P.brands

local MAX_DEPTH = 120
local MAX_BAG_DEPTH = 1000
-- Longer arrays are not laid out by `unpack`, which has the Lua stack for a limit.
local UNPACKED = 200

-- What `t[nil] = v` is made to mean (types 4.9): a private key that nobody sees.
local NILKEY = P.NILKEY or P.key("nil")
P.NILKEY = NILKEY

-- Tables that are objects to JSON even when they are empty (modules-data 1.1, 1.4).
local objects = P.objects or setrawmt({}, { __mode = "k" })
P.objects = objects

-- A statement took a field away: is the table an empty object now? `k` is given where it was not
-- written as a name; a key of the list part makes no object.
function P.mark_object(t, k)
  if rawtype(t) == "table" and rawnext(t) == nil and rawmt(t) == nil
    and (k == nil or math_type(k) ~= "integer" or k < 1) then
    objects[t] = true
  end
end

-- A constructor of named fields that may all be nil.
function P.mark_new_object(t)
  if rawnext(t) == nil then
    objects[t] = true
  end
  return t
end

-- brand -> function(handle) -> what the receiver gets; without one it gets nil (M-45)
local carriers = P.carriers or {}
P.carriers = carriers
carriers.error = P.settle_error
function carriers.type(v)
  return v
end

local SCALAR = { string = true, number = true, boolean = true }

local NAMES, names_left = {}, 4000

local function remember(k)
  if #k <= 40 then
    if names_left == 0 then
      NAMES, names_left = {}, 4000
    end
    names_left = names_left - 1
    NAMES[k] = true
  end
end

-- Entries copied in this graph, and what its work list holds: source, copy, key to go on from.
local work, pending, pending_count = 0, nil, 0

local node

local function part(v, seen, depth)
  local c = seen[v]
  if c == nil then
    c = node(v, seen, depth + 1)
  end
  return c
end

-- What a key becomes, nil if its entry is dropped (M-48).
local function copy_key(key, seen, depth)
  local t = rawtype(key)
  if t == "string" then
    if work <= 20 then
      remember(key)
    end
    return key
  elseif t == "number" or t == "boolean" then
    return key
  elseif t == "table" and key ~= NILKEY then
    return part(key, seen, depth)
  end
  return nil
end

-- Copy the entries of `from` that come after key `k` into `c`. Where `c` was laid out at once
-- it holds the original, and only what is not a scalar has to be replaced.
local function fill(from, c, k, seen, depth)
  local n = 0
  for key, v in rawnext, from, k do
    n = n + 1
    local t = rawtype(v)
    if c[key] ~= nil then
      if not SCALAR[t] then
        c[key] = t == "table" and part(v, seen, depth) or nil
      end
    elseif SCALAR[t] or t == "table" then
      local put = key
      if not NAMES[key] then
        put = copy_key(key, seen, depth)
      end
      if put ~= nil then
        if t == "table" then
          c[put] = part(v, seen, depth)
        else
          c[put] = v
        end
      end
    end
  end
  work = work + n
  return c
end

-- Go on with a table whose first entries, up to key `k`, are copied.
local function go_on(from, c, k, seen, depth)
  seen[from] = c
  if depth < MAX_DEPTH then
    return fill(from, c, k, seen, depth)
  end
  local n = pending_count
  pending = pending or {}
  pending[n + 1], pending[n + 2], pending[n + 3] = from, c, k
  pending_count = n + 3
  return c
end

-- A table of no special form; also handles, fronts, arrays, empty tables.
local function general(v, seen, depth)
  local real = v
  local mt = rawmt(v)
  local b = mt and brands[mt]
  if b and b ~= "env" then
    if b == "lib" or b == "frozen" then
      real = mt.__index
      mt = rawmt(real)
    else
      local carry = carriers[b]
      local c = carry and carry(v)
      seen[v] = c
      return c
    end
  end
  local c
  local n = rawlen(real)
  if n > 0 and n <= UNPACKED and mt == nil then
    -- Laid out as an array, holes included; what is not scalar is replaced by `fill`.
    c = { unpack(real, 1, n) }
  else
    c = {}
  end
  if objects[v] then
    objects[c] = true
  end
  seen[v] = c
  return go_on(real, c, nil, seen, depth)
end

-- Copy a table that has not been met.
function node(v, seen, depth)
  local k1, a = rawnext(v)
  if not NAMES[k1] then
    return general(v, seen, depth)
  end
  if not SCALAR[rawtype(a)] then
    return go_on(v, { [k1] = a }, nil, seen, depth)
  end
  work = work + 3
  local k2, b = rawnext(v, k1)
  if k2 == nil then
    local c = { [k1] = a }
    seen[v] = c
    return c
  elseif not NAMES[k2] then
    return go_on(v, { [k1] = a }, k1, seen, depth)
  elseif not SCALAR[rawtype(b)] then
    return go_on(v, { [k1] = a, [k2] = b }, k1, seen, depth)
  end
  local k3, x = rawnext(v, k2)
  if k3 == nil then
    local c = { [k1] = a, [k2] = b }
    seen[v] = c
    return c
  elseif not NAMES[k3] then
    return go_on(v, { [k1] = a, [k2] = b }, k2, seen, depth)
  end
  local c = { [k1] = a, [k2] = b, [k3] = x }
  if not SCALAR[rawtype(x)] then
    return go_on(v, c, k2, seen, depth)
  elseif rawnext(v, k3) ~= nil then
    return go_on(v, c, k3, seen, depth)
  end
  seen[v] = c
  return c
end

-- A table that is empty again, for the `seen` of the next small graph.
local spare

-- Copy a table as a graph; `c` holds its first entries, up to key `k`.
local function graph(v, c, k)
  local work_before, pending_before, count_before = work, pending, pending_count
  work, pending, pending_count = 0, nil, 0
  local seen = spare or {}
  spare = nil
  if c then
    go_on(v, c, k, seen, 0)
  else
    c = general(v, seen, 0)
  end
  while pending_count > 0 do
    local n = pending_count
    local from, to, key = pending[n - 2], pending[n - 1], pending[n]
    pending_count = n - 3
    fill(from, to, key, seen, 0)
  end
  local done = work
  work, pending, pending_count = work_before, pending_before, count_before
  if done <= 40 then
    for each in rawnext, seen do
      seen[each] = nil
    end
    spare = seen
  elseif done > 200 then
    P.charge(done)
  end
  return c
end

-- Go on with a table whose first entries, up to key `k`, are named scalars and stand in `c`.
local function wide(v, c, k)
  for key, x in rawnext, v, k do
    if not NAMES[key] or not SCALAR[rawtype(x)] then
      return graph(v, c, k)
    end
    c[key], k = x, key
  end
  return c
end

-- An array of scalars and nothing else: no `seen`, laid out at once.
local function flat_array(v)
  local n = rawlen(v)
  if n > UNPACKED or rawmt(v) then
    return graph(v)
  end
  local c, last = { unpack(v, 1, n) }, nil
  for k, x in rawnext, v do
    if c[k] == nil or not SCALAR[rawtype(x)] then
      return graph(v, c, last)
    end
    last = k
  end
  return c
end

-- Copy a table as it leaves its process.
local function copy_table(v)
  local k1, a = rawnext(v)
  if not NAMES[k1] then
    if k1 == 1 then
      return flat_array(v)
    end
    return graph(v)
  elseif not SCALAR[rawtype(a)] then
    return graph(v, { [k1] = a })
  end
  local k2, b = rawnext(v, k1)
  if k2 == nil then
    return { [k1] = a }
  elseif not NAMES[k2] then
    return graph(v, { [k1] = a }, k1)
  elseif not SCALAR[rawtype(b)] then
    return graph(v, { [k1] = a, [k2] = b }, k1)
  end
  local k3, c = rawnext(v, k2)
  if k3 == nil then
    return { [k1] = a, [k2] = b }
  elseif not NAMES[k3] then
    return graph(v, { [k1] = a, [k2] = b }, k2)
  end
  local x = { [k1] = a, [k2] = b, [k3] = c }
  if not SCALAR[rawtype(c)] then
    return graph(v, x, k2)
  elseif rawnext(v, k3) ~= nil then
    return wide(v, x, k3)
  end
  return x
end
P.copy_table = copy_table

-- Copy a value as it leaves its process (M-40 to M-48).
local function copy(v)
  local t = rawtype(v)
  if t == "table" then
    return copy_table(v)
  elseif SCALAR[t] then
    return v
  end
  return nil
end
P.copy = copy

-- Copies of n arguments as a list; nothing is shared between two of them (M-42).
local function copy_many(n, a, b, ...)
  if n == 2 then
    return { copy(a), copy(b) }
  elseif n == 1 then
    return { copy(a) }
  elseif n == 0 then
    return {}
  end
  local list = { a, b, ... }
  for i = 1, n do
    list[i] = copy(list[i])
  end
  return list
end
P.copy_many = copy_many

-- The same with the number of arguments in the field `n`.
function P.copy_arguments(n, ...)
  local list = copy_many(n, ...)
  list.n = n
  return list
end

-- Bags ------------------------------------------------------------------------------------------

local bag

-- Largest positive integer key, 0 for none.
local function last_index(t)
  local last = 0
  for k in rawnext, t do
    if math_type(k) == "integer" and k > last then
      last = k
    end
  end
  return last
end
P.last_index = last_index

-- Entries of tables that are met again: each place gets a copy of its own, so a graph of n tables
-- that share can have 2^n places.
local MOST_AGAIN = 100000

-- `walk` maps a table to true while it is being converted, to false afterwards; `n` is the number
-- of entries that are not charged yet, `again` that of entries met again.
local function bag_table(v, walk, depth)
  local real = P.contents(v)
  local met = walk[real]
  if met then
    native_error("bad argument (cyclic table)", 0)
  elseif depth > MAX_BAG_DEPTH then
    native_error("bad argument (table nested too deep)", 0)
  end
  walk[real] = true
  local c, n = {}, 0
  if last_index(real) > 0 then
    for k, x in rawnext, real do
      n = n + 1
      if math_type(k) == "integer" and k > 0 then
        c[k] = bag(x, walk, depth + 1)
      end
    end
  else
    for k, x in rawnext, real do
      n = n + 1
      if k ~= NILKEY then
        c[P.tostring(k)] = bag(x, walk, depth + 1)
      end
    end
  end
  walk[real] = false
  if met == false then
    walk.again = walk.again + n + 1
    if walk.again > MOST_AGAIN then
      native_error("bad argument (its tables are shared too often: more than " .. MOST_AGAIN
        .. " entries would be copied again)", 0)
    end
  end
  local charged = walk.n + n + 1
  if charged > 200 then
    P.charge(charged)
    charged = 0
  end
  walk.n = charged
  return c
end

-- Convert a value as context values, event data and spawner options are: a table with items
-- becomes a list without its other keys, any other a map with text keys, and what is not data
-- becomes its text (M-52, modules-data 0.5). A cycle is an argument error.
function bag(v, walk, depth)
  local t = rawtype(v)
  if SCALAR[t] or v == nil then
    return v
  elseif t == "table" then
    if P.type(v) == "table" then
      return bag_table(v, walk, depth)
    elseif P.is_error(v) then
      return P.settle_error(v)
    end
  end
  return P.tostring(v)
end

function P.bag(v)
  return bag(v, { n = 0, again = 0 }, 0)
end

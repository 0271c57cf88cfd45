-- What a VM does differently in a run with a seed, so that the run can be repeated event by event.
--
-- The order in which processes take turns is drawn from the seed, and `pairs` and `next` go in a
-- defined order: positive integers, other numbers, strings by their bytes, booleans, objects by the
-- number they have from their making (`setmetatable`, `channel.new`) or from their first traversal.
-- Lua's own order differs from start to start. The defined one is about ten times dearer, so it is
-- for these runs only. Slices are measured by a clock that counts, which the host gives.

local P = ...
local raw = P.raw
local rawtype, rawnext, rawget, setrawmt, math_type =
  raw.type, raw.next, raw.rawget, raw.setrawmetatable, raw.math.type
local sort, concat = raw.table.sort, raw.table.concat

-- Turns -----------------------------------------------------------------------------------------

local state = 0

-- A number from 1 to n; a linear generator of 64 bits, whose low bits are thrown away.
local function draw(n)
  state = state * 6364136223846793005 + 1442695040888963407
  return (state >> 33) % n + 1
end

-- Shuffle a run queue; the tasks of one process stay in their order (C-50).
local function shuffle(queue, n)
  if n < 2 then
    return
  end
  local owners, waiting, heads = {}, {}, {}
  for i = 1, n do
    local task = queue[i]
    local proc = task.proc
    owners[i] = proc
    local list = waiting[proc]
    if not list then
      list = {}
      waiting[proc], heads[proc] = list, 0
    end
    list[#list + 1] = task
  end
  for i = n, 2, -1 do
    local j = draw(i)
    owners[i], owners[j] = owners[j], owners[i]
  end
  for i = 1, n do
    local proc = owners[i]
    local head = heads[proc] + 1
    heads[proc] = head
    queue[i] = waiting[proc][head]
  end
end

-- Traversal -------------------------------------------------------------------------------------

local RANKS = { string = 3, boolean = 4 }

local function rank(k)
  local t = rawtype(k)
  if t == "number" then
    return math_type(k) == "integer" and k > 0 and 1 or 2
  end
  return RANKS[t] or 5
end

-- What can be said of an object that has no number yet, without an address.
local function looks(v)
  local t = rawtype(v)
  local words = { t }
  if t == "function" then
    local info = raw.getinfo(v, "S")
    words[2] = info.short_src .. ":" .. info.linedefined
  elseif t == "table" then
    for k, x in rawnext, v do
      local kind, other = rawtype(k), rawtype(x)
      if kind == "string" or kind == "number" then
        local scalar = other == "string" or other == "number" or other == "boolean"
        words[#words + 1] = P.plain_text(k) .. "=" .. (scalar and P.plain_text(x) or other)
      end
    end
    sort(words)
  end
  return concat(words, "\0")
end

local function less(a, b)
  local ra, rb = rank(a), rank(b)
  if ra ~= rb then
    return ra < rb
  elseif ra < 4 then
    return a < b
  elseif ra == 4 then
    return not a and b
  end
  return P.object_number(a) < P.object_number(b)
end

local function sorted_keys(t)
  local keys, n, strangers = {}, 0, nil
  for k in rawnext, t do
    n = n + 1
    keys[n] = k
    if rank(k) == 5 and not P.has_number(k) then
      strangers = strangers or {}
      strangers[#strangers + 1] = { looks(k), k }
    end
  end
  if strangers then
    sort(strangers, function(a, b)
      return a[1] < b[1]
    end)
    for i = 1, #strangers do
      P.object_number(strangers[i][2])
    end
  end
  sort(keys, less)
  local at = {}
  for i = 1, n do
    at[keys[i]] = i
  end
  return { keys = keys, n = n, at = at }
end

-- table -> its keys as the last traversal found them
local orders = setrawmt({}, { __mode = "k" })

local function first_after(order, k)
  for i = 1, order.n do
    if less(k, order.keys[i]) then
      return i
    end
  end
  return order.n + 1
end

local function ordered_next(t, k)
  local real = rawtype(t) == "table" and P.contents(t)
  if not real then
    P.bad_argument(1, "next", "table", t)
  end
  local order, i = orders[real], 1
  if k == nil then
    if rawnext(real) == nil then
      return nil
    end
    P.charge(20)
    order = sorted_keys(real)
    orders[real] = order
  else
    i = order and order.at[k]
    if not i then
      order = order or sorted_keys(real)
      orders[real] = order
      i = first_after(order, k) - 1
    end
    i = i + 1
  end
  while i <= order.n do
    local key = order.keys[i]
    local v = rawget(real, key)
    if v ~= nil then
      return key, v
    end
    i = i + 1
  end
  return nil
end

local function ordered_pairs(t)
  if rawtype(t) ~= "table" or P.contents(t) == nil then
    P.bad_argument(1, "pairs", "table", t)
  end
  return ordered_next, t, nil
end

-- Make a function number what it makes.
local function numbering(make)
  return function(...)
    local made = make(...)
    P.object_number(made)
    return made
  end
end

local function numbering_setmetatable(t, mt)
  if rawtype(t) == "table" then
    P.object_number(t)
  end
  return P.setmetatable(t, mt)
end

-- Called once, before any program is loaded.
function P.begin_seeded(seed)
  P.seed_random(seed)
  state = seed ~ 0x5DEECE66D
  draw(1)
  P.seeded, P.shuffle = true, shuffle
  P.next, P.pairs = ordered_next, ordered_pairs
  P.base.next, P.base.pairs = ordered_next, ordered_pairs
  P.base.setmetatable = numbering_setmetatable
  P.channel.new = numbering(P.channel.new)
  P.coroutine.create = numbering(P.coroutine.create)
  P.write_in_order(ordered_next)
end

-- A matcher in Lua for the patterns that could hold up the VM (see patterns.lua).
--
-- It does what the native one does, item by item, but counts its steps and charges them, so
-- it gives way to other processes and ends with its own. A pattern becomes a chain of
-- closures, each taking the match's state and a position and returning where the rest of
-- the pattern ended, or nil. Stretches are left to native calls that cannot backtrack: the
-- extent of `[set]*`, the next place where `[set]` occurs, a row of single characters.
--
-- It skips what cannot succeed. A repeat that is followed by a character it cannot contain
-- is tried at one place; a pattern that begins with a repeat and failed is not tried again
-- inside the same run. So the common long cases, lines by `(.-)\n` and pairs by
-- `([^=]+)=`, are linear here.

local P = ...
local raw = P.raw
local unpack = raw.table.unpack
local find, sub, byte = raw.string.find, raw.string.sub, raw.string.byte
local info_of, members, read, weigh =
  P.patterns.info, P.patterns.members, P.patterns.read, P.patterns.weigh

local BATCH = 1000 -- units of work between two charges

local function worked(state, units)
  units = state.work + units
  if units > BATCH then
    state.work = 0
    P.charge(units)
  else
    state.work = units
  end
end

-- Compiling -------------------------------------------------------------------------------------

local function finish(_, at)
  return at
end

-- The bytes that any of the classes has, or nil if unknown.
local function union(classes)
  if not classes then
    return nil
  elseif #classes == 1 then
    return members(classes[1])
  end
  local all = {}
  for i = 1, #classes do
    for b in raw.next, members(classes[i]) do
      all[b] = true
    end
  end
  return all
end

-- A repeat that takes as much as it can, and gives back as far as the rest may begin.
local function greedy(item, rest)
  local run, least = item.class.run, item.times == "+" and 1 or 0
  if item.single or not item.rest_fails then
    return function(state, at)
      local _, stop = find(state.s, run, at)
      worked(state, 8 + (stop - at) // 8)
      if stop - at + 1 >= least then
        return rest(state, stop + 1)
      end
    end
  end
  local may_begin = union(item.begins)
  return function(state, at)
    local s = state.s
    local _, stop = find(s, run, at)
    worked(state, 8 + (stop - at) // 8)
    for q = stop + 1, at + least, -1 do
      local b = byte(s, q)
      if not may_begin or not b or may_begin[b] then
        worked(state, 10)
        local result = rest(state, q)
        if result then
          return result
        end
      elseif q % 64 == 0 then
        worked(state, 200)
      end
    end
  end
end

-- A repeat that takes as little as it can.
local function lazy(item, rest)
  local class, begins = item.class, item.begins
  if not item.rest_fails then
    return rest
  elseif item.single then
    return greedy(item, rest)
  end
  local has, may_begin = members(class), union(begins)
  if class.text == "." and begins and #begins == 1 then
    -- Any character may be skipped: go from one place where the rest may begin to the next.
    local target = begins[1].text
    return function(state, at)
      local s, last = state.s, state.n + 1
      while at <= last do
        local q = find(s, target, at) or last
        worked(state, 10 + (q - at) // 8)
        local result = rest(state, q)
        if result then
          return result
        end
        at = q + 1
      end
    end
  end
  return function(state, at)
    local s = state.s
    while true do
      local b = byte(s, at)
      worked(state, 4)
      if not may_begin or not b or may_begin[b] then
        worked(state, 10)
        local result = rest(state, at)
        if result then
          return result
        end
      end
      if not b or not has[b] then
        return nil
      end
      at = at + 1
    end
  end
end

local make = {
  open = function(item, rest)
    local i = item.index
    return function(state, at)
      state.from[i] = at
      return rest(state, at)
    end
  end,
  close = function(item, rest)
    local i = item.index
    return function(state, at)
      state.to[i] = at
      return rest(state, at)
    end
  end,
  here = function(item, rest)
    local i = item.index
    return function(state, at)
      state.from[i], state.to[i] = at, false
      return rest(state, at)
    end
  end,
  tail = function(_, rest)
    return function(state, at)
      if at == state.n + 1 then
        return rest(state, at)
      end
    end
  end,
  same = function(item, rest)
    local i = item.index
    return function(state, at)
      local s, to = state.s, state.to[i]
      if not to then
        return nil -- a place, not a text
      end
      local text = sub(s, state.from[i], to - 1)
      worked(state, 8 + #text // 32)
      if sub(s, at, at + #text - 1) == text then
        return rest(state, at + #text)
      end
    end
  end,
}

local function native_item(text, rest)
  return function(state, at)
    local _, stop = find(state.s, text, at)
    if stop then
      worked(state, 8 + (stop - at) // 8)
      return rest(state, stop + 1)
    end
  end
end

local function optional(item, rest)
  local has = members(item.class)
  return function(state, at)
    if has[byte(state.s, at)] then
      worked(state, 8)
      local result = rest(state, at + 1)
      if result then
        return result
      end
    end
    return rest(state, at)
  end
end

local function compile(items)
  local rest, i = finish, #items
  while i > 0 do
    local item = items[i]
    local kind, times = item.kind, item.times
    if make[kind] then
      rest = make[kind](item, rest)
    elseif kind ~= "one" then
      rest = native_item(item.text, rest)
    elseif times == "*" or times == "+" then
      rest = greedy(item, rest)
    elseif times == "-" then
      rest = lazy(item, rest)
    elseif times == "?" then
      rest = optional(item, rest)
    else
      -- A row of single characters is one native call.
      local row = item.class.text
      while i > 1 and items[i - 1].kind == "one" and items[i - 1].times == "" do
        i = i - 1
        row = items[i].class.text .. row
      end
      rest = native_item("^" .. row, rest)
    end
    i = i - 1
  end
  return rest
end

-- The first item that is no capture.
local function first_item(items)
  for i = 1, #items do
    local kind = items[i].kind
    if kind ~= "open" and kind ~= "here" and kind ~= "close" then
      return items[i]
    end
  end
end

-- The program of a pattern: `run` matches at one place, the rest helps to find places.
local function program_of(p)
  local info = info_of(p)
  local program = info.program
  if program then
    return program
  end
  local anchored = find(p, "^^") ~= nil
  local items = info.items
  if not items then -- no character of it is special
    items = read(p, anchored and 2 or 1)
    weigh(items)
  end
  local first, leading, target = first_item(items), nil, nil
  if first and first.kind == "one" then
    local times = first.times
    if times == "" or times == "+" then
      target = first.class.text
    end
    if times ~= "" and times ~= "?" and not items.same then
      leading = first.class.run
    end
  end
  program = {
    run = compile(items), captures = items.captures, anchored = anchored,
    target = target, -- where every match begins
    leading = leading, -- a failure at one place of this run is one at all later ones
  }
  info.program = program
  return program
end

-- Matching --------------------------------------------------------------------------------------

local function new_state(s)
  return { s = s, n = #s, work = 0, from = {}, to = {} }
end

-- The first match at or after `at`: where it begins, and where the text after it does.
local function search(program, state, at)
  local run = program.run
  if program.anchored then
    local stop = run(state, at)
    return stop and at, stop
  end
  local s, last, target, leading = state.s, state.n + 1, program.target, program.leading
  while at <= last do
    if target then
      local place = find(s, target, at)
      worked(state, ((place or last) - at) // 8)
      if not place then
        return nil
      end
      at = place
    end
    worked(state, 10)
    local stop = run(state, at)
    if stop then
      return at, stop
    end
    if leading then
      local _, over = find(s, leading, at)
      worked(state, (over - at) // 8)
      at = over + 2
    else
      at = at + 1
    end
  end
end

local function capture(state, i)
  local from, to = state.from[i], state.to[i]
  if to then
    return sub(state.s, from, to - 1)
  end
  return from
end

-- The captures, or the whole match if there are none.
local function captures(program, state, from, to)
  local count = program.captures
  if count == 0 then
    return sub(state.s, from, to - 1)
  elseif count == 1 then
    return capture(state, 1)
  elseif count == 2 then
    return capture(state, 1), capture(state, 2)
  end
  local all = {}
  for i = 1, count do
    all[i] = capture(state, i)
  end
  return unpack(all, 1, count)
end

local function find_(s, p, at)
  local program, state = program_of(p), new_state(s)
  local from, to = search(program, state, at)
  P.charge(state.work)
  if not from then
    return nil
  elseif program.captures == 0 then
    return from, to - 1
  end
  return from, to - 1, captures(program, state, from, to)
end

local function match_(s, p, at)
  local program, state = program_of(p), new_state(s)
  local from, to = search(program, state, at)
  P.charge(state.work)
  if from then
    return captures(program, state, from, to)
  end
  return nil
end

-- The match after one that ended at `last`: an empty one right there does not count.
local function search_next(program, state, at, last)
  local from, to = search(program, state, at)
  if from and to == last then
    if at > state.n or program.anchored then
      return nil
    end
    return search(program, state, at + 1)
  end
  return from, to
end

local function gmatch_(s, p)
  local program, state = program_of(p), new_state(s)
  local at, last = 1, nil
  return function()
    local from, to = search_next(program, state, at, last)
    if from then
      at, last = to, to
      return captures(program, state, from, to)
    end
    at = state.n + 2
  end
end

P.matcher = {
  program = program_of, state = new_state, next = search_next, capture = capture,
  captures = captures, worked = worked, find = find_, match = match_, gmatch = gmatch_,
}

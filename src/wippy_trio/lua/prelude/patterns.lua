-- Patterns: what a pattern may cost, known before it runs.
--
-- PUC's matcher backtracks, and nothing can stop it: `.-a.-b.-c.-d.-e` on 100 characters
-- that do not match runs for seconds, with every process of the VM standing still. So each
-- pattern is looked at once and gets a *degree*: on a subject of n characters it takes at
-- most about n^degree steps. That gives two lengths. Up to `free` the native matcher runs
-- and costs nothing worth counting; up to `native` it runs and is charged to the budget;
-- above it the matcher of matcher.lua takes over, which gives way to others while it works.
--
-- A repeat multiplies the cost only if what follows it can fail at many of its turns. It
-- does not if nothing after it can fail, as in `[^,]+`, or if what follows cannot begin with
-- a character of the repeat, as in `%w+=`: then one turn alone is worth a try. Starting
-- anywhere multiplies by n once more, unless the first character cannot occur inside the
-- match, as in `"[^"]*`.

local P = ...
local raw = P.raw
local error = raw.error
local find, gsub, sub, byte, char = raw.string.find, raw.string.gsub, raw.string.sub,
  raw.string.byte, raw.string.char
local HUGE = raw.math.huge

local FREE_STEPS = 400
local NATIVE_STEPS = 250000 -- about 10 ms, at worst
local MOST_UNITS = 50000 -- enough for a look at the clock; more would say no more
local KEPT = 500 -- patterns remembered

-- Character classes -----------------------------------------------------------------------------

local every = {}
for b = 0, 255 do
  every[b + 1] = char(b)
end
local ALL = raw.table.concat(every)
every = nil

local classes, class_count = {}, 0

-- The same class in at most 512 characters: the matcher walks the text at every step.
local function shorter(missing)
  if #missing == 256 then
    return "[^%z\1-\255]"
  end
  local held = gsub(ALL, "[" .. gsub(missing, "%p", "%%%0") .. "]", "")
  return "[" .. gsub(held, "%p", "%%%0") .. "]"
end

-- The bytes that are not in a class.
local function missing_of(class)
  local missing = class.missing
  if not missing then
    missing = gsub(ALL, class.text, "")
    class.missing = missing
  end
  return missing
end

-- A class by its text, as it may stand alone in a pattern.
local function class_of(text)
  local class = classes[text]
  if not class then
    class = { text = text, run = "^" .. text .. "*" }
    if #text > 600 then
      local missing = missing_of(class)
      class.text = #missing == 0 and "." or shorter(missing)
      class.run = "^" .. class.text .. "*"
    end
    if class_count >= KEPT then
      classes, class_count = {}, 0
    end
    classes[text], class_count = class, class_count + 1
  end
  return class
end

-- The bytes of a class as a table, for the matcher.
local function members(class)
  local has = class.has
  if not has then
    has = {}
    for b = 0, 255 do
      has[b] = true
    end
    local missing = missing_of(class)
    for i = 1, #missing do
      has[byte(missing, i)] = nil
    end
    class.has = has
  end
  return has
end

local function disjoint(class, others)
  for i = 1, #others do
    local _, found = gsub(missing_of(others[i]), class.text, "")
    if found ~= 256 - #missing_of(class) then
      return false
    end
  end
  return true
end

-- Reading ---------------------------------------------------------------------------------------

-- Where a bracket expression that opens at `i` ends, or nil.
local function bracket_end(p, i)
  i = i + 1
  if sub(p, i, i) == "^" then
    i = i + 1
  end
  repeat
    local c = sub(p, i, i)
    if c == "" then
      return nil
    end
    i = i + (c == "%" and 2 or 1)
  until sub(p, i, i) == "]"
  return i
end

-- The items of a pattern from position `i` on, or nil and what is wrong with it. Item kinds:
-- "one" (class, and `times`: "", "?", "*", "+" or "-"), "open", "close", "here", "pair",
-- "edge", "same", "tail".
local function read(p, i)
  local items, count = {}, 0
  local open, captures, closed = {}, 0, {}
  local last = #p
  while i <= last do
    local c = sub(p, i, i)
    local item
    if c == "(" then
      captures = captures + 1
      if captures > 32 then
        return nil, "too many captures"
      elseif sub(p, i + 1, i + 1) == ")" then
        item, i = { kind = "here", index = captures }, i + 2
        closed[captures] = true
      else
        item, i = { kind = "open", index = captures }, i + 1
        open[#open + 1] = captures
      end
    elseif c == ")" then
      local index = open[#open]
      if not index then
        return nil, "invalid pattern capture"
      end
      open[#open], closed[index] = nil, true
      item, i = { kind = "close", index = index }, i + 1
    elseif c == "$" and i == last then
      item, i = { kind = "tail" }, i + 1
    elseif c == "%" and find(p, "^[bf%d]", i + 1) then
      local what = sub(p, i + 1, i + 1)
      if what == "b" then
        if i + 3 > last then
          return nil, "malformed pattern (missing arguments to '%b')"
        end
        item, i = { kind = "pair", text = "^" .. sub(p, i, i + 3) }, i + 4
      elseif what == "f" then
        local stop = sub(p, i + 2, i + 2) == "[" and bracket_end(p, i + 2)
        if not stop then
          return nil, "missing '[' after '%f' in pattern"
        end
        item = { kind = "edge", text = "^" .. sub(p, i, stop),
          class = class_of(sub(p, i + 2, stop)) }
        i = stop + 1
      else
        local index = byte(what) - 48
        if not closed[index] then
          return nil, "invalid capture index %" .. index
        end
        item, i = { kind = "same", index = index }, i + 2
      end
    else
      local text, after
      if c == "%" then
        if i == last then
          return nil, "malformed pattern (ends with '%')"
        end
        text, after = sub(p, i, i + 1), i + 2
      elseif c == "[" then
        local stop = bracket_end(p, i)
        if not stop then
          return nil, "malformed pattern (missing ']')"
        end
        text, after = sub(p, i, stop), stop + 1
      else
        text, after = find(c, "^%p") and c ~= "." and "%" .. c or c, i + 1
      end
      local times = sub(p, after, after)
      if times ~= "" and find("?*+-", times, 1, true) then
        after = after + 1
      else
        times = ""
      end
      item, i = { kind = "one", class = class_of(text), times = times }, after
    end
    count = count + 1
    items[count] = item
  end
  if #open > 0 then
    return nil, "unfinished capture"
  end
  items.captures = captures
  return items
end

-- Weighing --------------------------------------------------------------------------------------

-- From the last item to the first, of what begins there: `fails` is the degree of its cost
-- when it fails (-1: it cannot), `works` when it does not, `begins` the classes it may begin
-- with (nil: unknown), `at_end` whether it matches at the end of a subject. `forks` counts
-- the `?` that double the cost. The findings stay in the items, for the matcher.
local function weigh(items)
  local fails, works, begins, at_end, forks = -1, 0, {}, true, 0
  for i = #items, 1, -1 do
    local item = items[i]
    local kind = item.kind
    item.begins, item.rest_fails = begins, fails >= 0
    if kind == "tail" then
      fails = 0
    elseif kind == "pair" then
      fails, works = fails > 1 and fails or 1, works > 1 and works or 1
      begins, at_end = nil, false
    elseif kind == "same" then
      fails, works = fails > 1 and fails or 1, works > 1 and works or 1
      begins, at_end = nil, false
      items.same = true
    elseif kind == "edge" then
      fails, at_end = fails > 0 and fails or 0, false
      begins = { item.class }
    elseif kind == "one" then
      local class, times = item.class, item.times
      local needed = times == "" or times == "+"
      if times == "" then
        fails = fails > 0 and fails or 0
      elseif times == "?" then
        if fails >= 0 and not (begins and disjoint(class, begins)) then
          forks = forks + 1
        end
        works = fails > works and fails or works
      else
        local turns
        if times == "-" and fails < 0 then
          turns = 0 -- the first try succeeds
        elseif fails < 0 then
          works = works > 1 and works or 1
          turns = 0
        elseif begins and disjoint(class, begins) then
          item.single = true
          turns = fails > 1 and fails or 1
        else
          turns = fails + 1
        end
        works = turns > works and turns or works
        if fails >= 0 then
          fails = #missing_of(class) == 0 and times ~= "+" and at_end and -1 or turns
        end
        if times == "+" and fails < 0 then
          fails = 0
        end
      end
      if needed then
        begins, at_end = { class }, false
      elseif begins then
        local more = { class }
        for k = 1, #begins do
          more[k + 1] = begins[k]
        end
        begins = more
      end
    end
  end
  items.begins, items.fails, items.at_end, items.forks = begins, fails, at_end, forks
  return fails, works, forks
end

-- Whether matches that begin at different places cannot overlap by much: the first
-- character is a fixed one, and no repeat can run over another such.
local function keeps_apart(items)
  local first
  for i = 1, #items do
    local item = items[i]
    if item.kind == "one" then
      if not first then
        if item.times ~= "" then
          return false
        end
        first = { item.class }
      elseif item.times ~= "" and not disjoint(item.class, first) then
        return false
      end
    elseif item.kind == "pair" or item.kind == "same" or item.kind == "edge" then
      return false
    end
  end
  return first ~= nil
end

local function longest(steps, degree, forks, width)
  steps = steps / (2.0 ^ forks * width)
  if degree == 0 then
    return steps >= 1 and HUGE or 0
  end
  for k = 2, degree do
    steps = steps * k -- of n places in order there are n^k / k! choices
  end
  return steps ^ (1 / degree) // 1
end

-- Limits by pattern, for the fast paths: `free[p]` is nil for a pattern not seen yet.
local free, infos, info_count = {}, {}, 0

-- What is known of a pattern: `free` and `native` lengths, `degree`, `items`.
local function info_of(p)
  local info = infos[p]
  if info then
    return info
  end
  local degree, forks, captures = 1, 0, 0
  local items, problem
  if find(p, "[*+?%-%%%[()]") then
    local anchored = find(p, "^^")
    items, problem = read(p, anchored and 2 or 1)
    if items then
      local fails, works
      fails, works, forks = weigh(items)
      degree, captures = fails, items.captures
      if not anchored then
        degree = fails < 0 and 1 or keeps_apart(items) and fails or fails + 1
        degree = degree > 1 and degree or 1
      end
      degree = works > degree and works or degree
    end
  end
  local width = #p > 16 and #p / 16 or 1 -- a step compares, or walks a class
  local native = longest(NATIVE_STEPS, degree, forks, width)
  if degree <= 1 and forks == 0 and width == 1 then
    native = HUGE
  end
  info = {
    degree = degree, items = items, captures = captures, problem = problem, native = native,
    free = problem and -1 or longest(FREE_STEPS, degree, forks, width),
  }
  if info_count >= KEPT then
    for k in raw.next, infos do
      infos[k], free[k] = nil, nil -- emptied in place: the fast paths hold on to them
    end
    info_count = 0
  end
  infos[p], free[p], info_count = info, info.free, info_count + 1
  return info
end

-- Charge a run of the native matcher, and say whether it may run at all. A pattern that is
-- none is refused here, for the caller of the library function that calls this.
local function allow(info, n)
  if n <= info.free then
    return true
  elseif info.problem then
    error(info.problem, 3)
  end
  local degree = info.degree
  local units = (n + 0.0) ^ (degree > 1 and degree or 1) / 4
  P.charge(units < MOST_UNITS and units // 1 | 0 or MOST_UNITS)
  return n <= info.native
end

P.patterns = {
  free = free, infos = infos, info = info_of, allow = allow,
  members = members, read = read, weigh = weigh,
}

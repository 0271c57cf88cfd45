-- Validators of types: @min, @max, @min_len, @max_len, @pattern (types 2.7).
--
-- A validator sees only values that the inner type accepted; one of another kind passes.
-- `@pattern` is RE2. Simple expressions (literal characters, classes, `+ * ?` behind one
-- character) are searched here as Lua patterns, on short ASCII subjects; the host does the
-- rest, in time that grows with the subject only.

local P = ...
local raw = P.raw
local rawtype, rawlen = raw.type, raw.rawlen
local find, sub, match, gsub = raw.string.find, raw.string.sub, raw.string.match,
  raw.string.gsub
local concat = raw.table.concat

local V = {}
P.type_validators = V

-- Patterns ------------------------------------------------------------------------------------

local CLASSES = { d = "%d", D = "%D", w = "[%w_]", W = "[^%w_]" }

-- One character of an expression at `i`: as a Lua pattern item, and the place behind it.
local function item_at(text, i)
  local c = sub(text, i, i)
  if c == "\\" then
    local e = sub(text, i + 1, i + 1)
    if CLASSES[e] then
      return CLASSES[e], i + 2
    elseif find(e, "^%p$") then
      return "%" .. e, i + 2
    end
  elseif c == "[" then
    local inside = match(text, "^%[(%^?[%w_ ,:;/@.%-]+)%]", i)
    -- A minus is a range between two characters, and only that is taken.
    if inside and not find(gsub(inside, "%w%-%w", ""), "-", 1, true) then
      local set = gsub(inside, "[^%w%-^]", "%%%0")
      return "[" .. set .. "]", i + #inside + 2
    end
  elseif c == "." then
    return "[^\n]", i + 1
  elseif find(c, "^[%w _,:;/@=<>!#&~%%\"'-]$") then
    return (find(c, "^%w$") and c or "%" .. c), i + 1
  end
  return nil
end

-- The Lua pattern of an expression, or nil if it takes more than that. With few unbounded
-- repeats and a short subject the search cannot take long.
local function simple_pattern(text)
  local parts, i, loops = {}, 1, 0
  if sub(text, 1, 1) == "^" then
    parts[1], i = "^", 2
  end
  while i <= #text do
    if i == #text and sub(text, i, i) == "$" then
      parts[#parts + 1] = "$"
      break
    end
    local item, after = item_at(text, i)
    if not item then
      return nil
    end
    local mark = sub(text, after, after)
    if mark == "+" or mark == "*" or mark == "?" then
      loops = loops + (mark == "?" and 0 or 1)
      local next_mark = sub(text, after + 1, after + 1)
      if loops > 3 or find(next_mark, "^[+*?{]$") then
        return nil
      end
      item, after = item .. mark, after + 1
    elseif mark == "{" then
      return nil
    end
    parts[#parts + 1] = item
    i = after
  end
  return concat(parts)
end

local SHORT = 200

-- Whether an expression matches somewhere: true or false, nil if it is none.
local function search(v, subject)
  local pattern = v.pattern
  if pattern and #subject <= SHORT and not find(subject, "[\x80-\xff]") then
    return find(subject, pattern) ~= nil
  end
  P.charge(100 + #subject)
  return P.host.matches(v.arg, subject)
end

-- Validators ----------------------------------------------------------------------------------

local function length(v)
  local t = rawtype(v)
  if t == "string" then
    return #v
  elseif t == "table" then
    local real = P.contents(v)
    return real and rawlen(real)
  end
  return nil
end

-- name -> function(validator, value): nothing, or what is wrong
local CHECKS = {
  min = function(v, x)
    return rawtype(x) == "number" and x < v.arg and "value below minimum" or nil
  end,
  max = function(v, x)
    return rawtype(x) == "number" and x > v.arg and "value above maximum" or nil
  end,
  min_len = function(v, x)
    local n = length(x)
    return n and n < v.arg and "length below minimum" or nil
  end,
  max_len = function(v, x)
    local n = length(x)
    return n and n > v.arg and "length above maximum" or nil
  end,
  pattern = function(v, x)
    if rawtype(x) ~= "string" then
      return nil
    elseif rawtype(v.arg) ~= "string" then
      return "invalid pattern argument"
    end
    local found = search(v, x)
    if found == nil then
      return "invalid regex"
    end
    return not found and "pattern mismatch" or nil
  end,
}

-- Make the validators of pairs of name and argument; unknown ones have no effect.
function V.prepare(pairs_of)
  local list = {}
  for i = 1, #pairs_of do
    local name, arg = pairs_of[i][1], pairs_of[i][2]
    local check = CHECKS[name]
    if check and (name == "pattern" or rawtype(arg) == "number") then
      local v = { name = name, arg = arg, check = check }
      if name == "pattern" and rawtype(arg) == "string" then
        v.pattern = simple_pattern(arg)
      end
      list[#list + 1] = v
    end
  end
  return list
end

-- The first validator that refuses a value: what is wrong, and its name.
function V.failure(list, x)
  for i = 1, #list do
    local wrong = list[i].check(list[i], x)
    if wrong then
      return wrong, list[i].name
    end
  end
  return nil
end

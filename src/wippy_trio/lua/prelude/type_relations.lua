-- How types compare: written alike, structurally equal, subtype (types 2.3, 3.3).
--
-- Nothing in here waits or charges: `head` may be in the middle of its work.

local P = ...
local raw = P.raw
local rawtype, math_type, byte = raw.type, raw.math.type, raw.string.byte

local G = P.type_graph
local SHAPES, head, fields_of = G.SHAPES, G.head, G.fields_of
local primitives = G.primitives

-- Parts that follow from others.
local SKIPPED = { level = true, index = true, validators = true, why = true }

local function same_plain(a, b)
  if rawtype(a) == "table" and rawtype(b) == "table" then
    if #a ~= #b then
      return false
    end
    for i = 1, #a do
      if not same_plain(a[i], b[i]) then
        return false
      end
    end
    return true
  end
  return a == b and math_type(a) == math_type(b)
end

-- Whether two nodes are written alike: names, order and all; and how many pairs it took.
function G.identical(a, b)
  local seen, left, right, n = {}, { a }, { b }, 1
  local work = 0
  while n > 0 do
    local x, y = left[n], right[n]
    n = n - 1
    local row = seen[x]
    if row == nil then
      row = {}
      seen[x] = row
    end
    if x ~= y and not row[y] then
      row[y] = true
      work = work + 1
      local tag = x.tag
      if tag ~= y.tag or work > 20000 then
        return false, work
      end
      local shape = SHAPES[tag]
      for i = 1, #shape.plain do
        local name = shape.plain[i]
        if not SKIPPED[name] and not same_plain(x[name], y[name]) then
          return false, work
        end
      end
      if tag == "v" and not (seen.params and seen.params[x] == y) then
        return false, work
      end
      for i = 1, #shape.one do
        local c, d = x[shape.one[i]], y[shape.one[i]]
        if c and d then
          n = n + 1
          left[n], right[n] = c, d
        elseif c ~= d then
          return false, work
        end
      end
      for i = 1, #shape.many do
        local c, d = x[shape.many[i]], y[shape.many[i]]
        if c and d then
          if #c ~= #d then
            return false, work
          end
          for j = 1, #c do
            if tag == "g" then
              seen.params = seen.params or {}
              seen.params[c[j]] = d[j]
            end
            n = n + 1
            left[n], right[n] = c[j], d[j]
          end
        elseif c ~= d then
          return false, work
        end
      end
    end
  end
  return true, work
end

-- A number that alike nodes share, made of those of its parts and kept; names end it. Texts
-- are cut where they get deep: this tells deep types apart all the same.
local function fingerprint(node)
  local known = node.fingerprint
  if known then
    return known
  end
  local tag = node.tag
  local sum = byte(tag)
  local function add(n)
    sum = (sum * 31 + n) % 0x7fffffff
  end
  local name = node.name or node.value
  if rawtype(name) == "string" then
    add(#name)
    add(byte(name, -1) or 0)
  elseif math_type(name) == "integer" then
    add(name)
  end
  local shape = SHAPES[tag]
  if tag ~= "=" and tag ~= "v" then
    for k = 1, #shape.one do
      local child = node[shape.one[k]]
      if child then
        add(fingerprint(child))
      end
    end
    for k = 1, #shape.many do
      local list = node[shape.many[k]] or {}
      add(#list)
      for j = 1, #list do
        add(fingerprint(list[j]))
      end
    end
  end
  node.fingerprint = sum
  return sum
end
G.fingerprint = fingerprint

-- A relation of heads that holds unless a rule says no; recursion is assumed to hold, and
-- what was found on such an assumption is forgotten when the assumption fails.
local MOST_PAIRS = 5000

local function relation(rule)
  return function(a, b)
    local memo, rows, keys, n, left = {}, {}, {}, 0, MOST_PAIRS
    local function holds(x, y)
      x, y = head(x), head(y)
      if x == y then
        return true
      end
      local row = memo[x]
      if row == nil then
        row = {}
        memo[x] = row
      end
      local known = row[y]
      if known ~= nil then
        return known
      end
      left = left - 1
      if left < 0 then
        return false
      end
      row[y] = true
      n = n + 1
      rows[n], keys[n] = row, y
      local mark = n
      if rule(x, y, holds) then
        return true
      end
      while n >= mark do
        rows[n][keys[n]] = nil
        n = n - 1
      end
      row[y] = false
      return false
    end
    return holds(a, b), MOST_PAIRS - left
  end
end
G.relation = relation

local function same_list(a, b, holds)
  if #a ~= #b then
    return false
  end
  for i = 1, #a do
    if not holds(a[i], b[i]) then
      return false
    end
  end
  return true
end

local function covers(a, b, holds)
  for i = 1, #a do
    local found = false
    for j = 1, #b do
      if holds(a[i], b[j]) then
        found = true
        break
      end
    end
    if not found then
      return false
    end
  end
  return true
end

local function same_fields(x, y, holds)
  local names, types, _, optional = fields_of(x)
  local _, others, index, other_optional = fields_of(y)
  if #types ~= #others or x.ro ~= y.ro then
    return false
  end
  for i = 1, #names do
    local at = index[names[i]]
    if not at or (optional[i] or false) ~= (other_optional[at] or false)
      or not holds(types[i], others[at]) then
      return false
    end
  end
  return true
end

local SAME = {
  l = function(x, y)
    return x.value == y.value
  end,
  ["?"] = function(x, y, holds)
    return holds(x.inner, y.inner)
  end,
  ["|"] = function(x, y, holds)
    return #x.members == #y.members and covers(x.members, y.members, holds)
      and covers(y.members, x.members, holds)
  end,
  ["&"] = function(x, y, holds)
    return covers(x.members, y.members, holds) and covers(y.members, x.members, holds)
  end,
  t = function(x, y, holds)
    return same_list(x.members, y.members, holds)
  end,
  a = function(x, y, holds)
    return x.ro == y.ro and holds(x.element, y.element)
  end,
  m = function(x, y, holds)
    return x.ro == y.ro and holds(x.key, y.key) and holds(x.value, y.value)
  end,
  r = same_fields,
  i = same_fields,
  f = function(x, y, holds)
    if (x.rest == nil) ~= (y.rest == nil) or (x.results == nil) ~= (y.results == nil) then
      return false
    end
    return same_list(x.types, y.types, holds)
      and (x.rest == nil or holds(x.rest, y.rest))
      and (x.results == nil or same_list(x.results, y.results, holds))
  end,
  b = function(x, y, holds)
    return x.name == y.name and same_list(x.members, y.members, holds)
  end,
  ["@"] = function(x, y, holds)
    return same_plain(x.given, y.given) and holds(x.inner, y.inner)
  end,
  g = G.identical,
}

-- Structural equality, whatever the names (types 2.3).
G.equal = relation(function(x, y, holds)
  local rule = x.tag == y.tag and SAME[x.tag]
  return rule and rule(x, y, holds) or false
end)


-- Subtyping ------------------------------------------------------------------------------------

local ANY, UNKNOWN, NEVER, NIL, NUMBER, INTEGER, STRING, BOOLEAN, TABLE = primitives.any,
  primitives.unknown, primitives.never, primitives["nil"], primitives.number,
  primitives.integer, primitives.string, primitives.boolean, primitives.table
local TRUE, FALSE = { tag = "l", value = true }, { tag = "l", value = false }

local TABLE_LIKE = { r = true, a = true, m = true, i = true, t = true }

local function literal_fits(v, y)
  local kind = rawtype(v)
  if kind == "string" then
    return y == STRING
  elseif kind == "boolean" then
    return y == BOOLEAN
  end
  return y == NUMBER or y == INTEGER and v % 1 == 0
end

local function all_literals(h)
  if h.tag == "|" then
    for i = 1, #h.members do
      if head(h.members[i]).tag ~= "l" then
        return false
      end
    end
    return true
  end
  return h.tag == "l"
end

local function same_parameters(x, y, holds)
  if #x.types ~= #y.types then
    return false
  end
  for i = 1, #x.types do
    local itself = i == 1 and x.names[1] == "self" and y.names[1] == "self"
    if not itself and not (holds(x.types[i], y.types[i]) and holds(y.types[i], x.types[i]))
    then
      return false
    end
  end
  return true
end

-- Whether a field that both sides may write can have the type `x` where `y` is wanted.
local function field_fits(x, y, holds)
  if not holds(x, y) then
    return false
  end
  x, y = head(x), head(y)
  if y == ANY or all_literals(x) or x == NIL or x == INTEGER and y == NUMBER then
    return true
  elseif y.tag == "?" then
    return field_fits(x.tag == "?" and x.inner or x, y.inner, holds)
  elseif x.tag == "r" and y.tag == "r" then
    return true
  elseif x.tag == "f" and y.tag == "f" then
    return same_parameters(x, y, holds)
  end
  return holds(y, x)
end

local function fields_fit(x, y, holds)
  local names, types, _, optional = fields_of(y)
  local _, own, index, own_optional = fields_of(x)
  for i = 1, #names do
    local at = index[names[i]]
    if not at then
      if not optional[i] then
        return false
      end
    elseif own_optional[at] and not optional[i] then
      return false
    elseif y.ro or y.tag == "i" then
      if not holds(own[at], types[i]) then
        return false
      end
    elseif x.ro or not field_fits(own[at], types[i], holds) then
      return false
    end
  end
  return true
end

local function function_fits(x, y, holds)
  for i = 1, #x.types do
    local itself = i == 1 and x.names[1] == "self"
    local given = y.types[i] or y.rest or NIL
    if not itself and not holds(given, x.types[i]) then
      return false
    end
  end
  if x.rest then
    for i = #x.types + 1, #y.types do
      if not holds(y.types[i], x.rest) then
        return false
      end
    end
    if y.rest and not holds(y.rest, x.rest) then
      return false
    end
  end
  local xs, ys = x.results, y.results
  if ys and xs then
    for i = 1, #ys do
      if not holds(xs[i] or NIL, ys[i]) then
        return false
      end
    end
  end
  return true
end

local function every(list, test)
  for i = 1, #list do
    if not test(list[i]) then
      return false
    end
  end
  return true
end

local function map_takes(y, key, types, holds)
  return holds(key, y.key) and every(types, function(each)
    return holds(each, y.value)
  end)
end

-- Tables of every kind against tables of every kind.
local function table_fits(x, y, holds)
  if y == TABLE then
    return TABLE_LIKE[x.tag] or false
  elseif y.tag == "r" and #y.names == 0 then
    return TABLE_LIKE[x.tag] or x == TABLE
  elseif x.tag == "a" and y.tag == "a" then
    return holds(x.element, y.element)
  elseif x.tag == "a" and y.tag == "m" then
    return map_takes(y, INTEGER, { x.element }, holds)
  elseif x.tag == "t" and y.tag == "a" then
    return every(x.members, function(each)
      return holds(each, y.element)
    end)
  elseif x.tag == "t" and y.tag == "t" then
    return same_list(x.members, y.members, holds)
  elseif x.tag == "m" and y.tag == "m" then
    return holds(x.key, y.key) and holds(y.key, x.key) and holds(x.value, y.value)
      and holds(y.value, x.value)
  elseif x.tag == "r" and y.tag == "m" then
    return map_takes(y, STRING, x.types, holds)
  elseif fields_of(x) and fields_of(y) then
    local names = fields_of(y)
    return #names > 0 and fields_fit(x, y, holds) -- a marker is nominal
  end
  return false
end

G.subtype = G.relation(function(x, y, holds)
  local a, b = x.tag, y.tag
  if x == NEVER or y == ANY or y == UNKNOWN then
    return true
  elseif x == ANY or x == UNKNOWN or a == "u" or b == "u" then
    return false
  elseif a == "|" then
    return every(x.members, function(each)
      return holds(each, y)
    end)
  elseif a == "?" then
    return holds(NIL, y) and holds(x.inner, y)
  elseif b == "&" then
    return every(y.members, function(each)
      return holds(x, each)
    end)
  end
  for i = 1, a == "&" and #x.members or 0 do
    if holds(x.members[i], y) then
      return true
    end
  end
  if b == "?" then
    return x == NIL or holds(x, y.inner)
  elseif b == "|" then
    for i = 1, #y.members do
      if holds(x, y.members[i]) then
        return true
      end
    end
    return x == BOOLEAN and holds(TRUE, y) and holds(FALSE, y)
  elseif b == "@" then
    return a == "@" and same_plain(x.given, y.given) and holds(x.inner, y.inner)
  elseif a == "@" then
    return holds(x.inner, y)
  elseif a == "l" then
    return b == "l" and x.value == y.value or b == "p" and literal_fits(x.value, y)
  elseif x == INTEGER and y == NUMBER then
    return true
  elseif a == "f" and b == "f" then
    return function_fits(x, y, holds)
  elseif a == "b" and b == "b" then
    return x.name == y.name and same_list(x.members, y.members, holds)
  elseif a == "v" then
    return x.constraint ~= nil and holds(x.constraint, y)
  elseif a == "g" then
    return b == "g" and G.identical(x, y)
  end
  return table_fits(x, y, holds)
end)

-- Checks: a predicate for each type, made as Lua source when the type is first asked.
--
-- A predicate answers yes or no as fast as Lua can; it reads tables without metatables by
-- plain indexing, all others raw, in `slow`. What failed and where is the matter of another
-- walk (type_errors.lua), which only a failure pays.
--
-- `ctx` is the memory of one validation: which table passed or failed as which type. It is
-- made only where a table could be met again: under recursive types, where a cycle ends the
-- search ("a pair that is being validated counts as accepted"), and under arrays of arrays,
-- where shared tables would be walked over and over. So the time is bounded by the size of
-- the value, however its tables are shared. A table that fails takes back what was found
-- while it was assumed to pass.
--
-- Long work charges the budget and may be set aside at that; so no walk by `next` has a
-- charge inside.

local P = ...
local raw = P.raw
local rawtype, rawmt, rawnext, rawget, rawlen, rawequal = raw.type, raw.getrawmetatable,
  raw.next, raw.rawget, raw.rawlen, raw.rawequal
local math_type, concat, format = raw.math.type, raw.table.concat, raw.string.format
local load, native_error, gsub, find = raw.load, raw.error, raw.string.gsub, raw.string.find
local brands, NILKEY = P.brands, P.NILKEY

local G, V = P.type_graph, P.type_validators
local head, primitives = G.head, G.primitives

local C = {}
P.type_checks = C

-- Nested tables that are followed; deeper ones fail.
local MAX_DEPTH = 16000

local TABLES = { lib = true, frozen = true, env = true }

local function is_table(v)
  if rawtype(v) ~= "table" then
    return false
  end
  local mt = rawmt(v)
  local b = mt and brands[mt]
  return not b or TABLES[b] or false
end
C.is_table = is_table

-- Brands of the prelude under the names of their types.
local BRANDS = {
  ["channel.Channel"] = "channel",
  ["channel.SelectCase"] = "case",
  ["process.Message"] = "message",
  ["process.SpawnBuilder"] = "spawner",
  ["payload.Payload"] = "payload",
  ["funcs.Future"] = "future",
  ["funcs.Executor"] = "executor",
  ["logger.Logger"] = "logger",
}
C.BRANDS = BRANDS

-- A value of a platform type. A name that no class of this VM has may stand for a record
-- or for a class not loaded: any table or platform value passes.
local function is_brand(v, name)
  if rawtype(v) ~= "table" then
    return false
  end
  local mt = rawmt(v)
  local b = mt and brands[mt]
  local wanted = BRANDS[name] or name
  if b == wanted then
    return true
  end
  return not P.class_names[wanted] and b ~= "type"
end

local function is_host(v)
  if rawtype(v) ~= "table" then
    return false
  end
  local mt = rawmt(v)
  return not mt or brands[mt] ~= "type"
end

local function is_whole(v)
  return math_type(v) == "float" and v % 1 == 0 and v - v == 0
end

-- Keys and values of a table as lists, and how many.
local function entries(t)
  local keys, values, n = {}, {}, 0
  for k, v in rawnext, t do
    if not rawequal(k, NILKEY) then
      n = n + 1
      keys[n], values[n] = k, v
    end
  end
  P.charge(n)
  return keys, values, n
end
C.entries = entries

local ready -- node -> its predicate, made if need be

-- What tables with a metatable need: fronts are looked behind, all others are read raw.
local SLOW = {
  r = function(h, t, ctx)
    local names, types, optional = h.names, h.types, h.optional
    for i = 1, #names do
      local x = rawget(t, names[i])
      if not (x == nil and optional[i]) and not ready(types[i])(x, ctx) then
        return false
      end
    end
    return true
  end,
  a = function(h, t, ctx)
    local check = ready(h.element)
    local n = rawlen(t)
    P.charge(n)
    for i = 1, n do
      local x = rawget(t, i)
      if x ~= nil and not check(x, ctx) then
        return false
      end
    end
    return true
  end,
  m = function(h, t, ctx)
    local check_key, check_value = ready(h.key), ready(h.value)
    local keys, values, n = entries(t)
    for i = 1, n do
      if not (check_key(keys[i], ctx) and check_value(values[i], ctx)) then
        return false
      end
    end
    return true
  end,
}

local function slow(h, v, ctx)
  if not is_table(v) then
    return false
  end
  return SLOW[h.tag](h, P.contents(v), ctx)
end

-- Shape of a type ------------------------------------------------------------------------------

-- Call `f` with every node whose values lie within the values of a head.
local function each_part(h, f)
  local tag = h.tag
  if tag == "r" then
    for i = 1, #h.types do
      f(h.types[i])
    end
  elseif tag == "a" then
    f(h.element)
  elseif tag == "m" then
    f(h.key)
    f(h.value)
  elseif tag == "|" or tag == "&" then
    for i = 1, #h.members do
      f(h.members[i])
    end
  elseif tag == "?" or tag == "@" then
    f(h.inner)
  end
end

-- What is below a head: whether itself, and whether an array or map. Too much to look at
-- counts as both.
local function below(h)
  local seen, todo, n, work = {}, {}, 0, 0
  local itself, arrays = false, false
  local function visit(node)
    local x = head(node)
    if x == h then
      itself = true
    end
    if not seen[x] then
      seen[x] = true
      n = n + 1
      todo[n] = x
      arrays = arrays or x.tag == "a" or x.tag == "m"
    end
  end
  each_part(h, visit)
  while n > 0 and not (itself and arrays) do
    local x = todo[n]
    n = n - 1
    work = work + 1
    if work > 300 then
      return true, true
    end
    each_part(x, visit)
  end
  return itself, arrays
end

-- How many nodes a value is held against at most, arrays and recursion counted once.
local HEAVY = 500

local function weight(h)
  local known = h.weight
  if known then
    return known
  end
  h.weight = 1
  local sum = 1
  each_part(h, function(node)
    if sum < HEAVY then
      sum = sum + weight(head(node))
    end
  end)
  h.weight = sum
  return sum
end

-- Memory of a validation -----------------------------------------------------------------------

function C.new_context()
  return { depth = 0, n = 0, work = 0, rows = {}, keys = {} }
end
local new_context = C.new_context

-- Most values are small: they are looked at without memory first. What that answers is
-- right, unless it says no because the fuel ran out.
local FUEL = 60

-- Wrap the check of a table type so that each table is walked once. `always`: a validation
-- that begins here needs memory.
local function remembered(h, body, always)
  local function check(v, ctx)
    if rawtype(v) ~= "table" then
      return false
    end
    local fuel = ctx.fuel
    if fuel then
      fuel = fuel - (h.tag == "r" and 1 or h.tag == "m" and 6 or 2 + rawlen(v) // 8)
      ctx.fuel = fuel
      return fuel > 0 and body(v, ctx)
    end
    local row = ctx[h]
    if row == nil then
      row = {}
      ctx[h] = row
    else
      local known = row[v]
      if known ~= nil then
        return known
      end
    end
    local depth = ctx.depth + 1
    if depth > MAX_DEPTH then
      ctx.too_deep = true
      return false
    end
    local work = ctx.work + 1
    if work == 500 then
      work = 0
      P.charge(1000)
    end
    local n = ctx.n + 1
    ctx.depth, ctx.work, ctx.n = depth, work, n
    local rows, keys = ctx.rows, ctx.keys
    rows[n], keys[n] = row, v
    row[v] = true
    if body(v, ctx) then
      ctx.depth = depth - 1
      return true
    end
    for i = ctx.n, n, -1 do
      rows[i][keys[i]] = nil
    end
    ctx.n, ctx.depth = n - 1, depth - 1
    row[v] = false
    return false
  end
  return function(v, ctx)
    if ctx then
      return check(v, ctx)
    elseif not always then
      return body(v)
    end
    local light = { fuel = FUEL }
    if body(v, light) then
      return true
    end
    return light.fuel <= 0 and check(v, new_context())
  end
end

-- Source ---------------------------------------------------------------------------------------

local PROLOGUE = "local type, rawmt, mtype, whole, is_table, is_error, is_brand, is_host, slow, "
  .. "next, same, entries, charge, failure, ready, NILKEY, N, K = ... "
local MOST_NAMED = 100

-- A value that the source needs, as an expression.
local function constant(b, value)
  local at = b.known[value]
  if not at then
    at = #b.constants + 1
    b.constants[at], b.known[value] = value, at
  end
  return at <= MOST_NAMED and "k" .. at or "K[" .. at .. "]"
end

-- Conditions on the variable that `$` stands for.
local SIMPLE = {
  any = "true",
  unknown = "true",
  Self = "true",
  never = "false",
  ["nil"] = "$ == nil",
  boolean = "($ == true or $ == false)",
  number = 'type($) == "number"',
  integer = '(mtype($) == "integer" or whole($))',
  string = 'type($) == "string"',
  table = "is_table($)",
  error = "is_error($)",
  ["function"] = 'type($) == "function"',
  host = "is_host($)",
}

local function simple(b, name)
  return (gsub(SIMPLE[name], "%$", b.var))
end

local function literal(b, v)
  local text
  if rawtype(v) == "boolean" then
    text = v and "true" or "false"
  elseif rawtype(v) == "string" and #v <= 60 then
    text = format("%q", v)
  elseif math_type(v) == "integer" and v > -1000000 and v < 1000000 then
    text = format("%d", v)
  else
    text = constant(b, v)
  end
  return b.var .. " == " .. text
end

local function call(b, node)
  local k = constant(b, node)
  return "(" .. k .. ".ok or ready(" .. k .. "))(" .. b.var .. ", ctx)"
end

-- Literals of a union beyond a few are looked up in a set.
local MANY_LITERALS = 4

local condition

local function union_condition(b, h)
  local parts, set, count = {}, {}, 0
  for i = 1, #h.members do
    local m = head(h.members[i])
    if m.tag == "l" then
      set[m.value] = true
      count = count + 1
    end
  end
  if count > MANY_LITERALS then
    parts[1] = format("(%s ~= nil and %s[%s])", b.var, constant(b, set), b.var)
  end
  for i = 1, #h.members do
    if head(h.members[i]).tag ~= "l" or count <= MANY_LITERALS then
      parts[#parts + 1] = condition(b, h.members[i])
    end
    if #parts > 40 then
      return nil -- too many for one expression
    end
  end
  return "(" .. concat(parts, " or ") .. ")"
end

local LENGTHS = { min_len = ">=", max_len = "<=" }
local BOUNDS = { min = "<", max = ">" }

-- Validators of a plain string or number, written out.
local function validated_condition(b, h)
  local inner = head(h.inner)
  local text = inner == primitives.string
  local number = inner == primitives.number or inner == primitives.integer
  if not text and not number then
    return nil
  end
  local parts = { simple(b, inner.name) }
  for i = 1, #h.validators do
    local v = h.validators[i]
    if text and LENGTHS[v.name] then
      parts[#parts + 1] = "#" .. b.var .. " " .. LENGTHS[v.name] .. " " .. constant(b, v.arg)
    elseif number and BOUNDS[v.name] then
      parts[#parts + 1] = format("not (%s %s %s)", b.var, BOUNDS[v.name], constant(b, v.arg))
    elseif text and v.name == "pattern" then
      return nil
    end
  end
  return "(" .. concat(parts, " and ") .. ")"
end

-- The expression that says whether the variable at hand is of a type.
function condition(b, node)
  local h = head(node)
  local tag = h.tag
  if tag == "p" then
    return simple(b, h.name)
  elseif tag == "l" then
    return literal(b, h.value)
  elseif tag == "?" then
    return "(" .. b.var .. " == nil or " .. condition(b, h.inner) .. ")"
  elseif tag == "f" then
    return simple(b, "function")
  elseif tag == "b" then
    return "is_brand(" .. b.var .. ", " .. constant(b, h.name) .. ")"
  elseif tag == "i" then
    return simple(b, "host")
  elseif tag == "u" or tag == "g" or tag == "v" or tag == "t" then
    return "false"
  elseif tag == "@" then
    return validated_condition(b, h) or call(b, node)
  elseif tag == "|" and #h.members <= 3 then
    return union_condition(b, h)
  end
  return call(b, node)
end

local function is_leaf(text)
  return not find(text, "ctx)", 1, true)
end

local BUILDERS = {}

local MOST_FIELDS = 2000

function BUILDERS.r(b, h)
  local out = b.out
  local names, types, optional = h.names, h.types, h.optional
  if #names > MOST_FIELDS then
    out[#out + 1] = "charge(" .. #names .. ") return slow(N, v, ctx)"
    return
  end
  out[#out + 1] = "if type(v) ~= 'table' then return false end "
    .. "if rawmt(v) ~= nil then return slow(N, v, ctx) end local x "
  if weight(h) >= HEAVY then
    out[#out + 1] = "charge(" .. #names + 1 .. ") "
  end
  for i = 1, #names do
    local cond = condition(b, types[i])
    if cond ~= "true" then
      if optional[i] then
        cond = "x == nil or " .. cond
      end
      local key = #names[i] <= 60 and format("%q", names[i]) or constant(b, names[i])
      out[#out + 1] = "x = v[" .. key .. "] if not (" .. cond .. ") then return false end "
    end
  end
  out[#out + 1] = "return true"
end

function BUILDERS.a(b, h)
  local cond = condition(b, h.element)
  local out = b.out
  out[#out + 1] = "if type(v) ~= 'table' then return false end "
    .. "if rawmt(v) ~= nil then return slow(N, v, ctx) end "
    .. "local n = #v if n > 64 then charge(n) end "
  if cond ~= "true" then
    out[#out + 1] = "for i = 1, n do local x = v[i] if x ~= nil and not (" .. cond
      .. ") then return false end "
    if not is_leaf(cond) then
      out[#out + 1] = "if i % 256 == 0 then charge(1024) end "
    end
    out[#out + 1] = "end "
  end
  out[#out + 1] = "return true"
end

function BUILDERS.m(b, h)
  b.var = "k"
  local key = condition(b, h.key)
  b.var = "x"
  local value = condition(b, h.value)
  local out = b.out
  out[#out + 1] = "if type(v) ~= 'table' then return false end "
    .. "if rawmt(v) ~= nil then return slow(N, v, ctx) end "
  if is_leaf(key) and is_leaf(value) then
    out[#out + 1] = "local n = 0 for k, x in next, v do n = n + 1 if not (" .. key .. " and "
      .. value .. ") and not same(k, NILKEY) then return false end end "
      .. "if n > 64 then charge(n) end "
  else
    out[#out + 1] = "local keys, values, n = entries(v) for i = 1, n do "
      .. "local k, x = keys[i], values[i] if not (" .. key .. " and " .. value
      .. ") then return false end if i % 256 == 0 then charge(1024) end end "
  end
  out[#out + 1] = "return true"
end

BUILDERS["|"] = function(b, h)
  local whole = union_condition(b, h)
  if whole then
    b.out[#b.out + 1] = "local x = v return " .. whole
    return
  end
  local set, others = {}, {}
  for i = 1, #h.members do
    local m = head(h.members[i])
    if m.tag == "l" then
      set[m.value] = true
    else
      others[#others + 1] = m
    end
  end
  b.out[#b.out + 1] = "if v ~= nil and " .. constant(b, set) .. "[v] then return true end "
    .. "local all = " .. constant(b, others) .. " charge(#all) for i = 1, #all do "
    .. "local m = all[i] if (m.ok or ready(m))(v, ctx) then return true end end "
    .. "return false"
end

BUILDERS["&"] = function(b, h)
  b.out[#b.out + 1] = "local x = v "
  for i = 1, #h.members do
    b.out[#b.out + 1] = "if not (" .. condition(b, h.members[i]) .. ") then return false end "
  end
  b.out[#b.out + 1] = "return true"
end

BUILDERS["@"] = function(b, h)
  local whole = validated_condition(b, h)
  if whole then
    b.out[#b.out + 1] = "local x = v return " .. whole
    return
  end
  b.out[#b.out + 1] = "local x = v return (" .. condition(b, h.inner) .. ") and failure("
    .. constant(b, h.validators) .. ", v) == nil"
end

local function compile(h)
  local b = { out = {}, constants = {}, known = {}, var = "x" }
  local builder = BUILDERS[h.tag]
  if builder then
    builder(b, h)
  else
    b.out[1] = "local x = v return " .. condition(b, h)
  end
  local names = {}
  for i = 1, #b.constants < MOST_NAMED and #b.constants or MOST_NAMED do
    names[i] = "local k" .. i .. " = K[" .. i .. "] "
  end
  local source = PROLOGUE .. concat(names) .. "return function(v, ctx) " .. concat(b.out)
    .. " end"
  local chunk, problem = load(source, "@types.lua", "t", {})
  if not chunk then
    native_error("fault in a check, please report it: " .. problem .. ": " .. source, 0)
  end
  return chunk(rawtype, rawmt, math_type, is_whole, is_table, P.is_error, is_brand, is_host,
    slow, rawnext, rawequal, entries, P.charge, V.failure, ready, NILKEY, h, b.constants)
end

function ready(node)
  local ok = node.ok
  if ok then
    return ok
  end
  local h = head(node)
  ok = h.ok
  if not ok then
    ok = compile(h)
    local tag = h.tag
    if tag == "r" or tag == "a" or tag == "m" then
      local itself, arrays = below(h)
      if tag ~= "r" then
        ok = remembered(h, ok, itself or arrays)
      elseif itself then
        ok = remembered(h, ok, true)
      end
    end
    h.ok, node.ok = ok, ok
    P.charge(2000)
    return ok
  end
  node.ok = ok
  return ok
end
C.ready = ready

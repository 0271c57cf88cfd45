-- Type values: types as a program holds them (types 2).
--
-- A type value is a handle. It belongs to the VM, is shared by all its processes and cannot
-- be changed by any. There is one for a structure and a name, so that equal spellings, also
-- of different chunks, give the same key of a table; `==` compares structure alone.
--
-- `__t` of a chunk is a front over the types of its unit: the description comes from the
-- host when a program first touches one of them, and each value is made when it is asked for.

local P = ...
local raw = P.raw
local rawtype, rawmt, setrawmt, rawequal, native_error, select = raw.type,
  raw.getrawmetatable, raw.setrawmetatable, raw.rawequal, raw.error, raw.select
local getinfo = raw.getinfo

local G, C, E = P.type_graph, P.type_checks, P.type_errors
local head, bare, text, ready, primitives = G.head, G.bare, G.text, C.ready, G.primitives

local NODE, IS, VIEWS, OWNER, METHOD = P.key("type"), P.key("is"), P.key("views"),
  P.key("owner"), P.key("method")
local methods = {}
local TYPE = P.class("type", methods)
TYPE.__metatable = "type"

-- A field that is named like a method: the type of the field, and called on the record type
-- the method.
local VIEW = P.class("type", methods)

local function is_type(v)
  if rawtype(v) ~= "table" then
    return false
  end
  local mt = rawmt(v)
  return mt == TYPE or mt == VIEW
end

-- One value for a structure and a name -----------------------------------------------------------

-- Text -> list of values, both weak in the end: empty lists are swept now and then.
local interned, swept_at, interned_count = {}, 500, 0

local function sweep()
  local left = 0
  for key, list in raw.next, interned do
    if raw.next(list) == nil then
      interned[key] = nil
    else
      left = left + 1
    end
  end
  interned_count, swept_at = left, left * 2 + 500
end

local function name_of(node)
  if node.tag == "=" then
    return node.name
  elseif node.tag == "p" then
    return node.name
  end
  return nil
end

-- Types told apart by this need no comparison.
local function spelling(node)
  local target = G.target(node)
  return (name_of(node) or "") .. "\0" .. G.fingerprint(target) .. "\0" .. text(target)
end

-- The value of a node.
local function value_of(node)
  local made = node.handle
  if made then
    return made
  end
  local key = spelling(node)
  local list = interned[key]
  if not list then
    if interned_count >= swept_at then
      sweep()
    end
    list = setrawmt({}, { __mode = "v" })
    interned[key] = list
    interned_count = interned_count + 1
  end
  local last, work = 0, 0
  for i, other in raw.next, list do
    local same, pairs_seen = G.identical(other[NODE], node)
    if same then
      node.handle = other
      return other
    end
    last = i > last and i or last
    work = work + pairs_seen
  end
  made = setrawmt({ [NODE] = node }, TYPE)
  list[last + 1] = made
  node.handle = made
  P.charge(100 + work)
  return made
end

-- The node of a value that stands for a type: of a type value, or of a library that shares
-- its name with one.
local by_front = setrawmt({}, { __mode = "k" })

local function node_of(v)
  if is_type(v) then
    return v[NODE]
  elseif rawtype(v) == "table" then
    local mt = rawmt(v)
    return mt and P.brands[mt] == "lib" and by_front[mt] or nil
  elseif v == raw.error then
    return primitives.error
  end
  return nil
end

-- Calls ------------------------------------------------------------------------------------------

local function caller_place()
  local info = getinfo(3, "Sl")
  if info and info.currentline > 0 then
    return info.short_src .. ":" .. info.currentline .. ": "
  end
  return ""
end

-- A generic applied by a program.
local function instantiate(node, generic, n, ...)
  local name = text(node)
  if #generic.params ~= n then
    native_error("generic " .. name .. " expects " .. #generic.params
      .. " type arguments, got " .. n, 2)
  end
  local arguments, map = {}, {}
  for i = 1, n do
    arguments[i] = node_of((select(i, ...)))
    map[generic.params[i]] = arguments[i]
  end
  for i = 1, n do
    local bound = generic.params[i].constraint
    if bound then
      bound = G.substitute(bound, map, 0, {})
      if not G.subtype(arguments[i], bound) then
        native_error("type argument " .. i .. " of " .. name .. " must be " .. text(bound)
          .. ", got " .. text(arguments[i]), 2)
      end
    end
  end
  P.charge(1000)
  return value_of({ tag = "x", generic = node, members = arguments })
end

-- A call that is not a plain successful check.
local function call_on(self, n, ...)
  local node = self[NODE]
  local generic = head(node)
  if n == 0 then
    native_error("type " .. text(node) .. " expects at least 1 argument", 2)
  end
  local types = 0
  for i = 1, n do
    local argument = select(i, ...)
    if is_type(argument) or generic.tag == "g" and node_of(argument) then
      types = types + 1
    end
  end
  if types == n then
    if generic.tag == "g" then
      return instantiate(node, generic, n, ...)
    end
    native_error("type " .. text(node) .. " is not generic", 2)
  elseif types > 0 then
    native_error("type " .. text(node) .. " does not accept mixed type/value arguments", 2)
  elseif n > 1 then
    native_error("type " .. text(node) .. " validation expects 1 value, got " .. n, 2)
  end
  P.charge(200)
  native_error(E.raised(node, text(node), (...), caller_place()), 0)
end

-- Tail calls, so that the place of an error is the caller's.
function TYPE.__call(self, ...)
  local n = select("#", ...)
  if n == 1 then
    local v = ...
    local node = self[NODE]
    if (node.ok or ready(node))(v) then
      return v
    end
  end
  return call_on(self, n, ...)
end

-- `T:is(v)` and `T.is(v)` are the same, so each type has its own.
local function make_is(self)
  local node = self[NODE]
  local is = function(a, b)
    local v = a
    if rawequal(a, self) then
      v = b
    end
    if (node.ok or ready(node))(v) then
      return v, nil
    end
    P.charge(200)
    return nil, E.failure(node, v)
  end
  raw.rawset(self, IS, is)
  return is
end

-- Reflection ---------------------------------------------------------------------------------------

local function check(self, name)
  local node = node_of(self)
  if not node then
    native_error("bad argument #1 to '" .. name .. "' (type expected, got "
      .. (self == nil and "no value" or P.type(self)) .. ")", 3)
  end
  return node
end

local KINDS = { l = "literal", ["?"] = "optional", ["|"] = "union", ["&"] = "intersection",
  t = "tuple", f = "function", a = "array", m = "map", r = "record", g = "generic",
  i = "interface", b = "interface", u = "unknown", v = "unknown" }
local PRIMITIVE_KINDS = { table = "interface", error = "interface", Self = "any" }

function methods.kind(self)
  local node = G.target(check(self, "kind"))
  if node.tag == "x" and head(node).tag ~= "u" then
    return "instantiated"
  end
  local h = bare(node)
  if h.tag == "p" then
    return PRIMITIVE_KINDS[h.name] or h.name
  end
  return KINDS[h.tag]
end

function methods.name(self)
  return name_of(check(self, "name"))
end

function methods.fields(self)
  local h = bare(check(self, "fields"))
  if h.tag ~= "r" then
    return nil
  end
  local i = 0
  return function()
    i = i + 1
    local name = h.names[i]
    if name ~= nil then
      return name, value_of(h.types[i])
    end
    return nil
  end
end

local function each(list)
  local i = 0
  return function()
    i = i + 1
    local node = list[i]
    return node and value_of(node)
  end
end

function methods.variants(self)
  local h = bare(check(self, "variants"))
  return h.tag == "|" and each(h.members) or nil
end

function methods.params(self)
  local h = bare(check(self, "params"))
  return h.tag == "f" and each(h.types) or nil
end

function methods.ret(self)
  local h = bare(check(self, "ret"))
  local results = h.tag == "f" and h.results
  if not results or #results == 0 then
    return nil
  elseif #results == 1 then
    return value_of(results[1])
  end
  h.tuple = h.tuple or { tag = "t", members = results }
  return value_of(h.tuple)
end

function methods.tparams(self)
  local h = head(check(self, "tparams"))
  if h.tag ~= "g" then
    return nil
  end
  local i = 0
  return function()
    i = i + 1
    local param = h.params[i]
    if param then
      return param.name, param.constraint and value_of(param.constraint)
    end
    return nil
  end
end

-- Reflection that hands over one part of one kind.
for name, where in raw.next, { elem = "a element", key = "m key", val = "m value",
  inner = "? inner" } do
  local tag, part = raw.string.match(where, "^(.) (.*)$")
  methods[name] = function(self)
    local h = bare(check(self, name))
    return h.tag == tag and value_of(h[part]) or nil
  end
end

local function view_of(self, name, method, node)
  local views = raw.rawget(self, VIEWS)
  if not views then
    views = {}
    raw.rawset(self, VIEWS, views)
  end
  local view = views[name]
  if not view then
    view = setrawmt({ [NODE] = node, [OWNER] = self, [METHOD] = method }, VIEW)
    views[name] = view
  end
  return view
end

function TYPE.__index(self, k)
  if k == "is" then
    return raw.rawget(self, IS) or make_is(self)
  elseif rawtype(k) ~= "string" then
    return nil
  end
  local method = methods[k]
  local h = bare(self[NODE])
  local at = h.tag == "r" and h.index[k]
  if not at then
    return method
  elseif method then
    return view_of(self, k, method, h.types[at])
  end
  return value_of(h.types[at])
end

-- Operators ----------------------------------------------------------------------------------------

function TYPE.__tostring(self)
  return text(self[NODE])
end

-- A relation tells what it cost: pairs of types looked at.
local function worked(holds, pairs_seen)
  P.charge(20 + 10 * pairs_seen)
  return holds
end

function TYPE.__eq(a, b)
  a, b = is_type(a) and a[NODE], is_type(b) and b[NODE]
  if not a or not b then
    return false
  end
  return worked(G.equal(a, b))
end

local function ordered(a, b)
  local x, y = node_of(a), node_of(b)
  if not x or not y then
    local other = x and b or a
    native_error("attempt to compare type with " .. P.type(other), 3)
  end
  return x, y
end

function TYPE.__le(a, b)
  local x, y = ordered(a, b)
  return worked(G.subtype(x, y))
end

function TYPE.__lt(a, b)
  local x, y = ordered(a, b)
  return worked(G.subtype(x, y)) and not worked(G.equal(x, y))
end

for event, f in raw.next, TYPE do
  VIEW[event] = f
end

function VIEW.__call(self, ...)
  if rawequal((...), self[OWNER]) then
    return self[METHOD](...)
  end
  return TYPE.__call(self, ...)
end

-- Leaving and entering the VM --------------------------------------------------------------------

-- Type values leave the VM as their description (types 2.11).
function P.packers.type(v)
  return "type", G.describe(v[NODE])
end

function P.unpackers.type(_, list)
  local ok, nodes = raw.pcall(G.load, list)
  if not ok or not nodes[1] then
    -- Not an error: the message around it is sound. It accepts nothing and says why.
    local why = ok and "malformed type description: nothing in it" or P.tostring(nodes)
    return value_of(G.unresolved("?", why))
  end
  return value_of(nodes[1])
end

-- What a chunk gets ----------------------------------------------------------------------------------

local built_in = {}
for name, node in raw.next, primitives do
  built_in[name] = value_of(node)
end
built_in.int, built_in.bool = built_in.integer, built_in.boolean
for _, name in raw.ipairs({ "Number", "Integer", "String", "Boolean", "Any", "Unknown", "Never" }) do
  built_in[name] = built_in[name:lower()]
end
P.primitive_types = built_in

-- A library that shares its name with a type can be called and passed as one.
function P.library_type(front, name)
  local mt = rawmt(front)
  by_front[mt] = primitives[name]
  local self = built_in[name]
  mt.__call = function(_, ...)
    local n = select("#", ...)
    if n == 1 and ready(primitives[name])((...)) then
      return (...)
    end
    return call_on(self, n, ...)
  end
end

local ANY_FUNCTION = { tag = "f", types = {}, names = {}, rest = primitives.any,
  results = { primitives.any } }
local brand_nodes = {}

-- The type of a value at run time (types 2.9).
local function type_of_value(v)
  local kind = P.type(v)
  if kind == "function" then
    return value_of(ANY_FUNCTION)
  elseif P.is_error(v) then
    return built_in.error
  elseif kind == "userdata" or kind == "type" or kind == "thread" then
    local name = kind == "thread" and kind or E.got(v, primitives.any)
    local node = brand_nodes[name]
    if not node then
      node = { tag = "b", name = name, members = {} }
      brand_nodes[name] = node
    end
    return value_of(node)
  end
  return built_in[kind] or built_in.any
end

local function fetch(unit, key)
  local wire, kind, message, retryable, details = P.host.types(unit.key, key)
  if not wire then
    native_error(P.host_error(kind, message, retryable, details), 0)
  end
  local _, found = P.unpack_wire(wire)
  local nodes = G.load(found.nodes)
  return { nodes = nodes, names = found.names, declared = found.declared,
    typeofs = found.typeofs }
end

-- The `__t` of a chunk in a unit; it lives as long as the unit.
function P.types_of(unit, key)
  local all = unit.types
  if not all then
    all = {}
    unit.types = all
  end
  local types = all[key]
  if types then
    return types
  end
  local known
  local function typeof(v, n)
    if n > 0 then
      known = known or fetch(unit, key)
      local at = known.typeofs[n]
      local node = at > 0 and known.nodes[at]
      local h = node and head(node)
      if h and h ~= primitives.any and h ~= primitives.unknown and h.tag ~= "u" then
        return value_of(node)
      end
    end
    return type_of_value(v)
  end
  types = setrawmt({ typeof = typeof }, {
    __index = function(t, name)
      local value = built_in[name]
      if value == nil then
        known = known or fetch(unit, key)
        local at = known.names[name] or known.declared[name]
        value = value_of(known.nodes[at])
      end
      t[name] = value
      return value
    end,
  })
  all[key] = types
  return types
end

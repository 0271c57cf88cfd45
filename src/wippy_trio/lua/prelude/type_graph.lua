-- The graph of types: what `lang/rtypes.py` describes, loaded, resolved and compared.
--
-- A node is a table with a `tag` (the marks of the description) and named parts. Names,
-- applied generics, `keyof` and the like stay as they were written, for texts and for the
-- names of values; `head` gives what a node comes to, in normal form, and keeps it. So a
-- type costs nothing until somebody asks, and an endless one (a generic that applies itself
-- to ever larger arguments) is unrolled only as far as a value goes, 64 levels at most.
--
-- Nodes are shared by all processes of the VM and never change but for what is kept in them.

local P = ...
local raw = P.raw
local rawtype, setrawmt = raw.type, raw.setrawmetatable

local G = {}
P.type_graph = G

-- Levels of generics applied within what applied generics hold.
local MAX_LEVEL = 64

-- What a node is made of besides its tag: plain parts, nodes, lists of nodes.
local SHAPES = {
  p = { plain = { "name" } },
  l = { plain = { "value" } },
  u = { plain = { "name", "why" } },
  ["?"] = { one = { "inner" } },
  ["!"] = { one = { "inner" } },
  ["|"] = { many = { "members" } },
  ["&"] = { many = { "members" } },
  t = { many = { "members" } },
  a = { plain = { "ro" }, one = { "element" } },
  m = { plain = { "ro" }, one = { "key", "value" } },
  r = { plain = { "names", "optional", "index", "ro" }, many = { "types" } },
  ro = { one = { "inner" } },
  f = { plain = { "names" }, one = { "rest" }, many = { "types", "results" } },
  i = { plain = { "names" }, many = { "types", "parents" } },
  b = { plain = { "name" }, many = { "members" } },
  ["@"] = { plain = { "given", "validators" }, one = { "inner" } },
  g = { one = { "body" }, many = { "params" } },
  v = { plain = { "name" }, one = { "constraint" } },
  x = { plain = { "level" }, one = { "generic" }, many = { "members" } },
  ["="] = { plain = { "name" }, one = { "inner" } },
  c = { one = { "subject", "bound", "yes", "no" } },
  k = { one = { "inner" } },
  ["["] = { one = { "base", "key" } },
  R = { one = { "inner" } },
}
for _, shape in raw.next, SHAPES do
  shape.plain, shape.one, shape.many = shape.plain or {}, shape.one or {}, shape.many or {}
end
G.SHAPES = SHAPES

local primitives = {}
for _, name in raw.ipairs({ "nil", "boolean", "number", "integer", "string", "any", "unknown",
  "never", "table", "error", "Self" }) do
  primitives[name] = { tag = "p", name = name }
end
G.primitives = primitives
local ANY, UNKNOWN, NEVER, NIL = primitives.any, primitives.unknown, primitives.never,
  primitives["nil"]

local function unresolved(name, why)
  return { tag = "u", name = name, why = why }
end
G.unresolved = unresolved

-- A record; `optional` has true where a field may be missing.
local function record(names, types, optional, ro)
  local index = {}
  for i = 1, #names do
    index[names[i]] = i
  end
  return { tag = "r", names = names, types = types, optional = optional, index = index,
    ro = ro }
end

-- Normal forms --------------------------------------------------------------------------------

local head -- below

-- Texts and subtyping are other chapters.
local function text(node)
  return G.text(node)
end
local function subtype(a, b)
  return G.subtype(a, b)
end

-- The members of a node as members of a union: unions in it count as theirs.
local function spread(node, into)
  local h = head(node)
  if h.tag == "|" then
    for i = 1, #h.members do
      into[#into + 1] = h.members[i]
    end
  elseif h.tag == "?" then
    into[#into + 1] = NIL
    spread(h.inner, into)
  else
    into[#into + 1] = node
  end
end

-- Mark a node that is in normal form already.
local function normal(node)
  node.head = node
  return node
end

local BASE = { string = "string", boolean = "boolean", number = "number" }

local function optional_of(inner)
  local h = head(inner)
  if h == ANY or h == UNKNOWN or h == NIL or h.tag == "?" then
    return h
  elseif h == NEVER then
    return NIL
  end
  return normal({ tag = "?", inner = inner })
end

-- Whether a list of union members has a node that means the same as this one.
local function has_same(kept, h, node)
  if h.tag == "l" or h.tag == "p" then
    return false -- those are told apart by name and value
  end
  local from = #kept > 32 and #kept - 31 or 1
  for i = from, #kept do
    if kept[i] == node or head(kept[i]) == h or G.identical(kept[i], node) then
      return true
    end
  end
  return false
end

-- A union in normal form: flat, each member once, nil outside (types 3.2).
local function union_of(members)
  local flat = {}
  for i = 1, #members do
    spread(members[i], flat)
  end
  local names, literals = {}, {}
  for i = 1, #flat do
    local h = head(flat[i])
    if h.tag == "p" then
      names[h.name] = true
    elseif h.tag == "l" then
      literals[h.value] = true
    end
  end
  if names.any then
    return ANY
  elseif names.unknown then
    return UNKNOWN
  end
  local both = literals[true] and literals[false]
  local kept = {}
  for i = 1, #flat do
    local node = flat[i]
    local h = head(node)
    local keep = h ~= NEVER and h ~= NIL
    if h.tag == "p" and keep then
      keep = names[h.name]
      names[h.name] = false
    elseif h.tag == "l" then
      local kind = rawtype(h.value)
      keep = literals[h.value]
      literals[h.value] = false
      if names[BASE[kind]] ~= nil or kind == "number" and names.integer ~= nil then
        keep = false
      elseif kind == "boolean" and both then
        keep, both, node = true, nil, primitives.boolean
        literals[true], literals[false], names.boolean = false, false, false
      end
    end
    if keep and not has_same(kept, h, node) then
      kept[#kept + 1] = node
    end
  end
  local result
  if #kept == 0 then
    result = NEVER
  elseif #kept == 1 then
    result = kept[1]
  else
    result = normal({ tag = "|", members = kept })
  end
  if names["nil"] ~= nil then
    return optional_of(result)
  end
  return head(result)
end

-- An intersection; of records, the record with all fields.
local function intersection_of(members)
  local heads = {}
  for i = 1, #members do
    local h = head(members[i])
    if h.tag ~= "r" then
      return normal({ tag = "&", members = members })
    end
    heads[i] = h
  end
  local names, types, optional, index = {}, {}, {}, {}
  local ro = true
  for i = 1, #heads do
    local h = heads[i]
    ro = ro and h.ro
    for f = 1, #h.names do
      local name = h.names[f]
      local at = index[name]
      if at then
        types[at] = { tag = "&", members = { types[at], h.types[f] } }
        optional[at] = optional[at] and h.optional[f]
      else
        at = #names + 1
        index[name] = at
        names[at], types[at], optional[at] = name, h.types[f], h.optional[f]
      end
    end
  end
  return { tag = "r", names = names, types = types, optional = optional, index = index,
    ro = ro or nil }
end

local function without_nil(node)
  local h = head(node)
  if h.tag == "?" then
    return head(h.inner)
  elseif h == NIL then
    return NEVER
  end
  return h
end

-- Methods of an interface, those of its parents first.
local function methods_of(h, names, types, index, seen)
  if seen[h] then
    return
  end
  seen[h] = true
  for i = 1, #h.parents do
    local parent = head(h.parents[i])
    if parent.tag == "i" then
      methods_of(parent, names, types, index, seen)
    end
  end
  for i = 1, #h.names do
    local at = index[h.names[i]] or #names + 1
    index[h.names[i]] = at
    names[at], types[at] = h.names[i], h.types[i]
  end
end

-- Names, types and optional marks of what has fields: a record or an interface.
local function fields_of(h)
  if h.tag == "r" then
    return h.names, h.types, h.index, h.optional
  elseif h.tag == "i" then
    if not h.all then
      local names, types, index = {}, {}, {}
      methods_of(h, names, types, index, {})
      h.all = { names, types, index }
    end
    return h.all[1], h.all[2], h.all[3], {}
  end
  return nil
end
G.fields_of = fields_of

local function bare(node)
  local h = head(node)
  while h.tag == "@" do
    h = head(h.inner)
  end
  return h
end
G.bare = bare

local function keys_of(node)
  local h = bare(node)
  local names = fields_of(h)
  if names then
    local members = {}
    for i = 1, #names do
      members[i] = { tag = "l", value = names[i] }
    end
    return union_of(members)
  elseif h.tag == "m" then
    return head(h.key)
  elseif h.tag == "a" then
    return primitives.integer
  elseif h == ANY then
    return ANY
  end
  return NEVER
end

local function part_of(base, key)
  local h = bare(base)
  if h == ANY or h == UNKNOWN then
    return h
  elseif h.tag == "?" then
    local inner = part_of(h.inner, key)
    return inner.tag == "u" and inner or optional_of(inner)
  end
  local k = head(key)
  if k.tag == "|" then
    local parts = {}
    for i = 1, #k.members do
      parts[i] = part_of(h, k.members[i])
      if parts[i].tag == "u" then
        return parts[i]
      end
    end
    return union_of(parts)
  elseif h.tag == "m" then
    return head(h.value)
  elseif h.tag == "a" and (k == primitives.integer or k == primitives.number
    or k.tag == "l" and rawtype(k.value) == "number") then
    return head(h.element)
  end
  local _, types, index, optional = fields_of(h)
  if types and k.tag == "l" and index[k.value] then
    local at = index[k.value]
    return optional[at] and optional_of(types[at]) or head(types[at])
  elseif types and k == primitives.string and #types > 0 then
    return union_of(types)
  end
  return unresolved(text(base) .. "[" .. text(key) .. "]")
end

local function result_of(node)
  local h = bare(node)
  local results = h.tag == "f" and h.results
  if not results then
    return unresolved("result of " .. text(node))
  end
  return results[1] and head(results[1]) or NIL
end

-- Generics ------------------------------------------------------------------------------------

-- Whether a type parameter occurs in a node; names end the search, they are closed.
local function is_open(node)
  local known = node.open
  if known ~= nil then
    return known
  end
  local open = node.tag == "v"
  if not open and node.tag ~= "=" and node.tag ~= "g" then
    local shape = SHAPES[node.tag]
    for i = 1, #shape.one do
      local child = node[shape.one[i]]
      open = open or child ~= nil and is_open(child)
    end
    for i = 1, #shape.many do
      local list = node[shape.many[i]] or {}
      for j = 1, #list do
        open = open or is_open(list[j])
      end
    end
  end
  node.open = open
  return open
end

local function substitute(node, map, level, done)
  if not is_open(node) then
    return node
  elseif node.tag == "v" then
    return map[node] or node
  end
  local copy = done[node]
  if copy then
    return copy
  end
  local tag = node.tag
  local shape = SHAPES[tag]
  copy = { tag = tag }
  done[node] = copy
  for i = 1, #shape.plain do
    copy[shape.plain[i]] = node[shape.plain[i]]
  end
  for i = 1, #shape.one do
    local child = node[shape.one[i]]
    copy[shape.one[i]] = child and substitute(child, map, level, done)
  end
  for i = 1, #shape.many do
    local list = node[shape.many[i]]
    if list then
      local new = {}
      for j = 1, #list do
        new[j] = substitute(list[j], map, level, done)
      end
      copy[shape.many[i]] = new
    end
  end
  if tag == "x" then
    copy.level = level
  elseif tag == "c" then
    copy.template, copy.map, copy.level = node, map, level
  end
  return copy
end
G.substitute = substitute

-- A generic applied to arguments, made once for the same arguments.
local function instance_of(generic, arguments, level)
  local params = generic.params
  local cache = generic.instances
  if not cache then
    cache = setrawmt({}, { __mode = "k" })
    generic.instances = cache
  end
  local last = #params
  for i = 1, last - 1 do
    local next_cache = cache[arguments[i]]
    if not next_cache then
      next_cache = setrawmt({}, { __mode = "k" })
      cache[arguments[i]] = next_cache
    end
    cache = next_cache
  end
  local made = cache[arguments[last]]
  if not made then
    local map = {}
    for i = 1, last do
      map[params[i]] = arguments[i]
    end
    made = substitute(generic.body, map, level + 1, {})
    cache[arguments[last]] = made
  end
  return made
end

local function applied(node)
  local generic = head(node.generic)
  if generic.tag ~= "g" or #generic.params ~= #node.members then
    return unresolved(text(node))
  end
  local level = node.level or 0
  if level > MAX_LEVEL then
    return unresolved(text(node), "recursion limit exceeded")
  end
  return head(instance_of(generic, node.members, level))
end

-- `A extends B ? X : Y`, for each member of a union A on its own.
local function conditional(node)
  local members = {}
  spread(node.subject, members)
  local template, map = node.template, node.map
  local results = {}
  for i = 1, #members do
    local member = members[i]
    local bound, yes, no = node.bound, node.yes, node.no
    if map and map[template.subject] then
      local own = {}
      for k, v in raw.next, map do
        own[k] = v
      end
      own[template.subject] = member
      local done = {}
      bound = substitute(template.bound, own, node.level, done)
      yes = substitute(template.yes, own, node.level, done)
      no = substitute(template.no, own, node.level, done)
    end
    results[i] = subtype(member, bound) and yes or no
  end
  return union_of(results)
end

local function read_only(node)
  local h = head(node)
  if h.tag ~= "r" and h.tag ~= "a" and h.tag ~= "m" then
    return h
  end
  local copy = { ro = true }
  for k, v in raw.next, h do
    copy[k] = copy[k] or v
  end
  copy.head, copy.ok, copy.handle, copy.weight, copy.fingerprint = nil, nil, nil, nil, nil
  return copy
end

local RESOLVE = {
  ["="] = function(node)
    return head(node.inner)
  end,
  ["?"] = function(node)
    return optional_of(node.inner)
  end,
  ["!"] = function(node)
    return without_nil(node.inner)
  end,
  ["|"] = function(node)
    return union_of(node.members)
  end,
  ["&"] = function(node)
    return intersection_of(node.members)
  end,
  ["@"] = function(node)
    head(node.inner) -- only to find that it is not made of itself
    return node
  end,
  ro = function(node)
    return read_only(node.inner)
  end,
  x = applied,
  c = conditional,
  k = function(node)
    return keys_of(node.inner)
  end,
  ["["] = function(node)
    return part_of(node.base, node.key)
  end,
  R = function(node)
    return result_of(node.inner)
  end,
}

-- What a node comes to. A type that is made of itself and nothing else is none.
function head(node)
  local h = node.head
  if h then
    return h
  end
  local resolve = RESOLVE[node.tag]
  if not resolve then
    node.head = node
    return node
  end
  -- Nothing in here waits. A mark of another turn was left by a process that ran out of
  -- memory in the middle.
  local turn = P.turn or 0
  if node.resolving == turn then
    node.circular = true
    return unresolved(node.name or node.tag, "recursion limit exceeded")
  end
  node.resolving, node.circular = turn, nil
  h = resolve(node)
  node.resolving = nil
  if node.circular then
    node.circular = nil
    h = unresolved(node.name or node.tag, "recursion limit exceeded")
  end
  h.head = h
  node.head = h
  return h
end
G.head = head

-- What an alias, or an alias of it, is a name of.
function G.target(node)
  if head(node).tag == "u" then
    return head(node) -- the names may lead in a circle
  end
  while node.tag == "=" do
    node = node.inner
  end
  return node
end

G.record, G.union_of, G.optional_of = record, union_of, optional_of

-- Descriptions of types: flat lists that cross into and out of a VM (lang/rtypes.py).
--
-- They come from the host for the types of a chunk, and from other VMs within messages; so
-- nothing in them is believed. Nothing in here waits: a message may be half written.

local P = ...
local raw = P.raw
local rawtype = raw.type

local G, V = P.type_graph, P.type_validators
local head, primitives, SHAPES = G.head, G.primitives, G.SHAPES

local function malformed(what)
  P.raise_kind(P.errors.INVALID, "malformed type description: " .. what)
end

local function wanted(v, kind, what)
  if rawtype(v) ~= kind then
    malformed(what .. " is no " .. kind)
  end
  return v
end

-- Every circle leads through a name: what walks over nodes ends there.
local function check_circles(nodes)
  local state = {} -- node -> 1 while what is below it is looked at, then 2
  for i = 1, #nodes do
    local todo, n = { nodes[i] }, 1
    while n > 0 do
      local node = todo[n]
      if state[node] then
        if state[node] == 1 then
          state[node] = 2
        end
        n = n - 1
      else
        state[node] = 1
        local shape = SHAPES[node.tag]
        local named = node.tag == "=" or node.tag == "v"
        local function visit(child)
          if state[child] == 1 then
            malformed("a type within itself")
          elseif not state[child] then
            n = n + 1
            todo[n] = child
          end
        end
        for k = 1, named and 0 or #shape.one do
          local child = node[shape.one[k]]
          if child then
            visit(child)
          end
        end
        for k = 1, named and 0 or #shape.many do
          local list = node[shape.many[k]] or {}
          for j = 1, #list do
            visit(list[j])
          end
        end
      end
    end
  end
end

-- Make nodes of a description (lang/rtypes.py); what does not hold together is refused.
function G.load(list)
  wanted(list, "table", "the list")
  local nodes, count = {}, #list
  for i = 1, count do
    local row = wanted(list[i], "table", "a node")
    local tag = row[1]
    if not SHAPES[tag] then
      malformed("unknown node")
    elseif tag == "p" then
      nodes[i] = primitives[row[2]] or malformed("unknown built-in type")
    else
      nodes[i] = { tag = tag }
    end
  end
  local function ref(i)
    return nodes[i] or malformed("no node " .. P.tostring(i))
  end
  local function refs(from, first)
    wanted(from, "table", "a list of nodes")
    local found = {}
    for i = first or 1, #from do
      found[#found + 1] = ref(from[i])
    end
    return found
  end
  local function texts(from)
    wanted(from, "table", "a list of names")
    for i = 1, #from do
      wanted(from[i], "string", "a name")
    end
    return from
  end
  local function maybe(i)
    return i ~= 0 and ref(i) or nil
  end
  local read = {
    p = function() end,
    l = function(node, row)
      local kind = rawtype(row[2])
      if kind ~= "string" and kind ~= "boolean" and (kind ~= "number" or row[2] ~= row[2]) then
        malformed("a literal of the wrong kind")
      end
      node.value = row[2]
    end,
    u = function(node, row)
      node.name = wanted(row[2], "string", "a name")
    end,
    a = function(node, row)
      node.element, node.ro = ref(row[2]), row[3] == true or nil
    end,
    m = function(node, row)
      node.key, node.value, node.ro = ref(row[2]), ref(row[3]), row[4] == true or nil
    end,
    r = function(node, row)
      local types, marks = refs(row[3]), wanted(row[4], "table", "a list of marks")
      local optional = {}
      for i = 1, #types do
        optional[i] = marks[i] == 1
      end
      local made = G.record(texts(row[2]), types, optional, row[5] == true or nil)
      if #made.names ~= #types then
        malformed("a record of the wrong form")
      end
      for k, v in raw.next, made do
        node[k] = v
      end
    end,
    f = function(node, row)
      node.types, node.names, node.rest = refs(row[2]), texts(row[3]), maybe(row[4])
      node.results = row[5] ~= 0 and refs(row[5]) or nil
    end,
    i = function(node, row)
      node.names, node.types, node.parents = texts(row[2]), refs(row[3]), refs(row[4])
      if #node.names ~= #node.types then
        malformed("an interface of the wrong form")
      end
    end,
    b = function(node, row)
      node.name, node.members = wanted(row[2], "string", "a name"), refs(row, 3)
    end,
    ["@"] = function(node, row)
      node.inner = ref(row[2])
      local given = wanted(row[3], "table", "a list of validators")
      for i = 1, #given do
        wanted(wanted(given[i], "table", "a validator")[1], "string", "a validator's name")
      end
      node.given, node.validators = given, V.prepare(given)
    end,
    g = function(node, row)
      node.params, node.body = refs(row[2]), ref(row[3])
      for i = 1, #node.params do
        if node.params[i].tag ~= "v" then
          malformed("a parameter that is none")
        end
      end
      if #node.params == 0 then
        malformed("a generic without parameters")
      end
    end,
    v = function(node, row)
      node.name, node.constraint = wanted(row[2], "string", "a name"), maybe(row[3])
    end,
    x = function(node, row)
      node.generic, node.members = ref(row[2]), refs(row, 3)
    end,
    ["="] = function(node, row)
      node.name, node.inner = wanted(row[2], "string", "a name"), ref(row[3])
    end,
    c = function(node, row)
      node.subject, node.bound, node.yes, node.no = ref(row[2]), ref(row[3]), ref(row[4]),
        ref(row[5])
    end,
    ["["] = function(node, row)
      node.base, node.key = ref(row[2]), ref(row[3])
    end,
  }
  for _, tag in raw.ipairs({ "?", "!", "ro", "k", "R" }) do
    read[tag] = function(node, row)
      node.inner = ref(row[2])
    end
  end
  for _, tag in raw.ipairs({ "|", "&", "t" }) do
    read[tag] = function(node, row)
      node.members = refs(row, 2)
      if #node.members == 0 and tag ~= "t" then
        malformed("a union of nothing")
      end
    end
  end
  for i = 1, count do
    read[list[i][1]](nodes[i], list[i])
  end
  check_circles(nodes)
  return nodes
end
-- Write the node of a value as a description; it is the first in it.
function G.describe(node)
  local list, numbers, queue = {}, {}, {}
  local function number(n)
    -- What depends on parameters of a generic that is gone is written as what it came to.
    if n.tag == "c" and n.map then
      n = head(n)
    end
    if not numbers[n] then
      queue[#queue + 1] = n
      numbers[n] = #queue
    end
    return numbers[n]
  end
  local function numbers_of(from)
    local found = {}
    for i = 1, #from do
      found[i] = number(from[i])
    end
    return found
  end
  local function with(tag, name, members)
    local row = { tag }
    row[#row + 1] = name
    for i = 1, #members do
      row[#row + 1] = number(members[i])
    end
    return row
  end
  local function row_of(n)
    local tag = n.tag
    if tag == "p" or tag == "u" then
      return { tag, n.name }
    elseif tag == "l" then
      return { tag, n.value }
    elseif tag == "a" then
      return { tag, number(n.element), n.ro or nil }
    elseif tag == "m" then
      return { tag, number(n.key), number(n.value), n.ro or nil }
    elseif tag == "r" then
      local marks = {}
      for i = 1, #n.names do
        marks[i] = n.optional[i] and 1 or 0
      end
      return { tag, n.names, numbers_of(n.types), marks, n.ro or nil }
    elseif tag == "f" then
      return { tag, numbers_of(n.types), n.names, n.rest and number(n.rest) or 0,
        n.results and numbers_of(n.results) or 0 }
    elseif tag == "i" then
      return { tag, n.names, numbers_of(n.types), numbers_of(n.parents) }
    elseif tag == "b" then
      return with(tag, n.name, n.members)
    elseif tag == "@" then
      return { tag, number(n.inner), n.given }
    elseif tag == "g" then
      return { tag, numbers_of(n.params), number(n.body) }
    elseif tag == "v" then
      return { tag, n.name, n.constraint and number(n.constraint) or 0 }
    elseif tag == "x" then
      return with(tag, number(n.generic), n.members)
    elseif tag == "=" then
      return { tag, n.name, number(n.inner) }
    elseif tag == "c" then
      return { tag, number(n.subject), number(n.bound), number(n.yes), number(n.no) }
    elseif tag == "[" then
      return { tag, number(n.base), number(n.key) }
    elseif n.inner then
      return { tag, number(n.inner) }
    end
    return with(tag, nil, n.members)
  end
  number(node)
  local i = 1
  while queue[i] do
    list[i] = row_of(queue[i])
    i = i + 1
  end
  return list
end

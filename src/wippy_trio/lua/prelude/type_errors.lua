-- What is wrong with a value: the first part that fails, in the order of the declaration,
-- with its path, what was wanted and what came (types 2.13).

local P = ...
local raw = P.raw
local rawtype, rawget, rawlen = raw.type, raw.rawget, raw.rawlen
local sub, gsub, match, concat = raw.string.sub, raw.string.gsub, raw.string.match,
  raw.table.concat
local utf8_offset = raw.utf8.offset

local G, C, V = P.type_graph, P.type_checks, P.type_validators
local head, text, ready = G.head, G.text, C.ready

local E = {}
P.type_errors = E

local TOO_DEEP = "recursion limit exceeded"
local MOST_SEGMENTS, MOST_SHOWN = 64, 40

-- Texts ---------------------------------------------------------------------------------------

local NAMES = {} -- brand of the prelude -> name of its type
for name, brand in raw.next, C.BRANDS do
  NAMES[brand] = name
end

local function kind_of(v)
  local kind = P.type(v)
  if kind == "userdata" then
    local b = P.brand(v)
    return NAMES[b] or b or kind
  end
  return kind
end

-- At most 40 characters of a string, none cut in two.
local function shortened(s)
  if #s <= MOST_SHOWN then
    return G.quote(s)
  end
  local ok, at = raw.pcall(utf8_offset, s, MOST_SHOWN + 1)
  if not ok or not at then
    at = raw.utf8.len(s) and #s + 1 or MOST_SHOWN + 1
  end
  return at > #s and G.quote(s) or G.quote(sub(s, 1, at - 1) .. "...")
end

local function has_literal(h, kind)
  if h.tag == "l" then
    return rawtype(h.value) == kind
  elseif h.tag == "|" then
    for i = 1, #h.members do
      if has_literal(head(h.members[i]), kind) then
        return true
      end
    end
  elseif h.tag == "?" then
    return has_literal(head(h.inner), kind)
  end
  return false
end

-- What came. Where a literal of its kind is wanted, the value itself.
local function got(v, h)
  local kind = kind_of(v)
  if kind ~= "nil" and has_literal(h, kind) then
    if kind == "string" then
      return "string " .. shortened(v)
    end
    return kind .. " " .. P.tostring(v)
  end
  return kind
end
E.got = got

-- What is wanted: records and interfaces by name, other aliases by what they stand for; no
-- more than "function" of functions, since no signature is checked.
local function expected(node)
  local h = head(node)
  if h.tag == "f" then
    return "function"
  elseif h.tag == "g" then
    return text(node) .. "<...>"
  elseif h.tag == "r" or h.tag == "i" or h.tag == "u" then
    return text(node)
  end
  while node.tag == "=" do
    node = node.inner
  end
  return text(node.tag == "x" and h or node)
end

-- Paths ---------------------------------------------------------------------------------------

local function segment(k)
  if rawtype(k) == "string" then
    if match(k, "^[%a_][%w_]*$") then
      return "." .. k
    end
    return "[" .. shortened(k) .. "]"
  elseif rawtype(k) == "table" or rawtype(k) == "function" or rawtype(k) == "thread" then
    return "[" .. kind_of(k) .. "]"
  end
  return "[" .. P.tostring(k) .. "]"
end

local function path_text(path)
  local n = #path
  if n > MOST_SEGMENTS then
    local cut = { "..." }
    for i = n - MOST_SEGMENTS // 2 + 1, n do
      cut[#cut + 1] = path[i]
    end
    path = { concat(path, "", 1, MOST_SEGMENTS // 2), concat(cut) }
  end
  return (gsub(concat(path), "^%.", ""))
end

-- Looking for what failed -----------------------------------------------------------------------

local RANK = { number = 1, string = 2, boolean = 3 }

-- Whether the key `a` comes before `b`: numbers, texts, then all else as it came.
local function before(a, b)
  local s, t = RANK[rawtype(a)] or 4, RANK[rawtype(b)] or 4
  if s ~= t then
    return s < t
  elseif s == 3 then
    return not a and b
  end
  return s < 3 and a < b
end

-- The smallest key of a map that fails, its value, and whether the key itself is wrong.
local function failing_entry(h, t, ctx)
  local check_key, check_value = ready(h.key), ready(h.value)
  local keys, values, n = C.entries(t)
  local found, at, key_fails = false, nil, nil
  for i = 1, n do
    local wrong_key = not check_key(keys[i], ctx)
    if (wrong_key or not check_value(values[i], ctx))
      and (not found or before(keys[i], keys[at])) then
      found, at, key_fails = true, i, wrong_key
    end
  end
  if found then
    return keys[at], values[at], key_fails
  end
  return nil
end

-- The one member of a union whose literal fields the value has, if there is exactly one.
local function discriminated(h, t)
  local only
  for i = 1, #h.members do
    local m = head(h.members[i])
    if m.tag == "r" then
      local literals, matches = 0, true
      for f = 1, #m.names do
        local wanted = head(m.types[f])
        if wanted.tag == "l" then
          literals = literals + 1
          local x = rawget(t, m.names[f])
          if rawtype(x) ~= rawtype(wanted.value) or x ~= wanted.value then
            matches = false
            break
          end
        end
      end
      if literals > 0 and matches then
        if only then
          return nil
        end
        only = h.members[i]
      end
    end
  end
  return only
end

-- A step of the search. Each gives the node and value to look at next, or nil where the
-- search ends: then what is wrong, and the name of the validator that says so.
local STEPS = {
  r = function(h, t, ctx, path)
    for i = 1, #h.names do
      local name = h.names[i]
      local x = rawget(t, name)
      if not (x == nil and h.optional[i]) and not ready(h.types[i])(x, ctx) then
        path[#path + 1] = segment(name)
        if x == nil and head(h.types[i]).tag ~= "u" then
          return nil, nil, "required field missing", h.types[i]
        end
        return h.types[i], x
      end
    end
    return nil
  end,
  a = function(h, t, ctx, path)
    local check = ready(h.element)
    for i = 1, rawlen(t) do
      local x = rawget(t, i)
      if x ~= nil and not check(x, ctx) then
        path[#path + 1] = segment(i)
        return h.element, x
      end
    end
    return nil
  end,
  m = function(h, t, ctx, path)
    local k, x, key_fails = failing_entry(h, t, ctx)
    if k == nil then
      return nil
    end
    path[#path + 1] = segment(k)
    if key_fails then
      return h.key, k
    end
    return h.value, x
  end,
}

-- Describe why a value is not of a type: path, message, wanted, what came, validator.
local function explain(node, v)
  local ctx = C.new_context()
  ready(node)(v, ctx)
  local path, shown = {}, node
  local constraint
  while true do
    local h = head(node)
    local tag = h.tag
    local step = STEPS[tag]
    local next_node, next_value
    if step then
      if C.is_table(v) then
        local message, at
        next_node, next_value, message, at = step(h, P.contents(v), ctx, path)
        if message then
          return path_text(path), message, expected(at), "nil"
        elseif not next_node then
          return path_text(path), TOO_DEEP, expected(shown), got(v, h)
        end
        shown = next_node
      end
    elseif tag == "?" and v ~= nil then
      next_node, next_value = h.inner, v
    elseif tag == "@" then
      if not ready(h.inner)(v, ctx) then
        next_node, next_value = h.inner, v
      else
        local message
        message, constraint = V.failure(h.validators, v)
        if message then
          return path_text(path), message, expected(shown), got(v, h), constraint
        end
      end
    elseif tag == "&" then
      for i = 1, #h.members do
        if not ready(h.members[i])(v, ctx) then
          next_node, next_value, shown = h.members[i], v, h.members[i]
          break
        end
      end
    elseif tag == "|" and C.is_table(v) then
      next_node = discriminated(h, P.contents(v))
      next_value, shown = v, next_node or shown
    elseif tag == "u" then
      return path_text(path), h.why or "unresolved type " .. h.name, h.name, got(v, h)
    end
    if not next_node then
      local wanted, came = expected(shown), got(v, head(shown))
      return path_text(path), "expected " .. wanted .. ", got " .. came, wanted, came
    end
    node, v = next_node, next_value
  end
end

local function new_error(message, field, wanted, came, constraint)
  return P.error_new(message, P.errors.INVALID, nil, {
    field = field ~= "" and field or nil,
    expected = wanted,
    got = came,
    constraint = constraint,
  })
end

-- The error of `T:is(v)`.
function E.failure(node, v)
  local path, message, wanted, came, constraint = explain(node, v)
  local full = path == "" and message or path .. ": " .. message
  return new_error(full, path, wanted, came, constraint)
end

-- The error that `T(v)` raises; `place` is where it was called.
function E.raised(node, name, v, place)
  local path, message, wanted, came, constraint = explain(node, v)
  local full = place .. "expected " .. name .. ", got " .. (path == "" and came or kind_of(v))
  if path ~= "" then
    full = full .. ": " .. path .. ": " .. message
  elseif sub(message, 1, 9) ~= "expected " then
    full = full .. ": " .. message
  end
  return new_error(full, path, wanted, came, constraint)
end

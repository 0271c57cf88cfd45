-- What is wrong with a value: the first part that fails, in the order of the declaration,
-- with its path, what was wanted and what came (types 2.13).

local P = ...
local raw = P.raw
local rawtype, rawget, rawlen = raw.type, raw.rawget, raw.rawlen
local sub, gsub, match, concat = raw.string.sub, raw.string.gsub, raw.string.match,
  raw.table.concat
local utf8_offset, sort = raw.utf8.offset, raw.table.sort

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
local function shown_as(node)
  local h = head(node)
  if h.tag == "r" or h.tag == "i" or h.tag == "u" then
    return node
  elseif h.tag == "?" then
    local inner = shown_as(h.inner)
    if inner == h.inner then
      return h
    end
    local shown = { tag = "?", inner = inner }
    shown.head = shown
    return shown
  end
  node = G.target(node)
  return node.tag == "x" and h or node
end

local function expected(node)
  local h = head(node)
  if h.tag == "f" then
    return "function"
  elseif h.tag == "g" then
    return text(node) .. "<...>"
  end
  return text(shown_as(node))
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

-- Parts of a table that fail, one at a call: what is wanted of the part, the part, its key,
-- and whether it is a missing field. `frame.at` is where to go on.
local PARTS = {
  r = function(frame, h, t, ctx)
    for i = frame.at, #h.names do
      local x = rawget(t, h.names[i])
      if not (x == nil and h.optional[i]) and not ready(h.types[i])(x, ctx) then
        frame.at = i + 1
        return h.types[i], x, h.names[i], x == nil
      end
    end
    return nil
  end,
  a = function(frame, h, t, ctx)
    local check = ready(h.element)
    for i = frame.at, rawlen(t) do
      local x = rawget(t, i)
      if x ~= nil and not check(x, ctx) then
        frame.at = i + 1
        return h.element, x, i
      end
    end
    return nil
  end,
  m = function(frame, h, t, ctx)
    local failing = frame.failing
    if not failing then
      local check_key, check_value = ready(h.key), ready(h.value)
      local keys, values, n = C.entries(t)
      failing = {}
      for i = 1, n do
        local wrong_key = not check_key(keys[i], ctx)
        if wrong_key or not check_value(values[i], ctx) then
          failing[#failing + 1] = { keys[i], values[i], wrong_key }
        end
      end
      sort(failing, function(x, y)
        return before(x[1], y[1])
      end)
      frame.failing = failing
    end
    local entry = failing[frame.at]
    if not entry then
      return nil
    end
    frame.at = frame.at + 1
    if entry[3] then
      return h.key, entry[1], entry[1]
    end
    return h.value, entry[2], entry[1]
  end,
}

-- What a type that is no table type itself hands the value on to: the node, and the one to
-- show if that fails at this place; or what is wrong.
local function through(node, h, v, shown, ctx)
  local tag = h.tag
  if tag == "?" and v ~= nil then
    return h.inner, shown
  elseif tag == "@" then
    if not ready(h.inner)(v, ctx) then
      return h.inner, shown
    end
    local message, constraint = V.failure(h.validators, v)
    return nil, message or TOO_DEEP, constraint
  elseif tag == "&" then
    for i = 1, #h.members do
      if not ready(h.members[i])(v, ctx) then
        return h.members[i], h.members[i]
      end
    end
  elseif tag == "|" and C.is_table(v) then
    local member = discriminated(h, P.contents(v))
    return member, member
  elseif tag == "u" then
    return nil, h.why or "unresolved type " .. h.name
  end
  return nil
end

-- Describe why a value is not of a type: path, message, wanted, what came, validator.
--
-- A part may fail only because something above it does that it leads back to; so this is a
-- search: each pair of a type and a table is entered once.
local function explain(node, v)
  local ctx = C.new_context()
  ready(node)(v, ctx)
  if ctx.too_deep then
    return "", TOO_DEEP, expected(node), got(v, head(node))
  end
  local path, frames, depth, entered = {}, {}, 0, {}
  local shown = node
  local first, first_value = node, v
  while true do
    -- Down to a table type, or to what is wrong.
    local h = head(node)
    local message, constraint
    while not PARTS[h.tag] do
      local inner, what, by = through(node, h, v, shown, ctx)
      if not inner then
        message, constraint = what, by
        break
      end
      node, shown = inner, what
      h = head(node)
    end
    if message then
      return path_text(path), message, expected(shown), got(v, h), constraint
    elseif not PARTS[h.tag] or not C.is_table(v) then
      local wanted, came = expected(shown), got(v, head(shown))
      return path_text(path), "expected " .. wanted .. ", got " .. came, wanted, came
    end
    local row = entered[h]
    if not row then
      row = {}
      entered[h] = row
    end
    if row[v] then
      path[depth] = nil
    else
      row[v] = true
      depth = depth + 1
      frames[depth] = { h = h, t = P.contents(v), at = 1 }
    end
    -- On to the next part that fails, of the innermost table that has one.
    local found
    while depth > 0 do
      local frame = frames[depth]
      local wanted, x, key, missing = PARTS[frame.h.tag](frame, frame.h, frame.t, ctx)
      if wanted then
        path[depth] = segment(key)
        if missing and head(wanted).tag ~= "u" then
          return path_text(path), "required field missing", expected(wanted), "nil"
        end
        node, v, shown, found = wanted, x, wanted, true
        break
      end
      frames[depth], path[depth] = nil, nil
      depth = depth - 1
      path[depth] = nil
    end
    if not found then
      return "", TOO_DEEP, expected(first), got(first_value, head(first))
    end
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

-- The query builder: statements as values, written out when they are needed.
--
-- A builder is a handle over a plain table of parts that nobody changes: every method gives a
-- new one. Pieces keep `?` until the outermost statement is written, which then numbers them.
-- Pure: this file knows no database; `sql.lua` runs what comes out of it. Here are pieces,
-- expressions and placeholders, and what writes them; the statements are in statements.lua.

local P, V = ... -- V: what sql.lua knows of bound values
local raw = P.raw
local rawtype, rawnext, setrawmt, rawmt, select = raw.type, raw.next, raw.setrawmetatable,
  raw.getrawmetatable, raw.select
local native_error, format, concat, sort = raw.error, raw.format, raw.table.concat, raw.table.sort
local find, sub, byte = raw.string.find, raw.string.sub, raw.string.byte
local INVALID = P.errors.INVALID

local PARTS = P.key("parts")

-- A failure of writing: raised here, caught in `render`, returned to the program.
local function refuse(text)
  native_error(P.error_new("sql builder: " .. text, INVALID, false), 0)
end

-- A mistake of the program, raised at its line: `level` calls above the one that finds it.
local function misuse(level, text, ...)
  native_error(format(text, ...), level + 2)
end

local classes = {} -- metatable -> function that writes the parts

local function parts_of(v)
  if rawtype(v) == "table" then
    local write = classes[rawmt(v)]
    if write then
      return v[PARTS], write
    end
  end
end

-- Output ---------------------------------------------------------------------------------------

local function new_out()
  return { n = 0, args = {}, count = 0 }
end

local function put(out, text)
  local n = out.n + 1
  out.n, out[n] = n, text
end

local function bind(out, v)
  local n = out.count + 1
  if v == nil then
    v = V.null
  end
  out.count, out.args[n] = n, v
end

-- Write text whose `?` take the arguments in order. An expression or a builder among them is
-- written in the place of its `?`; `??` is one that is meant.
local function put_text(out, text, args, count)
  local nested = false
  for i = 1, count do
    if parts_of(args[i]) then
      nested = true
    end
  end
  if not nested then
    put(out, text)
    for i = 1, count do
      bind(out, args[i])
    end
    return
  end
  local at, i = 1, 0
  while i < count do
    local mark = find(text, "?", at, true)
    if not mark then
      break
    elseif sub(text, mark + 1, mark + 1) == "?" then
      put(out, sub(text, at, mark + 1))
      at = mark + 2
    else
      i = i + 1
      local parts, write = parts_of(args[i])
      if parts then
        put(out, sub(text, at, mark - 1))
        write(out, parts)
      else
        put(out, sub(text, at, mark))
        bind(out, args[i])
      end
      at = mark + 1
    end
  end
  put(out, sub(text, at))
  for k = i + 1, count do
    if parts_of(args[k]) then
      refuse("an expression has no ? to stand in: " .. text)
    end
    bind(out, args[k])
  end
end

-- A name from the program's table is written as it is: that is what makes `u.name` and
-- `lower(name)` work. What would end the statement or start a comment is refused.
local function check_name(name)
  if name == "" then
    refuse("an empty column name")
  elseif find(name, "[;?%z]") or find(name, "--", 1, true) or find(name, "/*", 1, true) then
    refuse(format("%q cannot be a column name", name))
  end
  return name
end

local function sorted_keys(map)
  local keys, n = {}, 0
  for k in rawnext, map do
    n = n + 1
    keys[n] = k
  end
  sort(keys)
  return keys, n
end

-- Arguments of the program ---------------------------------------------------------------------

-- A copy of a table with names as keys, or an error at the program's line.
local function take_map(t, name, level)
  local real = rawtype(t) == "table" and P.contents(t)
  if not real then
    misuse(level + 1, "bad argument #1 to '%s' (table expected, got %s)", name,
      t == nil and "no value" or P.type(t))
  end
  local map = {}
  for k, v in rawnext, real do
    if rawtype(k) ~= "string" then
      misuse(level + 1, "bad argument #1 to '%s' (column names expected as keys, got %s)",
        name, P.type(k))
    end
    map[k] = v
  end
  return map
end

-- The items of a plain list, or nil for anything else; a hole is NULL.
local function list_of(v)
  if rawtype(v) ~= "table" then
    return nil
  end
  local real = P.contents(v)
  if not real then
    return nil
  end
  local items, most = {}, 0
  for k, item in rawnext, real do
    if raw.math.type(k) ~= "integer" or k < 1 then
      return nil
    end
    items[k] = item
    if k > most then
      most = k
    end
  end
  if most > 65535 then
    refuse("a list of more than 65535 values")
  end
  return items, most
end

local function whole(v, name)
  local n = v
  if rawtype(n) == "string" then
    n = raw.tonumber(n)
  end
  n = rawtype(n) == "number" and raw.math.tointeger(n)
  if not n then
    misuse(2, "bad argument #1 to '%s' (integer expected, got %s)", name,
      v == nil and "no value" or rawtype(v) == "number" and P.tostring(v) or P.type(v))
  end
  return n < 0 and 0 or n
end

local function text(v, i, name, level)
  if rawtype(v) == "string" then
    return v
  elseif rawtype(v) == "number" then
    return P.tostring(v)
  end
  misuse(level or 2, "bad argument #%d to '%s' (string expected, got %s)", i, name,
    v == nil and "no value" or P.type(v))
end

-- Classes --------------------------------------------------------------------------------------

local render

local function go_text(args, count)
  local words = {}
  for i = 1, count do
    words[i] = V.show(args[i])
  end
  return "[" .. concat(words, " ") .. "]"
end

local function class(name, label, methods, write)
  local mt = P.class("sql." .. name, methods)
  mt.__tostring = function(self)
    local sql, args, count = render(self)
    if not sql then
      return label .. ": " .. P.tostring(args)
    end
    return label .. ": " .. sql .. " [Args: " .. go_text(args, count) .. "]"
  end
  classes[mt] = write
  return mt
end

local function make(mt, parts)
  return setrawmt({ [PARTS] = parts }, mt)
end

-- The parts of `self`, which must be of the class; `name` is the method's.
local function own(self, mt, name)
  if rawtype(self) ~= "table" or rawmt(self) ~= mt then
    misuse(2, "bad argument #0 to '%s' (%s expected, got %s)", name, P.brands[mt],
      P.type(self))
  end
  return self[PARTS]
end

-- A new builder that differs from `parts` in one of them.
local function with(mt, parts, key, value)
  local new = {}
  for k, v in rawnext, parts do
    new[k] = v
  end
  new[key] = value
  return make(mt, new)
end

-- A list with one more item; lists are never changed.
local function and_one(list, item)
  local new, n = {}, 0
  if list then
    n = #list
    for i = 1, n do
      new[i] = list[i]
    end
  end
  new[n + 1] = item
  return new
end

local function piece(sql, name, ...)
  return { sql = text(sql, 1, name, 3), args = { ... }, count = select("#", ...) }
end

local function put_piece(out, part)
  put_text(out, part.sql, part.args, part.count)
end

-- Expressions ----------------------------------------------------------------------------------

local builder = {}

local EXPR = class("Sqlizer", "SQL", {
  to_sql = function(self)
    return builder.to_sql(self)
  end,
}, function(out, parts)
  parts.write(out, parts)
end)

function builder.expr(sql, ...)
  local part = piece(sql, "expr", ...)
  part.write = put_piece
  return make(EXPR, part)
end

-- `key op ?`, for each key in order.
local function comparison(name, write_one, empty)
  local function write(out, parts)
    local keys, n = sorted_keys(parts.map)
    if n == 0 then
      return put(out, empty)
    end
    for i = 1, n do
      if i > 1 then
        put(out, " AND ")
      end
      write_one(out, check_name(keys[i]), parts.map[keys[i]])
    end
  end
  builder[name] = function(...)
    if select("#", ...) ~= 1 then
      misuse(1, "bad argument to '%s' (one table expected, got %d values)", name,
        select("#", ...))
    end
    return make(EXPR, { map = take_map((...), name, 1), write = write })
  end
end

local function put_list(out, items, count)
  for i = 1, count do
    put(out, i > 1 and ",?" or "?")
    bind(out, items[i])
  end
end

local function equality(op, is_null, in_list, empty_list)
  return function(out, key, v)
    if V.is_null(v) then
      return put(out, key .. is_null)
    end
    local parts, write = parts_of(v)
    if parts then
      if classes[rawmt(v)] == builder.write_select then
        put(out, key .. in_list .. " (")
        write(out, parts)
        return put(out, ")")
      end
      put(out, key .. op)
      return write(out, parts)
    end
    local items, count = list_of(v)
    if not items then
      put(out, key .. op .. "?")
      return bind(out, v)
    elseif count == 0 then
      return put(out, empty_list)
    end
    put(out, key .. in_list .. " (")
    put_list(out, items, count)
    put(out, ")")
  end
end

comparison("eq", equality(" = ", " IS NULL", " IN", "(1=0)"), "(1=1)")
comparison("not_eq", equality(" <> ", " IS NOT NULL", " NOT IN", "(1=1)"), "(1=1)")

for name, op in rawnext, { lt = "<", lte = "<=", gt = ">", gte = ">=", like = "LIKE",
  not_like = "NOT LIKE" } do
  comparison(name, function(out, key, v)
    local parts, write = parts_of(v)
    if parts then
      put(out, key .. " " .. op .. " ")
      return write(out, parts)
    elseif V.is_null(v) then
      refuse(format("%s cannot be compared with NULL by %s", key, op))
    elseif rawtype(v) == "table" and not V.is_value(v) then
      refuse(format("%s cannot be compared with a table by %s", key, op))
    end
    put(out, key .. " " .. op .. " ?")
    bind(out, v)
  end, "(1=1)")
end

-- What `where` and the lists of and_/or_ take for a condition.
local function condition(v, name, level)
  if parts_of(v) then
    return v
  elseif rawtype(v) == "table" and P.contents(v) then
    return make(EXPR, { map = take_map(v, name, level + 1), write = builder.eq_write })
  end
  misuse(level + 1, "bad argument to '%s' (expression or table expected, got %s)", name,
    v == nil and "no value" or P.type(v))
end
builder.eq_write = builder.eq({})[PARTS].write

local function conjunction(name, word, empty)
  local function write(out, parts)
    local n = #parts.list
    if n == 0 then
      return put(out, empty)
    end
    put(out, "(")
    for i = 1, n do
      if i > 1 then
        put(out, word)
      end
      local inner, write_inner = parts_of(parts.list[i])
      write_inner(out, inner)
    end
    put(out, ")")
  end
  builder[name] = function(list)
    local items, count = list_of(list)
    if not items then
      misuse(1, "bad argument #1 to '%s' (list expected, got %s)", name,
        list == nil and "no value" or P.type(list))
    end
    for i = 1, count do
      items[i] = condition(items[i], name, 1)
    end
    return make(EXPR, { list = items, write = write })
  end
end
conjunction("and_", " AND ", "(1=1)")
conjunction("or_", " OR ", "(1=0)")

-- Placeholders ---------------------------------------------------------------------------------

local MARK = P.key("placeholder")
local FORMAT = P.class("sql.PlaceholderFormat", {})
FORMAT.__tostring = function(self)
  return "sql.PlaceholderFormat{" .. self[MARK].name .. "}"
end
for name, prefix in rawnext, { question = false, dollar = "$", at = "@p", colon = ":" } do
  builder[name] = setrawmt({ [MARK] = { name = name, prefix = prefix } }, FORMAT)
end
builder.default_placeholder = builder.question

-- Number the `?` outside quotes; `??` is a plain one.
local function number(sql, prefix)
  local out, n, at, i = {}, 0, 1, 0
  while true do
    local mark = find(sql, "[?'\"]", at)
    if not mark then
      break
    end
    local c = byte(sql, mark)
    n = n + 1
    if c ~= 63 then
      local close = find(sql, c == 39 and "'" or '"', mark + 1, true) or #sql
      out[n] = sub(sql, at, close)
      at = close + 1
    elseif byte(sql, mark + 1) == 63 then
      out[n] = sub(sql, at, mark)
      at = mark + 2
    else
      i = i + 1
      out[n] = sub(sql, at, mark - 1) .. prefix .. i
      at = mark + 1
    end
  end
  out[n + 1] = sub(sql, at)
  return concat(out)
end

-- Write a builder or an expression: text, arguments, their count; or nil, error.
-- `dialect` is what it will be run on, or nil for `to_sql`.
function render(self, dialect)
  local parts, write = parts_of(self)
  local out = new_out()
  local ok, e = raw.pcall(write, out, parts, dialect)
  if not ok then
    if not P.is_error(e) then
      native_error(e, 0)
    end
    return nil, e
  end
  local sql = concat(out, "", 1, out.n)
  local prefix = parts.prefix
  if dialect == "postgres" then
    prefix = "$"
  end
  if prefix then
    sql = number(sql, prefix)
  end
  return sql, out.args, out.count
end
builder.render = render

function builder.to_sql(self)
  local sql, args, count = render(self)
  if not sql then
    return nil, args
  end
  for i = 1, count do
    args[i] = V.plain(args[i])
  end
  return sql, args
end

local tools = {
  FORMAT = FORMAT, MARK = MARK, PARTS = PARTS, refuse = refuse, misuse = misuse,
  parts_of = parts_of, put = put, bind = bind, check_name = check_name, sorted_keys = sorted_keys,
  take_map = take_map, whole = whole, text = text, class = class, make = make, own = own,
  with = with, and_one = and_one, piece = piece, put_piece = put_piece, condition = condition,
}
return builder, tools

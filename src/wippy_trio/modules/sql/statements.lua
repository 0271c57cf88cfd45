-- The statements of the query builder: SELECT, INSERT, UPDATE, DELETE, and what they share.

local P, builder, tools = ...
local raw = P.raw
local rawtype, rawmt, select, format, concat =
  raw.type, raw.getrawmetatable, raw.select, raw.format, raw.table.concat
local FORMAT, MARK, PARTS, refuse, misuse =
  tools.FORMAT, tools.MARK, tools.PARTS, tools.refuse, tools.misuse
local parts_of, put, bind, check_name, sorted_keys =
  tools.parts_of, tools.put, tools.bind, tools.check_name, tools.sorted_keys
local take_map, whole, text, class, make =
  tools.take_map, tools.whole, tools.text, tools.class, tools.make
local own, with, and_one, piece, put_piece =
  tools.own, tools.with, tools.and_one, tools.piece, tools.put_piece
local condition =
  tools.condition

-- Clauses that several statements have ---------------------------------------------------------

local function put_joined(out, list, before, between)
  if not list then
    return
  end
  put(out, before)
  for i = 1, #list do
    if i > 1 then
      put(out, between)
    end
    local part = list[i]
    if rawtype(part) == "string" then
      put(out, part)
    elseif part.sql then
      put_piece(out, part)
    else
      local parts, write = parts_of(part)
      write(out, parts)
    end
  end
end

local function put_limits(out, parts)
  if parts.limit then
    put(out, " LIMIT " .. format("%d", parts.limit))
  end
  if parts.offset then
    put(out, " OFFSET " .. format("%d", parts.offset))
  end
end

local function put_end(out, parts)
  put_joined(out, parts.where, " WHERE ", " AND ")
  put_joined(out, parts.order_by, " ORDER BY ", ", ")
  put_limits(out, parts)
end

-- SQLite as it is usually built has no ORDER BY and LIMIT in UPDATE and DELETE; the rows are
-- picked by a query inside (modules-io 2.8). `to_sql` shows what was asked for.
local function put_end_for_sqlite(out, parts, target)
  if not (parts.limit or parts.offset or parts.order_by) then
    return put_end(out, parts)
  end
  put(out, " WHERE rowid IN (SELECT rowid FROM " .. target)
  put_joined(out, parts.where, " WHERE ", " AND ")
  put_joined(out, parts.order_by, " ORDER BY ", ", ")
  if parts.offset and not parts.limit then
    put(out, " LIMIT -1")
  end
  put_limits(out, parts)
  put(out, ")")
end

local function add_condition(mt, key)
  return function(self, first, ...)
    local parts = own(self, mt, key)
    local part
    if rawtype(first) == "string" then
      if first == "" then
        return self
      end
      part = piece(first, key, ...)
    else
      part = condition(first, key, 1)
    end
    return with(mt, parts, key, and_one(parts[key], part))
  end
end

local function add_texts(mt, key, name)
  return function(self, ...)
    local parts = own(self, mt, name)
    local list = parts[key]
    for i = 1, select("#", ...) do
      list = and_one(list, text((select(i, ...)), i, name))
    end
    return with(mt, parts, key, list)
  end
end

local function add_piece(mt, key, name, before)
  return function(self, sql, ...)
    local parts = own(self, mt, name)
    local part = piece(sql, name, ...)
    part.sql = (before or "") .. part.sql
    return with(mt, parts, key, and_one(parts[key], part))
  end
end

local function set_text(mt, key, name)
  return function(self, v)
    return with(mt, own(self, mt, name), key, text(v, 1, name))
  end
end

local function set_whole(mt, key)
  return function(self, v)
    return with(mt, own(self, mt, key), key, whole(v, key))
  end
end

local function shared_methods(mt, methods)
  methods.to_sql = builder.to_sql
  methods.suffix = add_piece(mt, "suffix", "suffix")
  function methods.placeholder_format(self, v)
    local parts = own(self, mt, "placeholder_format")
    if rawtype(v) ~= "table" or rawmt(v) ~= FORMAT then
      misuse(1, "bad argument #1 to 'placeholder_format' (placeholder format expected, got %s)",
        v == nil and "no value" or P.type(v))
    end
    return with(mt, parts, "prefix", v[MARK].prefix)
  end
  function methods.run_with(self, target)
    own(self, mt, "run_with")
    return builder.run_with(self, target)
  end
end

-- SELECT ---------------------------------------------------------------------------------------

local selects = {}

function builder.write_select(out, parts)
  if not parts.columns then
    refuse("a SELECT needs a column")
  end
  put(out, parts.distinct and "SELECT DISTINCT " or "SELECT ")
  put(out, concat(parts.columns, ", "))
  if parts.from and parts.from ~= "" then
    put(out, " FROM " .. parts.from)
  end
  put_joined(out, parts.joins, " ", " ")
  put_joined(out, parts.where, " WHERE ", " AND ")
  put_joined(out, parts.group_by, " GROUP BY ", ", ")
  put_joined(out, parts.having, " HAVING ", " AND ")
  put_joined(out, parts.order_by, " ORDER BY ", ", ")
  put_limits(out, parts)
  put_joined(out, parts.suffix, " ", " ")
end

local SELECT = class("SelectBuilder", "SelectBuilder", selects, builder.write_select)
shared_methods(SELECT, selects)
selects.from = set_text(SELECT, "from", "from")
selects.join = add_piece(SELECT, "joins", "join", "JOIN ")
selects.left_join = add_piece(SELECT, "joins", "left_join", "LEFT JOIN ")
selects.right_join = add_piece(SELECT, "joins", "right_join", "RIGHT JOIN ")
selects.inner_join = add_piece(SELECT, "joins", "inner_join", "INNER JOIN ")
selects.where = add_condition(SELECT, "where")
selects.having = add_condition(SELECT, "having")
selects.order_by = add_texts(SELECT, "order_by", "order_by")
selects.group_by = add_texts(SELECT, "group_by", "group_by")
selects.columns = add_texts(SELECT, "columns", "columns")
selects.limit = set_whole(SELECT, "limit")
selects.offset = set_whole(SELECT, "offset")
function selects.distinct(self)
  return with(SELECT, own(self, SELECT, "distinct"), "distinct", true)
end

function builder.select(...)
  local list
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    if rawtype(v) ~= "string" then
      misuse(1, "bad argument #%d to 'select' (string expected, got %s)", i,
        v == nil and "no value" or P.type(v))
    end
    list = list or {}
    list[i] = v
  end
  return make(SELECT, { columns = list })
end

-- INSERT ---------------------------------------------------------------------------------------

local inserts = {}

local function put_value(out, v)
  local parts, write = parts_of(v)
  if not parts then
    put(out, "?")
    return bind(out, v)
  end
  local nested = write == builder.write_select
  if nested then
    put(out, "(")
  end
  write(out, parts)
  if nested then
    put(out, ")")
  end
end

local INSERT = class("InsertBuilder", "InsertBuilder", inserts, function(out, parts)
  if (parts.into or "") == "" then
    refuse("an INSERT needs a table")
  elseif not parts.rows and not parts.query then
    refuse("an INSERT needs values or a SELECT")
  end
  put_joined(out, parts.before, "", " ")
  put(out, parts.before and " INSERT " or "INSERT ")
  if parts.options then
    put(out, concat(parts.options, " ") .. " ")
  end
  put(out, "INTO " .. parts.into .. " ")
  local columns = parts.columns
  if columns then
    for i = 1, #columns do
      check_name(columns[i])
    end
    put(out, "(" .. concat(columns, ",") .. ") ")
  end
  if parts.query then
    local inner, write = parts_of(parts.query)
    write(out, inner)
  else
    put(out, "VALUES ")
    for i = 1, #parts.rows do
      local row = parts.rows[i]
      if columns and row.n ~= #columns then
        refuse(format("row %d has %d values for %d columns", i, row.n, #columns))
      end
      put(out, i > 1 and ",(" or "(")
      for k = 1, row.n do
        if k > 1 then
          put(out, ",")
        end
        put_value(out, row[k])
      end
      put(out, ")")
    end
  end
  put_joined(out, parts.suffix, " ", " ")
end)
shared_methods(INSERT, inserts)
inserts.into = set_text(INSERT, "into", "into")
inserts.columns = add_texts(INSERT, "columns", "columns")
inserts.options = add_texts(INSERT, "options", "options")
inserts.prefix = add_piece(INSERT, "before", "prefix")
function inserts.values(self, ...)
  local parts = own(self, INSERT, "values")
  return with(INSERT, parts, "rows", and_one(parts.rows, { n = select("#", ...), ... }))
end
function inserts.set_map(self, t)
  local parts = own(self, INSERT, "set_map")
  local map = take_map(t, "set_map", 1)
  local keys, n = sorted_keys(map)
  local row = { n = n }
  for i = 1, n do
    row[i] = map[keys[i]]
  end
  local new = with(INSERT, parts, "columns", keys)
  new[PARTS].rows = { row }
  return new
end
function inserts.select(self, query)
  local parts = own(self, INSERT, "select")
  if rawtype(query) ~= "table" or rawmt(query) ~= SELECT then
    misuse(1, "bad argument #1 to 'select' (sql.SelectBuilder expected, got %s)",
      query == nil and "no value" or P.type(query))
  end
  return with(INSERT, parts, "query", query)
end

function builder.insert(name)
  return make(INSERT, { into = name ~= nil and text(name, 1, "insert") or nil })
end

-- UPDATE ---------------------------------------------------------------------------------------

local updates = {}

local UPDATE = class("UpdateBuilder", "UpdateBuilder", updates, function(out, parts, dialect)
  if (parts.table or "") == "" then
    refuse("an UPDATE needs a table")
  elseif not parts.sets then
    refuse("an UPDATE needs something to set")
  end
  put(out, "UPDATE " .. parts.table .. " SET ")
  for i = 1, #parts.sets do
    local pair = parts.sets[i]
    put(out, (i > 1 and ", " or "") .. check_name(pair[1]) .. " = ")
    put_value(out, pair[2])
  end
  if parts.source then
    put(out, " FROM (")
    local inner, write = parts_of(parts.source)
    write(out, inner)
    put(out, ") AS " .. parts.alias)
  elseif parts.from and parts.from ~= "" then
    put(out, " FROM " .. parts.from)
  end
  if dialect == "sqlite" then
    put_end_for_sqlite(out, parts, parts.table)
  else
    put_end(out, parts)
  end
  put_joined(out, parts.suffix, " ", " ")
end)
shared_methods(UPDATE, updates)
updates.table = set_text(UPDATE, "table", "table")
updates.from = set_text(UPDATE, "from", "from")
updates.where = add_condition(UPDATE, "where")
updates.order_by = add_texts(UPDATE, "order_by", "order_by")
updates.limit = set_whole(UPDATE, "limit")
updates.offset = set_whole(UPDATE, "offset")
function updates.set(self, column, v)
  local parts = own(self, UPDATE, "set")
  return with(UPDATE, parts, "sets", and_one(parts.sets, { text(column, 1, "set"), v }))
end
function updates.set_map(self, t)
  local parts = own(self, UPDATE, "set_map")
  local map = take_map(t, "set_map", 1)
  local keys, n = sorted_keys(map)
  local sets = parts.sets
  for i = 1, n do
    sets = and_one(sets, { keys[i], map[keys[i]] })
  end
  return with(UPDATE, parts, "sets", sets)
end
function updates.from_select(self, query, alias)
  local parts = own(self, UPDATE, "from_select")
  if rawtype(query) ~= "table" or rawmt(query) ~= SELECT then
    misuse(1, "bad argument #1 to 'from_select' (sql.SelectBuilder expected, got %s)",
      query == nil and "no value" or P.type(query))
  end
  local new = with(UPDATE, parts, "source", query)
  new[PARTS].alias = text(alias, 2, "from_select")
  return new
end

function builder.update(name)
  return make(UPDATE, { table = name ~= nil and text(name, 1, "update") or nil })
end

-- DELETE ---------------------------------------------------------------------------------------

local deletes = {}

local DELETE = class("DeleteBuilder", "DeleteBuilder", deletes, function(out, parts, dialect)
  if (parts.from or "") == "" then
    refuse("a DELETE needs a table")
  end
  put(out, "DELETE FROM " .. parts.from)
  if dialect == "sqlite" then
    put_end_for_sqlite(out, parts, parts.from)
  else
    put_end(out, parts)
  end
  put_joined(out, parts.suffix, " ", " ")
end)
shared_methods(DELETE, deletes)
deletes.from = set_text(DELETE, "from", "from")
deletes.where = add_condition(DELETE, "where")
deletes.order_by = add_texts(DELETE, "order_by", "order_by")
deletes.limit = set_whole(DELETE, "limit")
deletes.offset = set_whole(DELETE, "offset")

function builder.delete(name)
  return make(DELETE, { from = name ~= nil and text(name, 1, "delete") or nil })
end

local shown = {}
for _, name in raw.ipairs({ "select", "insert", "update", "delete", "expr", "eq", "not_eq", "lt",
  "lte", "gt", "gte", "like", "not_like", "and_", "or_", "question", "dollar", "at", "colon",
  "default_placeholder" }) do
  shown[name] = builder[name]
end
return P.library("sql.builder", shown)

-- The Lua part of `sql`: values to bind, the methods of the handles, rows built in the VM.
--
-- A query is tried in place first (`query_now`): where the engine answers at once, it costs
-- one crossing. Else it is a command that suspends (`query_later`). Either way the rows stay
-- in Python under a ticket, and `take` brings them over as scalars, row after row.

local P, F = ...
local raw = P.raw
local rawtype, rawnext, rawmt, setrawmt, select, unpack = raw.type, raw.next,
  raw.getrawmetatable, raw.setrawmetatable, raw.select, raw.table.unpack
local native_error, format, concat = raw.error, raw.format, raw.table.concat
local math_type, tointeger = raw.math.type, raw.math.tointeger
local INVALID = P.errors.INVALID

local MOST_PARAMS = 65535

-- Values to bind -------------------------------------------------------------------------------

local KIND, VALUE = P.key("kind"), P.key("value")
local BOUND = P.class("sql.Value", {})
BOUND.__tostring = function(self)
  if self[KIND] == "null" then
    return "sql.NULL"
  end
  return "sql.as." .. self[KIND] .. "(" .. P.tostring(self[VALUE]) .. ")"
end

local function value(kind, v)
  return setrawmt({ [KIND] = kind, [VALUE] = v }, BOUND)
end
local NULL = value("null", nil)

local as = {}
function as.int(v)
  if math_type(v) == "float" then
    if v ~= v then
      v = 0
    elseif v >= 2 ^ 63 then
      v = raw.math.maxinteger
    elseif v < -2 ^ 63 then
      v = raw.math.mininteger
    else
      v = tointeger(v < 0 and raw.math.ceil(v) or raw.math.floor(v))
    end
  elseif math_type(v) ~= "integer" then
    v = 0
  end
  return value("int", v)
end
function as.float(v)
  return value("float", rawtype(v) == "number" and v + 0.0 or 0.0)
end
function as.text(v)
  if rawtype(v) == "number" then
    v = P.tostring(v)
  end
  return value("text", rawtype(v) == "string" and v or "")
end
function as.binary(v)
  if rawtype(v) ~= "string" then
    return NULL
  end
  return value("binary", v)
end
function as.null()
  return NULL
end

local function is_value(v)
  return rawtype(v) == "table" and rawmt(v) == BOUND
end

-- What an argument is bound as; the second result is true for binary.
local function bare(v)
  local t = rawtype(v)
  if t == "string" or t == "number" or t == "boolean" then
    return v
  elseif t == "table" and rawmt(v) == BOUND then
    return v[VALUE], v[KIND] == "binary"
  end
  return nil -- tables, functions and handles are NULL (modules-io 2.4)
end

local V = {
  null = NULL,
  is_value = is_value,
  is_null = function(v)
    return v == nil or v == NULL
  end,
  -- An argument as `to_sql` shows it: what a plain Lua value says as well is one.
  plain = function(v)
    if is_value(v) and v[KIND] ~= "binary" then
      v = v[VALUE]
    end
    local t = rawtype(v)
    if t == "string" or t == "number" or t == "boolean" or is_value(v) then
      return v
    end
    return NULL
  end,
  show = function(v)
    local shown = bare(v)
    return shown == nil and "<nil>" or P.tostring(shown)
  end,
}

local function invalid(text)
  return nil, P.error_new("sql: " .. text, INVALID, false)
end

-- The parameters of a call: false or the places of binary values, the count, the values.
-- The length is the highest index, and holes are NULL.
local function parameters(params)
  if params == nil then
    return false, 0, params
  end
  local real = rawtype(params) == "table" and P.contents(params)
  if not real then
    return invalid("params: wanted a table, got " .. P.type(params))
  end
  local list, n, marks = {}, 0, false
  for k, v in rawnext, real do
    if math_type(k) == "integer" and k > 0 then
      if k > n then
        n = k
      end
      local t = rawtype(v)
      if t == "string" or t == "number" or t == "boolean" then
        list[k] = v
      else
        local binary
        list[k], binary = bare(v)
        if binary then
          marks = marks or {}
          marks[#marks + 1] = k - 1
        end
      end
    end
  end
  if n > MOST_PARAMS then
    return invalid(format("params: wanted at most %d, got %d", MOST_PARAMS, n))
  end
  return marks and concat(marks, " "), n, list
end

local function check_text(sql, name)
  if rawtype(sql) ~= "string" then
    native_error(format("bad argument #1 to '%s' (string expected, got %s)", name,
      sql == nil and "no value" or P.type(sql)), 3)
  end
  return sql
end

-- Rows -----------------------------------------------------------------------------------------
-- A shape is a list of column names. For each there is a function that makes the row tables:
-- its constructor names the columns, so that a table has its final size at once.

local shapes, shape_count = {}, 0

local function make_shape(names)
  local width = #names
  local fields, locals, from_locals = {}, {}, {}
  for i = 1, width do
    local key = "[" .. format("%q", names[i]) .. "]="
    fields[i] = key .. "v[i+" .. (i - 1) .. "]"
    locals[i] = "v" .. i
    from_locals[i] = key .. "v" .. i
  end
  local one = ""
  if width <= 60 then
    local list = concat(locals, ",")
    one = "if count == " .. width .. " then local " .. list .. " = ... rows[n+1] = {"
      .. concat(from_locals, ",") .. "} return n + 1 end "
  end
  local source = "return function(rows, n, count, ...) " .. one
    .. "local v = {...} for i = 1, count, " .. width .. " do n = n + 1 rows[n] = {"
    .. concat(fields, ",") .. "} end return n end"
  return raw.load(source, "=rows", "t", {})()
end

local function names_of(tag, ...)
  return { ... }
end

-- Put a portion into `rows`: their number, and whether more follows.
local function portion(get, self, rows, n, tag, shape, more, ...)
  if tag ~= true then
    return P.outcome(tag, shape, 2)
  end
  local make = shapes[shape]
  if not make then
    make = make_shape(names_of(get.shape(self, shape)))
    if shape_count >= 2000 then
      shapes, shape_count = {}, 0
    end
    shapes[shape], shape_count = make, shape_count + 1
  end
  local count = select("#", ...)
  n = make(rows, n, count, ...)
  P.charge(count * 20)
  return n, more
end

local function collect(get, self, ticket)
  local rows, n = {}, 0
  local more = ticket ~= 0
  while more do
    n, more = portion(get, self, rows, n, get.take(self, ticket))
  end
  return rows, nil
end

-- Handles --------------------------------------------------------------------------------------

-- Take the functions for this file out of the methods of a class.
local function private(class)
  local get, methods = {}, P.methods_of(class)
  for name, f in rawnext, methods do
    get[name] = f
  end
  for name in rawnext, get do
    if name == "take" or name == "shape" or raw.string.find(name, "_later$")
      or raw.string.find(name, "_now$") then
      methods[name] = nil
    end
  end
  return methods, get
end

local function check_self(self, class, name)
  if P.brand(self) ~= class then
    native_error(format("bad argument #0 to '%s' (%s expected, got %s)", name, class,
      self == nil and "no value" or P.type(self)), 3)
  end
end

-- query and execute of a class that takes SQL text.
local function add_runners(class)
  local methods, get = private(class)

  local function query(self, sql, marks, n, list)
    local tag, ticket = get.query_now(self, sql, marks, unpack(list or {}, 1, n))
    local err
    P.charge(1000)
    if tag == false then
      ticket, err = get.query_later(self, sql, marks, unpack(list or {}, 1, n))
    elseif tag ~= true then
      ticket, err = P.outcome(tag, ticket, 2)
    end
    if not ticket then
      return nil, err
    end
    return collect(get, self, ticket)
  end

  local function execute(self, sql, marks, n, list)
    local done, err = get.execute_later(self, sql, marks, unpack(list or {}, 1, n))
    if not done then
      return nil, err
    end
    return { last_insert_id = done[1], rows_affected = done[2] }, nil
  end

  local function runner(name, run)
    return function(self, sql, params)
      check_self(self, class, name)
      check_text(sql, name)
      P.may_wait(P.current, name)
      local marks, n, list = parameters(params)
      if marks == nil then
        return nil, n
      end
      return run(self, sql, marks, n, list)
    end
  end
  methods.query = runner("query", query)
  methods.execute = runner("execute", execute)

  function methods.prepare(self, sql)
    check_self(self, class, "prepare")
    return get.prepare_later(self, check_text(sql, "prepare"))
  end
  return methods, get
end

local db, get_db = add_runners("sql.DB")
local transaction, get_transaction = add_runners("sql.Transaction")

function db.begin(self, options)
  check_self(self, "sql.DB", "begin")
  local isolation, read_only = "default", false
  if options ~= nil then
    local real = rawtype(options) == "table" and P.contents(options)
    if not real then
      return invalid("begin: wanted a table of options, got " .. P.type(options))
    end
    if rawtype(real.isolation) == "string" then
      isolation = real.isolation
    end
    if rawtype(real.read_only) == "boolean" then
      read_only = real.read_only
    end
  end
  if not F._isolations[isolation] then
    return invalid(format("begin: unknown isolation level %q", isolation))
  end
  return get_db.begin_later(self, isolation, read_only)
end

local function point(name, before)
  transaction[name] = function(self, savepoint)
    check_self(self, "sql.Transaction", name)
    if rawtype(savepoint) ~= "string" or raw.string.find(savepoint, "[^%w_]")
      or savepoint == "" then
      return invalid(name .. ": wanted a name of letters, digits and _, got "
        .. (rawtype(savepoint) == "string" and format("%q", savepoint) or P.type(savepoint)))
    end
    return get_transaction.point_later(self, before .. savepoint)
  end
end
point("savepoint", "SAVEPOINT ")
point("rollback_to", "ROLLBACK TO SAVEPOINT ")
point("release", "RELEASE SAVEPOINT ")

function transaction.commit(self)
  check_self(self, "sql.Transaction", "commit")
  return get_transaction.commit_later(self)
end
function transaction.rollback(self)
  check_self(self, "sql.Transaction", "rollback")
  return get_transaction.rollback_later(self)
end

-- A prepared statement has its text in Python.
do
  local methods, get = private("sql.Statement")
  local function run(self, params, name, effect)
    check_self(self, "sql.Statement", name)
    P.may_wait(P.current, name)
    local marks, n, list = parameters(params)
    if marks == nil then
      return nil, n
    end
    if not effect then
      local tag, ticket = get.query_now(self, "", marks, unpack(list or {}, 1, n))
      P.charge(1000)
      if tag == true then
        return collect(get, self, ticket)
      elseif tag ~= false then
        return P.outcome(tag, ticket, 2)
      end
    end
    local done, err = get.run_later(self, effect, marks, unpack(list or {}, 1, n))
    if not done then
      return nil, err
    elseif effect then
      return { last_insert_id = done[1], rows_affected = done[2] }, nil
    end
    return collect(get, self, done)
  end
  function methods.query(self, params)
    return run(self, params, "query", false)
  end
  function methods.execute(self, params)
    return run(self, params, "execute", true)
  end
  function methods.close(self)
    check_self(self, "sql.Statement", "close")
    return get.close_later(self)
  end
end

-- The builder and its executor -----------------------------------------------------------------

local writing, tools = raw.load(F._builder, "@sql/builder.lua", "t", {})(P, V)
local builder = raw.load(F._statements, "@sql/statements.lua", "t", {})(P, writing, tools)

local TARGET, SQL, ARGS, COUNT, TO_SQL =
  P.key("target"), P.key("sql"), P.key("args"), P.key("count"), P.key("to_sql")
local executor_methods = {}
local EXECUTOR = P.class("sql.QueryExecutor", executor_methods)
EXECUTOR.__tostring = function(self)
  return "QueryExecutor: " .. self[TO_SQL] .. " [Args: " .. self[COUNT] .. "]"
end

function writing.run_with(self, target)
  local class = P.brand(target)
  local dialect
  if class == "sql.DB" then
    dialect = db.type(target)
  elseif class == "sql.Transaction" then
    local err
    dialect, err = get_transaction.engine_now(target)
    if not dialect then
      return nil, err
    end
  else
    native_error("bad argument #1 to 'run_with' (sql.DB or sql.Transaction expected, got "
      .. (target == nil and "no value" or P.type(target)) .. ")", 2)
  end
  local sql, args, count = writing.render(self, dialect)
  if not sql then
    return nil, args
  end
  local shown = dialect == "sqlite" and writing.render(self) or sql
  return setrawmt({ [TARGET] = target, [SQL] = sql, [ARGS] = args, [COUNT] = count,
    [TO_SQL] = shown }, EXECUTOR), nil
end

local function executor(self, name)
  check_self(self, "sql.QueryExecutor", name)
  local target = self[TARGET]
  return target, P.brand(target) == "sql.DB" and db or transaction, self[SQL], self[ARGS]
end

function executor_methods.query(self)
  local target, methods, sql, args = executor(self, "query")
  return methods.query(target, sql, args)
end
function executor_methods.exec(self)
  local target, methods, sql, args = executor(self, "exec")
  return methods.execute(target, sql, args)
end
function executor_methods.to_sql(self)
  check_self(self, "sql.QueryExecutor", "to_sql")
  local args = {}
  for i = 1, self[COUNT] do
    args[i] = V.plain(self[ARGS][i])
  end
  return self[TO_SQL], args
end

local sql = {}
for name, v in raw.next, F do
  if raw.string.sub(name, 1, 1) ~= "_" then
    sql[name] = v
  end
end
sql.NULL = NULL
sql.as = P.library("sql.as", as)
sql.builder = builder
for _, name in raw.ipairs({ "type", "isolation" }) do
  sql[name] = P.library("sql." .. name, F[name])
end
return sql

-- The `contract` module: contracts, instances and calls of their methods.

local P, F = ...
local raw = P.raw
local rawtype, rawnext, rawmt, setrawmt, native_error =
  raw.type, raw.next, raw.getrawmetatable, raw.setrawmetatable, raw.error
local text_argument, arguments, spec_with, denied =
  P.text_argument, P.arguments, P.spec_with, P.refused
local definition, implementations, default, address, binding =
  F._definition, F._implementations, F._default, F._address, F._binding
F._definition, F._implementations, F._default, F._address, F._binding = nil, nil, nil, nil, nil

local function is_table(v)
  return rawtype(v) == "table" and P.type(v) == "table"
end

-- Instances --------------------------------------------------------------------------------------

local STATE = P.key("instance")
local contracts_of = setrawmt({}, { __mode = "k" }) -- metatable of an instance -> set of ids

-- One method of an instance: a call of the function that is bound to it.
local function caller(name, id)
  return function(self, ...)
    local task = P.current
    P.may_wait(task, name)
    local err = denied("contract.call", name, "not allowed to call method: " .. name)
    if err then
      return nil, err
    end
    return P.call_by_id(task, id, self[STATE], arguments(...))
  end
end

local function async_caller(name, id)
  return function(self, ...)
    local task = P.current
    local err = denied("contract.call", name, "not allowed to call method: " .. name)
    if err then
      return nil, err
    end
    return P.call_async(task, id, self[STATE], arguments(...))
  end
end

local function new_instance(id, bound, spec)
  local methods = {}
  for name, f in rawnext, bound.methods do
    methods[name .. "_async"] = async_caller(name, f)
  end
  for name, f in rawnext, bound.methods do
    methods[name] = caller(name, f)
  end
  local class = P.class("contract.Instance", methods, {
    __tostring = function()
      return "contract.Instance{" .. id .. "}"
    end,
  })
  local set = {}
  for i = 1, #bound.contracts do
    set[bound.contracts[i]] = true
  end
  contracts_of[class] = set
  return setrawmt({ [STATE] = spec }, class)
end

-- Open `text`, a binding id with or without a query, for `contract` if that is given.
local function open(text, contract, spec, scope, name)
  local id, query = address(text)
  if not id then
    return nil, query
  end
  local err = denied("contract.open", id, "not allowed to open binding: " .. id)
  if err then
    return nil, err
  end
  local values = P.context_values(spec.context, query, name)
  if scope ~= nil then
    values = P.context_values(values, scope, name)
  end
  local keys = {}
  for k in rawnext, values do
    keys[#keys + 1] = k
  end
  local bound
  bound, err = binding(id, contract, keys)
  if not bound then
    return nil, err
  end
  if #keys > 0 then
    spec = spec_with(spec, "context", values)
  end
  return new_instance(id, bound, spec), nil
end

-- Contracts --------------------------------------------------------------------------------------

local SELF = P.key("contract")
local contract_methods = {}
local CONTRACT = P.class("contract.Contract", contract_methods)

function CONTRACT.__tostring(self)
  return "contract.Contract{" .. self[SELF].id .. "}"
end

local function contract_of(self, level)
  if rawtype(self) ~= "table" or rawmt(self) ~= CONTRACT then
    native_error("contract expected, got " .. P.type(self), level or 3)
  end
  return self[SELF]
end

local function wrap(known, spec)
  return setrawmt({ [SELF] = { id = known.id, methods = known.methods, spec = spec } }, CONTRACT)
end

function contract_methods.id(self)
  return contract_of(self).id
end

function contract_methods.methods(self)
  return P.copy(contract_of(self).methods), nil
end

function contract_methods.method(self, name)
  local known = contract_of(self)
  name = text_argument(1, "method", name)
  for i = 1, #known.methods do
    if known.methods[i].name == name then
      return P.copy(known.methods[i]), nil
    end
  end
  return nil, P.error_new("method " .. name .. " not found in contract " .. known.id,
    P.errors.NOT_FOUND, false)
end

local function find(id)
  local err = denied("contract.implementations", id,
    "not allowed to find implementations of contract: " .. id)
  if err then
    return nil, err
  end
  return implementations(id)
end

function contract_methods.implementations(self)
  return find(contract_of(self).id)
end

function contract_methods.open(self, id, scope)
  local known = contract_of(self)
  if scope ~= nil and not is_table(scope) then
    P.bad_argument(2, "open", "table", scope)
  end
  if id == nil or id == "" then
    local err
    id, err = default(known.id)
    if not id then
      return nil, err
    end
  else
    id = text_argument(1, "open", id)
  end
  return open(id, known.id, known.spec, scope, "open")
end

P.add_spec_methods(contract_methods, "contract", "open contracts", function(self)
  return contract_of(self, 4).spec
end, function(self, spec)
  return wrap(self[SELF], spec)
end)

-- The module -------------------------------------------------------------------------------------

function F.get(id)
  id = text_argument(1, "get", id)
  local err = denied("contract.get", id, "not allowed to access contract: " .. id)
  if err then
    return nil, err
  end
  local known
  known, err = definition(id)
  if not known then
    return nil, err
  end
  return wrap(known, {}), nil
end

function F.open(id, scope, options)
  id = text_argument(1, "open", id)
  if scope ~= nil and not is_table(scope) then
    P.bad_argument(2, "open", "table", scope)
  end
  local spec = {}
  if options ~= nil then
    if not is_table(options) then
      P.bad_argument(3, "open", "table", options)
    end
    local err = P.network_refused(options)
    if err then
      return nil, err
    end
    spec = spec_with(spec, "options", P.copy(options))
  end
  return open(id, nil, spec, scope, "open")
end

function F.find_implementations(id)
  return find(text_argument(1, "find_implementations", id))
end

F["is"] = function(instance, id)
  id = text_argument(2, "is", id)
  local set = rawtype(instance) == "table" and contracts_of[rawmt(instance) or false]
  return set and set[id] or false
end

return F

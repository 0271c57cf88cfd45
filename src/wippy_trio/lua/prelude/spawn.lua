-- Births from Lua: the spawns of `process`, `exec`, `upgrade`, and the spawner builder.

local P = ...
local raw = P.raw
local rawtype, rawnext, rawmt, setrawmt, native_error, select =
  raw.type, raw.next, raw.getrawmetatable, raw.setrawmetatable, raw.error, raw.select
local byte, find = raw.string.byte, raw.string.find
local park, host = P.park, P.host
local by_text = P.by_text
local copy = P.copy
local K = P.errors
local fail_pair = P.fail
local process, no_chunk, text_argument, denied, post =
  P.process, P.no_chunk, P.text_argument, P.denied, P.post

local MONITOR, LINK = 1, 2
local SPAWNS = {
  { "spawn", 0 },
  { "spawn_monitored", MONITOR },
  { "spawn_linked", LINK },
  { "spawn_linked_monitored", MONITOR + LINK },
}

local NO_ARGUMENTS = { n = 0 }

-- The arguments of a spawn or a call: copies, with their number in the field `n`.
local function arguments(...)
  local n = select("#", ...)
  if n == 0 then
    return NO_ARGUMENTS
  end
  return P.copy_arguments(n, ...)
end
P.arguments = arguments

-- The permissions of a spawn, in order (PERM-1a to PERM-1d): a refusal's text, or nil.
local function spawn_refused(me, id, host_id, flags)
  if not me.guard then
    return nil
  end
  local n = me.n
  if not host.allowed(n, "process.spawn", id) then
    return "not allowed to spawn process: " .. id
  elseif (flags == 1 or flags == 3) and not host.allowed(n, "process.spawn.monitored", id) then
    return "not allowed to spawn monitored process: " .. id
  elseif flags >= 2 and not host.allowed(n, "process.spawn.linked", id) then
    return "not allowed to spawn linked process: " .. id
  elseif not host.allowed(n, "process.host", host_id) then
    return "not allowed to spawn on host: " .. host_id
  end
end

local UNBORN = 4

-- Give birth in another VM, and wait for the answer: pid text, or nil and an error. For an `exec`
-- it is the result of the process: value, error, and true.
local function birth_elsewhere(task, id, host_id, flags, builder, args, exec)
  local proc = task.proc
  P.may_wait(task, exec and "process.exec" or "process.spawn")
  local wire, pins = P.pack_passing(args.n, raw.table.unpack(args, 1, args.n))
  local call = P.note_call(task)
  P.pin_channels(pins)
  local ok, kind, message, retryable, details = host.birth_elsewhere(proc.n, call, id, host_id,
    flags, exec, builder and builder.name or false, builder and builder.wire or false, wire)
  if not ok then
    proc.calls[call] = nil
    return nil, P.host_error(kind, message, retryable, details)
  end
  local tag, value = park(task)
  if tag == 0 then
    return value, nil
  end
  local _, v = P.unpack_wire(value)
  if tag == 1 then
    return v, nil, true
  end
  return nil, v, tag ~= UNBORN
end

-- Admit and give birth: pid text, or nil and an error. Where an `exec` has to wait for the birth
-- it waits for the end, too: then it is the result, and true.
local function spawn(task, id, host_id, flags, builder, args, exec)
  local me = task.proc
  local ok, n, text, unit_key, guard =
    host.admit(me.n, id, host_id, flags, builder and builder.name or false,
      builder and builder.wire or false)
  if not ok then
    return nil, P.host_error(n, text, unit_key, guard)
  end
  if not n then
    return birth_elsewhere(task, id, host_id, flags, builder, args, exec)
  end
  local proc, err = P.birth(n, text, unit_key, guard, args, task)
  if proc == nil then
    return nil, err
  end
  if builder and builder.name then
    by_text[text].named = true
  end
  if flags == MONITOR or flags == MONITOR + LINK then
    P.watch(by_text[text], me)
  end
  if proc then
    return text, nil
  end
  by_text[text].exec = exec
  local value, failure, state = park(task)
  return value, failure, exec and state ~= "unborn"
end

for _, row in raw.ipairs(SPAWNS) do
  local name, flags = row[1], row[2]
  process[name] = function(...)
    local task = P.current
    no_chunk(task, "process." .. name)
    if select("#", ...) < 2 then
      return fail_pair(K.INVALID, name .. " requires at least id and host arguments")
    end
    local id, host_id = ...
    id = text_argument(1, name, id)
    host_id = text_argument(2, name, host_id)
    local refused = spawn_refused(task.proc, id, host_id, flags)
    if refused then
      return nil, denied(refused)
    end
    local text, err = spawn(task, id, host_id, flags, nil, arguments(select(3, ...)), false)
    return text, err
  end
end

-- `process.exec`: spawn, wait for the end, its result as a pair (core 1.9). The watcher is the
-- call itself, which lives on if the caller dies.
local function exec_checked(task, builder, id, host_id, ...)
  if id == "" then
    return fail_pair(K.INVALID, "process ID required")
  elseif not find(id, ":", 1, true) or byte(id) == 58 or byte(id, -1) == 58 then
    return fail_pair(K.INVALID, "invalid process ID format: wanted namespace:name, got " .. id)
  elseif host_id == "" then
    return fail_pair(K.INVALID, "host ID required")
  end
  local me = task.proc
  if me.guard then
    local refused
    if not host.allowed(me.n, "process.exec", id) then
      refused = "not allowed to exec process: " .. id
    elseif not host.allowed(me.n, "process.host", host_id) then
      refused = "not allowed to exec on host: " .. host_id
    end
    if refused then
      if builder then
        native_error(denied(refused), 0)
      end
      return nil, denied(refused)
    end
  end
  P.may_wait(task, "process.exec")
  local args = arguments(...)
  local text, err, over = spawn(task, id, host_id, 0, builder, args, true)
  if over then
    return text, err
  elseif not text then
    if P.errors_kind(err) == K.PERMISSION_DENIED then
      return nil, err
    end
    local _, _, retryable, details = P.error_fields(err)
    return nil, P.error_new(P.error_text(err), K.INTERNAL, retryable, details)
  end
  -- It has not run yet: the wait is in place before its first slice.
  task.seq = task.seq + 1
  by_text[text].call = { task = task, seq = task.seq }
  local value, failure = park(task)
  return value, failure
end

function process.exec(...)
  local task = P.current
  if select("#", ...) < 2 then
    return fail_pair(K.INVALID, "exec requires id and host arguments")
  end
  local id, host_id = ...
  id = text_argument(1, "exec", id)
  host_id = text_argument(2, "exec", host_id)
  return exec_checked(task, nil, id, host_id, select(3, ...))
end

-- Somebody in this VM waits for the process that ended: an `exec`, or a function call.
function P.call_over(proc, call, value, err, clean)
  if call.pool then
    return P.function_over(proc, call, value, err, clean)
  end
  local task = call.task
  if task.seq == call.seq and task.co then
    if err then
      P.wake(task, nil, err)
    else
      P.wake(task, copy(value), nil)
    end
  end
end

-- `process.upgrade` never returns (core 1.10).
function process.upgrade(id, ...)
  local task = P.current
  no_chunk(task, "process.upgrade")
  local proc = task.proc
  if proc.call and proc.call.pool then
    P.returned(proc, nil, nil) -- not supported in a function call (P-108)
    P.vanish(task)
  end
  if rawtype(id) ~= "string" or id == "" then
    id = proc.entry
  end
  local args = arguments(...)
  local ok, key, message, retryable, details = host.upgrade(proc.n, id)
  if not ok then
    P.fail_process(proc, P.error_new("upgrade: " .. message, K.INTERNAL, nil))
    P.vanish(task)
  end
  local _ = retryable and details
  P.upgrades[#P.upgrades + 1] = { proc, key, args }
  P.forget_tasks(proc)
  proc.gone = true
  while true do
    raw.coroutine.yield(P.SYS)
  end
end
P.upgrades = {}

-- The spawner builder (core 7.3) ----------------------------------------------------------------

local BUILD = P.key("spawner")
local builder_methods = {}
local SPAWNER = P.class("spawner", builder_methods)

function SPAWNER.__tostring()
  return "process.Spawner{}"
end

local function spec_of(self)
  if rawtype(self) ~= "table" or rawmt(self) ~= SPAWNER then
    native_error("spawner expected, got " .. P.type(self), 3)
  end
  return self[BUILD]
end

local function new_spawner(spec)
  return setrawmt({ [BUILD] = spec }, SPAWNER)
end

local function extended(spec, changes)
  local new = {}
  for k, v in rawnext, spec do
    new[k] = v
  end
  for k, v in rawnext, changes do
    new[k] = v
  end
  new.wire = nil
  return new
end

local function guard_raise(action, resource, message)
  local me = P.current.proc
  if me.guard and not host.allowed(me.n, action, resource) then
    native_error(denied(message), 0)
  end
end

-- The values of `t` as a context carries them, laid over those of `base`. Keys that are no
-- strings are left out, or refused in the name of `strict`.
local function context_values(base, t, name, strict)
  if rawtype(t) ~= "table" or P.type(t) ~= "table" then
    P.bad_argument(1, name, "table", t)
  end
  local values = {}
  for k, v in rawnext, base or {} do
    values[k] = v
  end
  for k, v in P.pairs(t) do
    if rawtype(k) == "string" then
      values[k] = P.bag(v)
    elseif strict then
      native_error(raw.format("bad argument #1 to '%s' (%s keys must be strings)", name,
        strict), 3)
    end
  end
  return values
end
P.context_values = context_values

-- The network that options choose; an empty text chooses none.
function P.network_of(options)
  local network = options and options.network
  return rawtype(network) == "string" and network or nil
end

local function check_network(options)
  local network = options.network
  if rawtype(network) == "string" and network ~= "" then
    guard_raise("network.select", network, "not allowed: network " .. network)
  end
end

function process.with_context(t)
  guard_raise("process.context", "context",
    "not allowed to spawn processes with custom context")
  return new_spawner({ context = context_values(nil, t, "with_context", "context") })
end

function process.with_options(t)
  guard_raise("process.context", "context",
    "not allowed to spawn processes with custom options")
  local options = context_values(nil, t, "with_options", "options")
  check_network(options)
  return new_spawner({ options = options })
end

function builder_methods.with_context(self, t)
  local spec = spec_of(self)
  guard_raise("process.context", "context",
    "not allowed to spawn processes with custom context")
  local me = P.current.proc
  if spec.actor or spec.scope or me.guard then
    guard_raise("process.security", "security",
      "not allowed to spawn processes with custom security context")
  end
  return new_spawner(extended(spec, {
    context = context_values(spec.context, t, "with_context"),
  }))
end

function builder_methods.with_options(self, t)
  local spec = spec_of(self)
  guard_raise("process.context", "context",
    "not allowed to spawn processes with custom options")
  local options = context_values(nil, t, "with_options", "options")
  check_network(options)
  return new_spawner(extended(spec, {
    options = context_values(spec.options, t, "with_options", "options"),
  }))
end

local function identity(field, brand, label)
  return function(self, v)
    local spec = spec_of(self)
    guard_raise("process.security", "security",
      "not allowed to spawn processes with custom security context")
    if v == nil then
      native_error(field .. " cannot be nil", 2)
    elseif P.brand(v) ~= brand then
      native_error(label .. " expected", 2)
    end
    return new_spawner(extended(spec, { [field] = v }))
  end
end

builder_methods.with_actor = identity("actor", "security.Actor", "Actor")
builder_methods.with_scope = identity("scope", "security.Scope", "Scope")

function builder_methods.with_name(self, name)
  local spec = spec_of(self)
  name = text_argument(2, "with_name", name)
  if name == "" then
    native_error("name cannot be empty", 2)
  end
  return new_spawner(extended(spec, { name = name }))
end

function builder_methods.with_message(self, topic, ...)
  local spec = spec_of(self)
  topic = text_argument(2, "with_message", topic)
  if byte(topic) == 64 then
    native_error("cannot send to @ topics", 2)
  end
  local messages = {}
  for i, m in raw.ipairs(spec.messages or {}) do
    messages[i] = m
  end
  local n = select("#", ...)
  local v
  if n == 1 then
    v = copy((...))
  elseif n > 1 then
    v = P.copy_many(n, ...)
  end
  messages[#messages + 1] = { topic, n, v }
  return new_spawner(extended(spec, { messages = messages }))
end

local function pack_spec(spec)
  local network = P.network_of(spec.options)
  if spec.context or spec.actor or spec.scope or network then
    return P.pack(1, { context = spec.context, actor = spec.actor, scope = spec.scope,
      network = network })
  end
  return false
end

local function queue_messages(text, spec)
  for _, m in raw.ipairs(spec.messages or {}) do
    local v = m[3]
    if m[2] == 1 then
      v = copy(v)
    elseif m[2] > 1 then
      v = P.copy_many(m[2], raw.table.unpack(v, 1, m[2]))
    end
    post(text, by_text[text], m[1], "", m[2], v)
  end
end

for _, row in raw.ipairs(SPAWNS) do
  local name, flags = row[1], row[2]
  builder_methods[name] = function(self, ...)
    local spec = spec_of(self)
    local task = P.current
    no_chunk(task, "spawner:" .. name)
    if select("#", ...) < 2 then
      native_error("spawn requires at least id and host arguments", 2)
    end
    local id, host_id = ...
    id = text_argument(2, name, id)
    host_id = text_argument(3, name, host_id)
    local refused = spawn_refused(task.proc, id, host_id, flags)
    if refused then
      native_error(denied(refused), 0)
    end
    if spec.name then
      local owner = host.resolve(spec.name)
      if owner ~= nil and not P.ended[owner] then
        queue_messages(owner, spec) -- spawn or signal (S-36)
        return owner, nil
      end
    end
    local builder = { name = spec.name, wire = pack_spec(spec) }
    local text, err = spawn(task, id, host_id, flags, builder, arguments(select(3, ...)),
      false)
    if text then
      queue_messages(text, spec)
    end
    return text, err
  end
end

function builder_methods.exec(self, ...)
  local spec = spec_of(self)
  if select("#", ...) < 2 then
    return fail_pair(K.INVALID, "exec requires id and host arguments")
  end
  local id, host_id = ...
  id = text_argument(2, "exec", id)
  host_id = text_argument(3, "exec", host_id)
  return exec_checked(P.current, { name = spec.name, wire = pack_spec(spec) }, id, host_id,
    select(3, ...))
end

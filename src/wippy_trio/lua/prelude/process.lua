-- The globals `process`, `print`, `subscribe`, `unsubscribe`: what a process can do.

local P = ...
local raw = P.raw
local rawtype, rawnext, rawmt, setrawmt, native_error, select =
  raw.type, raw.next, raw.getrawmetatable, raw.setrawmetatable, raw.error, raw.select
local byte, find = raw.string.byte, raw.string.find
local park, host = P.park, P.host
local by_text = P.by_text
local copy, new_message, deliver = P.copy, P.new_message, P.deliver
local K = P.errors
local fail_pair = P.fail

local process = {}
P.process = process

local function no_chunk(task, what)
  if task.chunk then
    native_error("attempt to yield from outside a coroutine: " .. what
      .. " cannot be called while the module is being loaded", 3)
  end
end

local function text_argument(n, name, v)
  local t = rawtype(v)
  if t == "string" then
    return v
  elseif t == "number" then
    return P.tostring(v)
  end
  native_error(raw.format("bad argument #%d to '%s' (string expected, got %s)", n, name,
    v == nil and "no value" or P.type(v)), 3)
end
P.text_argument = text_argument

-- Turn what a host function returned into what a program gets: values, or nil and an error.
local function pair(ok, a, b, c, d)
  if ok then
    return a, b
  end
  return nil, P.host_error(a, b, c, d)
end

-- nil, err with the kind, text and details that the host gave.
function P.host_error(kind, message, retryable, details)
  local _, table_of_details
  if details then
    _, table_of_details = P.unpack_wire(details)
  end
  return P.error_new(message, kind, retryable, table_of_details)
end

-- Whom a destination names: its pid text and, if it lives in this VM, its process (N-2, N-3).
local function resolve(destination)
  local proc = by_text[destination]
  if proc then
    return destination, proc
  end
  if byte(destination) == 123 and byte(destination, -1) == 125
    and find(destination, "|", 1, true) then
    return destination, nil
  end
  local text = host.resolve(destination)
  if text == nil then
    return nil, P.error_new("could not resolve '" .. destination
      .. "' as PID or registered name", K.NOT_FOUND, false)
  end
  return text, by_text[text]
end

local function denied(message)
  return P.error_new(message, K.PERMISSION_DENIED, false)
end

-- Messages --------------------------------------------------------------------------------------

-- Put a message of already copied values into a mailbox, in this VM or elsewhere.
local function post(text, proc, topic, from, n, v)
  if proc then
    if proc.dead then
      return nil, P.error_new("process not found", K.NOT_FOUND, false)
    end
    deliver(proc, new_message(topic, from, n, v))
    return true, nil
  end
  if P.ended[text] then
    return nil, P.error_new("process not found", K.NOT_FOUND, false)
  end
  local wire
  if n == 1 then
    wire = P.pack(1, v)
  elseif n == 0 then
    wire = P.pack(0)
  else
    wire = P.pack(n, raw.table.unpack(v, 1, n))
  end
  return pair(host.send(from, text, topic, wire))
end
P.post = post

function process.send(destination, topic, ...)
  local task = P.current
  if task.chunk then
    no_chunk(task, "process.send")
  end
  if rawtype(destination) ~= "string" or rawtype(topic) ~= "string" then
    if topic == nil then
      return fail_pair(K.INVALID, "send requires at least destination and topic arguments")
    end
    destination = text_argument(1, "send", destination)
    topic = text_argument(2, "send", topic)
  end
  if byte(topic) == 64 then
    return fail_pair(K.INVALID, "cannot send to @ topics")
  end
  local n, v = select("#", ...), nil
  if n == 1 then
    v = ...
    local t = rawtype(v)
    if t == "table" or t == "function" or t == "thread" then
      v = copy(v)
    end
  elseif n > 1 then
    v = P.copy_many(n, ...)
  end
  local me = task.proc
  local text, proc = resolve(destination)
  if not text then
    return nil, proc
  end
  if me.guard and not host.allowed(me.n, "process.send", text) then
    return nil, denied("not allowed to send: " .. destination)
  end
  return post(text, proc, topic, me.text, n, v)
end

function process.inbox()
  local task = P.current
  no_chunk(task, "process.inbox")
  return P.open_inbox(task.proc)
end

function process.events()
  local task = P.current
  no_chunk(task, "process.events")
  return (P.open_topic(task.proc, P.EVENTS_TOPIC, 0, false))
end

function process.listen(topic, options)
  local task = P.current
  no_chunk(task, "process.listen")
  topic = text_argument(1, "listen", topic)
  if topic == "" then
    return fail_pair(K.INVALID, "topic cannot be empty")
  elseif byte(topic) == 64 then
    return fail_pair(K.INVALID, "cannot listen to @ topics")
  end
  local objects = rawtype(options) == "table" and options.message == true
  return (P.open_topic(task.proc, topic, 1, objects))
end

function process.unlisten(ch)
  local st = P.channel_state(ch)
  if P.close_topic(P.current.proc, st) then
    return true
  end
  return false, P.error_new("channel not found", K.NOT_FOUND, false)
end

-- Identity and options --------------------------------------------------------------------------

function process.pid()
  return P.current.proc.text
end

function process.id()
  return P.current.proc.entry
end

function process.get_options()
  local proc = P.current.proc
  return { trap_links = proc.trap, upgradable = proc.upgradable == true }
end

local function invalid_option(message)
  return false, P.error_new(message, K.INVALID, false)
end

function process.set_options(options)
  if rawtype(options) ~= "table" then
    return invalid_option("options parameter must be a table")
  end
  local proc = P.current.proc
  local problem
  for k, v in P.pairs(options) do
    if k == "trap_links" or k == "upgradable" then
      if v ~= true and v ~= false then
        problem = problem or k .. " must be a boolean"
      elseif k == "trap_links" then
        proc.trap = v
        if not v and P.waiting_link_down(proc) then
          -- Decided at the next step, unless it is set again before (L-18).
          P.recheck[#P.recheck + 1] = proc
        end
      else
        proc.upgradable = v
        host.set_upgradable(proc.n, v)
      end
    elseif rawtype(k) == "string" then
      problem = problem or "option " .. k .. " is not supported"
    end
  end
  if problem then
    return invalid_option(problem)
  end
  return true, nil
end
P.recheck = {}

process.event = P.library("process.event", {
  CANCEL = "pid.cancel", EXIT = "pid.exit", LINK_DOWN = "pid.link.down",
  OUTDATED = "pid.outdated",
})

-- Fates -----------------------------------------------------------------------------------------

-- A call that names one other process: resolve, permission, then the kernel.
local function verb(name, act)
  process[name] = function(destination, ...)
    local task = P.current
    no_chunk(task, "process." .. name)
    destination = text_argument(1, name, destination)
    local text, proc = resolve(destination)
    if not text then
      return nil, proc
    end
    local me = task.proc
    if me.guard and not host.allowed(me.n, "process." .. name, text) then
      return nil, denied("not allowed to " .. name .. ": " .. destination)
    end
    return act(me, text, proc, ...)
  end
end

local function gone(text)
  return nil, P.error_new("pid not registered: " .. text, K.INTERNAL, false)
end

local function not_found()
  return nil, P.error_new("process not found", K.INTERNAL, false)
end

verb("link", function(me, text)
  if P.ended[text] then
    return gone(text)
  end
  return pair(host.link(me.n, text))
end)

verb("unlink", function(me, text)
  return pair(host.unlink(me.n, text))
end)

verb("monitor", function(me, text)
  if P.ended[text] then
    return gone(text)
  end
  return pair(host.monitor(me.n, text))
end)

verb("unmonitor", function(me, text)
  return pair(host.unmonitor(me.n, text))
end)

verb("terminate", function(me, text, proc)
  if P.ended[text] then
    return not_found()
  elseif proc then
    if proc.protected then
      return true, nil
    end
    P.kill(proc)
    if proc == me then
      P.vanish(P.current)
    end
    return true, nil
  end
  return pair(host.terminate(me.n, text))
end)

function process.cancel(destination, reason)
  local task = P.current
  no_chunk(task, "process.cancel")
  destination = text_argument(1, "cancel", destination)
  reason = reason == nil and "" or text_argument(2, "cancel", reason)
  local text, proc = resolve(destination)
  if not text then
    return nil, proc
  end
  local me = task.proc
  if me.guard and not host.allowed(me.n, "process.cancel", text) then
    return nil, denied("not allowed to cancel: " .. destination)
  end
  if P.ended[text] then
    return not_found()
  elseif proc then
    P.deliver_system(proc, P.EVENTS_TOPIC, {
      kind = "pid.cancel", from = me.text, at = host.unix(), reason = reason,
    })
    return true, nil
  end
  return pair(host.cancel(me.n, text, reason))
end

-- Names -----------------------------------------------------------------------------------------

local SUFFIX = { [1] = "eventual", [2] = "consistent", [3] = "strong" }
local registry = { LOCAL = 0, EVENTUAL = 1, CONSISTENT = 2, STRONG = 3 }

local function no_cluster(scope)
  return nil, P.error_new(scope == 1 and "eventual registry not available"
    or "global registry not available", K.INTERNAL, false)
end

local function check_scope(scope)
  if scope == nil then
    return 0
  elseif rawtype(scope) ~= "number" then
    return nil, P.error_new("scope must be a number", K.INVALID, false)
  end
  return SUFFIX[scope] and scope or 0
end

function registry.register(name, pid, scope)
  name = text_argument(1, "register", name)
  local me = P.current.proc
  if pid ~= nil and rawtype(pid) ~= "string" then
    return fail_pair(K.INVALID, "pid must be a string")
  end
  local e
  scope, e = check_scope(scope)
  if not scope then
    return nil, e
  end
  pid = pid or me.text
  local suffix = SUFFIX[scope]
  if me.guard then
    if pid ~= me.text and not host.allowed(me.n, "process.registry.foreign", pid) then
      return nil, denied('not allowed to register foreign pid ' .. pid
        .. ' under name "' .. name .. '"')
    end
    local action = "process.registry.register" .. (suffix and "." .. suffix or "")
    if not host.allowed(me.n, action, name) then
      return nil, denied("not allowed to register name"
        .. (suffix and " (" .. suffix .. ")" or "") .. ": " .. name)
    end
  end
  if suffix then
    return no_cluster(scope)
  end
  local ok, kind, message, retryable, details = host.register(me.n, name, pid)
  if not ok then
    return nil, P.host_error(kind, message, retryable, details)
  end
  local owner = by_text[pid]
  if owner then
    owner.named = true
  end
  return true
end

function registry.lookup(name)
  name = text_argument(1, "lookup", name)
  local text = host.resolve(name)
  if text == nil then
    return nil, P.error_new("name not registered", K.NOT_FOUND, false)
  end
  return text
end

function registry.unregister(name, scope)
  name = text_argument(1, "unregister", name)
  local me = P.current.proc
  local e
  scope, e = check_scope(scope)
  if not scope then
    return nil, e
  end
  local suffix = SUFFIX[scope]
  local action = "process.registry.unregister" .. (suffix and "." .. suffix or "")
  if me.guard and not host.allowed(me.n, action, name) then
    return nil, denied("not allowed to unregister name: " .. name)
  end
  if suffix then
    return false
  end
  return host.unregister(name)
end

process.registry = P.library("process.registry", registry)

-- Spawning --------------------------------------------------------------------------------------

local MONITOR, LINK = 1, 2
local SPAWNS = {
  { "spawn", 0 },
  { "spawn_monitored", MONITOR },
  { "spawn_linked", LINK },
  { "spawn_linked_monitored", MONITOR + LINK },
}

local function arguments(...)
  local n = select("#", ...)
  if n == 0 then
    return { n = 0 }
  end
  return P.copy_arguments(n, ...)
end

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

-- Admit and give birth: pid text and nil, or nil and an error.
local function spawn(task, id, host_id, flags, builder, args)
  local me = task.proc
  local ok, n, text, unit_key, guard =
    host.admit(me.n, id, host_id, flags, builder and builder.name or false,
      builder and builder.wire or false)
  if not ok then
    return nil, P.host_error(n, text, unit_key, guard)
  end
  local proc, err = P.birth(n, text, host_id, unit_key, guard, args, task)
  if proc then
    if builder and builder.name then
      proc.named = true
    end
    return text, nil
  elseif proc == nil then
    return nil, err
  end
  return park(task)
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
    local text, err = spawn(task, id, host_id, flags, nil, arguments(select(3, ...)))
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
  local text, err = spawn(task, id, host_id, 0, builder, args)
  if not text then
    if P.errors_kind(err) == K.PERMISSION_DENIED then
      return nil, err
    end
    local message, _, retryable, details = P.error_fields(err)
    return nil, P.error_new(message, K.INTERNAL, retryable, details)
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
    P.fail_process(proc, P.error_new("upgrade: " .. message, K.INTERNAL, false))
    P.vanish(task)
  end
  local _ = retryable and details
  P.upgrades[#P.upgrades + 1] = { proc, key, args }
  task.co = nil
  for other in rawnext, proc.tasks do
    other.co = nil
    other.seq = other.seq + 1
  end
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

local function context_of(t, name, strict)
  if rawtype(t) ~= "table" then
    P.bad_argument(1, name, "table", t)
  end
  local values = {}
  for k, v in P.pairs(t) do
    if rawtype(k) ~= "string" then
      if strict then
        native_error(raw.format("bad argument #1 to '%s' (%s keys must be strings)", name,
          strict), 3)
      end
    else
      values[k] = P.bag(v)
    end
  end
  return values
end

local function merged(a, b)
  local t = {}
  for k, v in rawnext, a or {} do
    t[k] = v
  end
  for k, v in rawnext, b do
    t[k] = v
  end
  return t
end

local function check_network(options)
  local network = options.network
  if rawtype(network) == "string" then
    guard_raise("network.select", network, "not allowed: network " .. network)
  end
end

function process.with_context(t)
  guard_raise("process.context", "context",
    "not allowed to spawn processes with custom context")
  return new_spawner({ context = context_of(t, "with_context", "context") })
end

function process.with_options(t)
  guard_raise("process.context", "context",
    "not allowed to spawn processes with custom options")
  local options = context_of(t, "with_options", "options")
  check_network(options)
  return new_spawner({ options = options })
end

function builder_methods.with_context(self, t)
  local spec = spec_of(self)
  guard_raise("process.context", "context",
    "not allowed to spawn processes with custom context")
  local me = P.current.proc
  if spec.actor or spec.scope or me.identified then
    guard_raise("process.security", "security",
      "not allowed to spawn processes with custom security context")
  end
  return new_spawner(extended(spec, { context = merged(spec.context, context_of(t, "with_context")) }))
end

function builder_methods.with_options(self, t)
  local spec = spec_of(self)
  guard_raise("process.context", "context",
    "not allowed to spawn processes with custom options")
  local options = context_of(t, "with_options", "options")
  check_network(options)
  return new_spawner(extended(spec, { options = merged(spec.options, options) }))
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
  if spec.context or spec.actor or spec.scope then
    local changes = { context = spec.context, actor = spec.actor, scope = spec.scope }
    return P.pack(1, changes)
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
    local text, err = spawn(task, id, host_id, flags, builder, arguments(select(3, ...)))
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

-- print: one log record at level info (STD-30 to STD-32) ------------------------------------------

-- The place in the program that called us: `<registry id>:<line>`.
function P.location(level)
  local info = raw.getinfo(level + 1, "Sl")
  if info and info.currentline > 0 then
    return info.short_src .. ":" .. info.currentline
  end
  return P.current and P.current.proc.entry or ""
end

function P.print(...)
  local n = select("#", ...)
  local texts = {}
  for i = 1, n do
    local ok, text = P.pcall(P.tostring, (select(i, ...)))
    texts[i] = ok and text or P.plain_text((select(i, ...)))
  end
  host.log(P.current.proc.n, "info", raw.table.concat(texts, " "), P.location(2), false)
end

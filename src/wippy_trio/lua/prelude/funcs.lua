-- Functions: calls are small processes on pooled states (core 14, apps 6).
--
-- A *state* is one load of a function's unit: its globals and its entry point. A call is a
-- process of its own (pid, mailbox, tasks) that runs on a state nobody else uses meanwhile;
-- afterwards the state waits for the next call of the same function. A call whose caller lives
-- in this VM never leaves the VM: the result is copied once and the caller is woken here.

local P = ...
local raw = P.raw
local rawtype, rawnext, rawmt, setrawmt, native_error, select, unpack =
  raw.type, raw.next, raw.getrawmetatable, raw.setrawmetatable, raw.error, raw.select,
  raw.table.unpack
local host, park, wake, push, copy = P.host, P.park, P.wake, P.push, P.copy
local arguments = P.arguments
local K = P.errors

local pools = {} -- function id -> pool
P.pools = pools

-- The registry changed the function: new calls get a new pool, running calls finish on the
-- old one (apps 6.7).
function P.forget_function(id)
  pools[id] = nil
end

-- Who waits for a call: { task =, seq = } parked, or { done = f } told.
local function tell(call, value, err)
  local task = call.task
  local owner = call.owner
  if owner and owner.callees then
    owner.callees[call] = nil
  end
  if call.timer then
    P.disarm(call.timer)
    call.timer = nil
  end
  if call.over then
    return
  end
  call.over = true
  if task then
    if task.seq == call.seq and task.co then
      wake(task, value, err)
    end
  else
    call.done(value, err)
  end
end

-- Pools -------------------------------------------------------------------------------------------

local start

-- A call of `pool` is over; `state` may be used again if it was left in order.
local function release(pool, state)
  pool.busy = pool.busy - 1
  if state then
    pool.idle[#pool.idle + 1] = state
  end
  local queue = pool.queue
  while queue and queue.h < queue.t and pool.busy < pool.max do
    local call = queue[queue.h]
    queue[queue.h] = nil
    queue.h = queue.h + 1
    if not call.over then
      start(pool, call)
    end
  end
end

-- Begin a call that has a place in its pool.
function start(pool, call)
  local ok, n, text, guard, details = host.admit_call(call.parent, pool.id, call.overrides)
  if not ok then
    return tell(call, nil, P.host_error(n, text, guard, details))
  end
  pool.busy = pool.busy + 1
  call.pool = pool
  local idle = pool.idle
  local state = idle[#idle]
  if state then
    idle[#idle] = nil
    local proc = P.new_proc(n, text, guard)
    proc.entry, proc.state, proc.call = pool.id, state, call
    call.proc, call.state = proc, state
    local task = P.new_main(proc, state.f, nil)
    task.args = call.args
    push(task)
    return
  end
  local proc, err = P.birth_call(n, text, pool, guard, call)
  if proc == nil then
    release(pool, nil)
    tell(call, nil, err)
  end
end

-- A function's process ended; `P.call_over` calls, after the process was dropped.
function P.function_over(proc, call, value, err, clean)
  local pool = call.pool
  tell(call, copy(value), err)
  release(pool, clean and not proc.detached and not proc.evaluation and call.state or nil)
end

local function fetch_pool(id)
  local ok, unit_key, max, kind, extra = host.find_function(id)
  if not ok then
    return nil, P.host_error(unit_key, max, kind, extra)
  end
  local pool = { id = id, unit = unit_key, max = max, busy = 0, idle = {}, kind = kind,
    host = extra, retry = host.retry_options(id) }
  pools[id] = pool
  return pool
end

-- Hand a call to its pool: at capacity it waits, first come, first served.
local function submit(pool, call)
  if pool.busy < pool.max then
    return start(pool, call)
  end
  local queue = pool.queue
  if not queue then
    queue = { h = 1, t = 1 }
    pool.queue = queue
  end
  queue[queue.t] = call
  queue.t = queue.t + 1
end

-- Stop a call whose caller went away or lost patience (F-8).
local function cancel_call(call, linked)
  if call.over then
    return
  end
  call.over = true
  local proc = call.proc
  if proc and not proc.dead then
    if call.as_process then
      P.deliver_system(proc, P.EVENTS_TOPIC, {
        kind = "pid.cancel", from = call.from or "{|}", at = host.unix(),
        reason = "caller context canceled",
      })
    else
      P.kill(proc, linked)
    end
  end
end

function P.cancel_callees(_, calls)
  for call in P.seeded and P.next or rawnext, calls do
    if call.remote then
      host.cancel_call(call.remote)
    else
      cancel_call(call)
    end
  end
end

-- Entry from the host: call a function for somebody outside the VM; told by OUT.RESULT.
function P.call_from_host(id, ticket, parent, overrides, args)
  local call = { parent = parent, overrides = overrides, args = args }
  call.done = function(value, err)
    P.host_calls[ticket] = nil
    if err then
      P.emit(P.OUT.RESULT, ticket, 2, P.pack(1, err), nil)
    else
      local wire = P.pack_passing(1, value)
      P.emit(P.OUT.RESULT, ticket, 1, wire, nil)
    end
  end
  P.host_calls[ticket] = call
  local pool, err = pools[id], nil
  if not pool then
    pool, err = fetch_pool(id)
    if not pool then
      return tell(call, nil, err)
    end
  end
  if pool.kind == "process" then
    return tell(call, nil, P.error_new("processes are called by the host", K.INTERNAL, false))
  end
  submit(pool, call)
end
P.host_calls = {}

function P.cancel_from_host(ticket)
  local call = P.host_calls[ticket]
  if call then
    P.host_calls[ticket] = nil
    cancel_call(call)
  end
end

-- Calls from Lua ----------------------------------------------------------------------------------

local function invalid(message)
  return nil, P.error_new(message, K.INVALID, false)
end

local function check_id(id)
  if id == "" then
    return invalid("function ID required")
  end
  local colon = raw.string.find(id, ":", 1, true)
  if not colon or colon == 1 then
    return invalid("namespace required in function ID")
  elseif colon == #id then
    return invalid("name required in function ID")
  end
  return true
end

-- Start a call of `id`; `call` says who is told. Returns true, or nil, err.
local function begin(task, id, call, spec)
  local me = task.proc
  local pool, err = pools[id], nil
  if not pool then
    pool, err = fetch_pool(id)
    if not pool then
      return nil, err
    end
  end
  call.parent, call.owner = me.n, me
  call.overrides = spec and spec.wire or false
  local callees = me.callees
  if not callees then
    callees = {}
    me.callees = callees
  end
  callees[call] = true
  if P.seeded then
    P.object_number(call)
  end
  if pool.kind == "function" then
    submit(pool, call)
  else
    -- A process as a function, or a function that another engine runs: the host knows.
    local wire = P.pack_passing(call.args.n, unpack(call.args, 1, call.args.n))
    call.remote = host.call_remote(me.n, id, call.overrides, wire)
    P.remote_calls[call.remote] = call
  end
  return true
end
P.remote_calls = {}

-- The answer to a call that the host carried out.
function P.remote_answer(ticket, tag, value)
  local call = P.remote_calls[ticket]
  P.remote_calls[ticket] = nil
  if not call then
    return
  end
  local n, v = P.read_wire(value)
  if tag == 2 or not n then
    tell(call, nil, v)
  else
    tell(call, v, nil)
  end
end

-- A number of milliseconds, or the text of a duration, in seconds.
local function seconds_of(v)
  if rawtype(v) == "number" then
    return v / 1000
  elseif rawtype(v) == "string" then
    local nanoseconds = host.parse_duration(v)
    return nanoseconds and nanoseconds / 1e9
  end
end

local function expire(record)
  local call = record.call
  if not call.over then
    call.timer = nil
    local err = P.error_new("function call timed out", K.TIMEOUT, true)
    if call.remote then
      host.cancel_call(call.remote)
      tell(call, nil, err)
    else
      local proc = call.proc
      tell(call, nil, err)
      if proc and not proc.dead then
        P.kill(proc)
      end
    end
  end
end

local function with_timeout(call, options)
  local limit = options and seconds_of(options.timeout)
  if limit and limit > 0 then
    call.deadline = { call = call, on_timer = expire }
    call.timer = P.arm(host.clock() + limit, call.deadline)
  end
end

-- Retries (F-37, F-38) ----------------------------------------------------------------------------

local NEVER = { [K.INVALID] = true, [K.PERMISSION_DENIED] = true, [K.INTERNAL] = true }

local function listed(list, kind)
  for i = 1, #list do
    if list[i] == kind then
      return true
    end
  end
  return false
end

local function may_retry(policy, err)
  local _, kind, retryable = P.error_fields(err)
  if retryable == false or kind == K.CANCELED then
    return false
  elseif policy.skip_kinds and listed(policy.skip_kinds, kind) then
    return false
  elseif policy.retry_kinds then
    return listed(policy.retry_kinds, kind)
  end
  return not NEVER[kind]
end

-- The policy of one call: the function's metadata, overlaid by the options of the call.
local function retry_policy(own, spec)
  local given = spec and spec.options and spec.options.retry
  if not own and rawtype(given) ~= "table" then
    return nil
  end
  local policy = {}
  if own then
    local _, t = P.unpack_wire(own)
    for k, v in rawnext, t do
      policy[k] = v
    end
  end
  for k, v in rawnext, rawtype(given) == "table" and given or {} do
    policy[k] = v
  end
  policy.max_attempts = raw.tonumber(policy.max_attempts)
  if not policy.max_attempts or policy.max_attempts <= 1 then
    return nil
  end
  return policy
end

-- How long to wait before the attempts after the first: another number at each call.
local function delays(policy)
  local delay = seconds_of(policy.initial_delay) or 0.1
  local limit = seconds_of(policy.max_delay) or 10
  local factor, jitter = raw.tonumber(policy.backoff_factor) or 2, raw.tonumber(policy.jitter) or 0.1
  return function()
    delay = raw.math.min(delay * factor, limit)
    return delay * (1 + jitter * (2 * P.random() - 1))
  end
end

local function waited_call(task, id, spec, args)
  local call = { task = task, args = args }
  task.seq = task.seq + 1
  call.seq = task.seq
  with_timeout(call, spec and spec.options)
  local ok, err = begin(task, id, call, spec)
  if not ok then
    return nil, err
  end
  local value
  value, err = park(task)
  return value, err
end

-- Call a function, again and again as its retry policy says; suspends.
function P.call_by_id(task, id, spec, args)
  local pool, err = pools[id], nil
  if not pool then
    pool, err = fetch_pool(id)
    if not pool then
      return nil, err
    end
  end
  local policy = retry_policy(pool.retry, spec)
  if not policy then
    return waited_call(task, id, spec, args)
  end
  local next_delay = delays(policy)
  for attempt = 1, policy.max_attempts do
    local value
    value, err = waited_call(task, id, spec, P.copy_arguments(args.n, unpack(args, 1, args.n)))
    if not err or attempt == policy.max_attempts or not may_retry(policy, err) then
      return value, err
    end
    P.sleep(next_delay())
  end
end

-- Begin a call whose failures are retried while no task waits for it: `call.done` is told of
-- the last attempt only. The record stays the same, so that it can be cancelled at any time,
-- between two attempts too.
local function begin_retried(me, id, call, spec, policy, args)
  local done, attempt, next_delay = call.done, 1, delays(policy)
  local function try()
    call.args = P.copy_arguments(args.n, unpack(args, 1, args.n))
    with_timeout(call, spec and spec.options)
    return begin(me, id, call, spec)
  end
  call.done = function(value, err)
    local proc = me.proc
    if not err or attempt == policy.max_attempts or not may_retry(policy, err) then
      return done(value, err)
    end
    attempt = attempt + 1
    call.over, call.proc, call.state, call.remote = false, nil, nil, nil
    proc.callees[call] = true
    call.again = { on_timer = function()
      if call.over or proc.dead then
        return
      end
      local ok, refused = try()
      if not ok then
        proc.callees[call], call.over = nil, true
        done(nil, refused)
      end
    end }
    P.arm(host.clock() + next_delay(), call.again)
  end
  return try()
end

local function call_function(name, spec, id, ...)
  local task = P.current
  id = P.text_argument(1, name, id)
  P.may_wait(task, "funcs." .. name)
  local ok, err = check_id(id)
  if not ok then
    return nil, err
  end
  local me = task.proc
  if me.guard and not host.allowed(me.n, "funcs.call", id) then
    return nil, P.error_new("not allowed: " .. id, K.PERMISSION_DENIED, false)
  end
  return P.call_by_id(task, id, spec, arguments(...))
end

-- Futures (core 14.5) -----------------------------------------------------------------------------

local FUTURE_STATE = P.key("future")
local future_methods = {}
local FUTURE = P.class("future", future_methods)

local function future_of(self)
  if rawtype(self) ~= "table" or rawmt(self) ~= FUTURE then
    native_error("future expected, got " .. P.type(self), 3)
  end
  return self[FUTURE_STATE]
end

function FUTURE.__tostring()
  return "funcs.Future{}"
end

local function new_future(start_call)
  local ch, st = P.new_channel(1)
  local future = { ch = ch, st = st, complete = false, canceled = false }
  local call = {}
  call.done = function(value, err)
    if future.canceled then
      return
    end
    future.complete, future.err = true, err
    if not err then
      future.payload = P.payload_new(value)
    end
    P.offer(st, err or future.payload)
    P.close_channel(st)
  end
  future.call = call
  local ok, err = start_call(call)
  if not ok then
    if err and P.errors_kind(err) == K.NOT_FOUND then
      -- Found out through the future, and not before the caller waits (F-44).
      future.late = { on_timer = function()
        call.done(nil, err)
      end }
      P.arm(host.clock(), future.late)
    else
      return nil, err
    end
  end
  return setrawmt({ [FUTURE_STATE] = future }, FUTURE), nil
end
P.new_future = new_future

function future_methods.response(self)
  return future_of(self).ch
end
future_methods.channel = future_methods.response

function future_methods.is_complete(self)
  return future_of(self).complete
end

function future_methods.is_canceled(self)
  return future_of(self).canceled
end

local function canceled_error()
  return P.error_new("canceled", K.CANCELED, false)
end

function future_methods.result(self)
  local future = future_of(self)
  if future.canceled then
    return nil, canceled_error()
  elseif not future.complete then
    return nil, nil
  elseif future.err then
    return nil, future.err
  end
  return future.payload, nil
end

function future_methods.error(self)
  local future = future_of(self)
  if future.canceled then
    return canceled_error(), true
  elseif future.complete and future.err then
    return future.err, true
  end
  return nil, false
end

function future_methods.cancel(self)
  local future = future_of(self)
  if not future.canceled then
    future.canceled = true
    P.close_channel(future.st)
    local call = future.call
    if not call.over then
      if call.remote then
        host.cancel_call(call.remote)
        call.over = true
      else
        cancel_call(call)
      end
    end
  end
  return true, nil
end

-- Begin a call that a future tells of.
function P.call_async(task, id, spec, args)
  local pool = pools[id] or fetch_pool(id)
  local policy = pool and retry_policy(pool.retry, spec)
  return new_future(function(call)
    if policy then
      return begin_retried({ proc = task.proc }, id, call, spec, policy, args)
    end
    call.args = args
    with_timeout(call, spec and spec.options)
    return begin(task, id, call, spec)
  end)
end

local function async_function(name, spec, id, ...)
  local task = P.current
  id = P.text_argument(1, name, id)
  if task.chunk then
    P.may_wait(task, "funcs." .. name)
  end
  local ok, err = check_id(id)
  if not ok then
    return nil, err
  end
  local me = task.proc
  if me.guard and not host.allowed(me.n, "funcs.call", id) then
    return nil, P.error_new("not allowed: " .. id, K.PERMISSION_DENIED, false)
  end
  return P.call_async(task, id, spec, arguments(...))
end

-- Executors (core 14.4) ---------------------------------------------------------------------------

local SPEC = P.key("executor")
local executor_methods = {}
local EXECUTOR = P.class("executor", executor_methods)

function EXECUTOR.__tostring()
  return "funcs.Executor{}"
end

local function spec_of(self)
  if rawtype(self) ~= "table" or rawmt(self) ~= EXECUTOR then
    native_error("executor expected, got " .. P.type(self), 3)
  end
  return self[SPEC]
end

-- A copy of what calls carry over their caller's context, with one field more.
local function spec_with(spec, field, value)
  local new = { context = spec.context, actor = spec.actor, scope = spec.scope,
    options = spec.options }
  new[field] = value
  local network = P.network_of(new.options)
  if new.context or new.actor or new.scope or network then
    new.wire = P.pack(1, { context = new.context, actor = new.actor, scope = new.scope,
      network = network })
  end
  return new
end
P.spec_with = spec_with

-- The denial of an action to the current process, or nothing.
local function refused(action, resource, message)
  local me = P.current.proc
  if me.guard and not host.allowed(me.n, action, resource) then
    return P.error_new(message, K.PERMISSION_DENIED, false)
  end
end
P.refused = refused

-- The denial of the network that options choose, or nothing.
function P.network_refused(options)
  local network = options.network
  if rawtype(network) == "string" and network ~= "" then
    return refused("network.select", network, "not allowed: network " .. network)
  end
end

-- Give a class `with_context`, `with_actor`, `with_scope` and `with_options`: handles whose calls
-- carry something else. `spec_of(self)` is what they carry; `wrap(self, spec)` makes a handle.
function P.add_spec_methods(methods, area, deed, spec_of, wrap)
  function methods.with_context(self, t)
    local spec = spec_of(self)
    if rawtype(t) ~= "table" or P.type(t) ~= "table" then
      P.bad_argument(1, "with_context", "table", t)
    end
    local err = refused(area .. ".context", "context", "not allowed to " .. deed
      .. " with custom context")
    if err then
      return nil, err
    end
    local values = P.context_values(spec.context, t, "with_context")
    return wrap(self, spec_with(spec, "context", values))
  end

  local function identity(field, brand, label)
    return function(self, v)
      local spec = spec_of(self)
      if P.brand(v) ~= brand then
        P.bad_argument(1, "with_" .. field, label, v)
      end
      local err = refused(area .. ".security", "security", "not allowed to " .. deed
        .. " with custom security context")
      if err then
        return nil, err
      end
      return wrap(self, spec_with(spec, field, v))
    end
  end
  methods.with_actor = identity("actor", "security.Actor", "Actor")
  methods.with_scope = identity("scope", "security.Scope", "Scope")

  function methods.with_options(self, t)
    local spec = spec_of(self)
    if rawtype(t) ~= "table" or P.type(t) ~= "table" then
      P.bad_argument(1, "with_options", "table", t)
    end
    local err = P.network_refused(t)
    if err then
      return nil, err
    end
    return wrap(self, spec_with(spec, "options", copy(t)))
  end
end

P.add_spec_methods(executor_methods, "funcs", "call functions", spec_of, function(_, spec)
  return setrawmt({ [SPEC] = spec }, EXECUTOR)
end)

function executor_methods.call(self, id, ...)
  return call_function("call", spec_of(self), id, ...)
end

function executor_methods.async(self, id, ...)
  return async_function("async", spec_of(self), id, ...)
end

P.natives.funcs = P.library("funcs", {
  call = function(id, ...)
    return call_function("call", nil, id, ...)
  end,
  async = function(id, ...)
    return async_function("async", nil, id, ...)
  end,
  new = function()
    return setrawmt({ [SPEC] = {} }, EXECUTOR)
  end,
})

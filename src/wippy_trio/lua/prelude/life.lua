-- Lives: births, units of code, ends, and what is reported about them.
--
-- A *unit* is what an entry needs to run: its own chunk, the chunks of its import closure in
-- the order in which they run, the modules they declare. Units and compiled chunks are shared
-- by all processes of the VM; a process gets its own globals in front of the unit's base
-- table, and its own run of every chunk.
--
-- The chunk of an entry runs when the process is made (P-3), in a task of the *child*, nested
-- in the spawner's slice: it can be killed and is charged to the child. The same coroutine
-- then goes on as the main task.

local P = ...
local raw = P.raw
local rawtype, rawnext, setrawmt, native_error, unpack =
  raw.type, raw.next, raw.setrawmetatable, raw.error, raw.table.unpack
local resume, yield, status, traceback =
  raw.coroutine.resume, raw.coroutine.yield, raw.coroutine.status, raw.traceback
local push, wake, new_task, new_main, other_tasks =
  P.push, P.wake, P.new_task, P.new_main, P.other_tasks
local host = P.host
local sort, concat = raw.table.sort, raw.table.concat

-- Outbound entries: five values each ---------------------------------------------------------

local out, outn = {}, 0

local function emit(op, a, b, c, d)
  local n = outn
  out[n + 1], out[n + 2], out[n + 3], out[n + 4], out[n + 5] = op, a, b, c, d
  outn = n + 5 -- last: an allocation failure above leaves no half entry
end
P.emit = emit

function P.take_out()
  local batch, n = out, outn
  if n == 0 then
    return batch, 0
  end
  out, outn = {}, 0
  return batch, n
end

local OUT = { EXIT = 1, CALL = 2, SEND = 3, NURSE = 4, UNBORN = 5, BORN = 6, FREED = 7,
  RESULT = 8, FORGOTTEN = 9, RELEASED = 10 }
P.OUT = OUT
local EXIT_VALUE, EXIT_KEPT, EXIT_ERROR, EXIT_TERMINATED, EXIT_LINKED = 0, 1, 2, 3, 4

-- Units ---------------------------------------------------------------------------------------

local units, protos = {}, {}
P.units = units

local function compile(key)
  local name, text, message = host.chunk(key)
  if not name then
    return nil, message
  end
  local proto
  proto, message = raw.load(text, "@" .. name, "t", {})
  if not proto then
    -- A limit of the VM, which the checks brought it over: without them it may fit.
    local plain = host.plain_chunk(key, message)
    proto = plain and raw.load(plain, "@" .. name, "t", {})
    if not proto then
      return nil, message
    end
  end
  protos[key] = proto
  return proto
end

-- One run of a chunk of a unit under the globals `env`: its main function.
local function instantiate(unit, key, env)
  local proto = protos[key]
  if not proto then
    local message
    proto, message = compile(key)
    if not proto then
      native_error(message, 0)
    end
  end
  return proto(env, P.types_of(unit, key), P.budget, P.rewrites)
end

-- The names every program of the unit finds as globals: the base library and its modules.
local function make_base(unit)
  local base = {}
  for k, v in rawnext, P.base do
    base[k] = v
  end
  -- `os` is always there, but is made of host functions like a declared module.
  local found, lib = raw.pcall(P.module, "os")
  if found then
    base.os, P.always.os = lib, lib
  end
  for i = 1, #unit.modules do
    local name = unit.modules[i][1]
    -- One that is not available fails at `require`, not here (design 7).
    local ok, lib = raw.pcall(P.module, unit.modules[i][2])
    if ok then
      base[name] = lib
    end
  end
  for name in rawnext, unit.absent or {} do
    base[name] = nil
  end
  return base
end

local function fetch_unit(key)
  local _, unit = P.unpack_wire(host.unit(key))
  unit.key = key
  local base = make_base(unit)
  local envmt = {
    __index = base,
    -- A built-in name that is assigned, `nil` too, is an ordinary field from then on (STD-14a).
    __newindex = function(env, k, v)
      if base[k] ~= nil then
        P.materialise(env)
      end
      raw.rawset(env, k, v)
    end,
  }
  P.brands[envmt] = "env"
  unit.envmt = envmt
  units[key] = unit
  return unit
end

-- What a chunk returned in place of a method, for whoever misspelled it.
local function returned(value)
  if rawtype(value) ~= "table" then
    return ": its code returns " .. (value == nil and "nothing" or "a " .. rawtype(value))
  end
  local names, looked = {}, 0
  for name, f in rawnext, value do
    looked = looked + 1
    if looked > 100 then
      break -- a large table is no list of methods
    end
    if rawtype(name) == "string" and rawtype(f) == "function" then
      names[#names + 1] = name
    end
  end
  if #names == 0 then
    return ": it has no functions"
  end
  sort(names)
  local more = #names > 8 and ", ..." or ""
  return ": it has " .. concat(names, ", ", 1, #names > 8 and 8 or #names) .. more
end

function P.forget_unit(key)
  units[key] = nil
end

function P.forget_chunk(key)
  protos[key] = nil
end

-- Globals of all processes that the collector has not freed yet, for the leak tests.
P.environments = setrawmt({}, { __mode = "k" })

local NOTHING_LOADED = {} -- what a unit without imports has loaded

-- What one load of a unit holds: its globals, its imports by their aliases, its entry point.
local function new_state(unit)
  return { unit = unit, loaded = NOTHING_LOADED, env = nil, f = nil }
end

-- Run the chunks of a unit under fresh globals, imports first: the entry point (P-3 to P-9).
local function load_unit(unit, state)
  local env = { _G = nil }
  env._G = env
  setrawmt(env, unit.envmt)
  P.environments[env] = true
  state.env = env
  local imports = unit.imports
  local n = #imports
  if n > 0 then
    local loaded = {}
    state.loaded = loaded
    for i = 1, n do
      local alias, chunk = imports[i][1], imports[i][2]
      local value = instantiate(unit, chunk, env)()
      loaded[alias] = value
      env[alias] = value
    end
  end
  local chunk, value = instantiate(unit, unit.main, env), nil
  if unit.evaluated then
    value = P.load_evaluated(unit, state, chunk)
  else
    value = chunk()
  end
  local method, f = unit.method, value
  if rawtype(value) == "table" then
    f = value[method]
  end
  if rawtype(f) == "function" then
    return unit.evaluated and P.bounded(P.current.proc, f) or f
  end
  native_error(P.error_new('method "' .. method .. '" not found in module ' .. unit.id
    .. returned(value), P.errors.NOT_FOUND, false), 0)
end

-- `require(name)`: a declared module, an import, an always present library (MOD-1 to MOD-4).
function P.require(name)
  if rawtype(name) ~= "string" then
    if rawtype(name) == "number" then
      name = P.tostring(name)
    else
      P.bad_argument(1, "require", "string", name)
    end
  end
  local state = P.current.proc.state
  local value = state.loaded[name]
  if value ~= nil then
    return value
  end
  local unit = state.unit
  local modules = unit.modules
  for i = 1, #modules do
    if modules[i][1] == name then
      return P.module(modules[i][2])
    end
  end
  value = P.always[name]
  if value ~= nil and not (unit.absent and unit.absent[name]) then
    return value
  end
  native_error("module '" .. name .. "' not found", 2)
end

-- Births --------------------------------------------------------------------------------------

local newborn, newborns = {}, 0

-- What the host must open nurseries for: those born in this step that outlive it.
function P.report_newborn()
  for i = 1, newborns do
    local proc = newborn[i]
    newborn[i] = nil
    if not proc.dead then
      emit(OUT.NURSE, proc.n, nil, nil, nil)
    end
  end
  newborns = 0
end

local READY = { "chunk loaded" }

-- Body of the main task: load, say so, then run the entry point with the arguments that the
-- first resume after READY brings.
local function boot(proc, unit, state, args)
  local f = load_unit(unit, state)
  state.f = f
  yield(READY)
  proc.main.chunk = nil
  proc.main.booting = nil
  return f(unpack(args, 1, args.n))
end

-- The text of a value that a program raised. Its `__tostring` is the program's: it runs as a
-- task of the process, never in the scheduler or in another process, and gets one turn.
local function text_of(proc, e)
  local t = rawtype(e)
  if t == "string" or t == "number" or P.is_error(e) then
    return P.tostring(e)
  elseif t ~= "table" or proc.dead then
    return P.plain_text(e)
  end
  local before = P.current
  local task = new_task(proc, function()
    return P.tostring(e)
  end)
  P.current = task
  local ok, text = resume(task.co)
  P.current = before
  local done = ok and rawtype(text) == "string" and status(task.co) == "dead"
  P.finish_task(task)
  return done and text or P.plain_text(e)
end

-- The load of a chunk failed: its error as it crosses (P-6, P-7).
local function load_error(e, proc)
  if P.is_error(e) then
    local _, kind, retryable, details = P.error_fields(e)
    local message = P.error_text(e)
    if kind == P.errors.NOT_FOUND then
      return P.error_new(message, kind, retryable, details)
    end
    return P.error_new("failed to execute script: " .. message,
      kind ~= "" and kind or P.errors.INTERNAL, retryable, details)
  end
  local text = proc and text_of(proc, e) or P.plain_text(e)
  return P.error_new("failed to execute script: " .. text, P.errors.INTERNAL, false)
end

-- What every process has stands in the constructor, so that the table is made in its size:
-- `dead` too, which is set where nothing can be allocated any more. What only some have comes
-- when it comes: guard, trap, tasks, rest, at, arrivals, counts, calls, call, named ...
local function new_proc(n, text, guard)
  local proc = {
    n = n, text = text, dead = false, entry = nil, state = nil, main = nil, inbox = nil,
    subs = nil,
  }
  if guard then
    proc.guard = true
  end
  P.procs[n] = proc
  P.by_text[text] = proc
  P.alive = P.alive + 1
  return proc
end
P.new_proc = new_proc

-- Resume a booting task once; true when it is ready, nil and an error when it failed, false
-- when its budget set it aside.
local function boot_step(task, ...)
  local spawner = P.current
  local turn = P.turn
  P.current = task
  local ok, a = resume(task.co, ...)
  P.current = spawner
  P.turn = turn
  if not ok then
    if task.proc.dead then
      return nil, P.error_new("process terminated", P.errors.INTERNAL, false)
    end
    P.caught_in_boot(task, a)
    local e = load_error(a, task.proc)
    P.error_trace(e, traceback(task.co))
    return nil, e
  elseif a == READY then
    return true
  elseif task.proc.dead then
    return nil, P.error_new("process terminated", P.errors.INTERNAL, false)
  end
  return false
end

function P.caught_in_boot(task, e)
  if e == "not enough memory" then
    task.proc.dead, P.broken, P.over = true, task.proc.n, true
  end
end

-- The chunk of a process has run, and its entry point is next. In a VM of its own it waits until
-- its spawner has gone on: a birth is no scheduling point for it (M-1a).
local function ready_to_run(proc, task)
  if proc.held then
    proc.held = task
  else
    push(task)
  end
end

function P.start(proc)
  local task = proc.held
  proc.held = nil
  if task and task ~= true and task.co then
    push(task)
  end
end

-- A booting task that was set aside and runs on from the queue ends here.
local function boot_over(task, ready, e)
  local proc, waiter, seq = task.proc, task.starter, task.starter_seq
  task.starter = nil
  if task.upgrading then
    -- It lives and is known: only its code is new.
    if ready then
      return push(task)
    end
    return P.fail_process(proc, P.error_new("upgrade: " .. P.tostring(e), P.errors.INTERNAL, nil))
  end
  if ready then
    local called = proc.call
    if waiter and proc.exec then
      -- An `exec` waits on, for the end: it must not depend on who has its turn first.
      proc.call = { task = waiter, seq = seq }
    elseif waiter and waiter.seq == seq then
      wake(waiter, proc.text, nil)
    end
    ready_to_run(proc, task)
    if called then
      host.loaded(proc.n)
    else
      newborns = newborns + 1
      newborn[newborns] = proc
      emit(OUT.BORN, proc.n, nil, nil, nil)
    end
    return
  end
  local call = proc.call
  proc.call = nil
  P.drop(proc)
  host.unborn(proc.n)
  if call then
    return P.call_over(proc, call, nil, e)
  elseif not waiter then
    emit(OUT.UNBORN, proc.n, P.pack(1, e), nil, nil)
  elseif waiter.seq == seq then
    wake(waiter, nil, e, "unborn")
  end
end

-- Make a process whose kernel side was admitted: `proc`, or nil, err, or false if its chunk
-- is still running on its own budget (then `waiter` is woken with text or nil, err).
function P.birth(n, text, unit_key, guard, args, waiter, held)
  local proc = new_proc(n, text, guard)
  if held then
    proc.held = true
  end
  local unit = units[unit_key]
  if not unit then
    local ok, found = raw.pcall(fetch_unit, unit_key)
    if not ok then
      P.drop(proc)
      host.unborn(n)
      return nil, P.is_error(found) and found or load_error(found)
    end
    unit = found
  end
  proc.entry = unit.id
  local state = new_state(unit)
  proc.state = state
  local task = new_main(proc, boot, true)
  local ready, e = boot_step(task, proc, unit, state, args)
  if ready then
    ready_to_run(proc, task)
    newborns = newborns + 1
    newborn[newborns] = proc
    return proc
  elseif ready == nil then
    P.drop(proc)
    host.unborn(n)
    return nil, e
  end
  -- Set aside by its budget: it is in the run queue already; the spawner waits.
  if waiter then
    waiter.seq = waiter.seq + 1
    task.starter, task.starter_seq = waiter, waiter.seq
  end
  return false
end

-- Make the process of a function call that needs a fresh state; the entry point goes on by
-- itself once the chunk is loaded.
function P.birth_call(n, text, pool, guard, call)
  local proc = new_proc(n, text, guard)
  call.proc = proc
  local unit = units[pool.unit]
  if not unit then
    local ok, found = raw.pcall(fetch_unit, pool.unit)
    if not ok then
      P.drop(proc)
      host.unborn(n)
      return nil, P.is_error(found) and found or load_error(found)
    end
    unit = found
  end
  proc.entry = unit.id
  local state = new_state(unit)
  proc.state, proc.call, call.state = state, call, state
  local task = new_main(proc, boot, true)
  local ready, e = boot_step(task, proc, unit, state, call.args)
  if ready then
    host.loaded(n)
    push(task)
  elseif ready == nil then
    proc.call = nil
    P.drop(proc)
    host.unborn(n)
    return nil, e
  end
  return proc
end

-- The run queue resumed a task that is still booting.
function P.boot_returned(task, ok, a)
  if ok and a == READY then
    boot_over(task, true)
  elseif not ok then
    P.caught_in_boot(task, a)
    boot_over(task, nil, load_error(a, task.proc))
  end
end

-- Detached states --------------------------------------------------------------------------------
-- What a finished function call left behind goes on while something that is not a channel will
-- wake it: time, or an answer of the host (apps 13.31). The pid is dead meanwhile.

P.detached = {} -- number -> process

-- Whether a task of the process other than its main one waits for time or for the host.
local function waits(proc)
  for task in rawnext, other_tasks(proc) do
    if task.sleep then
      return true
    end
  end
  for _, task in rawnext, proc.calls or {} do
    if task ~= proc.main and task.co then
      return true
    end
  end
  return false
end

local function detach(proc)
  if not waits(proc) then
    return false
  end
  local n, main = proc.n, proc.main
  P.procs[n] = nil
  P.by_text[proc.text] = nil
  P.alive = P.alive - 1
  proc.detached, proc.call = true, nil
  main.co = nil
  P.detached[n] = proc
  return true
end

-- Called when nothing is runnable: let go of what nothing will wake any more.
function P.end_detached()
  for n, proc in rawnext, P.detached do
    if proc.dead or not waits(proc) then
      P.detached[n] = nil
      P.drop(proc)
      emit(OUT.FORGOTTEN, n, nil, nil, nil)
    end
  end
end

-- Ends ----------------------------------------------------------------------------------------

P.results, P.last_result = {}, 0
P.ended = {} -- text -> true, for processes that ended in this step and were not reported yet

-- Who watches whom in this VM: `target.watchers` in the order in which they came (L-1). The kernel
-- knows it, too, and tells all others.
function P.watch(target, watcher)
  local list = target.watchers
  if list then
    list[#list + 1] = watcher
  else
    target.watchers = { watcher }
  end
end

function P.unwatch(target, watcher)
  local list = target.watchers or {}
  for i = 1, #list do
    if list[i] == watcher then
      raw.table.remove(list, i)
      return
    end
  end
end

-- Tell a process how another one ended (EVT-2).
function P.exit_event(proc, from, at, value, err)
  P.deliver_system(proc, P.EVENTS_TOPIC, {
    kind = "pid.exit", from = from, at = at, result = { value = value, error = err },
  })
end

-- The watchers in this VM hear at once, in the form in which the news would come back.
local function tell_watchers(proc, code, value)
  local watchers, at = proc.watchers, P.unix_seconds()
  for i = 1, #watchers do
    local watcher = watchers[i]
    if P.procs[watcher.n] == watcher and not watcher.dead then
      if code == EXIT_VALUE then
        P.exit_event(watcher, proc.text, at, value, nil)
      elseif code == EXIT_KEPT then
        P.exit_event(watcher, proc.text, at, P.copy(P.results[value]), nil)
      else
        P.exit_event(watcher, proc.text, at, nil, P.error_of(value))
      end
    end
  end
end

local TOLD = 8 -- added to the code: the watchers in this VM have heard

local function report(proc, code, value, detached)
  local tell = proc.watchers and code <= EXIT_ERROR
  if tell or proc.named then
    -- Before anybody hears of it: names (P-70), and what else it held.
    host.release_names(proc.n, not not detached)
  end
  if tell then
    P.ended[proc.text] = TOLD
    tell_watchers(proc, code, value)
    code = code + TOLD
  else
    P.ended[proc.text] = true
  end
  emit(OUT.EXIT, proc.n, code, value, detached)
end

-- Clean up what Python keeps for an ended process: before its caller or anybody else hears of the
-- end, so that they find its locks free and its files closed.
local function clean_up(proc)
  if proc.touched then
    host.clean_up(proc.n)
  end
end

-- An error as it leaves a process (P-24, P-25, P-31, E-45).
local function crossing(e)
  return P.crossing_error(e)
end

-- End a process with an error; the error has crossed already.
local function fail(proc, e)
  if proc.dead then
    return
  end
  local call = proc.call
  P.drop(proc)
  clean_up(proc)
  if call then
    P.call_over(proc, call, nil, e, not proc.crashed)
  end
  report(proc, EXIT_ERROR, P.pack(1, e))
end
P.fail_process = fail

-- The main task returned (P-20 to P-25).
function P.returned(proc, value, second)
  if second ~= nil then
    if rawtype(second) == "string" then
      return fail(proc, P.error_new(second, P.errors.INTERNAL, false))
    elseif P.is_error(second) then
      return fail(proc, crossing(second))
    end
  end
  local call = proc.call
  local detached = call and call.pool and detach(proc)
  if not detached then
    P.drop(proc)
  elseif proc.shared then
    P.close_shared(proc)
  end
  clean_up(proc)
  if call then
    P.call_over(proc, call, value, nil, true)
  end
  local t = rawtype(value)
  if t == "table" then
    local key = P.last_result + 1
    P.last_result = key
    P.results[key] = value
    report(proc, EXIT_KEPT, key, detached)
  elseif t == "function" or t == "thread" then
    report(proc, EXIT_VALUE, nil, detached)
  else
    report(proc, EXIT_VALUE, value, detached)
  end
end

-- An error nobody caught, in any task (P-30 to P-33).
function P.crashed(proc, e, trace, task)
  if task.booting then
    return
  end
  local err
  if P.is_error(e) then
    err = crossing(e)
    P.error_trace(err, trace)
  elseif rawtype(e) == "string" then
    err = P.error_new(e, P.errors.INTERNAL, nil, nil, trace)
  else
    err = P.error_new(text_of(proc, e), P.errors.INTERNAL, nil, nil, trace)
  end
  proc.crashed = true
  fail(proc, err)
end

-- End a process at once (P-40); its exit is built by the kernel.
function P.kill(proc, linked)
  if proc.dead then
    return
  end
  local call = proc.call
  P.drop(proc)
  clean_up(proc)
  if call then
    P.call_over(proc, call, nil, P.error_new(
      linked and "linked process failed" or "process terminated", P.errors.INTERNAL, nil))
  end
  report(proc, linked and EXIT_LINKED or EXIT_TERMINATED, nil)
end

-- Tell the parked task that it can never be woken, if that is so (P-80).
function P.watch_for_deadlock(task)
  local proc = task.proc
  if task ~= proc.main and proc.main.co then
    return -- somebody else of the process may run, or waits somewhere
  end
  for other in rawnext, other_tasks(proc) do
    if other ~= task then
      return
    end
  end
  if proc.subs and rawnext(proc.subs) or proc.inbox or proc.calls and rawnext(proc.calls) then
    return
  end
  fail(proc, P.error_new(
    "deadlock: all coroutines blocked with no pending operations (threads=1)",
    P.errors.INTERNAL, nil)) -- a supervisor may try again (SUP-7)
end

-- Upgrade (P-100 to P-108): the same pid, links and names; new code, new state.
function P.upgrade(proc, unit_key, args)
  local rest, events, arrivals = P.unread(proc)
  P.forget_tasks(proc)
  if proc.shared then
    P.close_shared(proc)
  end
  if proc.claims then
    P.withdraw_claims(proc)
  end
  proc.subs, proc.inbox, proc.at, proc.counts, proc.calls = nil, nil, nil, nil, nil
  proc.rest, proc.arrivals = rest, arrivals
  if events then
    proc.at = { [P.EVENTS_TOPIC] = events }
  end
  proc.trap = nil
  local unit = units[unit_key]
  if not unit then
    local ok, found = raw.pcall(fetch_unit, unit_key)
    if not ok then
      return fail(proc, P.error_new("upgrade: " .. P.tostring(found), P.errors.INTERNAL, nil))
    end
    unit = found
  end
  proc.entry = unit.id
  local state = new_state(unit)
  proc.state = state
  local task = new_main(proc, boot, true)
  task.upgrading = true
  local ready, e = boot_step(task, proc, unit, state, args)
  if ready then
    push(task)
  elseif ready == nil then
    fail(proc, P.error_new("upgrade: " .. P.tostring(e), P.errors.INTERNAL, nil))
  end
end

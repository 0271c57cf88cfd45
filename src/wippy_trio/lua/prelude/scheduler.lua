-- The scheduler: tasks of many processes on one run queue, in one VM.
--
-- A *task* is a coroutine of a process that this scheduler resumes: the main task and those
-- made by `coroutine.spawn`. A task that waits registers itself somewhere as a waiter, that
-- is the pair (task, seq), and yields the private value SYS. `task.seq` grows at every park
-- and every wake, so a waiter whose number no longer matches is stale and is skipped: nothing
-- is allocated for a wait, and nothing has to be withdrawn when a select is over.
--
-- User coroutines are transparent: `resume` and `wrap` are ours, and when they see SYS come
-- out of the coroutine they resumed they yield it on and resume again. The values of a wake
-- travel in fields of the task, not through `resume`.
--
-- A process dies by its dead mark. No instruction of it runs after that: the queue skips its
-- tasks, and code of it that is running right now parks for ever at its next check (or is
-- thrown out of a C function by KILL, which our `pcall` never hands to the program).

local P = ...
local raw = P.raw
local co = raw.coroutine
local create, resume, yield, status, running, isyieldable =
  co.create, co.resume, co.yield, co.status, co.running, co.isyieldable
local rawtype, native_error, native_pcall, native_xpcall, unpack =
  raw.type, raw.error, raw.pcall, raw.xpcall, raw.table.unpack
local traceback = raw.traceback

local SYS = { "scheduler yield" }
local KILL = { "process is dead" }
P.SYS, P.KILL = SYS, KILL

P.procs = {} -- number -> process, alive ones only
P.by_text = {} -- pid text -> process
P.current = nil -- the task that runs
P.alive = 0
P.broken = false -- the number of a process that ran out of memory; here, so that it has a place

-- Run queue ---------------------------------------------------------------------------------
-- Two arrays, one being run, one being filled: no moving head, no holes.

local filling, filled = {}, 0

local function push(task)
  filled = filled + 1
  filling[filled] = task
end
P.push = push

-- Wake a parked task with up to three values. The caller has checked that it is not stale.
local function wake(task, a, b, c)
  task.seq = task.seq + 1
  task.a, task.b, task.c = a, b, c
  filled = filled + 1
  filling[filled] = task
end
P.wake = wake

-- Refuse to wait where waiting is impossible, before anything has been registered: the
-- native error would come after it, and the next sender would lose its value to a waiter
-- that is gone.
local function may_wait(task, what)
  if task.chunk then
    native_error("attempt to yield from outside a coroutine: " .. what
      .. " cannot be called while the module is being loaded", 3)
  elseif task.pinned or not isyieldable() then
    native_error("attempt to yield across a C-call boundary: " .. what
      .. " cannot wait inside a callback of a library function", 3)
  end
end
P.may_wait = may_wait

-- Tell whether waiting is possible here, for those who can do without.
function P.can_wait(task)
  return not task.chunk and not task.pinned and isyieldable()
end

-- Wait for a wake. Between `may_wait` and this the caller registered (task, task.seq).
-- Returns the three values of the wake.
local function park(task)
  yield(SYS)
  local a, b, c = task.a, task.b, task.c
  task.a, task.b, task.c = nil, nil, nil
  return a, b, c
end
P.park = park

-- Leave for ever: the process is dead, no wake will come.
local function vanish(task)
  if isyieldable() and not task.pinned then
    while true do
      yield(SYS)
    end
  end
  native_error(KILL, 0)
end
P.vanish = vanish

-- Budget --------------------------------------------------------------------------------------

local CREDIT = 1000 -- checks between two looks at the clock
local QUANTUM = 0.001 -- seconds a task may run while others wait
local CHARGE = 50000 -- units of work of library functions between two looks

P.slice_end = 0 -- set by `step`, in seconds of `slice_clock`
P.over = false -- the slice is used up
P.turn = 0 -- grows with every resume of a task
local turn_seen, turn_start = 0, 0
local charged = 0
local slice_clock

function P.use_slice_clock(clock)
  slice_clock = clock
end

-- Look at the clock; set the running task aside if its time, or the slice's, is up.
local function look()
  local task = P.current
  if task.proc.dead then
    vanish(task)
  end
  local t = slice_clock()
  if turn_seen ~= P.turn then
    turn_seen, turn_start = P.turn, t
  end
  if t >= P.slice_end then
    P.over = true
  elseif t - turn_start < QUANTUM or filled == 0 and P.left() == 0 then
    return
  end
  if isyieldable() and not task.pinned then
    filled = filled + 1
    filling[filled] = task
    yield(SYS)
    if task.proc.dead then
      vanish(task)
    end
  end
end

-- What a planted check calls when its credit is used up; returns new credit.
function P.budget()
  look()
  return CREDIT
end

-- Charge the work of a library function, by the size of what it works on, before it is done.
function P.charge(units)
  charged = charged + units
  if charged >= CHARGE then
    charged = 0
    if P.current then
      look()
    end
  end
end

-- Protected calls -----------------------------------------------------------------------------
-- Death cannot be caught, and neither can a memory error: the process ends at the first one.

local MEMORY = "not enough memory"

-- An error came out of the program: decide whether the program may have it.
local function caught(e)
  local task = P.current
  if e == MEMORY then
    -- Three fields, nothing allocated: the driver does the rest.
    local proc = task.proc
    proc.dead, P.broken, P.over = true, proc.n, true
  end
  if task.proc.dead then
    vanish(task)
  end
end
P.caught = caught

local function protected(ok, ...)
  if not ok then
    caught((...))
  end
  return ok, ...
end

function P.pcall(f, ...)
  return protected(native_pcall(f, ...))
end

function P.xpcall(f, handler, ...)
  if rawtype(handler) ~= "function" then
    P.bad_argument(2, "xpcall", "function", handler)
  end
  return protected(native_xpcall(f, function(e)
    if P.current.proc.dead or e == MEMORY then
      return e
    end
    return handler(e)
  end, ...))
end

-- Coroutines of the program -------------------------------------------------------------------

local coroutine = {}
P.coroutine = coroutine

local tasks_by_co = raw.setrawmetatable({}, { __mode = "k" })

local function check_thread(c, name)
  if rawtype(c) ~= "thread" then
    P.bad_argument(1, name, "coroutine", c)
  end
end

local function resumed(c, ok, ...)
  local a = ...
  if a == SYS then
    yield(SYS)
    return resumed(c, resume(c))
  elseif not ok then
    caught(a)
    local task = P.current
    if task.trace_of ~= a then
      task.trace_of, task.trace = a, traceback(c)
    end
  end
  return ok, ...
end

-- Where our own caller cannot yield (a comparator, a `gsub` callback), a wait inside the
-- coroutine must be refused before it is registered: `pinned` says so.
local function resumed_pinned(task, c, ok, ...)
  task.pinned = nil
  return resumed(c, ok, ...)
end

local function resume_(c, ...)
  if not isyieldable() then
    local task = P.current
    if not task.pinned then
      task.pinned = true
      return resumed_pinned(task, c, resume(c, ...))
    end
  end
  return resumed(c, resume(c, ...))
end

function coroutine.resume(c, ...)
  check_thread(c, "resume")
  if tasks_by_co[c] then
    return false, "cannot resume a task of the scheduler"
  end
  return resume_(c, ...)
end

function coroutine.create(f)
  if rawtype(f) ~= "function" then
    P.bad_argument(1, "create", "function", f)
  end
  return create(f)
end

local function wrapped(ok, ...)
  if not ok then
    native_error((...), 0)
  end
  return ...
end

function coroutine.wrap(f)
  if rawtype(f) ~= "function" then
    P.bad_argument(1, "wrap", "function", f)
  end
  local c = create(f)
  return function(...)
    return wrapped(resume_(c, ...))
  end
end

function coroutine.yield(...)
  local task = P.current
  if task.chunk and running() == task.co then
    may_wait(task, "coroutine.yield")
  end
  return yield(...)
end

function coroutine.status(c)
  check_thread(c, "status")
  local task = tasks_by_co[c]
  if task and task.proc ~= P.current.proc then
    return "dead"
  end
  return status(c)
end

function coroutine.running()
  if P.current.chunk then
    return nil
  end
  return (running())
end

-- Tasks ---------------------------------------------------------------------------------------

P.chained = false

-- Make a task of a process beside its main one; it is not queued yet.
local function new_task(proc, f)
  local task = { co = create(f), proc = proc, seq = 0 }
  local tasks = proc.tasks
  if not tasks then
    tasks = {}
    proc.tasks = tasks
  end
  tasks[task] = true
  return task
end
P.new_task = new_task

-- Make the main task. Most processes have no other, so `proc.tasks` exists only if there was
-- one; the fields of a wake have their places from the start.
function P.new_main(proc, f, booting)
  local task = {
    co = create(f), proc = proc, seq = 0, main = true, chunk = booting, booting = booting,
    a = nil, b = nil,
  }
  proc.main = task
  return task
end

local NONE = {}

-- The tasks of a process other than its main one, as a set.
function P.other_tasks(proc)
  return proc.tasks or NONE
end

local function forget_task(task)
  task.co = nil
  task.seq = task.seq + 1
  task.a, task.b, task.c, task.args = nil, nil, nil, nil
end

-- Let none of a process's tasks run again.
local function forget_tasks(proc)
  if proc.main then
    forget_task(proc.main)
  end
  local tasks = proc.tasks
  if tasks then
    proc.tasks = nil
    for task in raw.next, tasks do
      forget_task(task)
    end
  end
end
P.forget_tasks = forget_tasks

-- Let a plain function of the program run as a task. The child runs first, up to its first
-- suspension, then the caller goes on (C-51). It swaps through the run queue and never nests:
-- the child and the caller are the next two tasks to run, ahead of all others.
function coroutine.spawn(f)
  if rawtype(f) ~= "function" then
    P.bad_argument(1, "spawn", "function", f)
  end
  local caller = P.current
  may_wait(caller, "coroutine.spawn")
  if caller.proc.evaluation then
    f = P.bounded(caller.proc, f)
  end
  local task = new_task(caller.proc, f)
  local c = task.co -- the task forgets it at its end, which may come before we go on
  tasks_by_co[c] = task
  task.after = caller
  P.front = task
  yield(SYS)
  return c
end

local function finish_task(task)
  local tasks = task.proc.tasks
  if tasks then
    tasks[task] = nil
  end
  task.co = nil
end
P.finish_task = finish_task

-- An error nobody caught, in any task, fails the whole process (P-30).
local function task_failed(task, e)
  local proc = task.proc
  if proc.dead then
    return
  end
  if e == MEMORY then
    proc.dead, P.broken, P.over = true, proc.n, true
    return
  end
  local trace = traceback(task.co)
  if task.trace_of == e and task.trace then
    trace = task.trace .. "\n" .. trace
  end
  P.crashed(proc, e, trace, task)
end

-- What follows from how a task came back. Nobody runs meanwhile: work that is charged here (a
-- result that is copied) belongs to the scheduler, which can neither be set aside nor die.
local function returned(task, ok, a, b)
  P.current = nil
  if task.booting then
    return P.boot_returned(task, ok, a)
  end
  if not ok then
    task_failed(task, a)
  elseif task.co and status(task.co) ~= "dead" then
    if not task.proc.dead then
      push(task) -- a plain `coroutine.yield()` in a task: to the end of the queue (C-53)
    end
  elseif not task.proc.dead then
    if task.main then
      P.returned(task.proc, a, b)
    else
      finish_task(task)
    end
  end
end

local function run(task)
  P.current = task
  P.turn = P.turn + 1
  local args, ok, a, b = task.args, nil, nil, nil
  if args then
    task.args = nil
    ok, a, b = resume(task.co, unpack(args, 1, args.n))
  else
    ok, a, b = resume(task.co)
  end
  if a ~= SYS then
    returned(task, ok, a, b)
  end
end

local current_array, at, last = {}, 1, 0

-- How many tasks of the array being run are still to come.
function P.left()
  return last - at + 1
end

-- Whether anything is runnable.
function P.runnable()
  return filled > 0 or at <= last
end

-- Whether a task of a process is going to run, or may be.
function P.queued(proc)
  if P.front or P.chained then
    return true
  end
  for i = 1, filled do
    if filling[i].proc == proc and filling[i].co then
      return true
    end
  end
  for i = at, last do
    if current_array[i].proc == proc and current_array[i].co then
      return true
    end
  end
  return false
end

-- Run tasks until none is runnable or the slice is used up.
function P.run_slice()
  local countdown = 64
  while true do
    if at > last then
      if filled == 0 then
        break
      end
      current_array, filling = filling, current_array
      at, last, filled = 1, filled, 0
      if P.shuffle then
        P.shuffle(current_array, last)
      end
    end
    local array = current_array
    while at <= last do
      local task = array[at]
      array[at] = nil
      at = at + 1
      if not task.proc.dead then
        local c = task.co
        if c then
          -- `run` in place: this is the turn of every message.
          P.current = task
          P.turn = P.turn + 1
          local args, ok, a, b = task.args, nil, nil, nil
          if args then
            task.args = nil
            ok, a, b = resume(c, unpack(args, 1, args.n))
          else
            ok, a, b = resume(c)
          end
          if a ~= SYS then
            returned(task, ok, a, b)
          end
          if P.front then
            local front = P.front
            P.front = nil
            P.run_chain(front)
          end
        end
      end
      countdown = countdown - 1
      if countdown == 0 then
        countdown = 64
        if slice_clock() >= P.slice_end then
          P.over = true
        end
      end
      if P.over then
        P.current = nil
        return
      end
    end
    if last > 4096 then
      current_array = {} -- emptied, but as large as ever
    end
  end
  P.current = nil
end

-- Run a task that goes ahead of all others, then whoever waits behind it, and so on.
function P.run_chain(task)
  local depth, stack = 1, { task.after }
  task.after = nil
  P.chained = true -- somebody waits behind the one that runs
  if not task.proc.dead and task.co then
    run(task)
  end
  while depth > 0 or P.front do
    local front = P.front
    if front then
      P.front = nil
      depth = depth + 1
      stack[depth] = front.after
      front.after = nil
      P.chained = true
      if not front.proc.dead and front.co then
        run(front)
      end
    else
      local waiting = stack[depth]
      stack[depth] = nil
      depth = depth - 1
      P.chained = depth > 0
      if waiting and not waiting.proc.dead and waiting.co then
        run(waiting)
      end
    end
  end
end

-- Ends ----------------------------------------------------------------------------------------

-- Forget everything of a process. Queues and timers then hold only tasks without coroutine.
function P.drop(proc)
  proc.dead = true
  local n = proc.n
  if P.procs[n] == proc then
    P.procs[n] = nil
    P.by_text[proc.text] = nil
    P.alive = P.alive - 1
  end
  forget_tasks(proc)
  local main = proc.main
  local starter = main and main.starter
  if starter then
    -- It was still loading: whoever spawned it hears that nothing came of it.
    main.starter = nil
    if starter.seq == main.starter_seq and starter.co then
      wake(starter, nil, P.error_new("process terminated", P.errors.INTERNAL, false))
    end
  end
  proc.rest, proc.at, proc.subs, proc.inbox, proc.events, proc.state =
    nil, nil, nil, nil, nil, nil
  local calls = proc.callees
  if calls then
    proc.callees = nil
    P.cancel_callees(proc, calls)
  end
  if proc.shared then
    P.close_shared(proc)
  end
  if proc.claims then
    P.withdraw_claims(proc)
  end
end

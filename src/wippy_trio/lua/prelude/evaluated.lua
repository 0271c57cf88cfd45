-- Evaluated code: text that came as data, run with bounds of its own (core section 20).
--
-- What it does runs in a coroutine inside its task. Whenever it waits or is set aside, the
-- scheduler's yield comes by here: it is counted, and code that waits although nothing will
-- wake it is ended. The error is raised outside of the program, so it cannot catch it.

local P = ...
local raw = P.raw
local co = raw.coroutine
local create, resume, yield, status = co.create, co.resume, co.yield, co.status
local rawnext, native_error = raw.next, raw.error
local SYS, caught = P.SYS, P.caught

local MOST_STEPS = 10000 -- EVAL-11

-- Custom modules by the id of the unit that finds them; whoever waits for the run holds them.
P.planted = raw.setrawmetatable({}, { __mode = "v" })

-- Whether something other than a message will wake a task of the process.
local function wakes(proc)
  for _, task in rawnext, proc.calls or {} do
    if task.co then
      return true
    end
  end
  for task in rawnext, P.other_tasks(proc) do
    if task.sleep then
      return true
    end
  end
  return proc.main.sleep ~= nil
    or proc.callees ~= nil and rawnext(proc.callees) ~= nil
    or proc.claims ~= nil and rawnext(proc.claims) ~= nil
    or P.queued(proc)
end

local function go_on(task, record, c, ok, ...)
  local a = ...
  if not ok then
    caught(a)
    if task.trace_of ~= a then
      task.trace_of, task.trace = a, raw.traceback(c)
    end
    native_error(a, 0)
  elseif status(c) == "dead" then
    return ...
  end
  if not task.proc.dead then
    local steps = record.steps + 1
    record.steps = steps
    if steps > MOST_STEPS then
      native_error("step limit exceeded (" .. MOST_STEPS .. ")", 0)
    elseif a ~= SYS then
      if task.chunk then
        native_error("attempt to yield from outside a coroutine", 0)
      end
      P.push(task) -- a plain `coroutine.yield()`: to the end of the queue (C-53)
    elseif record.waits and not wakes(task.proc) then
      native_error("process became idle", 0)
    end
  end
  yield(SYS)
  return go_on(task, record, c, resume(c))
end

-- Run a function of evaluated code within its bounds.
local function bounded(record, f, ...)
  local c = create(f)
  return go_on(P.current, record, c, resume(c, ...))
end

-- The same function for somebody who will call it.
function P.bounded(proc, f)
  local record = proc.evaluation
  return function(...)
    return bounded(record, f, ...)
  end
end

-- Run the chunk of evaluated code under its globals, which are made already.
function P.load_evaluated(unit, state, chunk)
  local absent = unit.absent
  local timed = false
  for i = 1, #unit.modules do
    timed = timed or unit.modules[i][1] == "time"
  end
  -- Only messages and channels are waited for in vain; with timers they may be for good.
  local record = { steps = 0, waits = not timed and not (absent.process and absent.channel) }
  P.current.proc.evaluation = record
  local planted = P.planted[unit.id]
  if planted then
    local loaded = {}
    for alias, value in rawnext, state.loaded do
      loaded[alias] = value
    end
    for name, value in rawnext, planted do
      loaded[name], state.env[name] = value, value
    end
    state.loaded = loaded
  end
  return bounded(record, chunk)
end

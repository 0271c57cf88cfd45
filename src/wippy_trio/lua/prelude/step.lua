-- The one door: `step(now, slice_end, ...)`, called by the driver only, never while it runs.
--
-- Entries come in as five values each and go out as five values each: numbers, strings,
-- booleans. In: answers, messages, ends, births, calls. Out: host commands, exits, messages for
-- elsewhere. The return values are: a state (0 idle, 1 more to run, nil broken), the time of
-- the next timer or false, then the outbound entries.

local P = ...
local raw = P.raw
local unpack, rawnext, rawtype, native_error, pcall =
  raw.table.unpack, raw.next, raw.type, raw.error, raw.pcall
local procs, read_wire, pack = P.procs, P.read_wire, P.pack
P.use_slice_clock(P.host.perf)

local NO_ARGUMENTS = { n = 0 }
local MOST = 8000 * 5 -- values a step gives back: Lua's stack holds a million

-- What is damaged concerns its receiver alone: a message is dropped and logged, all else tells
-- whoever waits for it.
local function damaged(proc, what, err)
  P.host.log(proc.n, "warn", what .. " was dropped: " .. P.tostring(err), proc.entry or "", false)
end

local function deliver_read(proc, topic, from, n, ...)
  if n == 1 then
    P.deliver(proc, P.new_message(topic, from, 1, (...)))
  elseif n == 0 then
    P.deliver(proc, P.new_message(topic, from, 0, nil))
  elseif n then
    P.deliver(proc, P.new_message(topic, from, n, { ... }))
  else
    damaged(proc, "a message", (...))
  end
end

-- The arguments in a message, with their number; or nil and an error.
local function arguments_of(n, ...)
  if n then
    return { n = n, ... }
  end
  return nil, (...)
end

local function exit_event(n, from, at, value, err)
  local proc = procs[n]
  -- A process that the kernel ended while it was ending here is known to be gone already.
  if proc and P.ended[from] ~= 8 then
    P.exit_event(proc, from, at, value, err)
  end
end

-- The value of a message; or nil and an error.
local function value_of(wire)
  local n, v = read_wire(wire)
  if n then
    return v
  end
  return nil, v
end

-- The error in a message, or what is wrong with it.
local function error_of(wire)
  local _, v = read_wire(wire)
  return v
end
P.error_of = error_of

-- The wall clock, read once a step.
local seconds

function P.unix_seconds()
  seconds = seconds or P.host.unix()
  return seconds
end

local IN = {
  P.answer, -- 1: n, call id, tag, value

  function(n, topic, from, wire) -- 2: a message from elsewhere
    local proc = procs[n]
    if proc then
      deliver_read(proc, topic, from, read_wire(wire))
    end
  end,

  function(n, from, at, value) -- 3: a watched process ended with a scalar
    exit_event(n, from, at, value, nil)
  end,

  function(n, from, at, key) -- 4: ... with a table kept here
    exit_event(n, from, at, P.copy(P.results[key]), nil)
  end,

  function(n, from, at, wire) -- 5: ... with a value from elsewhere
    exit_event(n, from, at, value_of(wire))
  end,

  function(n, from, at, wire) -- 6: ... with an error
    exit_event(n, from, at, nil, error_of(wire))
  end,

  function(n, from, at, wire) -- 7: a linked process failed (L-15, L-16)
    local proc = procs[n]
    if proc then
      if proc.trap then
        P.deliver_system(proc, P.EVENTS_TOPIC, {
          kind = "pid.link.down", from = from, at = at,
          result = { error = error_of(wire) },
        })
      else
        P.kill(proc, true)
      end
    end
  end,

  function(n, from, at, reason) -- 8: a cancel (P-53)
    local proc = procs[n]
    if proc then
      P.deliver_system(proc, P.EVENTS_TOPIC, {
        kind = "pid.cancel", from = from, at = at, reason = reason,
      })
    end
  end,

  function(n, wire) -- 9: the kernel ended it
    local proc = procs[n]
    if proc then
      local call = proc.call
      P.drop(proc)
      if call then
        P.call_over(proc, call, nil, error_of(wire))
      end
    end
  end,

  function(n, unit_key, wire, held) -- 10: a birth from the host
    local text, guard = P.host.birth(n)
    if text == nil then
      return
    end
    local args, err = arguments_of(read_wire(wire))
    local proc
    if args then
      proc, err = P.birth(n, text, unit_key, guard, args, nil, held)
    else
      P.host.unborn(n)
    end
    if proc then
      P.emit(P.OUT.BORN, n, nil, nil, nil)
    elseif proc == nil then
      P.emit(P.OUT.UNBORN, n, pack(1, err), nil, nil)
    end
  end,

  function(n, topic, wire) -- 11: a value for a system topic
    local proc = procs[n]
    if proc then
      local value, err = value_of(wire)
      if err or topic == P.EVENTS_TOPIC and rawtype(value) ~= "table" then
        damaged(proc, "a value for " .. topic, err or "no event")
      elseif topic == P.EVENTS_TOPIC and value.kind == "pid.outdated" then
        P.deliver_outdated(proc, value)
      else
        P.deliver_system(proc, topic, value)
      end
    end
  end,

  function(key) -- 12: nobody needs this result any more
    P.results[key] = nil
  end,

  function(ticket, id, wire) -- 13: a call from the host; its context goes by the ticket
    local args, err = NO_ARGUMENTS, nil
    if wire then
      args, err = arguments_of(read_wire(wire))
    end
    if args then
      P.call_from_host(id, ticket, 0, ticket, args)
    else
      P.emit(P.OUT.RESULT, ticket, 2, pack(1, err), nil)
    end
  end,

  P.cancel_from_host, -- 14: ticket

  P.remote_answer, -- 15: ticket, tag, wire

  function(kind, key) -- 16: code changed
    if kind == 1 then
      P.forget_unit(key)
    elseif kind == 2 then
      P.forget_chunk(key)
    else
      P.forget_function(key)
    end
  end,

  function(n, options) -- 17: options of a process, set by the host
    local proc = procs[n]
    if proc then
      proc.protected = options == 1
    end
  end,

  P.channel_answer, -- 18: claim, index, ok, value

  function(n) -- 19: whoever spawned it has heard of it: it may run
    local proc = procs[n]
    if proc then
      P.start(proc)
    end
  end,
}

local function finish_upgrades()
  local list = P.upgrades
  P.upgrades = {}
  for i = 1, #list do
    local proc, key, args = list[i][1], list[i][2], list[i][3]
    if not proc.dead then
      P.upgrade(proc, key, args)
    end
  end
end

local function recheck_links()
  local list = P.recheck
  P.recheck = {}
  for i = 1, #list do
    local proc = list[i]
    if not proc.dead and not proc.trap and P.waiting_link_down(proc) then
      P.kill(proc, true)
    end
  end
end

local kept, kept_n, kept_at = nil, 0, 1

local function give(state)
  local batch, n
  if kept then
    batch, n = kept, kept_n
  else
    P.report_newborn()
    P.report_freed()
    P.report_channels()
    batch, n = P.take_out()
    kept_at = 1
  end
  local due = P.next_due() or false
  local from = kept_at
  if n - from + 1 > MOST then
    kept, kept_n, kept_at = batch, n, from + MOST
    return 1, due, unpack(batch, from, from + MOST - 1)
  end
  kept, kept_at = nil, 1
  return state, due, unpack(batch, from, n)
end

-- The collector's pace -------------------------------------------------------------------------
-- A new cycle begins when the heap has grown to `pause` per cent of what the last one left.
-- While processes become many the pause is short, or the garbage of their births would stay in
-- the system's memory for ever: a third of what an idle process takes. Then throughput counts.

local GROWING, STEADY = 130, 200
local CALM = 1000 -- steps
local most, pause, calm = 0, STEADY, 0

local collectgarbage = raw.collectgarbage
local set_pause
if raw.pcall(collectgarbage, "setpause", STEADY) then
  function set_pause(v)
    pause, calm = v, 0
    collectgarbage("setpause", v)
  end
else -- Lua 5.5
  function set_pause(v)
    pause, calm = v, 0
    collectgarbage("param", "pause", v)
  end
  set_pause(STEADY)
end

local function keep_pace(alive)
  if alive > most + 64 then
    most, calm = alive, 0
    if pause ~= GROWING then
      set_pause(GROWING)
    end
  elseif pause == GROWING then
    calm = calm + 1
    if calm > CALM then
      set_pause(STEADY)
    end
  elseif alive * 2 < most then
    most = alive
  end
end

-- The entries of this step, and which of them is next. If memory runs out at one, the others wait
-- for the next step.
local batch, batch_n, next_entry = nil, 0, 1

local function take_entries()
  local entries = batch
  local i = next_entry
  while i <= batch_n do
    next_entry = i + 5
    IN[entries[i]](entries[i + 1], entries[i + 2], entries[i + 3], entries[i + 4])
    if P.broken then
      return
    end
    i = i + 5
  end
end

local NAMES_PROCESS = { true, true, true, true, true, true, true, true, true, true, true,
  [17] = true, [19] = true }

-- Memory ran out at an entry: its process ends. Nothing is allocated here.
local function no_memory()
  local at = next_entry - 5
  local proc = procs[batch[at + 1]]
  if proc and NAMES_PROCESS[batch[at]] then
    proc.dead, P.broken, P.over = true, proc.n, true
  end
end

-- The entries that wait and those that came.
local function with_waiting(n, ...)
  local came, all, count = { ... }, {}, 0
  for i = next_entry, batch_n do
    count = count + 1
    all[count] = batch[i]
  end
  for i = 1, n do
    all[count + i] = came[i]
  end
  return all, count + n
end

function P.step(now, slice_end, ...)
  P.over, seconds = false, nil
  P.slice_end = slice_end
  keep_pace(P.alive)
  if #P.recheck > 0 then
    recheck_links()
  end
  local n = raw.select("#", ...)
  if next_entry <= batch_n then
    batch, batch_n = with_waiting(n, ...)
  else
    batch, batch_n = { ... }, n
  end
  next_entry = 1
  if batch_n > 0 then
    local ok, e = pcall(take_entries)
    if not ok then
      if e ~= "not enough memory" then
        native_error(e, 0)
      end
      no_memory()
      return nil
    elseif P.broken then
      return nil
    end
    batch, batch_n = nil, 0
  end
  if rawnext(P.ended) then
    P.ended = {}
  end
  if kept then
    return give(1) -- the last step had more to say than fits
  end
  P.fire(now)
  repeat
    P.run_slice()
    if P.broken then
      return nil
    end
    if #P.upgrades > 0 then
      finish_upgrades()
    end
  until P.over or not P.runnable()
  P.forget_vetted()
  if P.runnable() then
    return give(1)
  end
  if rawnext(P.detached) then
    P.end_detached()
  end
  return give(0)
end

-- After the driver lifted the memory limit: who was broken; the dead process is dropped here.
function P.mend()
  local n = P.broken
  P.broken = false
  P.current = nil
  local proc = procs[n]
  if proc then
    local call = proc.call
    P.drop(proc)
    if call then
      P.call_over(proc, call, nil, P.error_new("not enough memory", P.errors.INTERNAL, false))
    end
  end
  return n or false
end

-- Counts for tests and the live view; exact for what is freed only after a collection.
function P.statistics()
  local tasks = 0
  for _, proc in rawnext, procs do
    tasks = tasks + 1 -- the main one
    for _ in rawnext, P.other_tasks(proc) do
      tasks = tasks + 1
    end
  end
  local environments = 0
  for _ in rawnext, P.environments do
    environments = environments + 1
  end
  return P.alive, tasks, environments, P.timers_waiting(), raw.collectgarbage("count") * 1024
end

-- A kept result in the wire format.
function P.fetch(key)
  local wire, pins = P.pack_passing(1, P.results[key])
  P.pin_channels(pins)
  return wire
end

-- The VM has a limit of memory from now on: the functions of the host are replaced by others,
-- which make room for what they return, or return FULL where there is none (vm.py). Then the
-- garbage goes, and `again` gives the result; or the process ends.
local FULL = raw.math.mininteger

function P.guard_host(again, ...)
  local host, list = P.host, { ... }

  local function no_room(first, ...)
    if first == FULL then
      native_error("not enough memory", 0)
    end
    return first, ...
  end

  local function with_room(first, ...)
    if first == FULL then
      collectgarbage("collect")
      return no_room(again())
    end
    return first, ...
  end

  for i = 1, #list, 2 do
    local f = list[i + 1]
    host[list[i]] = function(...)
      return with_room(f(...))
    end
  end
end

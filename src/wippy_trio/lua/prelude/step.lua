-- The one door: `step(now, slice_end, ...)`, called by the driver only, never while it runs.
--
-- Entries come in as five values each and go out as five values each: numbers, strings,
-- booleans. In: answers, messages, ends, births, calls. Out: host commands, exits, messages for
-- elsewhere. The return values are: a state (0 idle, 1 more to run, nil broken), the time of
-- the next timer or false, then the outbound entries.

local P = ...
local raw = P.raw
local unpack, rawnext = raw.table.unpack, raw.next
local procs, unpack_wire, pack = P.procs, P.unpack_wire, P.pack
P.use_slice_clock(P.host.perf)

local MOST = 8000 * 5 -- values a step gives back: Lua's stack holds a million

local function message_of(topic, from, n, ...)
  if n == 1 then
    return P.new_message(topic, from, 1, (...))
  elseif n == 0 then
    return P.new_message(topic, from, 0, nil)
  end
  return P.new_message(topic, from, n, { ... })
end

local function arguments_of(n, ...)
  return { n = n, ... }
end

local function exit_event(n, from, at, value, err)
  local proc = procs[n]
  if proc then
    P.deliver_system(proc, P.EVENTS_TOPIC, {
      kind = "pid.exit", from = from, at = at, result = { value = value, error = err },
    })
  end
end

local function second(_, v)
  return v
end

local IN = {
  P.answer, -- 1: n, call id, tag, value

  function(n, topic, from, wire) -- 2: a message from elsewhere
    local proc = procs[n]
    if proc then
      P.deliver(proc, message_of(topic, from, unpack_wire(wire)))
    end
  end,

  function(n, from, at, value) -- 3: a watched process ended with a scalar
    exit_event(n, from, at, value, nil)
  end,

  function(n, from, at, key) -- 4: ... with a table kept here
    exit_event(n, from, at, P.copy(P.results[key]), nil)
  end,

  function(n, from, at, wire) -- 5: ... with a value from elsewhere
    exit_event(n, from, at, second(unpack_wire(wire)), nil)
  end,

  function(n, from, at, wire) -- 6: ... with an error
    exit_event(n, from, at, nil, second(unpack_wire(wire)))
  end,

  function(n, from, at, wire) -- 7: a linked process failed (L-15, L-16)
    local proc = procs[n]
    if proc then
      if proc.trap then
        P.deliver_system(proc, P.EVENTS_TOPIC, {
          kind = "pid.link.down", from = from, at = at,
          result = { error = second(unpack_wire(wire)) },
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
        P.call_over(proc, call, nil, second(unpack_wire(wire)))
      end
    end
  end,

  function(n, unit_key, wire) -- 10: a birth from the host
    local text, guard = P.host.birth(n)
    if text == nil then
      return
    end
    local proc, err = P.birth(n, text, unit_key, guard,
      arguments_of(unpack_wire(wire)), nil)
    if proc then
      P.emit(P.OUT.BORN, n, nil, nil, nil)
    elseif proc == nil then
      P.emit(P.OUT.UNBORN, n, pack(1, err), nil, nil)
    end
  end,

  function(n, topic, wire) -- 11: a value for a system topic
    local proc = procs[n]
    if proc then
      local value = second(unpack_wire(wire))
      if topic == P.EVENTS_TOPIC and value.kind == "pid.outdated" then
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
    P.call_from_host(id, ticket, 0, ticket,
      wire and arguments_of(unpack_wire(wire)) or { n = 0 })
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

function P.step(now, slice_end, ...)
  if rawnext(P.ended) then
    P.ended = {}
  end
  P.over = false
  P.slice_end = slice_end
  keep_pace(P.alive)
  if #P.recheck > 0 then
    recheck_links()
  end
  local batch = { ... }
  for i = 1, raw.select("#", ...), 5 do
    IN[batch[i]](batch[i + 1], batch[i + 2], batch[i + 3], batch[i + 4])
    if P.broken then
      return nil
    end
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

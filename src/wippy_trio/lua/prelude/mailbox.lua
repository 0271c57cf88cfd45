-- Mailboxes: what was sent to a process, until one of its channels takes it.
--
-- A message goes to the subscription of its topic, else to the inbox, else it waits (M-15). It
-- is bound to a channel only when it is handed over: inbox and events have no buffer, so what
-- nobody is parked for stays in the mailbox, and a `listen` made later still gets it (M-16).
--
-- What waits for no subscription stands in `proc.rest` in order of arrival, with its number
-- beside it; `proc.counts` knows how many of each topic, once somebody listened, so that a new
-- `listen` walks over `rest` only if something of its topic is in it. A subscription has a
-- queue of its own, `st.wait`, for what does not fit its buffer. Topics that begin with `@`
-- never reach the inbox and wait in `proc.at`.
--
-- The message object is the record that waits: one table a message.

local P = ...
local raw = P.raw
local rawtype, rawnext, rawmt, setrawmt =
  raw.type, raw.next, raw.getrawmetatable, raw.setrawmetatable
local error = raw.error
local wake = P.wake
local take_receiver, offer, close_channel = P.channels.take_receiver, P.offer, P.close_channel
local buffer = P.channels.buffer
local payload_of = P.payload_of

local TOPIC, FROM, COUNT, VALUE = P.key("topic"), P.key("from"), P.key("count"), P.key("value")
local methods = {}
local MESSAGE = P.class("message", methods)

function MESSAGE.__tostring(self)
  return "process.Message{topic=" .. self[TOPIC] .. "}"
end

local function check(self)
  if rawmt(self) ~= MESSAGE then
    error("message expected, got " .. P.type(self), 3)
  end
end

function methods.topic(self)
  check(self)
  return self[TOPIC]
end

function methods.from(self)
  check(self)
  return self[FROM]
end

-- nil for no payload, one Payload, or a list of them (M-22)
function methods.payload(self)
  if rawmt(self) ~= MESSAGE then
    check(self)
  end
  local n = self[COUNT]
  if n == 1 then
    return payload_of(self[VALUE])
  elseif n == 0 then
    return nil
  end
  local list, values = {}, self[VALUE]
  for i = 1, n do
    list[i] = payload_of(values[i])
  end
  return list
end

-- Make a message: `v` is the value for n == 1, a table of values for more. The caller copied.
local function new_message(topic, from, n, v)
  return setrawmt({ [TOPIC] = topic, [FROM] = from, [COUNT] = n, [VALUE] = v }, MESSAGE)
end
P.new_message = new_message

-- Queues: two slots an entry, the message and the number of its arrival ------------------------

local function append(q, message, seq)
  local t = q.t
  q[t], q[t + 1] = message, seq
  q.t = t + 2
end

local function first(q)
  local h = q.h
  local message, seq = q[h], q[h + 1]
  q[h], q[h + 1] = nil, nil
  if h + 2 == q.t then
    q.h, q.t = 1, 1
  else
    q.h = h + 2
  end
  return message, seq
end

local function arrival(proc)
  local seq = (proc.arrivals or 0) + 1
  proc.arrivals = seq
  return seq
end

local function let_rest(proc, message)
  local rest = proc.rest
  if not rest then
    rest = { h = 1, t = 1 }
    proc.rest = rest
  end
  local seq, t = (proc.arrivals or 0) + 1, rest.t -- `append` in place
  proc.arrivals = seq
  rest[t], rest[t + 1] = message, seq
  rest.t = t + 2
  local counts = proc.counts
  if counts then
    local topic = message[TOPIC]
    counts[topic] = (counts[topic] or 0) + 1
  end
end

local function take_rest(proc)
  local rest = proc.rest
  if not rest or rest.h == rest.t then
    return nil
  end
  local h = rest.h -- `first` in place
  local message = rest[h]
  rest[h], rest[h + 1] = nil, nil
  if h + 2 == rest.t then
    rest.h, rest.t = 1, 1
  else
    rest.h = h + 2
  end
  local counts = proc.counts
  if counts then
    local topic = message[TOPIC]
    local n = counts[topic] - 1
    counts[topic] = n > 0 and n or nil
  end
  return message
end

-- Hand-over -------------------------------------------------------------------------------------

-- What a subscription in raw mode receives (core 5.2, table).
local function raw_value(message)
  if message[COUNT] == 0 then
    return nil
  end
  return message[VALUE]
end

local function shown(st, message)
  if st.objects then
    return message
  end
  return raw_value(message)
end

-- Remember the message whose value was buffered last, beside the buffer: upgraded code gets
-- what was buffered and not received (P-104).
local function hold(st, message, seq)
  local held = st.held
  if not held then
    held = {}
    st.held = held
  end
  local at = 2 * (st.h + st.n)
  held[at], held[at + 1] = message, seq
  held[at - 2 * st.cap], held[at + 1 - 2 * st.cap] = nil, nil
end

-- Move what waits into the buffer; or hand one value over to a receiver that is here.
local function subscription_source(st, wanted)
  local wait = st.wait
  if not wait or wait.h == wait.t then
    return false
  end
  if wanted then
    return true, shown(st, (first(wait)))
  end
  while st.n < st.cap and wait.h ~= wait.t do
    local message, seq = first(wait)
    buffer(st, shown(st, message))
    hold(st, message, seq)
  end
end

local function inbox_source(st, wanted)
  local rest = st.proc.rest
  if wanted and rest and rest.h ~= rest.t then
    return true, take_rest(st.proc)
  end
  return false
end

local function deliver_to(proc, st, message)
  if st.closed then
    -- Closed by the program itself: this message is dropped, later ones go on (M-33).
    proc.subs[st.topic] = nil
    return
  end
  local wait, n = st.wait, st.n
  if wait and wait.h ~= wait.t or not offer(st, shown(st, message)) then
    if not wait then
      wait = { h = 1, t = 1 }
      st.wait = wait
    end
    append(wait, message, arrival(proc))
  elseif st.n > n then
    hold(st, message, arrival(proc))
  end
end

-- Take a message that a program sent; its topic does not begin with "@".
function P.deliver(proc, message)
  local subs = proc.subs
  local st = subs and subs[message[TOPIC]]
  if st then
    return deliver_to(proc, st, message)
  end
  local inbox = proc.inbox
  if inbox then
    local task, case = inbox.rt, nil
    if task and not inbox.rq and task.seq == inbox.rs and not task.claim then
      case = inbox.rc -- `take_receiver` in place
      inbox.rt, inbox.rc = nil, nil
    else
      task, case = take_receiver(inbox)
    end
    if task then
      return wake(task, message, true, case)
    elseif inbox.closed then
      proc.inbox = nil -- closed by the program itself: dropped (M-33)
      return
    end
  end
  return let_rest(proc, message)
end

-- Take a value that the runtime sends to an "@" topic.
function P.deliver_system(proc, topic, value)
  local message = new_message(topic, "", 1, value)
  local st = proc.subs and proc.subs[topic]
  if st then
    return deliver_to(proc, st, message)
  end
  local at = proc.at
  if not at then
    at = {}
    proc.at = at
  end
  local q = at[topic]
  if not q then
    q = { h = 1, t = 1 }
    at[topic] = q
  end
  append(q, message, arrival(proc))
end

-- Subscriptions ---------------------------------------------------------------------------------

-- The waiting messages of a topic, taken out of the mailbox: a queue or nil.
local function claim_waiting(proc, topic)
  local at = proc.at
  if at and at[topic] then
    local q = at[topic]
    at[topic] = nil
    return q
  end
  local rest = proc.rest
  if not rest or rest.h == rest.t then
    return nil
  end
  local counts = proc.counts
  if not counts then
    counts = {}
    proc.counts = counts
    P.charge(rest.t - rest.h)
    for i = rest.h, rest.t - 1, 2 do
      local t = rest[i][TOPIC]
      counts[t] = (counts[t] or 0) + 1
    end
  end
  if not counts[topic] then
    return nil
  end
  counts[topic] = nil
  P.charge(rest.t - rest.h)
  local mine, others = { h = 1, t = 1 }, { h = 1, t = 1 }
  for i = rest.h, rest.t - 1, 2 do
    append(rest[i][TOPIC] == topic and mine or others, rest[i], rest[i + 1])
  end
  proc.rest = others
  return mine
end

local function bind(proc, topic, st, objects)
  local subs = proc.subs
  if not subs then
    subs = {}
    proc.subs = subs
  end
  st.topic, st.proc, st.objects, st.source = topic, proc, objects, subscription_source
  st.wait = claim_waiting(proc, topic)
  subs[topic] = st
  -- Whoever is parked already is served first, then the buffer fills.
  local wait = st.wait
  while wait and wait.h ~= wait.t do
    local task, case = take_receiver(st)
    if not task then
      break
    end
    wake(task, shown(st, (first(wait))), true, case)
  end
  subscription_source(st, false)
end

local INBOX, EVENTS = "@pid/inbox", "@pid/events"
P.EVENTS_TOPIC = EVENTS

function P.open_inbox(proc)
  local st = proc.inbox
  if not st then
    local ch
    ch, st = P.new_channel(0)
    st.source, st.proc, st.topic = inbox_source, proc, INBOX
    proc.inbox = st
    return ch
  end
  return st.handle
end

-- The channel of a topic, made at the first call; `cap` is its buffer.
function P.open_topic(proc, topic, cap, objects)
  local st = proc.subs and proc.subs[topic]
  if st then
    if objects then
      st.objects = true
    end
    return st.handle, st
  end
  local ch
  ch, st = P.new_channel(cap)
  bind(proc, topic, st, objects)
  return ch, st
end

-- Give what waited for a subscription back to the mailbox, in order of arrival.
local function give_back(proc, st)
  local wait = st.wait
  st.wait = nil
  if not wait or wait.h == wait.t then
    return
  end
  local topic = st.topic
  if topic:sub(1, 1) == "@" then
    proc.at = proc.at or {}
    proc.at[topic] = wait
    return
  end
  local rest, merged = proc.rest or { h = 1, t = 1 }, { h = 1, t = 1 }
  local i, j = rest.h, wait.h
  while i < rest.t or j < wait.t do
    if j >= wait.t or (i < rest.t and rest[i + 1] < wait[j + 1]) then
      append(merged, rest[i], rest[i + 1])
      i = i + 2
    else
      append(merged, wait[j], wait[j + 1])
      j = j + 2
    end
  end
  proc.rest, proc.counts = merged, nil
  -- An open inbox with somebody parked takes them now.
  local inbox = proc.inbox
  while inbox and merged.h ~= merged.t do
    local task, case = take_receiver(inbox)
    if not task then
      break
    end
    wake(task, take_rest(proc), true, case)
  end
end

-- Take a subscription away and close its channel; false if `st` is none (M-30).
function P.close_topic(proc, st)
  if st.proc ~= proc or st.topic == nil then
    return false
  end
  if proc.inbox == st then
    proc.inbox = nil
  elseif proc.subs and proc.subs[st.topic] == st then
    proc.subs[st.topic] = nil
    st.source = nil
    give_back(proc, st)
  else
    return false
  end
  st.source = nil
  close_channel(st)
  return true
end

-- An event of a kind that still waits unread, or nil.
local function waiting_event(proc, kind)
  local queues = {
    proc.at and proc.at[EVENTS],
    proc.subs and proc.subs[EVENTS] and proc.subs[EVENTS].wait,
  }
  for _, q in rawnext, queues do
    if q then
      for i = q.h, q.t - 1, 2 do
        local event = q[i][VALUE]
        if event.kind == kind then
          return event
        end
      end
    end
  end
end

-- Whether a link-down event still waits unread (L-18).
function P.waiting_link_down(proc)
  return waiting_event(proc, "pid.link.down") ~= nil
end

-- Tell a process that its code changed; what waits unread takes the new sources in (P-116).
function P.deliver_outdated(proc, event)
  local waiting = waiting_event(proc, event.kind)
  if not waiting then
    return P.deliver_system(proc, EVENTS, event)
  end
  local sources, known = waiting.sources, {}
  for i = 1, #sources do
    known[sources[i]] = true
  end
  for i = 1, #event.sources do
    if not known[event.sources[i]] then
      sources[#sources + 1] = event.sources[i]
    end
  end
  raw.table.sort(sources)
end

-- Messages that a process has not received yet, for its upgraded code (P-104).
function P.unread(proc)
  local queues, list = { proc.rest }, {}
  for topic, st in rawnext, proc.subs or {} do
    local ordinary = raw.string.byte(topic) ~= 64
    if ordinary and st.wait then
      queues[#queues + 1] = st.wait
    end
    if ordinary and st.held then
      for i = 2 * (st.h + 1), 2 * (st.h + st.n), 2 do
        if st.held[i] then
          list[#list + 1] = { st.held[i], st.held[i + 1] }
        end
      end
    end
  end
  for _, q in rawnext, queues do
    for i = q.h, q.t - 1, 2 do
      list[#list + 1] = { q[i], q[i + 1] }
    end
  end
  raw.table.sort(list, function(a, b)
    return a[2] < b[2]
  end)
  local rest = { h = 1, t = 1 }
  for i = 1, #list do
    append(rest, list[i][1], i)
  end
  local events = proc.at and proc.at[EVENTS]
  local sub = proc.subs and proc.subs[EVENTS]
  if sub and sub.wait then
    events = sub.wait
  end
  return rest, events, #list
end

-- Globals `subscribe` and `unsubscribe` (M-34, M-35) ----------------------------------------------

function P.subscribe(topic, ch)
  if rawtype(topic) ~= "string" then
    P.bad_argument(1, "subscribe", "string", topic)
  end
  local st = P.channel_state(ch)
  local proc = P.current.proc
  local old
  if st.private then
    P.bring_home(ch, st)
  elseif st.abroad then
    return P.fail(P.errors.INVALID, "a channel that other processes hold cannot be subscribed")
  end
  if topic == INBOX then
    old = proc.inbox
  else
    old = proc.subs and proc.subs[topic]
  end
  if old then
    if old == st then
      return ch
    end
    return P.fail(P.errors.ALREADY_EXISTS, 'topic "' .. topic .. '" already subscribed')
  end
  if topic == INBOX then
    st.source, st.proc, st.topic = inbox_source, proc, INBOX
    proc.inbox = st
  else
    bind(proc, topic, st, false)
  end
  return ch
end

function P.unsubscribe(ch)
  local st = P.channel_state(ch)
  if P.close_topic(P.current.proc, st) then
    return true
  end
  return false, P.error_new("channel not found", P.errors.NOT_FOUND, false)
end

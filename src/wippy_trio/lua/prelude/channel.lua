-- Channels and select inside one VM: Go's, with the order rules of core section 9.
--
-- A channel is a closed handle before a state record. Waiters are (task, seq) pairs in two
-- queues, receivers and senders; the oldest of each stands in the record itself, because one
-- waiter is what most channels ever have. A stale waiter (its task went on, or died) is
-- skipped when it is met, and a queue that doubled is swept.
--
-- A parked select is one waiter in every channel of its cases, all with the same seq: whoever
-- wakes the task first makes all others stale. That is the whole claim.
--
-- Subscription channels (inbox, events, listen, timers ...) are channels whose values come
-- from a mailbox: `st.source` is a function that is asked for the next value when a receiver
-- finds the buffer empty, and after a receive has made room.

-- A channel that other processes hold, too, is *abroad*: `st.abroad` is set, and its handle has
-- another metatable, so that its methods are those of abroad.lua. A task that waits there as
-- well has a claim, which whoever would wake it takes first.

local P = ...
local raw = P.raw
local rawtype, rawnext, rawmt, setrawmt =
  raw.type, raw.next, raw.getrawmetatable, raw.setrawmetatable
local error, floor, math_type = raw.error, raw.math.floor, raw.math.type
local push, wake, park, may_wait = P.push, P.wake, P.park, P.may_wait
local yield, SYS = raw.coroutine.yield, P.SYS

local STATE, CASE = P.key("channel state"), P.key("case")
local methods, case_events = {}, {}
local CHANNEL = P.class("channel", methods)
local CASE_CLASS = P.class("case", {}, case_events)
P.CHANNEL = CHANNEL

-- What abroad.lua shares with this file. `methods_of`: metatable of a channel -> its methods.
local channels = { STATE = STATE, CASE = CASE, CASE_CLASS = CASE_CLASS, methods = methods,
  methods_of = { [CHANNEL] = methods } }
P.channels = channels
local methods_of = channels.methods_of

function CHANNEL.__tostring(self)
  return P.plain_text_of("channel", self)
end

-- Queues of waiters ---------------------------------------------------------------------------

-- The queue behind the first waiter: four slots an entry, `h` and `t` its ends.
local function enqueue(q, task, seq, v, case)
  local t = q.t
  if t - q.h >= q.limit then
    -- Sweep: keep the entries that are still waited for.
    local n = 0
    local kept = {}
    for i = q.h, t - 1, 4 do
      if q[i].seq == q[i + 1] then
        kept[n + 1], kept[n + 2], kept[n + 3], kept[n + 4] = q[i], q[i + 1], q[i + 2], q[i + 3]
        n = n + 4
      end
    end
    for i = q.h, t - 1 do
      q[i] = nil
    end
    for i = 1, n do
      q[i] = kept[i]
    end
    q.h, t = 1, n + 1
    q.limit = n * 2 < 64 and 64 or n * 2
  end
  q[t], q[t + 1], q[t + 2], q[t + 3] = task, seq, v, case
  q.t = t + 4
  return q
end

local function new_queue()
  return { h = 1, t = 1, limit = 64 }
end

local function add_receiver(st, task, case)
  local first = st.rt
  if first == nil or (first.seq ~= st.rs and st.rq == nil) then
    st.rt, st.rs, st.rc = task, task.seq, case
  else
    st.rq = enqueue(st.rq or new_queue(), task, task.seq, false, case)
  end
end

-- The longest waiting receiver, taken out of the queue: task and case.
local function take_receiver(st)
  local task = st.rt
  while task do
    local seq, case, q = st.rs, st.rc, st.rq
    if q then
      local h = q.h
      st.rt, st.rs, st.rc = q[h], q[h + 1], q[h + 3]
      q[h], q[h + 1], q[h + 2], q[h + 3] = nil, nil, nil, nil
      if h + 4 == q.t then
        st.rq = nil
      else
        q.h = h + 4
      end
    else
      st.rt, st.rc = nil, nil
    end
    if task.seq == seq and (not task.claim or P.take_claimed(task)) then
      return task, case
    end
    task = st.rt
  end
end

local function add_sender(st, task, v, case)
  local first = st.st
  if first == nil or (first.seq ~= st.ss and st.sq == nil) then
    st.st, st.ss, st.sv, st.sc = task, task.seq, v, case
  else
    st.sq = enqueue(st.sq or new_queue(), task, task.seq, v, case)
  end
end

-- The longest waiting sender, taken out of the queue: task, value, case.
local function take_sender(st)
  local task = st.st
  while task do
    local seq, v, case, q = st.ss, st.sv, st.sc, st.sq
    if q then
      local h = q.h
      st.st, st.ss, st.sv, st.sc = q[h], q[h + 1], q[h + 2], q[h + 3]
      q[h], q[h + 1], q[h + 2], q[h + 3] = nil, nil, nil, nil
      if h + 4 == q.t then
        st.sq = nil
      else
        q.h = h + 4
      end
    else
      st.st, st.sv, st.sc = nil, nil, nil
    end
    if task.seq == seq and (not task.claim or P.take_claimed(task)) then
      return task, v, case
    end
    task = st.st
  end
end

-- Call `f` with the value of each waiting sender and put what it returns in the place.
function channels.each_sender(st, f)
  if st.st then
    st.sv = f(st.sv)
    local q = st.sq
    for i = q and q.h or 1, q and q.t - 1 or 0, 4 do
      q[i + 2] = f(q[i + 2])
    end
  end
end

-- Take everybody who waits out of the queues, in order, receivers first.
function channels.take_waiters(st)
  local list, n = {}, 0
  local function add(task, seq, value, case, send)
    if task and task.seq == seq then
      n = n + 1
      list[n] = { task = task, seq = seq, value = value, case = case, send = send }
    end
  end
  local q = st.rq
  add(st.rt, st.rs, nil, st.rc, false)
  for i = q and q.h or 1, q and q.t - 1 or 0, 4 do
    add(q[i], q[i + 1], nil, q[i + 3], false)
  end
  q = st.sq
  add(st.st, st.ss, st.sv, st.sc, true)
  for i = q and q.h or 1, q and q.t - 1 or 0, 4 do
    add(q[i], q[i + 1], q[i + 2], q[i + 3], true)
  end
  st.rt, st.rc, st.rq, st.st, st.sv, st.sc, st.sq = nil, nil, nil, nil, nil, nil, nil
  return list
end

-- The state ------------------------------------------------------------------------------------

-- Fields: cap; n (values in the buffer), h (index before the first), buf; closed; handle;
-- rt rs rc rq and st ss sv sc sq, the waiters; source, for subscription channels.

local function new_channel(cap)
  local st = { cap = cap, n = 0 }
  local ch = setrawmt({ [STATE] = st }, CHANNEL)
  st.handle = ch
  return ch, st
end

-- A channel of the runtime: a mailbox, a timer, a future. It stays with its process.
function P.new_channel(cap)
  local ch, st = new_channel(cap)
  st.system = true
  return ch, st
end

local function buffer(st, v)
  local buf = st.buf
  if not buf then
    buf = {}
    st.buf, st.h = buf, 0
  end
  local n = st.n + 1
  st.n = n
  buf[st.h + n] = v
end

local function unbuffer(st)
  local buf, h = st.buf, st.h + 1
  local v = buf[h]
  buf[h] = nil
  st.n = st.n - 1
  if st.n == 0 then
    st.h = 0
  else
    st.h = h
  end
  return v
end

-- Offer a value without waiting: true if a receiver or the buffer took it.
local function offer(st, v)
  if st.n == 0 then
    local task, case = take_receiver(st)
    if task then
      wake(task, v, true, case)
      return true
    end
  end
  if st.n < st.cap then
    buffer(st, v)
    return true
  end
  return false
end
P.offer = offer

-- Take a value without waiting: ready, value, ok.
local function poll(st)
  if st.n > 0 then
    local v = unbuffer(st)
    local task, sent, case = take_sender(st)
    if task then
      buffer(st, sent)
      wake(task, true, nil, case)
    elseif st.source then
      st.source(st)
    end
    return true, v, true
  end
  local task, v, case = take_sender(st)
  if task then
    wake(task, true, nil, case)
    return true, v, true
  end
  if st.source then
    local ready, value = st.source(st, true)
    if ready then
      return true, value, true
    end
  end
  if st.closed then
    return true, nil, false
  end
  return false
end

local function closed_error()
  return P.error_new("send on closed channel", P.errors.INVALID, false)
end

-- Close: receivers get `nil, false`, parked senders `nil, err`. True if somebody was woken.
local function close(st)
  if st.closed then
    return false
  end
  st.closed = true
  local woken = false
  while true do
    local task, case = take_receiver(st)
    if not task then
      break
    end
    wake(task, nil, false, case)
    woken = true
  end
  while true do
    local task, _, case = take_sender(st)
    if not task then
      break
    end
    wake(task, nil, closed_error(), case)
    woken = true
  end
  return woken
end
P.close_channel = close

-- Methods --------------------------------------------------------------------------------------

-- The state of any channel, local or abroad.
function P.channel_state(ch)
  if rawtype(ch) ~= "table" or not methods_of[rawmt(ch)] then
    error("channel expected, got " .. P.type(ch), 3)
  end
  return ch[STATE]
end

-- A method was called with something that is no channel of its class: do what it is for that.
local function elsewhere(name, ch, v)
  local its = rawtype(ch) == "table" and methods_of[rawmt(ch)]
  if not its then
    error("channel expected, got " .. P.type(ch), 2)
  end
  return its[name](ch, v)
end
channels.elsewhere = elsewhere

local function wait_send(st, v)
  local task = P.current
  may_wait(task, "channel:send")
  task.seq = task.seq + 1
  add_sender(st, task, v, false)
  yield(SYS)
  local ok, err = task.a, task.b -- `park` in place, here and below: the turns of every message
  if ok then
    return true
  end
  task.b = nil
  return nil, err
end

function methods.send(ch, v)
  if rawmt(ch) ~= CHANNEL then
    return elsewhere("send", ch, v)
  end
  local st = ch[STATE]
  if st.closed then
    error("send on closed channel", 2)
  end
  local task = st.rt
  if task and st.n == 0 and not st.rq and task.seq == st.rs and not task.claim then
    -- One receiver waits, and nothing else is to be looked at: `offer` in place.
    local case = st.rc
    st.rt, st.rc = nil, nil
    wake(task, v, true, case)
    return true
  elseif offer(st, v) then
    return true
  end
  return wait_send(st, v)
end

local function receive(st)
  local source = st.source
  if st.n > 0 or st.st or st.closed then
    local ready, v, ok = poll(st)
    if ready then
      return v, ok
    end
  elseif source then
    local ready, v = source(st, true)
    if ready then
      return v, true
    end
  end
  local task = P.current
  may_wait(task, "channel:receive")
  local seq = task.seq + 1
  task.seq = seq
  if st.rt then
    add_receiver(st, task, false)
  else
    st.rt, st.rs, st.rc = task, seq, false
  end
  yield(SYS)
  local v = task.a
  task.a = nil
  return v, task.b
end

function methods.receive(ch)
  if rawmt(ch) ~= CHANNEL then
    return elsewhere("receive", ch)
  end
  return receive(ch[STATE])
end

-- After a close: the woken run before the closer goes on (C-26), where the closer can wait.
local function behind_woken(woken)
  if woken then
    local task = P.current
    if task and not task.chunk and not task.pinned and raw.coroutine.isyieldable() then
      push(task)
      park(task)
    end
  end
end

function methods.close(ch)
  if rawmt(ch) ~= CHANNEL then
    return elsewhere("close", ch)
  end
  behind_woken(close(ch[STATE]))
end

function methods.case_receive(ch)
  local st = P.channel_state(ch)
  local case = st.case
  if not case then
    case = setrawmt({ [CASE] = { ch = ch, st = st } }, CASE_CLASS)
    st.case = case
  end
  return case
end

function methods.case_send(ch, v)
  if rawmt(ch) ~= CHANNEL then
    return elsewhere("case_send", ch, v)
  end
  return setrawmt({ [CASE] = { ch = ch, st = ch[STATE], send = true, v = v } }, CASE_CLASS)
end

channels.wait_send, channels.receive, channels.behind_woken = wait_send, receive, behind_woken

-- Select ---------------------------------------------------------------------------------------

local function result(case, v, ok)
  if case.send then
    if not v then
      return nil, ok
    end
    return { channel = case.ch, value = case.v, ok = true }
  end
  return { channel = case.ch, value = v, ok = ok }
end

-- Do a case if it is ready: done, value, ok.
local function try(case)
  local st = case.st
  if case.send then
    if not st.closed and offer(st, case.v) then
      return true, true
    end
    return false
  end
  return poll(st)
end

local function case_of(v)
  if rawtype(v) == "table" and rawmt(v) == CASE_CLASS then
    return v[CASE]
  end
end

-- The cases of a select table in order: the array part, then the rest; and `default`.
local function gather(cases)
  local list, n = {}, 0
  local size = #cases
  for i = 1, size do
    local case = case_of(cases[i])
    if case then
      n = n + 1
      list[n] = case
    end
  end
  local default = false
  if size > 0 and rawnext(cases, size) == nil then
    return list, n, false -- nothing behind the array part
  end
  for key, value in P.seeded and P.next or rawnext, cases do
    if key == "default" then
      default = value == true
    elseif not (math_type(key) == "integer" and key >= 1 and key <= size) then
      local case = case_of(value)
      if case then
        n = n + 1
        list[n] = case
      end
    end
  end
  return list, n, default
end

local function select_(cases, default)
  if rawtype(cases) ~= "table" or P.type(cases) ~= "table" then
    P.bad_argument(1, "select", "table", cases)
  end
  if default ~= nil and default ~= true and default ~= false then
    P.bad_argument(2, "select", "boolean", default)
  end
  local list, n, wants_default = gather(cases)
  wants_default = wants_default or default == true
  local abroad = false
  for i = 1, n do
    local case = list[i]
    local done, v, ok
    if case.st.abroad then
      abroad = true
      done, v, ok = channels.try_abroad(case)
    else
      done, v, ok = try(case)
    end
    if done then
      return result(case, v, ok)
    end
  end
  if wants_default then
    return { default = true, ok = true }
  end
  local task = P.current
  may_wait(task, "channel.select")
  task.seq, task.cases = task.seq + 1, list
  local parked = false
  if abroad then
    channels.claim_abroad(task, list, n)
  end
  for i = 1, n do
    local case = list[i]
    local st = case.st
    if st.kernel then
      parked = parked or not (case.send and st.closed)
    elseif not case.send then
      add_receiver(st, task, case)
      parked = true
    elseif not st.closed then
      add_sender(st, task, st.abroad and P.copy(case.carried) or case.v, case)
      parked = true
    end
  end
  if not parked then
    P.watch_for_deadlock(task)
  end
  local v, ok, case = park(task)
  task.cases = nil
  return result(case, v, ok)
end

-- `channel.new([size])`
local function new(size)
  local cap = 0
  if size ~= nil then
    local number = rawtype(size) == "number" and size or raw.tonumber(size)
    if not number then
      P.bad_argument(1, "new", "number", size)
    end
    cap = number > 0 and floor(number) or 0
  end
  local proc = P.current.proc
  local in_kernel = proc.kernel_channels
  if in_kernel == nil then
    in_kernel = P.host.kernel_channels(proc.n) == true
    proc.kernel_channels = in_kernel
  end
  if in_kernel then
    return P.new_kernel_channel(cap, proc)
  end
  return (new_channel(cap))
end

P.channel = { new = new, select = select_ }
channels.add_receiver, channels.add_sender = add_receiver, add_sender
channels.take_receiver, channels.poll, channels.buffer = take_receiver, poll, buffer

function P.plain_text_of(name, v)
  return raw.format("%s: 0x%08x", name, P.object_number(v))
end

-- A subscription channel: `source(st, wanted)` moves what waits in a mailbox into the
-- buffer, or hands over one value if `wanted`.
function P.new_source_channel(cap, source)
  local ch, st = P.new_channel(cap)
  st.source = source
  return ch, st
end

-- Channels that other processes hold, too.
--
-- A channel made by `channel.new` is local until it is passed on. Passed to a process of this
-- VM it stays here and becomes *shared*: what is sent is copied. Passed to Python or to another
-- VM it moves to the *kernel*, buffer and waiters in order, and is known here by a number.
-- Either way the handle stays the same object; it gets another metatable, so that a local
-- channel, as nearly all of them are, pays nothing for it. A host may ask for kernel channels
-- from the start; one that only its maker knows is *private*: it carries numbers that stand for
-- values kept in `st.refs`, so that they pass by reference.
--
-- A task that waits for a kernel channel does so under a claim, whose number the host gives; its
-- record is `task.claim`. Whoever would wake the task for a local channel of the same select
-- takes the claim first (P.take_claimed).

local P = ...
local raw = P.raw
local rawtype, rawnext, rawmt, setrawmt, error, unpack =
  raw.type, raw.next, raw.getrawmetatable, raw.setrawmetatable, raw.error, raw.table.unpack
local host, copy, may_wait, park, wake = P.host, P.copy, P.may_wait, P.park, P.wake
local unpack_wire, offer = P.unpack_wire, P.offer
local channels = P.channels
local STATE, CASE, CASE_CLASS = channels.STATE, channels.CASE, channels.CASE_CLASS
local elsewhere, poll = channels.elsewhere, channels.poll

local WOULD_WAIT, DONE, HAS_WOKEN = 0, 1, 4

-- Commands on kernel channels. What one completed for a task of this VM wakes it now, behind the
-- task that runs (C-52).

local function wake_completed()
  while true do
    local id, index, ok, carried = host.ch_done()
    if id == 0 then
      return
    end
    P.channel_answer(id, index, ok, carried)
  end
end

local function give_now(number, carried)
  local status = host.ch_send(number, carried)
  if status >= HAS_WOKEN then
    wake_completed()
    return status - HAS_WOKEN
  end
  return status
end

local function take_now(number)
  local status, carried = host.ch_receive(number)
  if status >= HAS_WOKEN then
    wake_completed()
    return status - HAS_WOKEN, carried
  end
  return status, carried
end

-- Returns whether a task of this VM was woken.
local function close_now(number)
  if host.ch_close(number) == HAS_WOKEN then
    wake_completed()
    return true
  end
  return false
end
local NIL = P.NILKEY

local function new_class(methods)
  local class = P.class("channel", methods)
  class.__tostring = P.CHANNEL.__tostring
  channels.methods_of[class] = methods
  methods.case_receive = channels.methods.case_receive
  return class
end

-- Makers ----------------------------------------------------------------------------------------

-- A copy or a message is being made while another one is: the task that does it, which must not
-- be charged meanwhile, because it could be set aside.
local acting

local function quietly(f, v)
  local task, before = P.current, acting
  acting, P.current = task or acting, nil
  local ok, a, b = raw.pcall(f, v)
  acting, P.current = before, task
  if ok then
    return a, b
  elseif a == "not enough memory" then
    error(a, 0)
  end
  return nil -- nested too deep to cross
end

-- The process that passes a channel on. There is none if a result is passed on: its process,
-- which made the channel, has ended.
local function passer()
  local task = P.current or acting
  return task and task.proc
end

-- Note who made a channel that is passed on. The list is weak, and in order.
local function own(proc, st)
  local list = proc.shared
  if not list then
    list = setrawmt({}, { __mode = "v" })
    proc.shared, proc.shared_n, proc.shared_limit = list, 0, 64
  end
  local n = proc.shared_n
  if n >= proc.shared_limit then
    local kept = 0
    for i = 1, n do
      local each = list[i]
      list[i] = nil
      if each and not each.closed then
        kept = kept + 1
        list[kept] = each
      end
    end
    n = kept
    proc.shared_limit = kept * 2 < 64 and 64 or kept * 2
  end
  list[n + 1] = st
  proc.shared_n = n + 1
  st.maker = proc
end

-- The maker ended, or became another program: what it passed on closes.
function P.close_shared(proc)
  local list, n = proc.shared, proc.shared_n
  proc.shared = nil
  for i = 1, n do
    local st = list[i]
    if st then
      st.maker = nil
      if st.kernel then
        close_now(st.kernel)
      else
        P.close_channel(st)
      end
    end
  end
end

-- Shared channels of this VM --------------------------------------------------------------------

local shared = {}
local SHARED = new_class(shared)

function shared.send(ch, v)
  if rawmt(ch) ~= SHARED then
    return elsewhere("send", ch, v)
  end
  local st = ch[STATE]
  if st.closed then
    error("send on closed channel", 2)
  end
  v = copy(v)
  if offer(st, v) then
    return true
  end
  return channels.wait_send(st, v)
end

function shared.receive(ch)
  if rawmt(ch) ~= SHARED then
    return elsewhere("receive", ch)
  end
  return channels.receive(ch[STATE])
end

function shared.close(ch)
  if rawmt(ch) ~= SHARED then
    return elsewhere("close", ch)
  end
  channels.behind_woken(P.close_channel(ch[STATE]))
end

function shared.case_send(ch, v)
  if rawmt(ch) ~= SHARED then
    return elsewhere("case_send", ch, v)
  end
  -- `carried` is what goes, `v` what the sender finds in its result (C-36).
  return setrawmt({ [CASE] = { ch = ch, st = ch[STATE], send = true, v = v, carried = copy(v) } },
    CASE_CLASS)
end

local function share(ch, st)
  local maker = passer()
  st.abroad = true
  setrawmt(ch, SHARED)
  -- What waits in it leaves with it.
  local buf, h = st.buf, st.h
  for i = 1, st.n do
    buf[h + i] = quietly(copy, buf[h + i])
  end
  channels.each_sender(st, function(v)
    return (quietly(copy, v))
  end)
  if maker then
    own(maker, st)
  else
    P.close_channel(st)
  end
end

-- Kernel channels -------------------------------------------------------------------------------

local kernel = {}
local KERNEL = new_class(kernel)

local known = setrawmt({}, { __mode = "v" }) -- number -> handle
local last_ref = 0

-- Who waits: claim -> { id =, task =, seq = } with `cases`, or for a plain wait with `st` and
-- `carried`, which is false for a receive.
local claims = {}

-- Say which channels are in the message that goes out with the next command.
local function pin(pins)
  if pins then
    host.ch_pin(unpack(pins))
  end
end
P.pin_channels = pin

-- The form in which a value goes into a kernel channel: bytes and the channels in them, or a
-- number if the channel is private.
local function carry(st, v)
  if not st.private then
    return P.pack_passing(1, v)
  end
  last_ref = last_ref + 1
  st.refs[last_ref] = v == nil and NIL or v
  return last_ref
end

local function opened(st, carried)
  if rawtype(carried) == "string" then
    local _, v = unpack_wire(carried)
    return v
  end
  local v = st.refs[carried]
  st.refs[carried] = nil
  if v ~= NIL then
    return v
  end
end

-- Nobody will receive what was carried.
local function forget(st, carried)
  if st.private then
    st.refs[carried] = nil
  end
end

-- Become a kernel channel, known by `number`.
local function settle(ch, st, number)
  st.kernel, st.abroad, st.count = number, true, 1
  known[number] = ch
  return setrawmt(ch, KERNEL)
end

-- Numbers whose handles the collector freed; a program does not reach this `__gc`.
local freed, freed_n = {}, 0

function KERNEL.__gc(ch)
  local st = ch[STATE]
  if not st.kernel then
    return -- brought home
  end
  freed[freed_n + 1], freed[freed_n + 2] = st.kernel, st.count
  freed_n = freed_n + 2
end

-- Say what is not held any more, behind all that goes out of this step.
function P.report_channels()
  local list, n = freed, freed_n
  freed, freed_n = {}, 0
  for i = 1, n, 2 do
    P.emit(P.OUT.RELEASED, list[i], list[i + 1], nil, nil)
  end
end

local function new_handle(st, number)
  local ch = { [STATE] = st }
  st.handle = ch
  return settle(ch, st, number)
end

-- `channel.new` of a process whose host wants kernel channels.
function P.new_kernel_channel(cap, proc)
  return new_handle({ cap = cap, n = 0, private = true, refs = {} },
    host.ch_new(proc.n, cap))
end

-- A number came in a message: the handle for it.
function P.unpackers.channel(_, number)
  local ch = known[number]
  if ch then
    local st = ch[STATE]
    st.count = st.count + 1
    return ch
  end
  return new_handle({ cap = 0, n = 0 }, number)
end

-- Park an offer of `task`; `carried` is false for a receive. Returns the number of the claim.
local function wait(task, claim, st, index, carried, pins)
  pin(pins)
  return host.ch_wait(claim, task.proc.n, st.kernel, index, carried)
end

local function note(record)
  local proc, id = record.task.proc, record.id
  claims[id], record.task.claim = record, record
  local own = proc.claims
  if not own then
    own = {}
    proc.claims = own
  end
  own[id] = true
end

local function strike(record)
  claims[record.id], record.task.claim = nil, nil
  local own = record.task.proc.claims
  if own then
    own[record.id] = nil
  end
end

local function note_alone(task, st, carried, pins)
  local id = wait(task, 0, st, 1, carried, pins)
  note({ id = id, task = task, seq = task.seq, st = st, carried = carried })
end

local function wait_alone(task, st, carried, pins)
  task.seq = task.seq + 1
  note_alone(task, st, carried, pins)
  return park(task)
end

function kernel.send(ch, v)
  if rawmt(ch) ~= KERNEL then
    return elsewhere("send", ch, v)
  end
  local st = ch[STATE]
  local carried, pins = carry(st, v)
  pin(pins)
  local status = give_now(st.kernel, carried)
  if status == DONE then
    return true
  elseif status ~= WOULD_WAIT then
    forget(st, carried)
    error("send on closed channel", 2)
  end
  local task = P.current
  if task.chunk or task.pinned or not raw.coroutine.isyieldable() then
    forget(st, carried)
    may_wait(task, "channel:send")
  end
  local ok, err = wait_alone(task, st, carried, pins)
  if ok then
    return true
  end
  forget(st, carried)
  return nil, err
end

function kernel.receive(ch)
  if rawmt(ch) ~= KERNEL then
    return elsewhere("receive", ch)
  end
  local st = ch[STATE]
  local status, carried = take_now(st.kernel)
  if status == DONE then
    return opened(st, carried), true
  elseif status ~= WOULD_WAIT then
    return nil, false
  end
  local task = P.current
  may_wait(task, "channel:receive")
  local v, ok = wait_alone(task, st, false)
  return v, ok
end

function kernel.close(ch)
  if rawmt(ch) ~= KERNEL then
    return elsewhere("close", ch)
  end
  channels.behind_woken(close_now(ch[STATE].kernel))
end

function kernel.case_send(ch, v)
  if rawmt(ch) ~= KERNEL then
    return elsewhere("case_send", ch, v)
  end
  local st = ch[STATE]
  local case = { ch = ch, st = st, send = true, v = v }
  if not st.private then
    case.bytes, case.pins = P.pack_passing(1, v) -- fixed now (C-46)
  end
  return setrawmt({ [CASE] = case }, CASE_CLASS)
end

-- What a send case gives to a kernel channel; the case may be older than the sharing.
local function case_carried(case, st)
  if st.private then
    return carry(st, case.v)
  elseif not case.bytes then
    local v = case.carried
    if v == nil then
      v = case.v
    end
    case.bytes, case.pins = quietly(P.pack_within, v)
    case.bytes = case.bytes or "\x91\xc0"
  end
  return case.bytes, case.pins
end

-- Select ----------------------------------------------------------------------------------------

-- Do a case on a channel abroad if it is ready: done, value, ok.
function channels.try_abroad(case)
  local st = case.st
  if not st.kernel then
    if not case.send then
      return poll(st)
    elseif case.carried == nil then
      case.carried = copy(case.v)
    end
    return not st.closed and offer(st, copy(case.carried)), true
  elseif case.send then
    local carried, pins = case_carried(case, st)
    pin(pins)
    local status = give_now(st.kernel, carried)
    if status == DONE then
      return true, true
    elseif status ~= WOULD_WAIT then
      st.closed = true -- the case will never be ready (C-40)
    end
    forget(st, carried)
    return false
  end
  local status, carried = take_now(st.kernel)
  if status == DONE then
    return true, opened(st, carried), true
  end
  return status ~= WOULD_WAIT, nil, false
end

-- Park the kernel cases of a select, if there are any.
function channels.claim_abroad(task, list, n)
  local record = { id = 0, task = task, seq = task.seq, cases = list }
  for i = 1, n do
    local case = list[i]
    local st = case.st
    if st.kernel and not (case.send and st.closed) then
      local carried, pins = false, nil
      if case.send then
        carried, pins = case_carried(case, st)
        if st.private then
          record.refs = record.refs or {}
          record.refs[i] = carried
        end
      end
      record.id = wait(task, record.id, st, i, carried, pins)
    end
  end
  if record.id ~= 0 then
    note(record)
  end
end

-- A select is over: forget what its private send cases would have sent, but for the one done.
local function forget_others(record, index)
  for i, carried in rawnext, record.refs or {} do
    if i ~= index then
      forget(record.cases[i].st, carried)
    end
  end
end

-- Whether a waiting task may be woken for a local channel; then its claim is taken.
function P.take_claimed(task)
  local record = task.claim
  if host.ch_claim(record.id) then
    strike(record)
    forget_others(record)
    return true
  end
  return false
end

-- The kernel completed the case `index` of a wait.
function P.channel_answer(id, index, ok, carried)
  local record = claims[id]
  if not record then
    return
  end
  strike(record)
  local task = record.task
  if task.seq ~= record.seq or not task.co then
    return
  end
  local case = record.cases and record.cases[index]
  local is_send = record.carried
  if case then
    is_send = case.send
    forget_others(record, ok and index or nil)
  end
  if is_send and ok then
    wake(task, true, nil, case)
  elseif is_send then
    wake(task, nil, P.error_new("send on closed channel", P.errors.INVALID, false), case)
  elseif ok then
    wake(task, opened(case and case.st or record.st, carried), true, case)
  else
    wake(task, nil, false, case)
  end
end

-- The process ended: nobody must complete what it waits for.
function P.withdraw_claims(proc)
  local own = proc.claims
  proc.claims = nil
  if rawnext(own) then
    host.ch_withdraw(proc.n)
    for id in rawnext, own do
      claims[id] = nil
    end
  end
end

-- Moves -----------------------------------------------------------------------------------------

-- A waiter of a local channel waits in the kernel from now on: a plain one, or all cases on
-- this channel of a select, which has a claim then for its local channels, too.
local function move_waiter(st, each)
  local task, seq, case = each.task, each.seq, each.case
  if not case then
    local carried, pins = false, nil
    if each.send then
      carried, pins = quietly(P.pack_within, each.value)
      carried = carried or "\x91\xc0"
    end
    return note_alone(task, st, carried, pins)
  end
  local record = task.claim or { id = 0, task = task, seq = seq, cases = task.cases }
  if record.moved_to == st then
    return -- a second case of it on the same channel
  end
  record.moved_to = st
  for i = 1, #record.cases do
    local own_case = record.cases[i]
    if own_case.st == st then
      local carried, pins = false, nil
      if own_case.send then
        carried, pins = case_carried(own_case, st)
      end
      record.id = wait(task, record.id, st, i, carried, pins)
    end
  end
  note(record)
end

local function move(ch, st)
  local maker = st.maker or passer()
  local waiting = channels.take_waiters(st)
  local buf, h, n = st.buf, st.h, st.n
  local number = host.ch_new(maker and maker.n or 0, st.cap)
  st.buf, st.n = nil, 0
  settle(ch, st, number)
  if maker and not st.maker then
    own(maker, st)
  end
  for i = 1, n do
    local bytes, pins = quietly(P.pack_within, buf[h + i])
    pin(pins)
    give_now(number, bytes or "\x91\xc0")
  end
  for i = 1, #waiting do
    move_waiter(st, waiting[i])
  end
  if st.closed or not maker then
    close_now(number)
  end
end

-- A private kernel channel is passed on: what is on its way in it gets its wire form.
local function reveal(st)
  local maker = passer()
  local refs = st.refs
  st.private, st.refs = nil, nil
  if maker then
    own(maker, st)
  end
  for key, v in rawnext, refs do
    if v == NIL then
      v = nil
    end
    local bytes, pins = quietly(P.pack_within, v)
    pin(pins)
    host.ch_seal(key, bytes or "\x91\xc0")
  end
  if not maker then
    close_now(st.kernel)
  end
end

-- A private kernel channel is to be fed by a mailbox, which is in this VM: it becomes a local
-- one. Who waits for it does so here; a select keeps its claim, for its other cases.
function P.bring_home(ch, st)
  local number, waiting = st.kernel, {}
  for id in rawnext, P.current.proc.claims or {} do
    waiting[#waiting + 1] = id
  end
  raw.table.sort(waiting)
  local values, n = {}, 0
  while true do
    local status, carried = take_now(number)
    if status ~= DONE then
      st.closed = status ~= WOULD_WAIT or nil
      break
    end
    n = n + 1
    values[n] = opened(st, carried)
  end
  st.buf, st.h, st.n = values, 0, n
  for i = 1, #waiting do
    local record = claims[waiting[i]]
    local task = record and record.task
    if record and record.st == st and host.ch_claim(record.id) then
      strike(record)
      channels.add_receiver(st, task, false)
    end
    for at = 1, record and record.cases and #record.cases or 0 do
      local case = record.cases[at]
      if case.st == st and case.send then
        channels.add_sender(st, task, case.v, case)
      elseif case.st == st then
        channels.add_receiver(st, task, case)
      end
    end
  end
  -- The number is given up with the handle's old self.
  st.kernel, st.abroad, st.private, st.refs = nil, nil, nil, nil
  known[number] = nil
  freed[freed_n + 1], freed[freed_n + 2] = number, st.count
  freed_n = freed_n + 2
  setrawmt(ch, P.CHANNEL)
end

-- Only what `channel.new` made may leave, unless it was given to a mailbox.
local function stays(st)
  return st.system or st.topic
end

-- A channel in a copy stays itself.
function P.carriers.channel(ch)
  local st = ch[STATE]
  if stays(st) then
    return nil
  elseif st.private then
    reveal(st)
  elseif not st.abroad then
    share(ch, st)
  end
  return ch
end

-- A channel in the wire form passes in messages to other processes only.
function P.packers.channel(ch)
  local st = ch[STATE]
  if stays(st) or not P.is_passing() then
    return nil
  elseif st.private then
    reveal(st)
  elseif not st.kernel then
    move(ch, st)
  end
  P.pin(st.kernel)
  return "channel", st.kernel
end

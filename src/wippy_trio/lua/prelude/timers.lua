-- Timers: one heap per VM, of due times and ids.
--
-- Who waits hangs on a weak-valued map, because a sleeping task is held by its process and a
-- timer channel by whoever can still receive from it: a `time.after` that lost its select is
-- freed at once, and only its number stays in the heap until it is due.
--
-- A timer is armed from a direct clock call, never from the step's `now`, which is stale by a
-- whole slice: a wait would end early (T-19).

local P = ...
local raw = P.raw
local setrawmt = raw.setrawmetatable
local may_wait, park, wake, push, offer = P.may_wait, P.park, P.wake, P.push, P.offer
local clock = P.host.clock

local due, ids, size = {}, {}, 0
local waiting = setrawmt({}, { __mode = "v" }) -- id -> task or channel state
local last = 0

local function less(i, j)
  return due[i] < due[j] or due[i] == due[j] and ids[i] < ids[j]
end

local function swap(i, j)
  due[i], due[j] = due[j], due[i]
  ids[i], ids[j] = ids[j], ids[i]
end

local function sift_down(i)
  while true do
    local child = 2 * i
    if child > size then
      return
    end
    if child < size and less(child + 1, child) then
      child = child + 1
    end
    if not less(child, i) then
      return
    end
    swap(i, child)
    i = child
  end
end

local function insert(at, id)
  size = size + 1
  due[size], ids[size] = at, id
  local i = size
  while i > 1 do
    local parent = i // 2
    if not less(i, parent) then
      return
    end
    swap(i, parent)
    i = parent
  end
end

-- Too many numbers whose waiter is gone: rebuild from those that are waited for.
local swept_at = 1024

local function sweep()
  local n = 0
  for i = 1, size do
    local id = ids[i]
    if waiting[id] ~= nil then
      n = n + 1
      due[n], ids[n] = due[i], id
    end
  end
  for i = n + 1, size do
    due[i], ids[i] = nil, nil
  end
  size = n
  for i = size // 2, 1, -1 do
    sift_down(i)
  end
  swept_at = size < 512 and 1024 or size * 2
end

-- Arm: `who` (a task whose seq is current, or a channel state) is told at time `at`.
local function arm(at, who)
  last = last + 1
  waiting[last] = who
  if size >= swept_at then
    sweep()
  end
  insert(at, last)
  return last
end
P.arm = arm

function P.disarm(id)
  waiting[id] = nil
end

-- When the next timer is due, or nil.
function P.next_due()
  while size > 0 and waiting[ids[1]] == nil do
    swap(1, size)
    due[size], ids[size] = nil, nil
    size = size - 1
    sift_down(1)
  end
  return due[1]
end

function P.timers_waiting()
  local n = 0
  for _ in raw.next, waiting do
    n = n + 1
  end
  return n
end

-- Tell everybody who is due at `now`.
function P.fire(now)
  while size > 0 and due[1] <= now do
    local at, id = due[1], ids[1]
    swap(1, size)
    due[size], ids[size] = nil, nil
    size = size - 1
    sift_down(1)
    local who = waiting[id]
    if who ~= nil then
      waiting[id] = nil
      if who.co then
        if who.sleep == id then
          who.sleep = nil
          wake(who)
        end
      elseif who.on_timer then
        who.on_timer(who, at, now)
      end
    end
  end
end

-- Suspend the running task for `seconds` (T-10).
function P.sleep(seconds)
  local task = P.current
  may_wait(task, "time.sleep")
  task.seq = task.seq + 1
  if seconds <= 0 then
    push(task)
    park(task)
    return
  end
  task.sleep = arm(clock() + seconds, task)
  park(task)
end

-- Timer channels: `value(st)` makes what is delivered -------------------------------------------

local function once(st)
  st.timer = nil
  offer(st, st.value())
  st.fired = true
  P.close_channel(st)
end

-- A channel that gives one value after `seconds` and is closed (T-12, T-13).
function P.timer_channel(seconds, value)
  local ch, st = P.new_channel(1)
  st.value, st.on_timer = value, once
  st.timer = arm(clock() + seconds, st)
  return ch, st
end

-- Whether it was pending.
function P.stop_timer(st)
  local id = st.timer
  if not id then
    return false
  end
  waiting[id] = nil
  st.timer = nil
  P.close_channel(st)
  return true
end

function P.reset_timer(st, seconds)
  local id = st.timer
  if not id then
    return false
  end
  waiting[id] = nil
  st.timer = arm(clock() + seconds, st)
  return true
end

local function tick(st, at, now)
  offer(st, st.value()) -- a full buffer drops the tick (T-16)
  local interval = st.interval
  local next_at = at + interval
  if next_at <= now then
    next_at = at + interval * (1 + (now - at) // interval)
  end
  st.timer = arm(next_at, st)
end

-- A channel that gives a value every `seconds`; a full buffer drops ticks (T-16).
function P.ticker_channel(seconds, value)
  local ch, st = P.new_channel(16)
  st.value, st.on_timer, st.interval = value, tick, seconds
  st.timer = arm(clock() + seconds, st)
  return ch, st
end

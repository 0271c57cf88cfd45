-- The `pg` module: broadcasts and subscriptions, which are messages inside the VM.

local P, F = ...
local raw = P.raw
local rawtype, select, setrawmt, rawmt, native_error =
  raw.type, raw.select, raw.setrawmetatable, raw.getrawmetatable, raw.error
local unwatch = F._unwatch
F._unwatch = nil
local methods = P.methods_of("pg.Instance")
local targets, watch = methods._targets, methods._watch
methods._targets, methods._watch = nil, nil

local function broadcast(action)
  return function(self, group, topic, ...)
    local list, err = targets(self, action, group, topic)
    if not list then
      return nil, err
    end
    local from, n = P.current.proc.text, select("#", ...)
    for i = 1, #list do
      local v
      if n == 1 then
        v = P.copy((...))
      elseif n > 1 then
        v = P.copy_many(n, ...)
      end
      P.post(list[i], P.by_text[list[i]], topic, from, n, v) -- some may be gone (PG-7)
    end
    return true, nil
  end
end
methods.broadcast = broadcast("broadcast")
methods.broadcast_local = broadcast("broadcast_local")

local NUMBER, CHANNEL = P.key("number"), P.key("channel")
local subscription = {}
local SUBSCRIPTION = P.class("pg.Subscription", subscription)
function SUBSCRIPTION.__tostring()
  return "pg.Subscription{}"
end

local function own(self)
  if rawtype(self) ~= "table" or rawmt(self) ~= SUBSCRIPTION then
    native_error("subscription expected, got " .. P.type(self), 3)
  end
  return self
end

function subscription.channel(self)
  return own(self)[CHANNEL].handle
end

function subscription.close(self, options)
  local st = own(self)[CHANNEL]
  unwatch(self[NUMBER])
  if rawtype(options) == "table" and options.flush then
    st.wait, st.buf, st.n, st.h = nil, nil, 0, 0
  end
  P.close_topic(P.current.proc, st)
  return true
end

local function subscribe(self, group)
  local number, now = watch(self, group)
  if not number then
    return nil, nil, now
  end
  local _, st = P.open_topic(P.current.proc, "@pg/" .. number, 64, false)
  return setrawmt({ [NUMBER] = number, [CHANNEL] = st }, SUBSCRIPTION), now, nil
end

function methods.monitor(self, group)
  if group == nil then
    group = ""
  end
  return subscribe(self, group)
end

function methods.events(self)
  return subscribe(self, nil)
end

return F

-- The globals `process`, `print`, `subscribe`, `unsubscribe`: what a process can do.

local P = ...
local raw = P.raw
local rawtype, native_error, select = raw.type, raw.error, raw.select
local byte, find = raw.string.byte, raw.string.find
local host = P.host
local by_text = P.by_text
local copy, copy_table, new_message, deliver =
  P.copy, P.copy_table, P.new_message, P.deliver
local K = P.errors
local fail_pair = P.fail

local process = {}
P.process = process

local function no_chunk(task, what)
  if task.chunk then
    native_error("attempt to yield from outside a coroutine: " .. what
      .. " cannot be called while the module is being loaded", 3)
  end
end
P.no_chunk = no_chunk

local function text_argument(n, name, v)
  local t = rawtype(v)
  if t == "string" then
    return v
  elseif t == "number" then
    return P.tostring(v)
  end
  native_error(raw.format("bad argument #%d to '%s' (string expected, got %s)", n, name,
    v == nil and "no value" or P.type(v)), 3)
end
P.text_argument = text_argument

-- Turn what a host function returned into what a program gets: values, or nil and an error.
local function pair(ok, a, b, c, d)
  if ok then
    return a, b
  end
  return nil, P.host_error(a, b, c, d)
end

-- nil, err with the kind, text and details that the host gave.
function P.host_error(kind, message, retryable, details)
  local _, table_of_details
  if details then
    _, table_of_details = P.unpack_wire(details)
  end
  return P.error_new(message, kind, retryable, table_of_details)
end

-- Whom a destination names: its pid text and, if it lives in this VM, its process (N-2, N-3).
local function resolve(destination)
  local proc = by_text[destination]
  if proc then
    return destination, proc
  end
  if byte(destination) == 123 and byte(destination, -1) == 125
    and find(destination, "|", 1, true) then
    return destination, nil
  end
  local text = host.resolve(destination)
  if text == nil then
    return nil, P.error_new("could not resolve '" .. destination
      .. "' as PID or registered name", K.NOT_FOUND, false)
  end
  return text, by_text[text]
end

local function denied(message)
  return P.error_new(message, K.PERMISSION_DENIED, false)
end
P.denied = denied

-- Messages --------------------------------------------------------------------------------------

-- Put a message of already copied values into a mailbox, in this VM or elsewhere.
local function post(text, proc, topic, from, n, v)
  if proc then
    if proc.dead then
      return nil, P.error_new("process not found", K.NOT_FOUND, false)
    end
    deliver(proc, new_message(topic, from, n, v))
    return true, nil
  end
  if P.ended[text] then
    return nil, P.error_new("process not found", K.NOT_FOUND, false)
  end
  local wire, pins
  if n == 1 then
    wire, pins = P.pack_passing(1, v)
  elseif n == 0 then
    wire = P.pack(0)
  else
    wire, pins = P.pack_passing(n, raw.table.unpack(v, 1, n))
  end
  P.pin_channels(pins)
  return pair(host.send(from, text, topic, wire))
end
P.post = post

-- Topics met before, which need no look: text that does not begin with "@".
local TOPICS, topics_left = {}, 1000

local function remember_topic(topic)
  if #topic <= 40 then
    if topics_left == 0 then
      TOPICS, topics_left = {}, 1000
    end
    topics_left = topics_left - 1
    TOPICS[topic] = true
  end
end

function process.send(destination, topic, ...)
  local task = P.current
  if task.chunk then
    no_chunk(task, "process.send")
  end
  if not TOPICS[topic] then
    if topic == nil then
      return fail_pair(K.INVALID, "send requires at least destination and topic arguments")
    end
    destination = text_argument(1, "send", destination)
    topic = text_argument(2, "send", topic)
    if byte(topic) == 64 then
      return fail_pair(K.INVALID, "cannot send to @ topics")
    end
    remember_topic(topic)
  end
  local n, v = select("#", ...), nil
  if n == 1 then
    v = ...
    local t = rawtype(v)
    if t == "table" then
      v = copy_table(v)
    elseif t == "function" or t == "thread" then
      v = copy(v)
    end
  elseif n > 1 then
    v = P.copy_many(n, ...)
  end
  local me = task.proc
  local text, proc = destination, by_text[destination]
  if not proc then
    destination = text_argument(1, "send", destination)
    text, proc = resolve(destination)
    if not text then
      return nil, proc
    end
  end
  if me.guard and not host.allowed(me.n, "process.send", text) then
    return nil, denied("not allowed to send: " .. destination)
  end
  return post(text, proc, topic, me.text, n, v)
end

function process.inbox()
  local task = P.current
  no_chunk(task, "process.inbox")
  return P.open_inbox(task.proc)
end

function process.events()
  local task = P.current
  no_chunk(task, "process.events")
  return (P.open_topic(task.proc, P.EVENTS_TOPIC, 0, false))
end

function process.listen(topic, options)
  local task = P.current
  no_chunk(task, "process.listen")
  topic = text_argument(1, "listen", topic)
  if topic == "" then
    return fail_pair(K.INVALID, "topic cannot be empty")
  elseif byte(topic) == 64 then
    return fail_pair(K.INVALID, "cannot listen to @ topics")
  end
  local objects = rawtype(options) == "table" and options.message == true
  return (P.open_topic(task.proc, topic, 1, objects))
end

function process.unlisten(ch)
  local st = P.channel_state(ch)
  if P.close_topic(P.current.proc, st) then
    return true
  end
  return false, P.error_new("channel not found", K.NOT_FOUND, false)
end

-- Identity and options --------------------------------------------------------------------------

function process.pid()
  return P.current.proc.text
end

function process.id()
  return P.current.proc.entry
end

function process.get_options()
  local proc = P.current.proc
  return { trap_links = proc.trap == true, upgradable = proc.upgradable == true }
end

local function invalid_option(message)
  return false, P.error_new(message, K.INVALID, false)
end

function process.set_options(options)
  if rawtype(options) ~= "table" then
    return invalid_option("options parameter must be a table")
  end
  local proc = P.current.proc
  local problem
  for k, v in P.pairs(options) do
    if k == "trap_links" or k == "upgradable" then
      if v ~= true and v ~= false then
        problem = problem or k .. " must be a boolean"
      elseif k == "trap_links" then
        proc.trap = v
        if not v and P.waiting_link_down(proc) then
          -- Decided at the next step, unless it is set again before (L-18).
          P.recheck[#P.recheck + 1] = proc
        end
      else
        proc.upgradable = v
        host.set_upgradable(proc.n, v)
      end
    elseif rawtype(k) == "string" then
      problem = problem or "option " .. k .. " is not supported"
    end
  end
  if problem then
    return invalid_option(problem)
  end
  return true, nil
end
P.recheck = {}

process.event = P.library("process.event", {
  CANCEL = "pid.cancel", EXIT = "pid.exit", LINK_DOWN = "pid.link.down",
  OUTDATED = "pid.outdated",
})

-- Fates -----------------------------------------------------------------------------------------

-- A call that names one other process: resolve, permission, then the kernel.
local function verb(name, act)
  process[name] = function(destination, ...)
    local task = P.current
    no_chunk(task, "process." .. name)
    destination = text_argument(1, name, destination)
    local text, proc = resolve(destination)
    if not text then
      return nil, proc
    end
    local me = task.proc
    if me.guard and not host.allowed(me.n, "process." .. name, text) then
      return nil, denied("not allowed to " .. name .. ": " .. destination)
    end
    return act(me, text, proc, ...)
  end
end

local function gone(text)
  return nil, P.error_new("pid not registered: " .. text, K.INTERNAL, false)
end

local function not_found()
  return nil, P.error_new("process not found", K.INTERNAL, false)
end

verb("link", function(me, text)
  if P.ended[text] then
    return gone(text)
  end
  return pair(host.link(me.n, text))
end)

verb("unlink", function(me, text)
  return pair(host.unlink(me.n, text))
end)

verb("monitor", function(me, text, proc)
  if P.ended[text] then
    return gone(text)
  end
  local done, err = pair(host.monitor(me.n, text))
  if done and proc then
    P.watch(proc, me)
  end
  return done, err
end)

verb("unmonitor", function(me, text, proc)
  if proc then
    P.unwatch(proc, me)
  end
  return pair(host.unmonitor(me.n, text))
end)

verb("terminate", function(me, text, proc)
  if P.ended[text] then
    return not_found()
  elseif proc then
    if proc.protected then
      return true, nil
    end
    P.kill(proc)
    if proc == me then
      P.vanish(P.current)
    end
    return true, nil
  end
  return pair(host.terminate(me.n, text))
end)

function process.cancel(destination, reason)
  local task = P.current
  no_chunk(task, "process.cancel")
  destination = text_argument(1, "cancel", destination)
  reason = reason == nil and "" or text_argument(2, "cancel", reason)
  local text, proc = resolve(destination)
  if not text then
    return nil, proc
  end
  local me = task.proc
  if me.guard and not host.allowed(me.n, "process.cancel", text) then
    return nil, denied("not allowed to cancel: " .. destination)
  end
  if P.ended[text] then
    return not_found()
  elseif proc then
    P.deliver_system(proc, P.EVENTS_TOPIC, {
      kind = "pid.cancel", from = me.text, at = host.unix(), reason = reason,
    })
    return true, nil
  end
  return pair(host.cancel(me.n, text, reason))
end

-- Names -----------------------------------------------------------------------------------------

local SUFFIX = { [1] = "eventual", [2] = "consistent", [3] = "strong" }
local registry = { LOCAL = 0, EVENTUAL = 1, CONSISTENT = 2, STRONG = 3 }

local function no_cluster(scope)
  return nil, P.error_new(scope == 1 and "eventual registry not available"
    or "global registry not available", K.INTERNAL, false)
end

local function check_scope(scope)
  if scope == nil then
    return 0
  elseif rawtype(scope) ~= "number" then
    return nil, P.error_new("scope must be a number", K.INVALID, false)
  end
  return SUFFIX[scope] and scope or 0
end

function registry.register(name, pid, scope)
  name = text_argument(1, "register", name)
  local me = P.current.proc
  if pid ~= nil and rawtype(pid) ~= "string" then
    return fail_pair(K.INVALID, "pid must be a string")
  end
  local e
  scope, e = check_scope(scope)
  if not scope then
    return nil, e
  end
  pid = pid or me.text
  local suffix = SUFFIX[scope]
  if me.guard then
    if pid ~= me.text and not host.allowed(me.n, "process.registry.foreign", pid) then
      return nil, denied('not allowed to register foreign pid ' .. pid
        .. ' under name "' .. name .. '"')
    end
    local action = "process.registry.register" .. (suffix and "." .. suffix or "")
    if not host.allowed(me.n, action, name) then
      return nil, denied("not allowed to register name"
        .. (suffix and " (" .. suffix .. ")" or "") .. ": " .. name)
    end
  end
  if suffix then
    return no_cluster(scope)
  end
  local ok, kind, message, retryable, details = host.register(me.n, name, pid)
  if not ok then
    return nil, P.host_error(kind, message, retryable, details)
  end
  local owner = by_text[pid]
  if owner then
    owner.named = true
  end
  return true
end

function registry.lookup(name)
  name = text_argument(1, "lookup", name)
  local text = host.resolve(name)
  if text == nil then
    return nil, P.error_new("name not registered", K.NOT_FOUND, false)
  end
  return text
end

function registry.unregister(name, scope)
  name = text_argument(1, "unregister", name)
  local me = P.current.proc
  local e
  scope, e = check_scope(scope)
  if not scope then
    return nil, e
  end
  local suffix = SUFFIX[scope]
  local action = "process.registry.unregister" .. (suffix and "." .. suffix or "")
  if me.guard and not host.allowed(me.n, action, name) then
    return nil, denied("not allowed to unregister name: " .. name)
  end
  if suffix then
    return false
  end
  return host.unregister(name)
end

process.registry = P.library("process.registry", registry)

-- print: one log record at level info (STD-30 to STD-32) ------------------------------------------

-- The place in the program that called us: `<registry id>:<line>`.
function P.location(level)
  local info = raw.getinfo(level + 1, "Sl")
  if info and info.currentline > 0 then
    return info.short_src .. ":" .. info.currentline
  end
  return P.current and P.current.proc.entry or ""
end

function P.print(...)
  local n = select("#", ...)
  local texts = {}
  for i = 1, n do
    local ok, text = P.pcall(P.tostring, (select(i, ...)))
    texts[i] = ok and text or P.plain_text((select(i, ...)))
  end
  host.log(P.current.proc.n, "info", raw.table.concat(texts, " "), P.location(2), false)
end

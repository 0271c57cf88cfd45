-- Modules whose functions are Python's: Lua closures that check, convert, call and convert.
--
-- A program never holds a Python object: it gets these closures. A plain function is called in
-- place; a function that may block becomes a command that the host carries out in a task of the
-- process's nursery, while the coroutine waits. Scalars cross as they are, everything else as
-- one string in the wire format.

local P = ...
local raw = P.raw
local rawtype, rawmt, setrawmt, native_error, select, unpack =
  raw.type, raw.getrawmetatable, raw.setrawmetatable, raw.error, raw.select, raw.table.unpack
local host, emit, OUT, park, may_wait = P.host, P.emit, P.OUT, P.park, P.may_wait
local unpack_wire = P.unpack_wire
local math_type = raw.math.type

-- Pending host calls live in the process record, since the answer of a cancelled call never
-- comes: call id -> task.
local last_call = 0

-- Note that `task` is about to wait for an answer: the number of the call.
local function note_call(task)
  local proc = task.proc
  local calls = proc.calls
  if not calls then
    calls = {}
    proc.calls = calls
  end
  proc.touched = true
  last_call = last_call + 1
  task.seq = task.seq + 1
  calls[last_call] = task
  return last_call
end
P.note_call = note_call

local function begin_call(task, fid, wire)
  local call = note_call(task)
  emit(OUT.CALL, task.proc.n, call, fid, wire)
end
P.begin_call = begin_call

-- An answer came: `tag` 0 is a scalar, 1 values in the wire format, 2 an error in it.
function P.answer(n, id, tag, value)
  local proc = P.procs[n] or P.detached[n]
  local calls = proc and proc.calls
  local task = calls and calls[id]
  if not task then
    return
  end
  calls[id] = nil
  if not task.co then
    return
  end
  P.wake(task, tag, value)
end

local function drop_count(_, ...)
  return ...
end

local is_error, returned = P.is_error, P.error_returned

-- What a call returned, as the program sees it.
local function outcome(tag, value, shape)
  if tag == 0 then
    if shape == 2 then
      return value, nil
    end
    return value
  elseif tag == 1 then
    if shape == 2 then
      local _, v = unpack_wire(value)
      return v, nil
    end
    return drop_count(unpack_wire(value))
  end
  local _, e = unpack_wire(value)
  if tag == 3 then
    if rawtype(e) == "string" then
      P.misuse(e)
    end
    native_error(is_error(e) and returned(e) or e, 0)
  end
  return nil, returned(e)
end
P.outcome = outcome

-- Under this key a handle of a Python object has the object's number.
local OBJECT = P.key("object")

-- Argument kinds: s text, y bytes, i integer, n number, b boolean, v any value, t table,
-- h handle of a class, g any value made plain data by the rules of bags.
local WANTED = { s = "string", y = "string", i = "number", n = "number", b = "boolean",
  t = "table", m = "table" }

local function bad(i, name, wanted, v)
  P.bad_argument(i, name, wanted, v)
end

local function checked(kind, v, i, name, class)
  if kind == "s" or kind == "y" then
    if rawtype(v) == "string" then
      return v
    elseif rawtype(v) == "number" then
      return P.tostring(v)
    elseif P.is_error(v) then
      return P.tostring(v)
    end
  elseif kind == "i" then
    if math_type(v) == "integer" then
      return v
    elseif rawtype(v) == "string" then
      v = raw.tonumber(v) or v
    end
    if rawtype(v) == "number" then
      if v ~= v then
        return 0
      elseif v >= 0x1p63 then
        return raw.math.maxinteger
      elseif v < -0x1p63 then
        return raw.math.mininteger
      end
      return raw.math.tointeger(v < 0 and raw.math.ceil(v) or raw.math.floor(v))
    end
  elseif kind == "n" then
    if rawtype(v) == "number" then
      return v
    elseif rawtype(v) == "string" and raw.tonumber(v) then
      return raw.tonumber(v)
    end
  elseif kind == "b" then
    if rawtype(v) == "boolean" then
      return v
    end
  elseif kind == "t" or kind == "m" then
    if rawtype(v) == "table" and P.type(v) == "table" then
      return v
    end
  elseif kind == "h" then
    if P.brand(v) == class then
      return v
    end
    return bad(i, name, class, v)
  elseif kind == "g" then
    return P.bag(v)
  else
    return v
  end
  return bad(i, name, WANTED[kind], v)
end

-- Note that Python may keep something for the running process, and give its number.
local function touch()
  local proc = P.current.proc
  proc.touched = true
  return proc.n
end

-- Build the closure for one function description:
-- { name=, fid=, async=, kinds = {{kind, optional, class}, ...}, rest = kind or nil, shape = }
-- shape 1: values as they come; 2: value, nil or nil, err.
local function build(spec, offset)
  local kinds, n, rest, name, fid, shape =
    spec.kinds, #spec.kinds, spec.rest, spec.name, spec.fid, spec.shape
  local scalars = spec.scalars
  local pack_values, opaque = P.pack, spec.opaque
  if opaque then
    pack_values = function(count, ...)
      return P.pack_whole(opaque, count, ...)
    end
  end
  offset = offset or 0

  local function convert(count, args)
    for i = 1, n do
      local row = kinds[i]
      local v = args[i]
      if v == nil then
        if not row[2] then
          bad(i - offset, name, WANTED[row[1]] or row[3] or "value", nil)
        end
      elseif row[1] ~= "v" then
        args[i] = checked(row[1], v, i - offset, name, row[3])
      end
    end
    if rest then
      for i = n + 1, count do
        if rest ~= "v" then
          args[i] = checked(rest, args[i], i - offset, name)
        end
      end
    end
    return (not rest or count < n) and n or count
  end

  if spec.flat then
    -- For the Lua part of a module: `true` or `false` and what the method gives, or the tag
    -- and the wire of an error.
    return function(self, ...)
      return host.call(fid, touch(), self[OBJECT], ...)
    end
  elseif spec.async then
    return function(...)
      local task = P.current
      may_wait(task, name)
      local args = { ... }
      local count = convert(select("#", ...), args)
      begin_call(task, fid, pack_values(count, unpack(args, 1, count)))
      local tag, value = park(task)
      return outcome(tag, value, shape)
    end
  elseif spec.offload then
    local offload, can_wait = spec.offload, P.can_wait
    return function(...)
      local args = { ... }
      local count = convert(select("#", ...), args)
      local task = P.current
      local wire = pack_values(count, unpack(args, 1, count))
      local tag, value
      if not can_wait(task) then
        tag, value = host.call(fid, touch(), wire)
      else
        tag = 5 -- it has to run in a thread
        if #wire < offload then
          tag, value = host.attempt(fid, touch(), wire)
        end
        if tag == 5 then
          begin_call(task, fid, wire)
          tag, value = park(task)
        end
      end
      return outcome(tag, value, shape)
    end
  elseif scalars and n == 0 and not rest then
    return function()
      local tag, value = host.call(fid, touch())
      return outcome(tag, value, shape)
    end
  elseif scalars and n == 1 and not rest then
    local kind, optional, class = kinds[1][1], kinds[1][2], kinds[1][3]
    return function(a)
      if a == nil then
        if not optional then
          bad(1, name, WANTED[kind], nil)
        end
      else
        a = checked(kind, a, 1, name, class)
      end
      local tag, value = host.call(fid, touch(), a)
      return outcome(tag, value, shape)
    end
  elseif scalars then
    return function(...)
      local args = { ... }
      local count = convert(select("#", ...), args)
      local tag, value = host.call(fid, touch(), unpack(args, 1, count))
      return outcome(tag, value, shape)
    end
  end
  return function(...)
    local args = { ... }
    local count = convert(select("#", ...), args)
    local tag, value = host.call(fid, touch(), pack_values(count, unpack(args, 1, count)))
    return outcome(tag, value, shape)
  end
end

-- Handles of Python objects ----------------------------------------------------------------------
-- The handle holds a number; the object is Python's, released with its process, or when the
-- program has forgotten the handle. That `__gc` is ours and only notes the number.

local classes = {} -- class id -> metatable
local freed, nfreed = {}, 0

local function note_freed(self)
  nfreed = nfreed + 1
  freed[nfreed] = self[OBJECT]
end

-- Two handles of one object are equal; each is counted, so that the object lives with the last.
local rawget = raw.rawget
local function same_object(a, b)
  return rawget(a, OBJECT) == rawget(b, OBJECT)
end

function P.report_freed()
  if nfreed > 0 then
    local list, n = freed, nfreed
    freed, nfreed = {}, 0
    P.emit(OUT.FREED, P.pack(1, list), n, nil, nil)
  end
end

-- The methods of a class of handles by its name, for the Lua part of its module.
local methods_by_name = {}
function P.methods_of(name)
  return methods_by_name[name]
end

-- { id=, name=, methods = { function descriptions }, tostring = fid or nil }
function P.define_class(spec)
  local methods = {}
  methods_by_name[spec.name] = methods
  local events = { __gc = note_freed, __eq = same_object }
  local class = P.class(spec.name, methods, events)
  for i = 1, #spec.methods do
    local row = spec.methods[i]
    local f = build(row, 1)
    if row.name == "__tostring" then
      class.__tostring = function(self)
        return (f(self))
      end
    elseif row.name:sub(1, 2) == "__" then
      class[row.name] = f
    else
      methods[row.name] = f
    end
  end
  if not class.__tostring then
    local text = spec.name .. "{}"
    class.__tostring = function()
      return text
    end
  end
  classes[spec.id] = class
  P.packers[spec.name] = function(handle)
    return spec.id, handle[OBJECT]
  end
end

function P.make_handle(class_id, object_id)
  local class = classes[class_id]
  if not class then
    local _, spec = unpack_wire(host.class(class_id))
    P.define_class(spec)
    class = classes[class_id]
  end
  return setrawmt({ [OBJECT] = object_id }, class)
end

-- Modules ----------------------------------------------------------------------------------------

local modules = {}

local function build_table(spec)
  local lib = {}
  for i = 1, #spec.classes do
    if not classes[spec.classes[i].id] then
      P.define_class(spec.classes[i])
    end
  end
  for i = 1, #spec.functions do
    local row = spec.functions[i]
    lib[row.name] = build(row)
  end
  for name, value in raw.next, spec.constants do
    lib[name] = value
  end
  for name, sub in raw.next, spec.tables do
    lib[name] = P.library(spec.name .. "." .. name, build_table(sub))
  end
  return lib
end

-- The value of a module, built once per VM: by Python's description, by a Lua part, or both.
function P.module(name)
  local lib = modules[name]
  if lib ~= nil then
    return lib
  end
  lib = P.natives[name]
  if lib == nil then
    local wire, kind, message, retryable, details = host.module(name)
    if not wire then
      native_error(P.host_error(kind, message, retryable, details), 0)
    end
    local _, spec = unpack_wire(wire)
    local real = build_table(spec)
    if spec.source then
      local chunk, message = raw.load(spec.source, "@" .. name .. ".lua", "t", {})
      if not chunk then
        native_error(message, 0)
      end
      lib = chunk(P, real) or real
    else
      lib = real
    end
    if P.brand(lib) == nil then
      lib = P.library(name, lib)
    end
  end
  modules[name] = lib
  return lib
end
P.natives = {}
P.build_function = build
local _ = rawmt

-- Structured errors: immutable values with kind, message, retryable flag, details and the Lua
-- stack of the place where they were made (core section 13).
--
-- An error is a handle of the class "error". Its state sits under private keys:
--
--   MESSAGE    what message() and tostring say
--   KIND       free text; "" is errors.UNKNOWN
--   RETRYABLE  true, false or nil
--   DETAILS    a table that nobody else holds, or nil
--   CONTEXT    what the last `wrap` added; it shows in the stack, and in the message of the
--              next wrap or after a crossing (E-22)
--   PARENT     the wrapped error
--   STACK      what was recorded: a list of records of `getinfo`, or a text
--
-- Recording asks `getinfo` for names, lines and functions only: half a microsecond a
-- frame, where debug.traceback costs ten and more. Sources are looked up when somebody reads
-- the stack, or when the error leaves its process, so that it does not hold foreign functions.

local P = ...
local raw = P.raw
local rawtype, rawmt, setrawmt, rawnext =
  raw.type, raw.getrawmetatable, raw.setrawmetatable, raw.next
local native_error, select, tonumber, tointeger =
  raw.error, raw.select, raw.tonumber, raw.math.tointeger
local getinfo = raw.getinfo
local string_lib, concat = raw.string, raw.table.concat
local sub, find, match, gmatch, format =
  string_lib.sub, string_lib.find, string_lib.match, string_lib.gmatch, string_lib.format

local MESSAGE, KIND, RETRYABLE, DETAILS, CONTEXT, PARENT, STACK =
  P.key("message"), P.key("kind"), P.key("retryable"), P.key("details"), P.key("context"),
  P.key("parent"), P.key("stack")

-- More than this many innermost frames are not recorded.
local MAX_FRAMES = 10

local KINDS = {
  NOT_FOUND = "NotFound",
  ALREADY_EXISTS = "AlreadyExists",
  INVALID = "Invalid",
  PERMISSION_DENIED = "PermissionDenied",
  UNAVAILABLE = "Unavailable",
  INTERNAL = "Internal",
  CANCELED = "Canceled",
  CONFLICT = "Conflict",
  TIMEOUT = "Timeout",
  RATE_LIMITED = "RateLimited",
  UNKNOWN = "",
}

local methods = {}
local ERROR = P.class("error", methods)

P.ERROR = ERROR

local function is_error(v)
  return rawmt(v) == ERROR
end
P.is_error = is_error

-- Recording the stack -------------------------------------------------------------------------

-- The frames from the caller of the function that calls this one outwards.
local function record()
  local frames, n = {}, 0
  for i = 3, MAX_FRAMES + 2 do
    local info = getinfo(i, "nlf")
    if info == nil then
      break
    end
    n = n + 1
    frames[n] = info
  end
  return frames
end

-- Chunks of the prelude are named like this one, with another word in place of "errors".
local BEFORE, AFTER = match(getinfo(1, "S").source, "^(.-)errors(.*)$")
local function is_ours(source)
  return sub(source, 1, #BEFORE) == BEFORE and sub(source, -#AFTER) == AFTER
    and find(sub(source, #BEFORE + 1, -#AFTER - 1), "^[%w_]+$") ~= nil
end

-- A chunk name as a program knows it: without the mark of Lua, its first line if it is text.
local function source_name(source)
  local mark = sub(source, 1, 1)
  if mark == "@" or mark == "=" then
    return sub(source, 2)
  end
  return format('[string "%s"]', match(source, "^[^\r\n]*"))
end

-- Turn records of `getinfo` into frames of text and numbers, in place. C functions, which have
-- no line, are left out, and so are frames of the prelude, unless nothing else is there.
local function settle(frames)
  if frames.settled then
    return frames
  end
  local kept, all = {}, {}
  for i = 1, #frames do
    local info = frames[i]
    local about = getinfo(info.func, "S")
    local name = info.name
    if about.what == "main" then
      name = "main chunk"
    elseif not name then
      name = about.what == "C" and "?" or "function <"
        .. source_name(about.source) .. ":" .. about.linedefined .. ">"
    end
    local frame = {
      source = source_name(about.source),
      line = info.currentline,
      name = name,
      type = about.what,
    }
    if info.currentline > 0 then
      all[#all + 1] = frame
    end
    if info.currentline > 0 and not is_ours(about.source) then
      kept[#kept + 1] = frame
    end
  end
  if #kept == 0 then
    kept = all
  end
  for i = #frames, 1, -1 do
    frames[i] = nil
  end
  for i = 1, #kept do
    kept[i].level = i
    frames[i] = kept[i]
  end
  frames.settled = true
  return frames
end

local function frame_lines(frames)
  local lines = {}
  for i = 1, #frames do
    local frame = frames[i]
    lines[i] = "\t" .. frame.source .. ":" .. frame.line .. ": in " .. frame.name
  end
  return concat(lines, "\n")
end

-- The frames in a text made by debug.traceback or by `frame_lines`.
local function parse_frames(text)
  local frames = {}
  for line in gmatch(text, "[^\r\n]+") do
    local source, number, name = match(line, "^%s*(.-):(%d+): in (.*)$")
    if source then
      frames[#frames + 1] = {
        level = #frames + 1,
        source = source,
        line = tointeger(tonumber(number)),
        name = match(name, "^%a+ '(.*)'$") or name,
        type = name == "main chunk" and "main" or "Lua",
      }
    end
  end
  return frames
end

-- Making ---------------------------------------------------------------------------------------

-- The text of the error with the context of its last wrap.
local function full_text(e)
  local context = e[CONTEXT]
  if context then
    return context .. ": " .. e[MESSAGE]
  end
  return e[MESSAGE]
end

P.error_text = full_text

-- Make an error. `details` is handed over, not copied. `stack` is the text of a stack that was
-- recorded elsewhere; without it the stack of the caller is recorded.
function P.error_new(message, kind, retryable, details, stack, context)
  return setrawmt({
    [MESSAGE] = message,
    [KIND] = kind or "",
    [RETRYABLE] = retryable,
    [DETAILS] = details,
    [STACK] = stack or record(),
    [CONTEXT] = context,
  }, ERROR)
end
local error_new = P.error_new

-- The state of an error, or nothing when `e` is none.
function P.error_fields(e)
  if not is_error(e) then
    return nil
  end
  return e[MESSAGE], e[KIND], e[RETRYABLE], e[DETAILS], methods.stack(e), e[CONTEXT]
end

function P.errors_kind(e)
  return is_error(e) and e[KIND] or nil
end

-- Give an error of ours the traceback of the coroutine that died of it.
function P.error_trace(e, text)
  if is_error(e) and text then
    e[STACK] = text
  end
end

-- An error that was made outside of Lua gets the stack of the call that returns it.
function P.error_returned(e)
  if e[STACK] == "" then
    e[STACK] = record()
  end
  return e
end

-- The error as the other side of a process or function boundary sees it (E-22, E-44, E-45).
function P.crossing_error(e)
  local kind = e[KIND]
  if kind ~= "" and not e[CONTEXT] then
    P.settle_error(e)
    return e
  end
  return error_new(full_text(e), kind == "" and KINDS.INTERNAL or kind, e[RETRYABLE],
    e[DETAILS], methods.stack(e))
end

-- Look the stack up now: an error that leaves its process must not hold its functions.
function P.settle_error(e)
  local each = e
  repeat
    if rawtype(each[STACK]) == "table" then
      settle(each[STACK])
    end
    each = each[PARENT]
  until not each
  return e
end

-- The failure of a host function: nil and an error that says a retry will not help (G-3).
function P.fail(kind, message, details, context)
  return nil, setrawmt({
    [MESSAGE] = message,
    [KIND] = kind,
    [RETRYABLE] = false,
    [DETAILS] = details,
    [STACK] = record(),
    [CONTEXT] = context,
  }, ERROR)
end

function P.raise_kind(kind, message)
  native_error(error_new(message, kind, false))
end

-- Details: text keys at the top, copies of tables below, text for what is not data (E-14).
-- `above` holds the tables that are being converted, against cycles.
local function detail(v, above)
  local t = rawtype(v)
  if t == "string" or t == "number" or t == "boolean" then
    return v
  end
  local real = t == "table" and P.type(v) == "table" and P.contents(v)
  if not real or above[real] then
    return P.tostring(v)
  end
  above[real] = true
  local n, pure = 0, true
  for k in rawnext, real do
    n = n + 1
    if rawtype(k) ~= "number" then
      pure = false
    end
  end
  local copy = {}
  if pure then
    for i = 1, n do
      if real[i] == nil then
        pure = false
        break
      end
    end
  end
  if pure then
    for i = 1, n do
      copy[i] = detail(real[i], above)
    end
  else
    for k, x in rawnext, real do
      if rawtype(k) == "string" then
        copy[k] = detail(x, above)
      end
    end
  end
  above[real] = nil
  return copy
end

local function new_details(t)
  if t == nil or P.type(t) ~= "table" then
    return nil
  end
  local real = P.contents(t)
  local details
  local above = { [real] = true }
  for k, v in rawnext, real do
    if rawtype(k) == "string" then
      details = details or {}
      details[k] = detail(v, above)
    end
  end
  return details
end

-- Reading --------------------------------------------------------------------------------------

local function check(e)
  if not is_error(e) then
    native_error("error expected, got " .. P.type(e), 3)
  end
end

function methods.message(e)
  check(e)
  return e[MESSAGE]
end

function methods.kind(e)
  check(e)
  return e[KIND]
end

function methods.retryable(e)
  check(e)
  return e[RETRYABLE]
end

function methods.details(e)
  check(e)
  local details = e[DETAILS]
  return details and P.copy(details)
end

function methods.stack(e)
  check(e)
  local stack = e[STACK]
  if rawtype(stack) == "table" then
    stack = full_text(e) .. "\nstack traceback:\n" .. frame_lines(settle(stack))
  end
  local parent = e[PARENT]
  if parent then
    return stack .. "\ncaused by: " .. methods.stack(parent)
  end
  return stack
end

local function text_of(v)
  local t = rawtype(v)
  if t == "string" then
    return v
  elseif t == "number" then
    return P.tostring(v)
  elseif is_error(v) then
    return v[MESSAGE]
  end
  native_error("attempt to concatenate a " .. P.type(v) .. " value", 3)
end

function ERROR.__tostring(e)
  return e[MESSAGE]
end

function ERROR.__concat(a, b)
  return text_of(a) .. text_of(b)
end

-- The library ----------------------------------------------------------------------------------

local library = {}
for name, value in rawnext, KINDS do
  library[name] = value
end

function library.new(spec)
  if rawtype(spec) == "string" then
    return setrawmt({ [MESSAGE] = spec, [KIND] = "", [STACK] = record() }, ERROR)
  elseif P.type(spec) ~= "table" then
    native_error("bad argument #1 to 'new' (expected string or table)", 2)
  end
  local message, kind, retryable = spec.message, spec.kind, spec.retryable
  if message == nil then
    native_error("bad argument #1 to 'new' (message field is required)", 2)
  elseif rawtype(message) ~= "string" then
    native_error("bad argument #1 to 'new' (message must be a string)", 2)
  end
  if rawtype(retryable) ~= "boolean" then
    retryable = nil
  end
  return setrawmt({
    [MESSAGE] = message,
    [KIND] = rawtype(kind) == "string" and kind or "",
    [RETRYABLE] = retryable,
    [DETAILS] = new_details(spec.details),
    [STACK] = record(),
  }, ERROR)
end

local function refuse_wrap(n)
  native_error("bad argument #" .. n .. " to 'wrap' (expected string or error object)", 3)
end

function library.wrap(e, context)
  if is_error(context) then
    context = context[MESSAGE]
  elseif rawtype(context) ~= "string" then
    refuse_wrap(2)
  end
  if rawtype(e) == "string" then
    return setrawmt({
      [MESSAGE] = e,
      [KIND] = "",
      [CONTEXT] = context,
      [STACK] = record(),
    }, ERROR)
  elseif not is_error(e) then
    refuse_wrap(1)
  end
  return setrawmt({
    [MESSAGE] = full_text(e),
    [KIND] = e[KIND],
    [RETRYABLE] = e[RETRYABLE],
    [DETAILS] = e[DETAILS],
    [CONTEXT] = context,
    [PARENT] = e,
    [STACK] = record(),
  }, ERROR)
end

function library.is(...)
  local e, kind = ...
  if select("#", ...) < 2 then
    native_error("bad argument #2 to 'is' (string expected, got no value)", 2)
  elseif rawtype(kind) ~= "string" then
    if rawtype(kind) ~= "number" then
      native_error("bad argument #2 to 'is' (string expected, got " .. P.type(kind) .. ")", 2)
    end
    kind = P.tostring(kind)
  end
  return is_error(e) and e[KIND] == kind
end

function library.call_stack(e)
  if not is_error(e) then
    return nil
  end
  local stack, frames = e[STACK], nil
  if rawtype(stack) == "table" then
    frames = settle(stack)
  else
    frames = parse_frames(stack)
  end
  if #frames == 0 then
    return nil
  end
  local copies = {}
  for i = 1, #frames do
    local f = frames[i]
    copies[i] =
      { level = f.level, source = f.source, line = f.line, name = f.name, type = f.type }
  end
  return { thread = "main", frames = copies }
end

P.errors = P.library("errors", library)

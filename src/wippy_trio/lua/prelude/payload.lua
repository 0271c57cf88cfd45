-- Payloads: a value with the name of its format (core section 21).
--
-- A payload of a received message holds a Lua value; `data` hands it over as it is. Text
-- formats are made and read by the host, which gets and gives values in the wire format.

local P = ...
local raw = P.raw
local rawtype, rawmt, setrawmt, native_error = raw.type, raw.getrawmetatable,
  raw.setrawmetatable, raw.error

local FORMAT, DATA = P.key("payload format"), P.key("payload data")
local methods = {}
local PAYLOAD = P.class("payload", methods)
local ERROR_CLASS = P.ERROR

local LUA, ERROR, TEXT, BYTES, GOLANG = "lua/any", "golang/error", "text/plain",
  "application/octet-stream", "golang/any"

function PAYLOAD.__tostring(self)
  return "payload{format=" .. self[FORMAT] .. "}"
end

local function check(self)
  if rawmt(self) ~= PAYLOAD then
    native_error("payload expected, got " .. P.type(self), 3)
  end
end

-- Make a payload; the value is not copied (PAY-2).
function P.payload_new(v, format)
  return setrawmt({ [FORMAT] = format or (P.is_error(v) and ERROR or LUA), [DATA] = v },
    PAYLOAD)
end
local new = P.payload_new

-- The same for a value of a message, which is made more often than anything else.
function P.payload_of(v)
  return setrawmt({ [FORMAT] = rawmt(v) == ERROR_CLASS and ERROR or LUA, [DATA] = v }, PAYLOAD)
end

local function failed(message)
  return P.fail(P.errors.INTERNAL, message, nil, "transcode failed")
end

local function no_path(from, to)
  return failed("no transcoding path from " .. from .. " to " .. to)
end

function methods.get_format(self)
  check(self)
  return self[FORMAT]
end

-- The value itself, or what the text says (PAY-4).
function methods.data(self)
  if rawmt(self) ~= PAYLOAD then
    check(self)
  end
  local format = self[FORMAT]
  if format == LUA or format == TEXT or format == BYTES or format == GOLANG then
    return self[DATA] -- one value: `string(p:data())` takes no second (STD-2)
  elseif format == ERROR then
    return no_path(format, LUA)
  end
  return P.read_payload(format, self[DATA])
end
methods.unmarshal = methods.data

-- Read a text format by the host: value and nil, or nil and an error.
function P.read_payload(format, text)
  local ok, wire, message = P.host.payload_decode(format, text)
  if not ok then
    return failed(message)
  end
  local _, v = P.unpack_wire(wire)
  return v
end

-- How each format takes what is no data: JSON refuses it (PAY-8), the others print it.
local OPAQUE = { ["json/plain"] = "refuse" }

local function write_payload(format, v)
  local packed, wire = raw.pcall(P.pack_whole, OPAQUE[format] or "text", 1, v)
  if not packed then
    return failed(P.tostring(wire))
  end
  local ok, text, message = P.host.payload_encode(format, wire)
  if not ok then
    return failed(message)
  end
  return text, nil
end

-- A payload of another format (PAY-5 to PAY-8).
function methods.transcode(self, format)
  check(self)
  if rawtype(format) ~= "string" then
    P.bad_argument(1, "transcode", "string", format)
  end
  local from = self[FORMAT]
  if from == format then
    return self, nil
  end
  local v, err = methods.data(self)
  if err then
    return nil, err
  elseif format == LUA then
    return new(v, LUA), nil
  elseif format == GOLANG then
    return new(P.bag(v), GOLANG), nil
  elseif (format == TEXT or format == BYTES) and rawtype(v) == "string" then
    return new(v, format), nil
  end
  local text
  text, err = write_payload(format, v)
  if err then
    return nil, err
  end
  return new(text, format), nil
end

P.payload = P.library("payload", {
  new = function(v)
    return new(v)
  end,
  format = P.library("payload.format", {
    JSON = "json/plain",
    YAML = "yaml/plain",
    STRING = TEXT,
    BYTES = BYTES,
    MSGPACK = "application/msgpack",
    LUA = LUA,
    GOLANG = "golang/any",
    ERROR = ERROR,
  }),
})

-- The `http` module: the request and the response of the call that an endpoint made.
--
-- What a program holds are two handles that know for which call they were made; the state is
-- Python's, found by the process. Writing goes to a buffer in place and waits for the client
-- only when the buffer is full, so a small answer suspends nobody.

local P, F = ...
local raw = P.raw
local rawtype, rawmt, setrawmt, native_error = raw.type, raw.getrawmetatable,
  raw.setrawmetatable, raw.error

local OWNER, OPTIONS = P.key("owner"), P.key("options")
local request_methods, response_methods = {}, {}
local REQUEST = P.class("http.Request", request_methods)
local RESPONSE = P.class("http.Response", response_methods)

local function own(self, class, name)
  if rawtype(self) ~= "table" or rawmt(self) ~= class then
    native_error(name .. " expected, got " .. P.type(self), 3)
  end
  if self[OWNER] ~= P.current.proc.n then
    native_error("this " .. name .. " belongs to another call", 3)
  end
end

function REQUEST.__tostring(self)
  own(self, REQUEST, "http.Request")
  return "http.Request{method=" .. F._method() .. ", path=" .. F._path() .. "}"
end

local DEFAULTS = { timeout = 300000, max_body = 125829120 }

local function option(opts, name)
  local v = opts and opts[name]
  if v == nil then
    return DEFAULTS[name]
  end
  if rawtype(v) ~= "number" or v ~= v or v < 0 then
    native_error("http.request: " .. name .. ": wanted a number of 0 or more, got "
      .. P.tostring(v), 3)
  end
  return v
end

local M = {}

-- The error of a call that was not made for a request; asked once a call.
local function missing()
  local proc = P.current.proc
  if not proc.http then
    local _, err = F._check()
    if err then
      return err
    end
    proc.http = true
  end
end

function M.request(opts)
  if opts ~= nil and (rawtype(opts) ~= "table" or P.type(opts) ~= "table") then
    P.bad_argument(1, "request", "table", opts)
  end
  local timeout, most = option(opts, "timeout"), option(opts, "max_body")
  local err = missing()
  if err then
    return nil, err
  end
  return setrawmt({ [OWNER] = P.current.proc.n,
    [OPTIONS] = { timeout / 1000, raw.math.floor(most) } }, REQUEST), nil
end

function M.response()
  local err = missing()
  if err then
    return nil, err
  end
  return setrawmt({ [OWNER] = P.current.proc.n }, RESPONSE), nil
end

-- Requests --------------------------------------------------------------------------------------

local function plain(name)
  local f = F["_" .. name]
  request_methods[name] = function(self, ...)
    own(self, REQUEST, "http.Request")
    return f(...)
  end
end
for _, name in raw.ipairs({ "method", "path", "host", "remote_addr", "query", "query_params",
  "header", "content_type", "content_length", "has_body", "is_content_type", "accepts",
  "param", "params", "stream" }) do
  plain(name)
end

function request_methods.body(self)
  own(self, REQUEST, "http.Request")
  local options = self[OPTIONS]
  local found, err = F._body_now(options[2])
  if found ~= nil or err then
    return found, err
  end
  return F._body(options[2], options[1])
end

function request_methods.body_json(self)
  own(self, REQUEST, "http.Request")
  local options = self[OPTIONS]
  local found, err = F._json_now(options[2])
  if err then
    return nil, err
  elseif found then
    return F._json_value()
  end
  return F._body_json(options[2], options[1])
end

function request_methods.parse_multipart(self, max_memory)
  own(self, REQUEST, "http.Request")
  local options = self[OPTIONS]
  return F._parse_multipart(max_memory or 33554432, options[2], options[1])
end

-- Responses -------------------------------------------------------------------------------------

local function drain()
  local _, err = F._flush()
  if err then
    return nil, err
  end
end

function response_methods.set_status(self, code)
  own(self, RESPONSE, "http.Response")
  local _, err = F._set_status(code)
  if err then
    return nil, err
  end
end

function response_methods.set_header(self, name, value)
  own(self, RESPONSE, "http.Response")
  local _, err = F._set_header(name, value)
  if err then
    return nil, err
  end
end

function response_methods.set_content_type(self, value)
  own(self, RESPONSE, "http.Response")
  local _, err = F._set_header("content-type", value)
  if err then
    return nil, err
  end
end

function response_methods.write(self, data)
  own(self, RESPONSE, "http.Response")
  local room, err = F._write(data)
  if err then
    return nil, err
  elseif not room then
    return drain()
  end
end

function response_methods.write_json(self, value)
  own(self, RESPONSE, "http.Response")
  local room, err = F._write_json(value)
  if err then
    return nil, err
  elseif not room then
    return drain()
  end
end

function response_methods.flush(self)
  own(self, RESPONSE, "http.Response")
  return drain()
end

function response_methods.set_transfer(self, mode)
  own(self, RESPONSE, "http.Response")
  if mode ~= "chunked" and mode ~= "sse" then
    native_error("bad argument #1 to 'set_transfer' (chunked or sse expected, got "
      .. P.tostring(mode) .. ")", 2)
  end
  local _, err = F._set_transfer(mode)
  if err then
    return nil, err
  end
end

function response_methods.write_event(self, event)
  own(self, RESPONSE, "http.Response")
  if rawtype(event) ~= "table" or P.type(event) ~= "table" then
    P.bad_argument(1, "write_event", "table", event)
  end
  local name, data = event.name, event.data
  if rawtype(name) ~= "string" or name == "" then
    native_error("write_event: name: wanted a text that is not empty, got "
      .. P.tostring(name), 2)
  elseif data == nil then
    native_error("write_event: data: wanted a value, got nil", 2)
  end
  local _, err = F._write_event(name, data)
  if err then
    return nil, err
  end
  return drain()
end

-- Constants -------------------------------------------------------------------------------------

for name, value in raw.next, F do
  if raw.string.sub(name, 1, 1) ~= "_" and M[name] == nil then
    M[name] = rawtype(value) == "table" and P.library("http." .. name, value) or value
  end
end
return M

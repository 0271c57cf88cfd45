local http = require("http")
local json = require("json")

local HEADERS = { events = "X-SSE-Relay", socket = "X-WS-Relay" }

--- Hand the connection over to the room.
local function connect()
  local request, response = http.request(), http.response()
  local header = HEADERS[request:param("family")]
  local room = process.registry.lookup("room")
  if not header or not room then
    response:set_status(header and 503 or 404)
    return
  end
  response:set_header(header, json.encode({
    target_pid = tostring(room),
    message_topic = header == "X-SSE-Relay" and "news" or "said",
    heartbeat_interval = "0s",
    metadata = { name = request:query("name") },
  }))
end

return { connect = connect }

--- Tell all who are here what one of them said.
local function main()
  process.registry.register("room")
  local inbox = process.inbox()
  local members, names = {}, {}

  local function tell_all(text)
    for pid in pairs(members) do
      process.send(pid, "news", text)
    end
  end

  while true do
    local message = inbox:receive()
    local topic, data = message:topic(), message:payload():data()
    if topic == "sse.join" or topic == "ws.join" then
      local pid = data.client_pid
      members[pid], names[pid] = true, data.metadata.name
      tell_all(names[pid] .. " came")
    elseif topic == "sse.leave" or topic == "ws.leave" then
      members[data.client_pid] = nil
      tell_all(names[data.client_pid] .. " left")
    elseif topic == "said" and data == "close me" then
      process.send(message:from(), "ws.close", "as you wish")
    elseif topic == "said" and data == "end" then
      error("asked to end") -- its service starts another one
    elseif topic == "said" and data:sub(1, 5) == "echo:" then
      process.send(message:from(), "echo", data:sub(6)) -- bytes as they came
    elseif topic == "said" then
      tell_all({ from = names[message:from()], text = data })
    end
  end
end

return { main = main }

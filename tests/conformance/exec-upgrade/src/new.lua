local function main(text: string, list: {integer})
    local pid, owner = process.pid(), process.registry.lookup("upgraded")
    local waiting = process.inbox():receive()
    process.send(waiting:from(), "said", "new code, " .. process.id() .. ", " .. text .. ", " .. #list)
    process.send(waiting:from(), "said", waiting:payload():data())
    process.send(waiting:from(), "said", tostring(pid == owner) .. " " .. tostring(process.get_options().trap_links))
    return "upgraded result"
end

return { main = main }

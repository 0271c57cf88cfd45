-- A room is a process with a name that also enters itself into the registry.
local function room(title: string, parent: string)
    process.registry.register("room:" .. title)
    local changes = registry.snapshot():changes()
    changes:create({
        id = "app:room." .. title,
        kind = "registry.entry",
        meta = { type = "chat.room", title = title },
        data = { pid = process.pid() },
    })
    local _, err = changes:apply()
    assert(not err, tostring(err))
    process.send(parent, "open", title)

    local members, names, messages = {}, {}, 0
    local inbox = process.inbox()
    while true do
        local message = inbox:receive()
        local sent = message:payload()
        local data = sent and sent:data()
        if message:topic() == "join" then
            members[data] = message:from()
            table.insert(names, data)
            table.sort(names)
            events.send("chat", "room.joined", "/" .. title, { who = data })
        elseif message:topic() == "say" then
            messages = messages + 1
            for _, pid in pairs(members) do
                process.send(pid, "said", data)
            end
        elseif message:topic() == "close" then
            process.send(message:from(), "closed", { title = title, members = names, messages = messages })
            return
        end
    end
end

local function user(name: string, rooms: {[string]: integer}, parent: string)
    for title, count in pairs(rooms) do
        process.send("room:" .. title, "join", name)
        for i = 1, count do
            process.send("room:" .. title, "say", { who = name, text = "message " .. i })
        end
    end
    process.send(parent, "finished", name)
end

local function cli()
    local joined = events.subscribe("chat", "room.*"):channel()
    local inbox = process.inbox()
    for _, title in ipairs({ "general", "random" }) do
        process.spawn("app:room", "app:processes", title, process.pid())
    end
    for _ = 1, 2 do
        assert(inbox:receive():topic() == "open")
    end
    local plans = {
        alice = { general = 2 },
        bob = { general = 2, random = 1 },
        carol = { random = 2 },
    }
    for name, rooms in pairs(plans) do
        process.spawn("app:user", "app:processes", name, rooms, process.pid())
    end
    for _ = 1, 3 do
        assert(inbox:receive():topic() == "finished")
    end
    for _ = 1, 4 do
        joined:receive()
    end
    for _, title in ipairs({ "general", "random" }) do
        process.send("room:" .. title, "close")
        local told = inbox:receive():payload():data()
        io.print(string.format("#%s: %d members (%s), %d messages", told.title, #told.members,
            table.concat(told.members, ", "), told.messages))
    end
    for _, entry in ipairs(registry.find({ ["meta.type"] = "chat.room" })) do
        io.print("Found: #" .. entry.meta.title .. " (" .. entry.id .. ")")
    end
    return 0
end

return { room = room, user = user, cli = cli }

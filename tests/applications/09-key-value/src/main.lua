local function store()
    process.registry.register("kv")
    local values, operations = {}, 0
    local inbox, events = process.inbox(), process.events()
    while true do
        local ready = channel.select({ inbox:case_receive(), events:case_receive() })
        if ready.channel == events then
            return 0
        end
        local message = ready.value
        local asked = message:payload():data()
        operations = operations + 1
        local answer = {}
        if message:topic() == "set" then
            values[asked.key] = asked.value
            answer = { ok = true }
        elseif message:topic() == "get" then
            answer = { value = values[asked.key] }
        elseif message:topic() == "delete" then
            answer = { ok = values[asked.key] ~= nil }
            values[asked.key] = nil
        elseif message:topic() == "keys" then
            local keys = {}
            for key in pairs(values) do
                table.insert(keys, key)
            end
            table.sort(keys)
            answer = { keys = keys }
        elseif message:topic() == "stats" then
            local count = 0
            for _ in pairs(values) do
                count = count + 1
            end
            answer = { operations = operations, keys = count }
        end
        process.send(message:from(), "reply", answer)
    end
end

local function cli()
    local to
    while not to do
        to = process.registry.lookup("kv")
        if not to then
            time.sleep("10ms")
        end
    end
    local pairs_ = { { "name", "Wippy" }, { "lang", "Lua" }, { "year", 2024 }, { "kind", "demo" }, { "temp", "x" } }
    for _, pair in ipairs(pairs_) do
        local answer = request(to, "set", { key = pair[1], value = pair[2] })
        io.print("SET " .. pair[1] .. " = " .. tostring(pair[2]) .. " → ok: " .. tostring(answer.ok))
    end
    for _, key in ipairs({ "name", "lang", "year", "missing" }) do
        local answer = request(to, "get", { key = key })
        io.print("GET " .. key .. " → " .. tostring(answer.value == nil and "(not found)" or answer.value))
    end
    io.print("Deleted: " .. tostring(request(to, "delete", { key = "temp" }).ok))
    local keys = request(to, "keys", {}).keys
    io.print("Keys (" .. #keys .. "): " .. table.concat(keys, ", "))
    local stats = request(to, "stats", {})
    io.print("Total operations: " .. stats.operations)
    io.print("Total keys: " .. stats.keys)
    return 0
end

-- Global, and defined after the text that uses it.
function request(to, topic, value)
    local replies = process.listen("reply")
    process.send(to, topic, value)
    local answer = replies:receive()
    process.unlisten(replies)
    return answer
end

return { store = store, cli = cli }

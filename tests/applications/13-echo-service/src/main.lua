local function worker(parent: string, text: string)
    process.send(parent, "echo", { text = string.upper(text), pid = process.pid() })
end

local function cli()
    local relay = process.spawn("app:worker", "app:processes", process.pid(), "ready")
    process.listen("echo"):receive()
    local lines = channel.new(10)
    local reporter_done = channel.new()
    coroutine.spawn(function()
        while true do
            local line, ok = lines:receive()
            if not ok then
                reporter_done:send(true)
                return
            end
            io.print(line)
        end
    end)
    local replies = process.listen("echo")
    while true do
        io.write("> ")
        local text = io.readline()
        if not text or text == "" then
            break
        end
        process.spawn("app:worker", "app:processes", process.pid(), text)
        local reply = replies:receive()
        lines:send("  " .. reply.text)
        lines:send("  from worker: " .. reply.pid)
        time.sleep("10ms")
    end
    lines:close()
    reporter_done:receive()
    io.print("Goodbye!")
    return 0, relay == nil and "no relay" or nil
end

return { cli = cli, worker = worker }

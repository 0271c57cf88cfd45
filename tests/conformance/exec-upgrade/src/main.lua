local io = require("io")

local HOST = "app:processes"

local function main()
    io.print("P-92", process.exec("app:child", HOST, "echo", "value"))
    io.print("P-92", process.exec("app:child", HOST, "echo", nil))
    local none, err = process.exec("app:child", HOST, "fail", 7)
    io.print("P-93", none, err:kind(), err:message(), err:details().v)
    none, err = process.exec("app:child")
    io.print("P-91", none, err:kind(), err:message())
    none, err = process.exec("", HOST)
    io.print("P-91", none, err:message())
    none, err = process.exec("bare", HOST)
    io.print("P-91", none, err:message():find("invalid process ID format", 1, true) ~= nil)
    none, err = process.exec("app:child", "")
    io.print("P-91", none, err:message())
    none, err = process.exec("app:unknown", HOST)
    io.print("P-93", none, err:message():find("factory not found", 1, true) ~= nil)
    local more = channel.select({ process.events():case_receive(), default = true })
    io.print("P-94", more.default)

    -- other coroutines go on meanwhile
    local log = channel.new(3)
    coroutine.spawn(function()
        log:send(process.exec("app:child", HOST, "echo", "in the background"))
    end)
    log:send("not blocked")
    io.print("P-90", (log:receive()))
    io.print("P-90", (log:receive()))

    -- context goes down the tree
    local spawner = process.with_context({ key = "given" })
    io.print("S-40", spawner:exec("app:child", HOST, "context"))
    io.print("S-20 P-95", spawner:exec("app:child", HOST, "parent"))
    io.print("S-30", spawner:with_context({ key = "other" }):exec("app:child", HOST, "context"))
    io.print("S-30", spawner:exec("app:child", HOST, "context"))
    spawner:spawn_monitored("app:child", HOST, "context")
    io.print("S-31", process.events():receive().result.value)
    io.print("S-32", (pcall(process.with_context, { "no string key" })))
    io.print("S-34", (pcall(spawner.with_actor, spawner, nil)))

    -- upgrade keeps pid, names, mailbox and watchers
    local said = process.listen("said")
    local pid = process.spawn_monitored("app:old", HOST)
    process.send(pid, "go")
    process.send(pid, "kept", "kept in the mailbox")
    io.print("P-100", (said:receive()))
    io.print("P-100", (said:receive()))
    io.print("P-104", (said:receive()))
    io.print("P-102 P-103", (said:receive()))
    local exit = process.events():receive()
    io.print("P-102", exit.from == pid, exit.result.value)
end

return { main = main }

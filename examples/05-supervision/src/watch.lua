local io = require("io")
local time = require("time")

--- Tells how a process ended, in one line.
local function describe(result): string
    if result.error then
        -- An uncaught error carries its place, "file:line: text"; keep the text.
        local text = result.error:message():gsub("^.-:%d+: ", "")
        return result.error:kind() .. ": " .. text
    end
    return "returned " .. tostring(result.value)
end

--- Watches four processes end in four ways. The watcher lives on.
local function watch_endings()
    local events = process.events()
    for _, way in ipairs({ "return", "fail", "crash", "terminate" }) do
        local pid = process.spawn_monitored("app:fragile", "app:processes", way)
        if way == "terminate" then
            process.terminate(pid)
        end
        local event = events:receive()
        io.print(way .. " -> " .. describe(event.result))
    end
end

--- Shares the fate of another process, but hears of it instead of dying with it.
local function watch_link()
    process.set_options({ trap_links = true })
    process.spawn_linked("app:fragile", "app:processes", "crash")
    local event = process.events():receive()
    io.print("link  -> " .. event.kind .. ", " .. describe(event.result))
    process.set_options({ trap_links = false })
end

--- Waits until the name belongs to somebody else than before.
local function await_other(name: string, before: string?): string
    while true do
        local pid = process.registry.lookup(name)
        if pid and pid ~= before then
            return pid
        end
        time.sleep("5ms")
    end
end

--- Crashes a supervised service and meets its successor under the same name.
local function watch_service()
    local balances = process.listen("balance")
    local first = await_other("accounts", nil)
    for _ = 1, 2 do
        process.send("accounts", "deposit", 50)
        io.print("balance " .. balances:receive())
    end

    process.send("accounts", "crash")
    local second = await_other("accounts", first)
    io.print("the service came back: " .. tostring(first ~= second))
    process.send("accounts", "deposit", 1)
    io.print("balance " .. balances:receive())
end

local function main(): integer
    watch_endings()
    watch_link()
    watch_service()
    return 0
end

return { main = main }

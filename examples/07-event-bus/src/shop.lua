local io = require("io")
local events = require("events")

local ORDERS = {
    { customer = "ada", total = 120 },
    { customer = "grace", total = 15 },
    { customer = "ada", total = 30 },
    { customer = "barbara", total = 250 },
}

local function main(): integer
    -- An event that nobody subscribed to is gone, so wait until both listen.
    local ready = process.listen("ready")
    local me = process.pid()
    local ledger = process.spawn_monitored("app:ledger", "app:processes", me)
    local alarm = process.spawn_monitored("app:alarm", "app:processes", me, 100)
    ready:receive()
    ready:receive()

    for _, order in ipairs(ORDERS) do
        io.print("order of " .. order.customer .. " over " .. order.total)
        events.send("shop", "order.placed", order.customer, { total = order.total })
    end
    events.send("shop", "shop.closed", "front-door")

    -- Both end by themselves, in any order; the pid tells which is which.
    local results = {}
    local exits = process.events()
    for _ = 1, 2 do
        local exit = exits:receive()
        results[exit.from] = exit.result.value
    end
    for _, customer in ipairs({ "ada", "barbara", "grace" }) do
        io.print("ledger: " .. customer .. " " .. results[ledger][customer])
    end
    io.print("alarm: " .. results[alarm] .. " large orders")
    return 0
end

return { main = main }

local io = require("io")
local events = require("events")

local function main()
    local all = events.subscribe("shop")
    local orders = events.subscribe("shop", "order.*"):channel()
    local prefix = events.subscribe("sh*", "order.placed"):channel()
    local every = events.subscribe("*", "closed"):channel()
    io.print("EV-8", tostring(all), all:channel() == all:channel())

    io.print("EV-2", events.send("shop", "order.placed", "o1", { total = 5, tags = { "a", "b" } }))
    events.send("shop", "closed", "door")
    events.send("other", "closed", "elsewhere")

    local event = all:channel():receive()
    io.print("EV-3", event.system, event.kind, event.path, event.data.total, event.data.tags[2])
    event = all:channel():receive()
    io.print("EV-3", event.kind, event.data)
    io.print("EV-5", orders:receive().path, prefix:receive().path)
    io.print("EV-5", every:receive().path, every:receive().path)
    io.print("EV-6", channel.select({ orders:case_receive(), default = true }).default)

    -- nothing is lost when the buffer of 64 is full
    for i = 1, 200 do
        events.send("shop", "order.counted", tostring(i), { i = i })
    end
    local sum, in_order = 0, true
    for i = 1, 200 do
        local counted = orders:receive()
        sum, in_order = sum + counted.data.i, in_order and counted.path == tostring(i)
    end
    io.print("EV-7 EV-10", sum, in_order)

    io.print("EV-8", all:close(), all:close())
    local none, err = events.subscribe("")
    io.print("EV-1", none, err:kind(), err:message())
    none, err = events.send("", "k", "p")
    io.print("EV-2", none, err:kind(), err:message())
    none, err = events.send("s", "", "p")
    io.print("EV-2", err:message())
    none, err = events.send("s", "k", "")
    io.print("EV-2", err:message())
end

return { main = main }

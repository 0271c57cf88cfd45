local io = require("io")

local function main()
    -- buffered values come out in order
    local buffered = channel.new(3)
    io.print("C-3", buffered:send("a"))
    buffered:send("b")
    io.print("C-7", (buffered:receive()), (buffered:receive()))

    -- nil is a value; only ok tells it from closed
    buffered:send(nil)
    io.print("C-5", buffered:receive())
    buffered:send()
    io.print("C-5", buffered:receive())

    -- by reference inside the process
    local box = { 1 }
    buffered:send(box)
    io.print("C-6", buffered:receive() == box)

    -- an unbuffered send waits for its receiver
    local direct = channel.new()
    local order = {}
    coroutine.spawn(function()
        for i = 1, 3 do
            order[#order + 1] = "send " .. i
            direct:send(i)
        end
    end)
    for _ = 1, 3 do
        local value = direct:receive()
        order[#order + 1] = "got " .. value
    end
    io.print("C-10", #order, order[1], order[#order])

    -- parked senders are served first come, first served
    local queue = channel.new(1)
    for i = 1, 4 do
        coroutine.spawn(function()
            queue:send(i)
        end)
    end
    io.print("C-8 C-9", (queue:receive()), (queue:receive()), (queue:receive()), (queue:receive()))

    -- parked receivers as well
    local served = channel.new(4)
    local source = channel.new()
    for i = 1, 3 do
        coroutine.spawn(function()
            served:send(i .. source:receive())
        end)
    end
    source:send("x")
    source:send("y")
    source:send("z")
    io.print("C-8", (served:receive()), (served:receive()), (served:receive()))

    -- closing
    local closing = channel.new(2)
    closing:send("left")
    io.print("C-20", select("#", closing:close()))
    closing:close()
    io.print("C-22", closing:receive())
    io.print("C-22", closing:receive())
    io.print("C-22", closing:receive())
    local ok, err = pcall(closing.send, closing, "late")
    io.print("C-24", ok, type(err), err:find("send on closed channel", 1, true) ~= nil)

    -- a parked receiver wakes with nil, false
    local waiting = channel.new()
    local told = channel.new(1)
    coroutine.spawn(function()
        local value, open = waiting:receive()
        told:send(tostring(value) .. " " .. tostring(open))
    end)
    waiting:close()
    io.print("C-23", (told:receive()))

    -- a parked sender gets an error value
    local full = channel.new()
    coroutine.spawn(function()
        local sent, why = full:send("never")
        told:send(tostring(sent) .. " " .. tostring(why:message():find("closed") ~= nil))
    end)
    full:close()
    io.print("C-25", (told:receive()))

    -- those woken by a close run before the closer
    local gate = channel.new()
    local log = {}
    for i = 1, 2 do
        coroutine.spawn(function()
            gate:receive()
            log[#log + 1] = "woken " .. i
        end)
    end
    gate:close()
    log[#log + 1] = "closer"
    io.print("C-26", table.concat(log, ", "))

    io.print("C-2", type(gate), gate.length, gate.is_closed)
    io.print("C-2", (pcall(gate.send, {}, 1)))
    io.print("C-1", (pcall(channel.new, {})))
    local negative = channel.new(-4)
    io.print("C-1", channel.select({ negative:case_send(1), default = true }).default)
    local keys = {}
    for key in pairs(channel) do
        keys[#keys + 1] = key
    end
    table.sort(keys)
    io.print("9", table.concat(keys, " "))
end

return { main = main }

local io = require("io")
local time = require("time")

local function show(rule: string, result, names)
    local name = "none"
    for key, ch in pairs(names or {}) do
        if ch == result.channel then
            name = key
        end
    end
    io.print(rule, name, result.value, result.ok, result.default)
end

local function main()
    local x, y = channel.new(2), channel.new(2)
    local names = { x = x, y = y }

    -- the first ready case in table order wins
    x:send("from x")
    y:send("from y")
    show("C-32", channel.select({ y:case_receive(), x:case_receive() }), names)
    show("C-32", channel.select({ y:case_receive(), x:case_receive() }), names)

    -- none ready
    show("C-33", channel.select({ x:case_receive(), default = true }), names)
    show("C-31", channel.select({ x:case_receive() }, true), names)
    show("C-43", channel.select({ default = true }), names)

    -- a default that is not exactly true is ignored
    x:send(1)
    show("C-31", channel.select({ x:case_receive(), default = 1 }), names)

    -- send cases
    show("C-36", channel.select({ x:case_send("sent"), default = true }), names)
    show("C-35", channel.select({ x:case_receive(), default = true }), names)
    local full = channel.new()
    show("C-33", channel.select({ full:case_send(1), default = true }), names)

    -- closed channels
    local closed = channel.new()
    closed:close()
    show("C-39", channel.select({ closed:case_receive(), default = true }), { closed = closed })
    show("C-40", channel.select({ closed:case_send(1), default = true }), { closed = closed })

    -- what is no case is ignored
    x:send("still")
    show("C-42", channel.select({ false, "text", 7, x:case_receive() }), names)

    -- a case may be built once and used often; a send case keeps its value
    local value = "old"
    local case = x:case_send(value)
    value = "new"
    channel.select({ case })
    channel.select({ case })
    io.print("C-45 C-46", (x:receive()), (x:receive()))

    -- a parked select takes one and leaves the others
    local result = channel.new(1)
    coroutine.spawn(function()
        local r = channel.select({ x:case_receive(), y:case_receive() })
        result:send(r.value)
    end)
    y:send("first")
    x:send("second")
    io.print("C-34", (result:receive()), (x:receive()))

    -- parked send case meets a receiver
    local meet = channel.new()
    coroutine.spawn(function()
        local r = channel.select({ meet:case_send("offer"), y:case_receive() })
        result:send(r.channel == meet and r.value)
    end)
    io.print("C-34", (meet:receive()), (result:receive()))

    -- a close wakes a parked select
    local ending = channel.new()
    coroutine.spawn(function()
        local r = channel.select({ ending:case_receive() })
        result:send(tostring(r.value) .. " " .. tostring(r.ok))
    end)
    ending:close()
    io.print("C-23", (result:receive()))

    -- and one parked on a send case gets an error value
    local refused = channel.new()
    coroutine.spawn(function()
        local r, err = channel.select({ refused:case_send(1) })
        result:send(tostring(r) .. " " .. tostring(err ~= nil))
    end)
    refused:close()
    io.print("C-41", (result:receive()))

    -- timeouts are cases
    local timeout = time.after("5ms")
    show("C-37", channel.select({ full:case_receive(), timeout:case_receive() }).channel == timeout
        and { ok = true } or {}, {})

    -- a fresh table each time
    x:send(1)
    x:send(2)
    local one, two = channel.select({ x:case_receive() }), channel.select({ x:case_receive() })
    io.print("C-38", one == two)

    -- several cases of one channel: the first counts
    x:send("only")
    show("C-44", channel.select({ x:case_receive(), x:case_receive() }), names)
    io.print("C-30", (pcall(channel.select, "x")))
    io.print("C-31", (pcall(channel.select, {}, "yes")))
end

return { main = main }

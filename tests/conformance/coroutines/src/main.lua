local io = require("io")
local time = require("time")

local function main()
    -- a spawned coroutine runs first, up to its first wait
    local log = {}
    local gate = channel.new()
    local handle = coroutine.spawn(function()
        log[#log + 1] = "child"
        gate:receive()
        log[#log + 1] = "child again"
        gate:send(true)
    end)
    log[#log + 1] = "parent"
    io.print("CO-2", type(handle), coroutine.status(handle))
    gate:send(true)
    gate:receive()
    io.print("C-51", table.concat(log, ", "))

    -- yield in a task lets the others run
    log = {}
    local done = channel.new(2)
    for _, name in ipairs({ "a", "b" }) do
        coroutine.spawn(function()
            for i = 1, 2 do
                log[#log + 1] = name .. i
                coroutine.yield("ignored")
            end
            done:send(true)
        end)
    end
    done:receive()
    done:receive()
    io.print("C-53", table.concat(log, " "))
    io.print("CO-10", select("#", coroutine.yield(1, 2)))

    -- plain coroutines
    local co = coroutine.create(function(a, b)
        local c = coroutine.yield(a + b)
        local d = coroutine.yield(c * 2)
        return d, "end"
    end)
    io.print("CO-7", coroutine.resume(co, 1, 2))
    io.print("CO-7", coroutine.resume(co, 10))
    io.print("CO-7", coroutine.resume(co, "last"))
    local ok, err = coroutine.resume(co)
    io.print("CO-15", ok, tostring(err):find("dead") ~= nil, coroutine.status(co))
    io.print("CO-7", coroutine.isyieldable, coroutine.close)

    -- waiting inside a generator suspends the whole task
    local generator = coroutine.wrap(function()
        for i = 1, 3 do
            time.sleep("1ms")
            coroutine.yield(i)
        end
    end)
    io.print("CO-11", generator() + generator() + generator())

    -- three levels deep, with pcall between
    local function deep(level)
        if level == 0 then
            time.sleep("1ms")
            return "bottom"
        end
        local inner = coroutine.wrap(function()
            local fine, value = pcall(deep, level - 1)
            coroutine.yield(value)
            return fine
        end)
        local value = inner()
        return inner() and value
    end
    io.print("CO-12", deep(3))

    -- waiting in metamethods and iterators
    local lazy = setmetatable({}, {
        __index = function(_, key)
            time.sleep("1ms")
            return key .. "!"
        end,
        __add = function()
            time.sleep("1ms")
            return 42
        end,
    })
    io.print("CO-13", lazy.hello, lazy + 1)
    local seen = {}
    for i in function(_, i)
        time.sleep("1ms")
        if i < 3 then
            return i + 1
        end
    end, nil, 0 do
        seen[#seen + 1] = i
    end
    io.print("CO-13", table.concat(seen, " "))

    -- errors keep their identity
    local mark = {}
    ok, err = coroutine.resume(coroutine.create(function()
        error(mark)
    end))
    io.print("CO-14", ok, err == mark)
    ok, err = pcall(coroutine.wrap(function()
        error(mark)
    end))
    io.print("CO-14", ok, err == mark)

    local current = coroutine.running()
    io.print("CO-8", type(current), coroutine.status(current))
    io.print("CO-2", (pcall(coroutine.spawn, "not a function")))

    -- results of spawned coroutines do not count
    coroutine.spawn(function()
        return nil, "not a failure"
    end)
    coroutine.yield()
    io.print("CO-3", "alive")
end

return { main = main }

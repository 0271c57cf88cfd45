-- Core section 9: channels and select.

local time = require("time")

-- Plain channels -------------------------------------------------------------------------------

check("C-1", "capacity", function()
    for _, size in ipairs({ 0, -1, -5.5 }) do
        local c = channel.new(size)
        eq(channel.select({ c:case_send(1), default = true }).default, true)
    end
    local c = channel.new(2)
    eq(c:send(1), true)
    eq(c:send(2), true)
    eq(channel.select({ c:case_send(3), default = true }).default, true)
    c = channel.new(1.9)
    c:send(1)
    eq(channel.select({ c:case_send(3), default = true }).default, true)
    c = channel.new("2") -- standard coercion
    c:send(1)
    c:send(2)
    raises("bad argument #1", channel.new, {})
    raises("bad argument #1", channel.new, "x")
    raises("bad argument #1", channel.new, true)
end)

check("C-2", "methods, and nothing else", function()
    local c = channel.new(1)
    for _, name in ipairs({ "send", "receive", "close", "case_send", "case_receive" }) do
        eq(type(c[name]), "function")
    end
    for _, name in ipairs({ "len", "cap", "size", "is_closed", "closed", "capacity", "try_send", "try_receive" }) do
        eq(c[name], nil)
    end
    raises("channel expected", c.send, {}, 1)
    raises("channel expected", c.receive, 5)
    raises("channel expected", c.close)
    raises("channel expected", c.case_send, "x", 1)
    raises("channel expected", c.case_receive, nil)
    eq(type(c), "userdata")
    raises("", function() return #c end)
    local n = 0
    for _ in pairs(channel) do n = n + 1 end
    eq(n, 2) -- new and select
end)

check("C-3", "send returns true, suspends while full", function()
    local c = channel.new(1)
    same(pack(c:send(1)), true)
    local done = channel.new(1)
    coroutine.spawn(function() done:send(pack(c:send(2))) end)
    eq(channel.select({ done:case_receive(), default = true }).default, true)
    eq(c:receive(), 1)
    same(done:receive(), true)
    eq(c:receive(), 2)
end)

check("C-3", "an unbuffered send waits until a receiver takes the value", function()
    local c, log = channel.new(), {}
    coroutine.spawn(function()
        c:send("v")
        log[#log + 1] = "sent"
    end)
    eq(#log, 0)
    eq(c:receive(), "v")
    coroutine.yield()
    eq(#log, 1)
end)

check("C-4", "receive gives value and ok", function()
    local c = channel.new(1)
    c:send("v")
    same(pack(c:receive()), "v", true)
    c:close()
    same(pack(c:receive()), nil, false)
    same(pack(c:receive()), nil, false)
end)

check("C-5", "nil and false are values", function()
    local c = channel.new(3)
    c:send(nil)
    c:send()
    c:send(false)
    same(pack(c:receive()), nil, true)
    same(pack(c:receive()), nil, true)
    same(pack(c:receive()), false, true)
    local r
    c:send(nil)
    r = channel.select({ c:case_receive() })
    eq(r.ok, true)
    eq(r.value, nil)
end)

check("C-6", "values are passed by reference", function()
    local c, t, f = channel.new(4), {}, function() end
    local other = channel.new()
    c:send(t)
    c:send(f)
    c:send(other)
    eq(c:receive(), t)
    eq(c:receive(), f)
    eq(c:receive(), other)
end)

check("C-7", "first in, first out", function()
    local c = channel.new(50)
    for i = 1, 50 do c:send(i) end
    for i = 1, 50 do eq(c:receive(), i) end
    for i = 1, 70 do -- around the end of the buffer
        c:send(i)
        eq(c:receive(), i)
    end
end)

check("C-8", "parked receivers and senders are served first come", function()
    local c, log = channel.new(), {}
    for i = 1, 3 do
        coroutine.spawn(function()
            local v = c:receive()
            log[#log + 1] = i .. v
        end)
    end
    c:send("a")
    c:send("b")
    c:send("c")
    coroutine.yield()
    eq(table.concat(log, " "), "1a 2b 3c")
    for i = 1, 3 do
        coroutine.spawn(function() c:send(i) end)
    end
    for i = 1, 3 do eq(c:receive(), i) end
end)

check("C-8", "a parked select takes its place in the queue", function()
    local c, log = channel.new(), {}
    local function add(name, v) log[#log + 1] = name .. v end
    coroutine.spawn(function() add("r1", (c:receive())) end)
    coroutine.spawn(function() add("s", channel.select({ c:case_receive() }).value) end)
    coroutine.spawn(function() add("r2", (c:receive())) end)
    c:send(1)
    c:send(2)
    c:send(3)
    coroutine.yield()
    eq(table.concat(log, " "), "r11 s2 r23")
end)

check("C-9", "a freed slot takes the value of the first parked sender", function()
    local c, log = channel.new(1), {}
    c:send(0)
    for i = 1, 2 do
        coroutine.spawn(function()
            c:send(i)
            log[#log + 1] = i
        end)
    end
    eq(c:receive(), 0)
    coroutine.yield()
    eq(table.concat(log), "1")
    eq(c:receive(), 1)
    eq(c:receive(), 2)
end)

check("C-10", "a value goes straight to a parked receiver", function()
    local c, got = channel.new(5), nil
    coroutine.spawn(function() got = c:receive() end)
    c:send("x")
    eq(channel.select({ c:case_receive(), default = true }).default, true)
    coroutine.yield()
    eq(got, "x")
end)

check("C-11", "what can finish at once does not yield", function()
    local c = channel.new(1)
    local ok = pcall(table.sort, { 3, 1, 2 }, function(a, b)
        c:send(a)
        c:receive()
        channel.select({ c:case_receive(), default = true })
        return a < b
    end)
    eq(ok, true)
end)

check("C-11", "a call that must wait where waiting is impossible raises and loses nothing", function()
    local c = channel.new()
    local caught
    xpcall(error, function()
        local ok, e = pcall(c.receive, c)
        caught = not ok and e
    end)
    assert(caught, "no error")
    coroutine.spawn(function() c:send("kept") end)
    eq(c:receive(), "kept")
end)

-- Close ----------------------------------------------------------------------------------------

check("C-20 C-21", "close returns nothing and may be repeated", function()
    local c = channel.new()
    same(pack(c:close()))
    same(pack(c:close()))
end)

check("C-22", "buffered values stay readable", function()
    local c = channel.new(3)
    c:send(1)
    c:send(nil)
    c:close()
    same(pack(c:receive()), 1, true)
    same(pack(c:receive()), nil, true)
    same(pack(c:receive()), nil, false)
    same(pack(c:receive()), nil, false)
end)

check("C-23", "parked receivers and selects end at once", function()
    local c, out = channel.new(), channel.new(3)
    coroutine.spawn(function() out:send(pack(c:receive())) end)
    coroutine.spawn(function() out:send(channel.select({ c:case_receive() })) end)
    c:close()
    same(out:receive(), nil, false)
    local r = out:receive()
    eq(r.channel, c)
    eq(r.value, nil)
    eq(r.ok, false)
end)

check("C-24", "send on a closed channel raises a string", function()
    local c = channel.new(1)
    c:close()
    local e = raises("send on closed channel", c.send, c, 1)
    eq(type(e), "string")
    raises("send on closed channel", function() c:send() end)
end)

check("C-25", "a sender parked at the close gets nil, err", function()
    local c, out = channel.new(), channel.new(1)
    coroutine.spawn(function() out:send(pack(c:send(1))) end)
    c:close()
    local r = out:receive()
    eq(r.n, 2)
    eq(r[1], nil)
    eq(type(r[2]), "userdata")
    has(r[2]:message(), "send on closed channel")
    same(pack(c:receive()), nil, false)
end)

check("C-25", "the value of a sender parked on a full channel is lost, buffered ones stay", function()
    local c, out = channel.new(1), channel.new(1)
    c:send("in")
    coroutine.spawn(function() out:send(pack(c:send("parked"))) end)
    c:close()
    eq(out:receive()[1], nil)
    same(pack(c:receive()), "in", true)
    same(pack(c:receive()), nil, false)
end)

check("C-26", "tasks woken by a close run before the closer goes on", function()
    local c, log = channel.new(), {}
    for i = 1, 3 do
        coroutine.spawn(function()
            c:receive()
            log[#log + 1] = i
        end)
    end
    c:close()
    log[#log + 1] = "closer"
    eq(table.concat(log, " "), "1 2 3 closer")
end)

check("C-27", "a receiver may close", function()
    local c = channel.new(1)
    coroutine.spawn(function()
        c:receive()
        c:close()
    end)
    c:send(1)
    coroutine.yield()
    raises("send on closed channel", c.send, c, 1)
end)

-- Select ---------------------------------------------------------------------------------------

check("C-30", "the table of cases", function()
    local a, b = channel.new(1), channel.new(1)
    b:send("b")
    local r = channel.select({ name = a:case_receive(), other = b:case_receive() })
    eq(r.channel, b)
    a:send("a")
    b:send("b")
    r = channel.select({ x = b:case_receive(), a:case_receive() })
    eq(r.channel, a)
    raises("bad argument #1", channel.select)
    raises("bad argument #1", channel.select, 5)
    raises("bad argument #1", channel.select, a:case_receive())
    raises("bad argument #1", channel.select, a)
end)

check("C-31", "default: exactly true, in the table or as second argument", function()
    local c = channel.new()
    eq(channel.select({ c:case_receive(), default = true }).default, true)
    eq(channel.select({ c:case_receive() }, true).default, true)
    raises("bad argument #2", channel.select, { c:case_receive() }, 1)
    raises("bad argument #2", channel.select, { c:case_receive() }, "true")
    for _, v in ipairs({ 1, "true", false }) do
        local r
        coroutine.spawn(function() r = channel.select({ c:case_receive(), default = v }) end)
        eq(r, nil)
        c:send("x")
        coroutine.yield()
        eq(r.value, "x")
    end
    local r
    coroutine.spawn(function() r = channel.select({ c:case_receive() }, false) end)
    eq(r, nil)
end)

check("C-32", "the first ready case in table order is done", function()
    local x, y = channel.new(9), channel.new(9)
    for i = 1, 5 do
        x:send(i)
        y:send(i)
    end
    for i = 1, 5 do
        local r = channel.select({ y:case_receive(), x:case_receive() }) -- 24.5
        eq(r.channel, y)
        eq(r.value, i)
    end
    eq(channel.select({ y:case_receive(), x:case_receive() }).channel, x)
    local r = channel.select({ y:case_send(1), x:case_receive() })
    eq(r.channel, y)
end)

check("C-33", "the default result", function()
    local r = channel.select({ channel.new():case_receive(), default = true })
    eq(r.default, true)
    eq(r.ok, true)
    eq(r.channel, nil)
    eq(r.value, nil)
end)

check("C-34", "exactly one case is done, the others are withdrawn", function()
    local a, b = channel.new(), channel.new()
    local r
    coroutine.spawn(function() r = channel.select({ a:case_receive(), b:case_receive() }) end)
    b:send("b")
    coroutine.yield()
    eq(r.channel, b)
    eq(channel.select({ a:case_send("lost"), default = true }).default, true)
    coroutine.spawn(function() channel.select({ a:case_send(1), b:case_send(2) }) end)
    eq(a:receive(), 1)
    eq(channel.select({ b:case_receive(), default = true }).default, true)
end)

check("C-35 C-36 C-38", "results of receive and send cases", function()
    local c, v = channel.new(1), {}
    local sent = channel.select({ c:case_send(v) })
    eq(sent.channel, c)
    eq(sent.value, v)
    eq(sent.ok, true)
    eq(sent.default, nil)
    local got = channel.select({ c:case_receive() })
    eq(got.channel, c)
    eq(got.value, v)
    eq(got.ok, true)
    c:close()
    local closed = channel.select({ c:case_receive() })
    eq(closed.channel, c)
    eq(closed.value, nil)
    eq(closed.ok, false)
    assert(channel.select({ c:case_receive() }) ~= closed)
end)

check("C-36", "a parked send case", function()
    local c, r = channel.new(), nil
    coroutine.spawn(function() r = channel.select({ c:case_send("v") }) end)
    eq(c:receive(), "v")
    coroutine.yield()
    eq(r.channel, c)
    eq(r.value, "v")
    eq(r.ok, true)
end)

check("C-37", "result.channel is the very object, for every kind of channel", function()
    local after = time.after("1ms")
    eq(channel.select({ after:case_receive() }).channel, after)
    local timer = time.timer("1ms")
    eq(channel.select({ timer:channel():case_receive() }).channel, timer:channel())
    local ticker = time.ticker("1ms")
    eq(channel.select({ ticker:channel():case_receive() }).channel, ticker:channel())
    ticker:stop()
    local future = require("funcs").async("app:call", "give", 1)
    eq(channel.select({ future:channel():case_receive() }).channel, future:channel())
    local sub = require("events").subscribe("c37")
    require("events").send("c37", "k", "p")
    eq(channel.select({ sub:channel():case_receive() }).channel, sub:channel())
    local topic = process.listen("c37")
    process.send(process.pid(), "c37")
    eq(channel.select({ topic:case_receive() }).channel, topic)
    process.cancel(process.pid())
    eq(channel.select({ process.inbox():case_receive(), process.events():case_receive() }).channel, process.events())
end)
function child.give(...) return ... end

check("C-39", "a closed empty channel beats default", function()
    local c = channel.new()
    c:close()
    local r = channel.select({ c:case_receive(), default = true }) -- 24.6
    eq(r.channel, c)
    eq(r.ok, false)
    eq(r.default, nil)
end)

check("C-40", "a send case on a closed channel is never ready", function()
    local c, d = channel.new(1), channel.new(1)
    c:close()
    eq(channel.select({ c:case_send(1), default = true }).default, true)
    local r
    coroutine.spawn(function() r = channel.select({ c:case_send(1), d:case_receive() }) end)
    eq(r, nil)
    d:send("d")
    coroutine.yield()
    eq(r.value, "d")
end)

check("C-41", "a select parked on a send case resumes with nil, err at the close", function()
    local c, out = channel.new(), channel.new(1)
    coroutine.spawn(function() out:send(pack(channel.select({ c:case_send(1) }))) end)
    c:close()
    local r = out:receive()
    eq(r.n, 2)
    eq(r[1], nil)
    has(r[2]:message(), "send on closed channel")
end)

check("C-42", "what is no case is ignored", function()
    local c = channel.new(1)
    c:send("v")
    local r = channel.select({ 1, "x", {}, false, c, print, c:case_receive() })
    eq(r.value, "v")
    c:send("w")
    r = channel.select({ nil, nil, c:case_receive() })
    eq(r.value, "w")
    eq(channel.select({ 1, 2, default = true }).default, true)
end)

check("C-43", "an empty select with default", function()
    eq(channel.select({ default = true }).default, true)
    eq(channel.select({}, true).default, true)
end)

check("C-44", "the same channel in several cases", function()
    local c = channel.new(1)
    c:send("v")
    local r = channel.select({ c:case_receive(), c:case_receive() })
    eq(r.value, "v")
    r = channel.select({ c:case_send(1), c:case_send(2) })
    eq(r.value, 1)
    eq(c:receive(), 1)
    local u, done = channel.new(), false
    coroutine.spawn(function()
        channel.select({ u:case_send(1), u:case_receive() })
        done = true
    end)
    coroutine.yield()
    eq(done, false)
    coroutine.spawn(function()
        channel.select({ u:case_receive(), u:case_receive() })
    end)
end)

check("C-44", "parked twice on one channel takes one value", function()
    local c, r = channel.new(), nil
    coroutine.spawn(function() r = channel.select({ c:case_receive(), c:case_receive() }) end)
    c:send("once")
    coroutine.yield()
    eq(r.value, "once")
    eq(channel.select({ c:case_send("lost"), default = true }).default, true)
end)

check("C-45 C-46", "a case may be used many times; its value is fixed", function()
    local c = channel.new(5)
    local value = "a"
    local send, receive = c:case_send(value), c:case_receive()
    value = "b"
    for _ = 1, 3 do channel.select({ send }) end
    for _ = 1, 3 do eq(channel.select({ receive }).value, "a") end
end)

check("C-50 C-53", "runnable coroutines run first in, first out; yield goes to the end", function()
    local log = {}
    for i = 1, 3 do
        coroutine.spawn(function()
            log[#log + 1] = "a" .. i
            coroutine.yield()
            log[#log + 1] = "b" .. i
        end)
    end
    log[#log + 1] = "main"
    coroutine.yield()
    eq(table.concat(log, " "), "a1 a2 a3 main b1 b2 b3")
end)

check("C-51", "a spawned coroutine runs first, up to its first suspension", function()
    local log = {}
    coroutine.spawn(function()
        log[#log + 1] = "child"
        coroutine.spawn(function() log[#log + 1] = "grandchild" end)
        log[#log + 1] = "child again"
        coroutine.yield()
        log[#log + 1] = "child last"
    end)
    log[#log + 1] = "parent"
    coroutine.yield()
    eq(table.concat(log, ","), "child,grandchild,child again,parent,child last")
end)

check("C-52", "the side that completes a rendezvous goes on first", function()
    local c, log = channel.new(), {}
    coroutine.spawn(function()
        c:receive()
        log[#log + 1] = "receiver"
    end)
    c:send(1)
    log[#log + 1] = "sender"
    coroutine.yield()
    eq(table.concat(log, " "), "sender receiver")
    log = {}
    coroutine.spawn(function()
        c:send(1)
        log[#log + 1] = "sender"
    end)
    c:receive()
    log[#log + 1] = "receiver"
    coroutine.yield()
    eq(table.concat(log, " "), "receiver sender")
end)

-- Combinations ---------------------------------------------------------------------------------

check("C-34", "a worker pool over channels", function()
    local jobs, results = channel.new(4), channel.new()
    for _ = 1, 3 do
        coroutine.spawn(function()
            while true do
                local job, ok = jobs:receive()
                if not ok then break end
                time.sleep("1ms")
                results:send(job * job)
            end
            results:send("over")
        end)
    end
    coroutine.spawn(function()
        for i = 1, 10 do jobs:send(i) end
        jobs:close()
    end)
    local sum, over = 0, 0
    while over < 3 do
        local v = results:receive()
        if v == "over" then over = over + 1 else sum = sum + v end
    end
    eq(sum, 385)
end)

check("C-34", "a select with a timeout in a loop", function()
    local c, ticks = channel.new(), 0
    coroutine.spawn(function()
        for _ = 1, 3 do
            time.sleep("15ms")
            c:send("data")
        end
        c:close()
    end)
    local got = 0
    while true do
        local limit = time.after("10ms")
        local r = channel.select({ c:case_receive(), limit:case_receive() })
        if r.channel == limit then
            ticks = ticks + 1
        elseif r.ok then
            got = got + 1
        else
            break
        end
    end
    eq(got, 3)
    eq(ticks, 3)
end)

check("C-24", "pcall around a waiting call", function()
    local c = channel.new()
    coroutine.spawn(function()
        time.sleep("1ms")
        c:send("through pcall")
    end)
    local ok, v, more = pcall(c.receive, c)
    eq(ok, true)
    eq(v, "through pcall")
    eq(more, true)
    local ok2, v2 = pcall(function()
        local w = pcall(function() time.sleep("1ms") end)
        return w
    end)
    eq(ok2, true)
    eq(v2, true)
end)

check("C-52", "a receiver in a select wakes after the sender goes on", function()
    local a, b = channel.new(), channel.new()
    local log = {}
    coroutine.spawn(function()
        local r = channel.select({ a:case_receive(), b:case_receive() })
        log[#log + 1] = r.value
    end)
    b:send("first")
    log[#log + 1] = "sender"
    coroutine.yield()
    eq(table.concat(log, " "), "sender first")
end)

-- What applications do with several rules at once.

local HOST = "app:processes"
local time, funcs, ctx, events = require("time"), require("funcs"), require("ctx"), require("events")
local registry = process.registry

function child.give(...) return ... end
function child.raise(v) error(v) end
function child.wait_forever() process.inbox():receive() end

check("N-19", "an end frees only the names it still owns", function()
    local a = start("register_twice", process.pid())
    process.inbox():receive()
    registry.unregister("handed over")
    eq(registry.register("handed over"), true)
    process.monitor(a)
    process.send(a, "go")
    exit_of(a)
    eq(registry.lookup("handed over"), process.pid())
end)
function child.register_twice(to)
    registry.register("handed over")
    process.send(to, "ready")
    process.inbox():receive()
end

check("F-8", "a chain of calls falls with its first caller", function()
    local ch = process.listen("reached")
    local pid = watch("call_deep", 3, process.pid())
    settle()
    process.terminate(pid)
    exit_of(pid)
    eq(receive_within(ch, "1s"), "nothing")
end)
function child.call_deep(n, to)
    if n == 0 then
        time.sleep("50ms")
        process.send(to, "reached")
        return
    end
    return funcs.call("app:call", "call_deep", n - 1, to)
end

check("E-44", "errors keep kind and details through exec, call, exit and message", function()
    local _, e = process.exec("app:run", HOST, "through_call")
    eq(e:kind(), errors.RATE_LIMITED)
    eq(e:details().wait, 5)
    eq(e:retryable(), true)
    assert(#e:stack() > 0)
    local r = ending("through_call")
    eq(r.error:kind(), errors.RATE_LIMITED)
    process.send(process.pid(), "t", { err = r.error })
    local got = process.inbox():receive():payload():data().err
    eq(got:kind(), errors.RATE_LIMITED)
    eq(got:details().wait, 5)
end)
function child.through_call() return funcs.call("app:call", "limited") end
function child.limited()
    return nil, errors.new({ message = "slow down", kind = errors.RATE_LIMITED, retryable = true,
        details = { wait = 5 } })
end

check("E-33", "a crashed process tells where", function()
    local e = ending("crash_deep").error
    has(e:stack(), "app:run")
    local frames = errors.call_stack(e)
    assert(frames == nil or #frames.frames > 0)
end)
local function deep_crash(n)
    if n == 0 then
        local t
        return t.field
    end
    local v = deep_crash(n - 1)
    return v
end
function child.crash_deep() return deep_crash(3) end

check("STD-22", "pcall around every kind of waiting call gives its values", function()
    same(pack(pcall(process.exec, "app:run", HOST, "give", 1)), true, 1, nil)
    same(pack(pcall(funcs.call, "app:call", "give", 2)), true, 2, nil)
    local ch = channel.new()
    coroutine.spawn(function() ch:send(3) end)
    same(pack(pcall(ch.receive, ch)), true, 3, true)
    same(pack(pcall(time.sleep, "1ms")), true)
    local ok, r = pcall(channel.select, { time.after("1ms"):case_receive() })
    eq(ok, true)
    eq(r.ok, true)
    same(pack(pcall(pcall, error, "x")), true, false, "x")
end)

check("C-34", "request and reply with a timeout, many times", function()
    local server = start("server")
    local replies = process.listen("reply", { message = true })
    for i = 1, 50 do
        process.send(server, "ask", { id = i, from = process.pid() })
        local limit = time.after("1s")
        local r = channel.select({ replies:case_receive(), limit:case_receive() })
        eq(r.channel, replies)
        eq(r.value:payload():data().id, i)
        eq(r.value:from(), server)
    end
end)
function child.server()
    local inbox = process.inbox()
    while true do
        local m, ok = inbox:receive()
        if not ok then break end
        local ask = m:payload():data()
        process.send(ask.from, "reply", { id = ask.id })
    end
end

check("L-15", "a supervisor in Lua restarts its children", function()
    process.set_options({ trap_links = true })
    local starts = 0
    local function begin()
        starts = starts + 1
        return process.spawn_linked("app:run", HOST, "fail_after", starts < 4 and "1ms" or nil)
    end
    local pid = begin()
    while starts < 4 do
        local e = event()
        eq(e.kind, process.event.LINK_DOWN)
        eq(e.from, pid)
        pid = begin()
    end
    eq(event_within("50ms"), nil)
    process.unlink(pid)
    process.terminate(pid)
end)
function child.fail_after(d)
    if d then
        time.sleep(d)
        error("again")
    end
    process.inbox():receive()
end

check("P-50", "a worker stops cleanly at a cancel", function()
    local pid = watch("clean_worker")
    for i = 1, 3 do process.send(pid, "work", i) end
    settle()
    process.cancel(pid, "enough")
    local r = exit_of(pid).result
    eq(r.value.done, 3)
    eq(r.value.reason, "enough")
end)
function child.clean_worker()
    local work, done = process.listen("work"), 0
    while true do
        local r = channel.select({ process.events():case_receive(), work:case_receive() })
        if r.channel == process.events() then
            return { done = done, reason = r.value.reason }
        end
        done = done + 1
    end
end

check("S-20", "a spawner's context reaches coroutines and nested functions", function()
    local pid = process.with_context({ tenant = "acme" }):spawn_monitored("app:run", HOST, "context_everywhere")
    local v = exit_of(pid).result.value
    eq(v.coroutine, "acme")
    eq(v.nested, "acme")
    eq(v.future, "acme")
end)
function child.context_everywhere()
    local out = {}
    local done = channel.new(1)
    coroutine.spawn(function() done:send((ctx.get("tenant"))) end)
    out.coroutine = done:receive()
    out.nested = funcs.call("app:call", "tenant")
    out.future = funcs.async("app:call", "tenant"):channel():receive():data()
    return out
end
function child.tenant() return (ctx.get("tenant")) end

check("P-102", "context, actor and options after an upgrade", function()
    local pid = process.with_context({ tenant = "acme" }):spawn_monitored("app:run", HOST, "upgrade_context")
    eq(exit_of(pid).result.value, "acme")
end)
function child.upgrade_context() process.upgrade("", "tenant") end

check("P-101", "an answer that comes after an upgrade is ignored", function()
    local pid = watch("upgrade_in_call")
    eq(exit_of(pid).result.value, "new code")
end)
function child.upgrade_in_call()
    coroutine.spawn(function()
        funcs.call("app:call", "sleep_then_give")
        error("the old code went on")
    end)
    time.sleep("1ms")
    process.upgrade("", "new_code")
end
function child.sleep_then_give()
    time.sleep("20ms")
    return 1
end
function child.new_code()
    time.sleep("100ms")
    return "new code"
end

check("F-45", "a dozen futures gathered by select", function()
    local open, sum = {}, 0
    for i = 1, 12 do open[i] = funcs.async("app:call", "slowly", i) end
    while #open > 0 do
        local cases = {}
        for i, f in ipairs(open) do cases[i] = f:channel():case_receive() end
        local r = channel.select(cases)
        for i, f in ipairs(open) do
            if f:channel() == r.channel then
                table.remove(open, i)
                break
            end
        end
        sum = sum + r.value:data()
    end
    eq(sum, 78)
end)
function child.slowly(n)
    time.sleep(n % 3 .. "ms")
    return n
end

check("CO-11", "locks, semaphores and once over channels", function()
    local lock, inside, most = channel.new(1), 0, 0
    lock:send(true)
    local done = channel.new()
    for _ = 1, 5 do
        coroutine.spawn(function()
            lock:receive()
            inside = inside + 1
            most = math.max(most, inside)
            time.sleep("1ms")
            inside = inside - 1
            lock:send(true)
            done:send(true)
        end)
    end
    for _ = 1, 5 do done:receive() end
    eq(most, 1)
end)

check("EV-6", "events between processes and a close in a coroutine", function()
    local sub = events.subscribe("combination", "tick")
    local got = channel.new(10)
    coroutine.spawn(function()
        local ch = sub:channel()
        while true do
            local e, ok = ch:receive()
            if not ok then break end
            got:send(e.data.n)
        end
        got:send("closed")
    end)
    start("publish", 3)
    for i = 1, 3 do eq(got:receive(), i) end
    sub:close()
    eq(got:receive(), "closed")
end)
function child.publish(n)
    for i = 1, n do events.send("combination", "tick", "/", { n = i }) end
end

check("M-10", "listeners in several coroutines share one channel", function()
    local seen = channel.new(10)
    for i = 1, 2 do
        coroutine.spawn(function()
            local ch = process.listen("shared")
            while true do
                local v = ch:receive()
                seen:send(i .. ":" .. v)
            end
        end)
    end
    for i = 1, 4 do process.send(process.pid(), "shared", i) end
    local all = {}
    for i = 1, 4 do all[i] = seen:receive() end
    table.sort(all)
    eq(all[1], "1:1") -- first come, first served, while both are parked
    local sum = 0
    for _, text in ipairs(all) do sum = sum + tonumber(string.match(text, ":(%d)")) end
    eq(sum, 10)
    assert(string.find(table.concat(all, " "), "2:2", 1, true))
end)

check("P-30", "an error in a timer's coroutine tells its place", function()
    local e = ending("late_error").error
    eq(e:kind(), errors.INTERNAL)
    assert(string.find(e:message(), "app:run:%d+: too late"), e:message())
end)
function child.late_error()
    coroutine.spawn(function()
        time.after("1ms"):receive()
        error("too late")
    end)
    process.inbox():receive()
end

check("P-22", "assert passes an error on as a failure", function()
    local e = ending("assert_pair").error
    has(e:message(), "no handler registered for target")
    e = ending("assert_text").error
    has(e:message(), "asserted")
end)
function child.assert_pair() return assert(funcs.call("app:unknown")) end
function child.assert_text() assert(nil, "asserted") end

check("S-36", "a singleton that is asked for by many at once", function()
    local counter = channel.new(10)
    for _ = 1, 5 do
        coroutine.spawn(function()
            local pid = process.with_context({}):with_name("singleton"):spawn("app:run", HOST, "wait_forever")
            counter:send(pid)
        end)
    end
    local first = counter:receive()
    for _ = 2, 5 do eq(counter:receive(), first) end
end)

check("T-14", "a debounce with a timer that is reset", function()
    local fired, timer = 0, time.timer("10ms")
    coroutine.spawn(function()
        local _, ok = timer:channel():receive()
        if ok then fired = fired + 1 end
    end)
    for _ = 1, 5 do
        time.sleep("5ms")
        timer:reset("10ms")
    end
    eq(fired, 0)
    time.sleep("20ms")
    eq(fired, 1)
end)

check("C-24", "closing twice from two sides and sending after", function()
    local c = channel.new(1)
    coroutine.spawn(function() c:close() end)
    c:close()
    eq(pcall(c.send, c, 1), false)
    same(pack(c:receive()), nil, false)
end)

check("F-22", "a function that spawns a process which outlives it and reports back", function()
    local ch = process.listen("report")
    eq(funcs.call("app:call", "launch", process.pid()), "launched")
    eq(receive_within(ch, "1s"), "from the child")
end)
function child.launch(to)
    start("report_to", to)
    return "launched"
end
function child.report_to(to)
    time.sleep("20ms")
    process.send(to, "report", "from the child")
end

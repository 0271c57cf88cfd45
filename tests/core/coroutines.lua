-- Core section 10: coroutines.

local time = require("time")

check("CO-1 CO-2", "coroutine.spawn makes a task", function()
    local n = -1
    local handle = coroutine.spawn(function(...) n = select("#", ...) end)
    eq(type(handle), "thread")
    eq(n, 0)
    raises("bad argument #1", coroutine.spawn)
    raises("bad argument #1", coroutine.spawn, {})
    raises("bad argument #1", coroutine.spawn, "x")
    local got
    coroutine.spawn(function(...) got = select("#", ...) end, 1, 2)
    eq(got, 0) -- no arguments are passed on
end)

check("CO-3", "return values of a spawned function are discarded", function()
    coroutine.spawn(function() return nil, "not an error" end)
    coroutine.spawn(function() return nil, errors.new("not an error") end)
    time.sleep("1ms")
end)

check("CO-4", "an uncaught error in a spawned coroutine fails the process", function()
    has(ending("spawn_failing").error:message(), "in the background")
    eq(ending("spawn_failing_structured").error:kind(), errors.CONFLICT)
    eq(ending("spawn_protected").value, "lived")
    has(ending("spawn_fails_at_once").error:message(), "at once")
end)
function child.spawn_failing()
    coroutine.spawn(function()
        time.sleep("1ms")
        error("in the background")
    end)
    time.sleep("1s")
end
function child.spawn_failing_structured()
    coroutine.spawn(function() error(errors.new({ message = "m", kind = errors.CONFLICT })) end)
    time.sleep("1s")
end
function child.spawn_fails_at_once()
    pcall(coroutine.spawn, function() error("at once") end)
    return "not reached"
end
function child.spawn_protected()
    coroutine.spawn(function() pcall(error, "caught") end)
    time.sleep("1ms")
    return "lived"
end

check("CO-5", "spawned coroutines are discarded when main ends", function()
    eq(ending("leave", process.pid()).value, "over")
    eq(receive_within(process.listen("late"), "1s"), "nothing")
end)
function child.leave(to)
    coroutine.spawn(function()
        time.sleep("1ms")
        process.send(to, "late")
    end)
    return "over"
end

check("CO-6", "spawning from spawned and from plain coroutines", function()
    local done = channel.new(3)
    coroutine.spawn(function()
        coroutine.spawn(function()
            time.sleep("1ms")
            done:send("nested")
        end)
    end)
    local co = coroutine.wrap(function()
        coroutine.spawn(function()
            time.sleep("2ms")
            done:send("from plain")
        end)
        return "went on"
    end)
    eq(co(), "went on")
    eq(done:receive(), "nested")
    eq(done:receive(), "from plain")
end)

check("CO-7", "the library", function()
    for _, name in ipairs({ "create", "resume", "yield", "status", "running", "wrap", "spawn" }) do
        eq(type(coroutine[name]), "function")
    end
    eq(coroutine.isyieldable, nil)
    eq(coroutine.close, nil)
    local co = coroutine.create(function(a, b)
        local c = coroutine.yield(a + b)
        local d, e = coroutine.yield(c * 2)
        return d + e, "end"
    end)
    same(pack(coroutine.resume(co, 1, 2)), true, 3)
    same(pack(coroutine.resume(co, 10)), true, 20)
    same(pack(coroutine.resume(co, 3, 4)), true, 7, "end")
    eq(coroutine.status(co), "dead")
    local silent = coroutine.create(function() coroutine.yield() end)
    same(pack(coroutine.resume(silent)), true)
    same(pack(coroutine.resume(silent)), true)
    same(pack(coroutine.wrap(function() end)()))
    same(pack(coroutine.wrap(function() return nil, nil end)()), nil, nil)
    raises("bad argument #1", coroutine.create, 5)
    raises("bad argument #1", coroutine.wrap, {})
    raises("bad argument #1", coroutine.resume, 5)
    raises("bad argument #1", coroutine.status, {})
end)

check("CO-8", "running", function()
    eq(type(coroutine.running()), "thread")
    eq(select("#", coroutine.running()), 1)
    local inside
    local co = coroutine.create(function() inside = coroutine.running() end)
    coroutine.resume(co)
    eq(inside, co)
    local spawned
    local handle = coroutine.spawn(function() spawned = coroutine.running() end)
    eq(spawned, handle)
end)

check("CO-9", "status", function()
    local outer
    local seen = {}
    outer = coroutine.create(function()
        seen[1] = coroutine.status(outer)
        local inner = coroutine.create(function() seen[2] = coroutine.status(outer) end)
        coroutine.resume(inner)
        coroutine.yield()
    end)
    eq(coroutine.status(outer), "suspended")
    coroutine.resume(outer)
    eq(coroutine.status(outer), "suspended")
    coroutine.resume(outer)
    eq(coroutine.status(outer), "dead")
    eq(seen[1], "running")
    eq(seen[2], "normal")
    local parked = coroutine.spawn(function() channel.new():receive() end)
    eq(coroutine.status(parked), "suspended")
    local sleeping = coroutine.spawn(function() time.sleep("1ms") end)
    eq(coroutine.status(sleeping), "suspended")
    time.sleep("5ms")
    eq(coroutine.status(sleeping), "dead") -- CO-16: status is allowed
    eq(coroutine.status(coroutine.running()), "running")
end)

check("CO-10", "yield in a task returns nothing", function()
    same(pack(coroutine.yield(1, 2, 3)))
    local got
    coroutine.spawn(function() got = pack(coroutine.yield("x")) end)
    coroutine.yield()
    eq(got.n, 0)
end)

check("CO-11", "a blocking call in a plain coroutine suspends the whole task", function()
    local gen = coroutine.wrap(function()
        for i = 1, 3 do
            time.sleep("1ms")
            coroutine.yield(i)
        end
    end)
    eq(gen() + gen() + gen(), 6) -- 24.8
end)

check("CO-11", "through nested resumes, receives and calls", function()
    local c = channel.new()
    local co = coroutine.wrap(function()
        local inner = coroutine.wrap(function()
            local v = c:receive()
            local w = require("funcs").call("app:call", "give", 5)
            coroutine.yield(v + w)
            return process.exec("app:run", "app:processes", "give", 7)
        end)
        coroutine.yield(inner())
        return inner()
    end)
    coroutine.spawn(function()
        time.sleep("1ms")
        c:send(10)
    end)
    eq(co(), 15)
    eq(co(), 7)
end)
function child.give(...) return ... end

check("CO-12", "generators with I/O and yields mixed, two at once", function()
    local function numbers(n)
        return coroutine.wrap(function()
            for i = 1, n do
                time.sleep("1ms")
                coroutine.yield(i)
                time.sleep("1ms")
            end
        end)
    end
    local done = channel.new(2)
    for _ = 1, 2 do
        coroutine.spawn(function()
            local sum = 0
            for v in numbers(4) do sum = sum + v end
            done:send(sum)
        end)
    end
    eq(done:receive() + done:receive(), 20)
end)

check("CO-13", "waiting across pcall, xpcall, metamethods and iterators", function()
    local ok, v = pcall(function()
        time.sleep("1ms")
        return "pcall"
    end)
    eq(v, "pcall")
    ok, v = xpcall(function()
        time.sleep("1ms")
        error("xpcall")
    end, function(e) return "handled " .. tostring(e) end)
    eq(ok, false)
    has(v, "handled")
    local t = setmetatable({}, {
        __index = function(_, k) time.sleep("1ms"); return k end,
        __newindex = function(self, k, x) time.sleep("1ms"); rawset(self, k, x) end,
        __add = function() time.sleep("1ms"); return "add" end,
        __concat = function() time.sleep("1ms"); return "concat" end,
        __eq = function() time.sleep("1ms"); return true end,
        __lt = function() time.sleep("1ms"); return true end,
        __le = function() time.sleep("1ms"); return true end,
        __call = function(_, x) time.sleep("1ms"); return x end,
        __unm = function() time.sleep("1ms"); return "unm" end,
        __len = function() time.sleep("1ms"); return 42 end,
    })
    local u = setmetatable({}, getmetatable(t))
    eq(t.key, "key")
    t.new = 1
    eq(rawget(t, "new"), 1)
    eq(t + 1, "add")
    eq(t .. "", "concat")
    eq(t == u, true)
    eq(t < u, true)
    eq(t <= u, true)
    eq(t("called"), "called")
    eq(-t, "unm")
    eq(#t, 42)
    local sum = 0
    for i in function(_, i)
        time.sleep("1ms")
        i = (i or 0) + 1
        return i <= 3 and i or nil
    end do
        sum = sum + i
    end
    eq(sum, 6)
end)

check("CO-14", "errors go to the resumer with identity", function()
    local e = {}
    local co = coroutine.create(function() error(e) end)
    local ok, got = coroutine.resume(co)
    eq(ok, false)
    eq(got, e)
    eq(coroutine.status(co), "dead")
    local structured = errors.new("x")
    ok, got = pcall(coroutine.wrap(function() error(structured) end))
    eq(got, structured)
    ok, got = pcall(coroutine.wrap(function()
        time.sleep("1ms")
        error("text")
    end))
    eq(ok, false)
    eq(select(2, string.gsub(got, ":%d+:", "")), 1) -- one position, not two
    eq(select(2, pcall(coroutine.wrap(function() error(nil) end))), nil)
end)

check("CO-15", "dead and running coroutines", function()
    local co = coroutine.create(function() end)
    coroutine.resume(co)
    local ok, e = coroutine.resume(co)
    eq(ok, false)
    has(e, "dead")
    local w = coroutine.wrap(function() end)
    w()
    raises("dead", w)
    ok, e = coroutine.resume(coroutine.running())
    eq(ok, false)
    assert(string.find(e, "running") or string.find(e, "non%-suspended") or string.find(e, "task"), e)
    local outer
    outer = coroutine.create(function() return coroutine.resume(outer) end)
    local _, inner_ok = coroutine.resume(outer)
    eq(inner_ok, false)
end)

check("CO-16", "a task handle resumed by hand does not break the task", function()
    local c, got = channel.new(), nil
    local handle = coroutine.spawn(function() got = c:receive() end)
    pcall(coroutine.resume, handle)
    c:send("v")
    coroutine.yield()
    eq(got, "v")
end)

check("CO-12", "a wrap used by two tasks in turn", function()
    local gen = coroutine.wrap(function()
        for i = 1, 4 do
            time.sleep("1ms")
            coroutine.yield(i)
        end
    end)
    local done = channel.new(2)
    local a = gen()
    coroutine.spawn(function() done:send(gen()) end)
    eq(a, 1)
    eq(done:receive(), 2)
    eq(gen(), 3)
end)

-- Core sections 14 and 15: functions, executors, futures, context.

local HOST = "app:processes"
local funcs, time, ctx = require("funcs"), require("time"), require("ctx")

function child.give(...) return ... end
function child.raise(v) error(v) end
function child.fail(parts) return nil, errors.new(parts) end
function child.slow(d, ...)
    time.sleep(d)
    return ...
end
function child.count(...) return select("#", ...) end
function child.context(...)
    local out = {}
    for _, key in ipairs({ ... }) do out[key] = ctx.get(key) end
    return out
end

-- Calls ----------------------------------------------------------------------------------------

check("F-1 F-5", "a call gives a pair, one result, copies", function()
    same(pack(funcs.call("app:call", "give", 1, 2)), 1, nil)
    same(pack(funcs.call("app:call", "give")), nil, nil)
    same(pack(funcs.call("app:call", "give", nil, nil)), nil, nil)
    same(pack(funcs.call("app:call", "give", false)), false, nil)
    eq(funcs.call("app:call", "count", nil, 1, nil), 3)
    local t = { 1, f = print }
    local got = funcs.call("app:call", "give", t)
    assert(got ~= t)
    eq(got[1], 1)
    eq(got.f, nil)
end)

check("F-2", "ids are checked", function()
    for _, f in ipairs({ funcs.call, funcs.async }) do
        eq(fails(errors.INVALID, "", f("")):message(), "function ID required")
        eq(fails(errors.INVALID, "", f("bare")):message(), "namespace required in function ID")
        eq(fails(errors.INVALID, "", f(":x")):message(), "namespace required in function ID")
        eq(fails(errors.INVALID, "", f("app:")):message(), "name required in function ID")
        raises("bad argument #1", f)
        raises("bad argument #1", f, {})
        raises("bad argument #1", f, nil)
    end
end)

check("F-4", "no such function", function()
    for _, id in ipairs({ "app:unknown", "app:harness", "app:processes", "app:run" }) do
        local e = fails(errors.NOT_FOUND, "", funcs.call(id))
        eq(e:message(), "no handler registered for target")
        eq(e:details().target, id)
        eq(e:retryable(), false)
    end
end)

check("F-6", "errors of a function", function()
    local e = fails(errors.INTERNAL, "boom", funcs.call("app:call", "raise", "boom"))
    eq(e:retryable(), nil)
    e = fails(errors.CONFLICT, "m", funcs.call("app:call", "fail", { message = "m", kind = errors.CONFLICT,
        retryable = true, details = { a = 1 } }))
    eq(e:retryable(), true)
    eq(e:details().a, 1)
    e = fails(errors.INTERNAL, "said", funcs.call("app:call", "give", 1, "said"))
    eq(e:retryable(), false)
    eq(e:message(), "said")
    same(pack(funcs.call("app:call", "give", 1, true)), 1, nil)
end)

check("F-8", "a call is cancelled when its caller ends", function()
    local ch = process.listen("finished")
    local pid = watch("call_and_wait", process.pid())
    settle()
    process.terminate(pid)
    exit_of(pid)
    eq(receive_within(ch, "1s"), "nothing")
end)
function child.call_and_wait(to) funcs.call("app:call", "report_slowly", to) end
function child.report_slowly(to)
    time.sleep("100ms")
    process.send(to, "finished")
end

check("F-9", "module restrictions inside come back as errors that name the module", function()
    local e = fails(errors.INTERNAL, "module 'sql' not found", funcs.call("app:call", "require_sql"))
    assert(e)
end)
function child.require_sql() require("sql") end

check("F-10", "every pool type runs its function", function()
    for _, name in ipairs({ "inline", "static", "lazy", "adaptive", "workers" }) do
        same(pack(funcs.call("app:pool_" .. name, "v")), "v", nil)
        local futures = {}
        for i = 1, 20 do futures[i] = funcs.async("app:pool_" .. name, i) end
        for i = 1, 20 do eq(futures[i]:channel():receive():data(), i) end
    end
end)

check("F-11", "calls run beside each other and the caller", function()
    local before = time.now()
    local a, b = funcs.async("app:call", "slow", "1s", "a"), funcs.async("app:call", "slow", "1s", "b")
    eq(funcs.call("app:call", "slow", "1s", "c"), "c")
    eq(a:channel():receive():data(), "a")
    eq(b:channel():receive():data(), "b")
    assert(time.now():sub(before):seconds() < 1.5)
end)

check("F-14", "a process with a default host is a function", function()
    same(pack(funcs.call("app:as_function", "give", 5)), 5, nil)
    fails(errors.CONFLICT, "m", funcs.call("app:as_function", "fail", { message = "m", kind = errors.CONFLICT }))
    local f = funcs.async("app:as_function", "give", 6)
    eq(f:channel():receive():data(), 6)
    eq(string.match(funcs.call("app:as_function", "own_pid"), "^{(.-)|"), HOST)
    same(pack(funcs.call("app:as_function_meta", "give", 7)), 7, nil)
end)
function child.own_pid() return process.pid() end

check("F-15", "a process called as a function gets CANCEL when its caller goes", function()
    local ch = process.listen("canceled")
    local pid = watch("call_process", process.pid())
    settle()
    process.terminate(pid)
    eq(receive_within(ch, "1s"), "caller context canceled")
    local f = funcs.async("app:as_function", "tell_cancel", process.pid())
    settle()
    f:cancel()
    eq(receive_within(ch, "1s"), "caller context canceled")
end)
function child.call_process(to) funcs.call("app:as_function", "tell_cancel", to) end
function child.tell_cancel(to)
    local e = process.events():receive()
    process.send(to, "canceled", e.reason)
end

check("F-20", "everything of a process works inside a function", function()
    local r, e = funcs.call("app:call", "all_of_a_process")
    eq(e, nil)
    eq(r, "inbox listen events spawn channel timer")
end)
function child.all_of_a_process()
    local said = {}
    process.send(process.pid(), "t", 1)
    if process.inbox():receive():topic() == "t" then said[#said + 1] = "inbox" end
    local ch = process.listen("u")
    process.send(process.pid(), "u", "listen")
    said[#said + 1] = ch:receive()
    process.cancel(process.pid(), "events")
    said[#said + 1] = process.events():receive().reason
    said[#said + 1] = ending("give", "spawn").value
    local c = channel.new()
    coroutine.spawn(function() c:send("channel") end)
    said[#said + 1] = c:receive()
    time.after("1ms"):receive()
    said[#said + 1] = "timer"
    return table.concat(said, " ")
end

check("F-21", "the pid is dead when the call is over, children go on", function()
    local r = funcs.call("app:call", "leave_child")
    fails(errors.NOT_FOUND, "process not found", process.send(r.own, "x"))
    eq(process.send(r.child, "x"), true)
end)
function child.leave_child()
    return { own = process.pid(), child = start("wait_forever") }
end
function child.wait_forever() process.inbox():receive() end

check("F-22", "the result comes at once; what waits for time may finish, what waits for a channel does not", function()
    local ch = process.listen("after")
    local before = time.now()
    eq(funcs.call("app:call", "leave_coroutines", process.pid()), "at once")
    assert(time.now():sub(before):milliseconds() < 20)
    eq(receive_within(ch, "1s"), "time")
    eq(receive_within(ch, "1s"), "nothing")
end)
function child.leave_coroutines(to)
    local c = channel.new()
    coroutine.spawn(function()
        time.sleep("50ms")
        process.send(to, "after", "time")
    end)
    coroutine.spawn(function()
        c:receive()
        process.send(to, "after", "channel")
    end)
    return "at once"
end

-- Executors ------------------------------------------------------------------------------------

check("F-30", "executors are immutable", function()
    local a = funcs.new()
    local b = a:with_context({ k = 1 })
    local c = b:with_context({ k = 2, l = 3 })
    assert(a ~= b and b ~= c)
    eq(a:call("app:call", "context", "k").k, nil)
    eq(b:call("app:call", "context", "k", "l").k, 1)
    eq(b:call("app:call", "context", "k", "l").l, nil)
    eq(c:call("app:call", "context", "k", "l").k, 2)
    eq(type(a), "userdata")
end)

check("F-32", "wrong identities raise", function()
    local e = funcs.new()
    for _, bad in ipairs({ 5, "x", {}, true }) do
        raises("bad argument", e.with_actor, e, bad)
        raises("bad argument", e.with_scope, e, bad)
    end
    raises("bad argument", e.with_actor, e)
    raises("bad argument", e.with_actor, e, nil)
    raises("bad argument", e.with_scope, e, nil)
    raises("bad argument", e.with_context, e)
    raises("bad argument", e.with_context, e, 5)
    raises("bad argument", e.with_options, e, "x")
    raises("executor expected", e.call, {}, "app:call")
end)

check("F-32", "an actor and a scope are seen by the function", function()
    local security = require("security")
    local e = funcs.new():with_actor(security.new_actor("ada")):with_scope(security.new_scope())
    eq(e:call("app:call", "actor_id"), "ada")
    eq(funcs.call("app:call", "actor_id"), nil)
end)
function child.actor_id()
    local actor = require("security").actor()
    return actor and actor:id()
end

check("F-33", "context is added over the caller's", function()
    local r = funcs.new():with_context({ a = 1, b = 1 }):call("app:call", "call_with", { b = 2 })
    eq(r.a, 1)
    eq(r.b, 2)
end)
function child.call_with(values)
    return funcs.new():with_context(values):call("app:call", "context", "a", "b")
end

check("F-34", "with_options replaces", function()
    local e = funcs.new():with_options({ timeout = 10 })
    local slow = e:with_options({ priority = 1 })
    same(pack(slow:call("app:call", "slow", "50ms", "v")), "v", nil)
    fails(errors.TIMEOUT, "timed out", e:call("app:call", "slow", "50ms", "v")) -- apps 13.10
end)

check("F-35", "executor calls", function()
    local e = funcs.new()
    same(pack(e:call("app:call", "give", 1)), 1, nil)
    eq(e:async("app:call", "give", 2):channel():receive():data(), 2)
    fails(errors.INVALID, "function ID required", e:call(""))
    fails(errors.NOT_FOUND, "no handler", e:call("app:unknown"))
    raises("bad argument", e.call, e, {})
    raises("bad argument", e.async, e)
end)

check("F-36", "a timeout as text, and on async", function()
    local e = funcs.new():with_options({ timeout = "10ms", priority = 5, unknown = true })
    fails(errors.TIMEOUT, "", e:call("app:call", "slow", "1s"))
    local err = e:async("app:call", "slow", "1s"):channel():receive()
    eq(err:kind(), errors.TIMEOUT)
    same(pack(e:call("app:call", "give", 1)), 1, nil)
end)

check("F-37 F-38", "retries", function()
    local function tries(kind, options, retryable)
        local name = "tries" .. tostring(time.now():unix_nano()) .. tostring({})
        local counter = start("counter")
        local _, e = funcs.new():with_options({ retry = options }):call("app:call", "fail_counted", counter,
            { message = "m", kind = kind, retryable = retryable })
        process.send(counter, "report", process.pid())
        local n = process.listen("count"):receive()
        return n, e, name
    end
    local fast = { max_attempts = 3, initial_delay = 1 }
    local n, e = tries(errors.UNAVAILABLE, fast)
    eq(n, 3)
    eq(e:kind(), errors.UNAVAILABLE)
    eq(tries(errors.UNAVAILABLE, fast, false), 1)
    eq(tries(errors.UNAVAILABLE, fast, true), 3)
    eq(tries(errors.INVALID, fast), 1)
    eq(tries(errors.PERMISSION_DENIED, fast), 1)
    eq(tries(errors.INTERNAL, fast), 1)
    eq(tries(errors.CANCELED, fast), 1)
    eq(tries(errors.UNAVAILABLE, { max_attempts = 1 }), 1)
    eq(tries(errors.UNAVAILABLE, { max_attempts = 0 }), 1)
    eq(tries(errors.UNAVAILABLE, {}), 1)
    eq(tries(errors.INVALID, { max_attempts = 2, initial_delay = "1ms", retry_kinds = { errors.INVALID } }), 2)
    eq(tries(errors.TIMEOUT, { max_attempts = 2, initial_delay = 1, retry_kinds = { errors.INVALID } }), 1)
    eq(tries(errors.TIMEOUT, { max_attempts = 2, initial_delay = 1, skip_kinds = { errors.TIMEOUT } }), 1)
    eq(tries(errors.TIMEOUT, { max_attempts = 2, initial_delay = 1, skip_kinds = { errors.INVALID } }), 2)
end)
function child.counter()
    local n = 0
    while true do
        local m = process.inbox():receive()
        if m:topic() == "report" then
            process.send(m:payload():data(), "count", n)
        else
            n = n + 1
        end
    end
end
function child.fail_counted(counter, parts)
    process.send(counter, "one")
    return nil, errors.new(parts)
end

check("F-37", "retries of async calls and of metadata", function()
    local counter = start("counter")
    local f = funcs.new():with_options({ retry = { max_attempts = 3, initial_delay = 1 } })
        :async("app:call", "fail_counted", counter, { message = "m", kind = errors.UNAVAILABLE })
    eq(f:channel():receive():kind(), errors.UNAVAILABLE)
    process.send(counter, "report", process.pid())
    eq(process.listen("count"):receive(), 3)
    counter = start("counter")
    funcs.call("app:retried", "fail_counted", counter, { message = "m", kind = errors.UNAVAILABLE })
    process.send(counter, "report", process.pid())
    eq(process.listen("count"):receive(), 4)
end)

-- Futures --------------------------------------------------------------------------------------

check("F-40", "the function starts without the future being read", function()
    local ch = process.listen("started")
    funcs.async("app:call", "say_started", process.pid())
    eq(receive_within(ch, "1s"), true)
end)
function child.say_started(to) process.send(to, "started", true) end

check("F-41", "one channel", function()
    local f = funcs.async("app:call", "give", 1)
    eq(f:response(), f:channel())
    eq(f:channel(), f:channel())
    eq(type(f), "userdata")
    same(pack(f:response():receive())[2] and { n = 1, true } or { n = 0 }, true)
end)

check("F-42", "exactly one value, then closed", function()
    local f = funcs.async("app:call", "give", { 1 })
    local p, ok = f:channel():receive()
    eq(ok, true)
    eq(p:data()[1], 1)
    same(pack(f:channel():receive()), nil, false)
    f = funcs.async("app:call", "raise", "boom")
    local e
    e, ok = f:channel():receive()
    eq(ok, true)
    eq(errors.is(e, errors.INTERNAL), true)
    eq(e.data, nil) -- 24.9
    same(pack(f:channel():receive()), nil, false)
    local r = channel.select({ funcs.async("app:call", "give", 2):channel():case_receive() })
    eq(r.value:data(), 2)
end)

check("F-43", "a nil result is a payload of nil", function()
    for _, way in ipairs({ "give", "nothing" }) do
        local p, ok = funcs.async("app:call", way):channel():receive()
        eq(ok, true)
        eq(type(p), "userdata")
        eq(p:data(), nil)
    end
end)
function child.nothing() end

check("F-44", "is_complete", function()
    local f = funcs.async("app:call", "give", 1)
    eq(f:is_complete(), false)
    same(pack(f:result()), nil, nil)
    same(pack(f:error()), nil, false)
    settle()
    eq(f:is_complete(), true)
    f = funcs.async("app:call", "raise", "x")
    eq(f:is_complete(), false)
    settle()
    eq(f:is_complete(), true)
    local polls = 0
    f = funcs.async("app:call", "slow", "20ms")
    while not f:is_complete() do
        polls = polls + 1
        time.sleep("1ms")
    end
    assert(polls > 5)
end)

check("F-44", "a future of an unknown function is not complete at once either", function()
    local f = funcs.async("app:unknown")
    eq(f:is_complete(), false)
    same(pack(f:result()), nil, nil)
    settle()
    eq(f:is_complete(), true)
    eq(select(2, f:result()):kind(), errors.NOT_FOUND)
    eq(f:channel():receive():kind(), errors.NOT_FOUND)
end)

check("F-45 F-46", "result and error", function()
    local f = funcs.async("app:call", "give", "v")
    settle()
    local r = pack(f:result())
    eq(r.n, 2)
    eq(r[1]:data(), "v")
    eq(r[2], nil)
    same(pack(f:error()), nil, false)
    f = funcs.async("app:call", "fail", { message = "m", kind = errors.CONFLICT })
    settle()
    fails(errors.CONFLICT, "m", f:result())
    r = pack(f:error())
    eq(r[1]:kind(), errors.CONFLICT)
    eq(r[2], true)
end)

check("F-45 F-47 F-48", "cancel", function()
    local ch = process.listen("finished")
    local f = funcs.async("app:call", "report_slowly", process.pid())
    local parked = channel.new(1)
    coroutine.spawn(function() parked:send(pack(f:channel():receive())) end)
    settle()
    eq(f:is_canceled(), false)
    same(pack(f:cancel()), true, nil)
    same(parked:receive(), nil, false)
    eq(f:is_canceled(), true)
    eq(f:is_complete(), false)
    local e = fails(errors.CANCELED, "", f:result())
    eq(e:message(), "canceled")
    same(pack(f:cancel()), true, nil)
    eq(receive_within(ch, "1s"), "nothing")
    f = funcs.async("app:call", "give", 1)
    settle()
    f:cancel()
    fails(errors.CANCELED, "canceled", f:result())
    eq(f:is_complete(), true)
    eq(f:is_canceled(), true)
end)

check("F-49", "result and channel both see the answer", function()
    local f = funcs.async("app:call", "give", 5)
    settle()
    eq(f:result():data(), 5)
    eq(f:channel():receive():data(), 5)
    eq(f:result():data(), 5)
end)

check("F-50", "a future does not cross", function()
    eq(funcs.call("app:call", "count_nil", funcs.async("app:call", "give", 1)), true)
end)
function child.count_nil(v) return v == nil end

check("F-47", "many futures and a timeout", function()
    local slow = funcs.async("app:call", "slow", "1h")
    local limit = time.after("10ms")
    local r = channel.select({ slow:channel():case_receive(), limit:case_receive() })
    eq(r.channel, limit)
    slow:cancel()
end)

-- Context --------------------------------------------------------------------------------------

check("X-1 X-2", "get and all", function()
    local r = funcs.new():with_context({ a = 1, b = { x = { 1, 2 } } }):call("app:call", "ask_context")
    eq(r, "ok")
    eq(next((ctx.all())), nil)
    same(pack(select("#", ctx.all())), 2)
end)
function child.ask_context()
    same(pack(ctx.get("a")), 1, nil)
    local b = ctx.get("b")
    eq(b.x[2], 2)
    b.x[2] = 9
    eq(ctx.get("b").x[2], 2) -- X-3
    local all, err = ctx.all()
    eq(err, nil)
    eq(all.a, 1)
    all.a = 5
    eq(ctx.get("a"), 1)
    eq(fails(errors.INVALID, "", ctx.get("")):message(), "empty key")
    local e = fails(errors.NOT_FOUND, "", ctx.get("missing"))
    eq(e:message(), "key not found: missing")
    eq(e:retryable(), false)
    raises("bad argument #1", ctx.get)
    raises("bad argument #1", ctx.get, {})
    eq(ctx.set, nil)
    raises("immutable", function() ctx.new = 1 end)
    return "ok"
end

check("X-3", "a child cannot change what its parent sees", function()
    local r = funcs.new():with_context({ k = "outer" }):call("app:call", "override_below")
    eq(r.inner, "inner")
    eq(r.own, "outer")
end)
function child.override_below()
    local inner = funcs.new():with_context({ k = "inner" }):call("app:call", "context", "k").k
    return { inner = inner, own = ctx.get("k") }
end

check("X-5", "what values come out as", function()
    local r = funcs.new():with_context({ i = 1, f = 1.5, s = "bytes\0", t = true, l = { 1, "a" }, m = { k = 1 } })
        :call("app:call", "context", "i", "f", "s", "t", "l", "m")
    eq(r.i, 1)
    eq(r.f, 1.5)
    eq(r.s, "bytes\0")
    eq(r.t, true)
    eq(r.l[2], "a")
    eq(r.m.k, 1)
end)

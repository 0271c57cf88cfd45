-- Core section 1 and 2: lives of processes.

local HOST = "app:processes"

-- What a program sees ------------------------------------------------------------------------

marker = "of the chunk"
local chunk_arguments = select("#", ...)

function child.set_marker(value)
    marker = value
    process.registry.register("marker")
    process.inbox():receive()
    return marker
end

check("P-1", "globals and tables of one process are not seen by another", function()
    local pid = watch("set_marker", "changed")
    settle()
    eq(marker, "of the chunk")
    process.send(pid, "go")
    eq(exit_of(pid).result.value, "changed")
    eq(marker, "of the chunk")
end)

check("P-1", "a library table changed by a global name stays private", function()
    local old = tostring
    tostring = function() return "mine" end
    eq(tostring(1), "mine")
    eq(ending("text", 1).value, "1")
    tostring = old
end)
function child.text(v) return tostring(v) end

check("P-3", "a chunk gets no arguments", function()
    eq(chunk_arguments, 0)
    eq(process.exec("app:chunk_args", HOST, 1, 2), 0)
end)

check("P-4", "a chunk that returns a function is the entry point whatever method says", function()
    eq(process.exec("app:bare", HOST, "x"), "bare x")
end)

check("P-4", "the method of the entry is looked up", function()
    eq(process.exec("app:other_method", HOST), "other")
end)

check("P-5", "calls that would suspend fail at chunk level", function()
    for _, name in ipairs({ "chunk_inbox", "chunk_sleep", "chunk_receive", "chunk_spawn", "chunk_yield" }) do
        local pid, err = process.spawn("app:" .. name, HOST)
        fails(errors.INTERNAL, "failed to execute script", pid, err)
        has(err:message(), "outside a coroutine")
    end
end)

check("P-5", "the failure at chunk level is an error that pcall catches", function()
    local text = process.exec("app:chunk_caught", HOST)
    has(text, "outside a coroutine")
end)

check("P-6", "a chunk that raises leaves no process and no EXIT", function()
    local err = fails(errors.INTERNAL, "failed to execute script",
        process.spawn_monitored("app:chunk_raises", HOST))
    has(err:message(), "chunk broke")
    eq(event_within("10ms"), nil)
end)

check("P-6", "a chunk that returns nothing has no method", function()
    fails(errors.NOT_FOUND, "main", process.spawn("app:chunk_nothing", HOST))
end)

check("P-7", "a missing method is NOT_FOUND and named", function()
    fails(errors.NOT_FOUND, 'method "run" not found in module', process.spawn("app:no_method", HOST))
    fails(errors.NOT_FOUND, 'method "run" not found in module', process.spawn("app:method_no_function", HOST))
end)

check("P-8", "trailing nil arguments count", function()
    eq(process.exec("app:run", HOST, "count", nil, 1, nil, nil), 4)
    eq(process.exec("app:run", HOST, "count"), 0)
    eq(ending("count", nil).value, 1)
end)
function child.count(...) return select("#", ...) end

check("P-9", "imports run before the chunk", function()
    eq(process.exec("app:importer", HOST), "library first")
end)

check("P-9", "an import that raises fails the creation as a chunk does", function()
    local err = fails(errors.INTERNAL, "failed to execute script", process.spawn("app:bad_importer", HOST))
    has(err:message(), "library broke")
end)

-- Steps ---------------------------------------------------------------------------------------

check("P-10", "code between two waits runs alone", function()
    local n = 0
    local done = channel.new()
    for _ = 1, 3 do
        coroutine.spawn(function()
            for _ = 1, 100 do
                local before = n
                n = before + 1
            end
            done:send(true)
        end)
    end
    for _ = 1, 3 do done:receive() end
    eq(n, 300)
end)

check("P-11", "messages are delivered between two slices of coroutines that never wait", function()
    local got, stop = nil, false
    local ch = process.listen("t")
    coroutine.spawn(function() got = ch:receive() end)
    coroutine.spawn(function()
        while not stop do coroutine.yield() end
    end)
    start("send_back", process.pid())
    while not got do coroutine.yield() end
    stop = true
    eq(got, "delivered")
end)
function child.send_back(to) process.send(to, "t", "delivered") end

check("P-12", "many host calls are pending at once, each answer resumes its own coroutine", function()
    local time = require("time")
    local out = channel.new(3)
    for i, wait in ipairs({ "30ms", "10ms", "20ms" }) do
        coroutine.spawn(function()
            time.sleep(wait)
            out:send(i)
        end)
    end
    eq(out:receive(), 2)
    eq(out:receive(), 3)
    eq(out:receive(), 1)
end)

check("P-13", "a message is delivered while another coroutine waits for the host", function()
    local time = require("time")
    local got = channel.new(1)
    coroutine.spawn(function() got:send(process.inbox():receive():topic()) end)
    coroutine.spawn(function() time.sleep("10s") end)
    process.send(process.pid(), "now")
    eq(receive_within(got, "1s"), "now")
end)

check("P-14", "a process that never yields can be terminated, others go on", function()
    local pid = watch("spin", process.pid())
    process.inbox():receive()
    same(pack(process.terminate(pid)), true, nil)
    eq(exit_of(pid).result.error:message(), "process terminated")
end)
function child.spin(parent)
    process.send(parent, "spinning")
    while true do end
end

check("P-14 P-42", "a spinning process under pcall is ended too", function()
    local pid = watch("spin_protected", process.pid())
    process.inbox():receive()
    process.terminate(pid)
    eq(exit_of(pid).result.error:message(), "process terminated") -- P-43
end)
function child.spin_protected(parent)
    process.send(parent, "spinning")
    while true do
        pcall(function() while true do end end)
    end
end

-- Ends ----------------------------------------------------------------------------------------

check("P-20", "other coroutines are discarded when main returns", function()
    eq(ending("leave_behind", process.pid()).value, "main")
    eq(receive_within(process.listen("late"), "1s"), "nothing")
end)
function child.leave_behind(parent)
    local time = require("time")
    coroutine.spawn(function()
        time.sleep("10ms")
        process.send(parent, "late")
    end)
    return "main"
end

check("P-20", "a send in the step in which main returns is carried out", function()
    local ch = process.listen("last words")
    local pid = watch("last_words", process.pid())
    eq(exit_of(pid).result.value, nil)
    eq(receive_within(ch, "1s"), "from the coroutine")
end)
function child.last_words(parent)
    coroutine.spawn(function() process.send(parent, "last words", "from the coroutine") end)
end

check("P-21", "only the first value is the result, nil is a result", function()
    eq(ending("give", 1).value, 1)
    local r = ending("give")
    eq(r.value, nil)
    eq(r.error, nil)
    eq(ending("give", nil, 5).value, nil)
    eq(ending("give", false).value, false)
end)
function child.give(...) return ... end

check("P-21", "the result is copied as a payload", function()
    local value = ending("graph").value
    eq(value.self, value)
    eq(value.f, nil)
    eq(value.list[2], 2)
    eq(ending("give_function").value, nil)
end)
function child.graph()
    local t = { f = function() end, list = { 1, 2 } }
    t.self = t
    return t
end
function child.give_function() return function() end end

check("P-22", "a string or an error as second value fails the process", function()
    for _, first in ipairs({ 42, false, "text", {} }) do
        local r = ending("give", first, "no")
        eq(r.value, nil)
        eq(r.error:message(), "no")
    end
    local r = ending("give_error", errors.new({ message = "m", kind = errors.TIMEOUT }))
    eq(r.value, nil)
    eq(r.error:kind(), errors.TIMEOUT)
    eq(ending("give", 1, "").error:message(), "") -- an empty string is a string
end)
function child.give_error(e) return 1, e end

check("P-23", "any other second value is ignored", function()
    for _, second in ipairs({ false, true, 0, 1.5, {} }) do
        local r = ending("give", "v", second)
        eq(r.value, "v")
        eq(r.error, nil)
    end
    eq(ending("give_with_function").value, "v")
end)
function child.give_with_function() return "v", function() end, "third" end

check("P-24", "a returned string is INTERNAL, not retryable, without position", function()
    local e = ending("give", nil, "plain").error
    eq(e:kind(), errors.INTERNAL)
    eq(e:retryable(), false)
    eq(e:message(), "plain")
    eq(e:details(), nil)
end)

check("P-25", "a returned error keeps all its parts; an empty kind becomes INTERNAL", function()
    local e = ending("structured", { kind = errors.CONFLICT, retryable = true, details = { a = 1 } }).error
    eq(e:kind(), errors.CONFLICT)
    eq(e:retryable(), true)
    eq(e:details().a, 1)
    e = ending("structured", {}).error
    eq(e:kind(), errors.INTERNAL)
    eq(e:retryable(), nil)
    eq(ending("structured", { kind = "Custom" }).error:kind(), "Custom") -- E-2
end)
function child.structured(parts)
    parts.message = "structured"
    return nil, errors.new(parts)
end

check("P-26", "exec and funcs see the same convention", function()
    local funcs = require("funcs")
    local e = fails(errors.CONFLICT, "structured", process.exec("app:run", HOST, "structured",
        { kind = errors.CONFLICT, retryable = true, details = { a = 1 } }))
    eq(e:details().a, 1)
    e = fails(errors.CONFLICT, "structured", funcs.call("app:call", "structured",
        { kind = errors.CONFLICT, retryable = true, details = { a = 1 } }))
    eq(e:retryable(), true)
    fails(errors.INTERNAL, "said", process.exec("app:run", HOST, "give", 1, "said"))
    fails(errors.INTERNAL, "said", funcs.call("app:call", "give", 1, "said"))
end)

check("P-27", "a wrapped error leaves with the text of message()", function()
    local e = ending("wrapped").error
    has(e:message(), "disk full")
    eq(e:kind(), errors.CONFLICT)
end)
function child.wrapped()
    return nil, errors.wrap(errors.new({ message = "disk full", kind = errors.CONFLICT }), "save")
end

check("P-30 P-35", "an uncaught error in any coroutine fails the process at once", function()
    local r = ending("fails_in_coroutine")
    eq(r.value, nil)
    has(r.error:message(), "in a coroutine")
end)
function child.fails_in_coroutine()
    coroutine.spawn(function()
        require("time").sleep("1ms")
        error("in a coroutine")
    end)
    process.inbox():receive()
end

check("P-31", "an uncaught string is INTERNAL, retryable unset, with position", function()
    local e = ending("raise", "boom").error
    eq(e:kind(), errors.INTERNAL)
    eq(e:retryable(), nil)
    assert(string.find(e:message(), ":%d+: boom$"), e:message())
    e = ending("index_nil").error
    eq(e:kind(), errors.INTERNAL)
    eq(e:retryable(), nil)
    assert(string.find(e:message(), ":%d+: "), e:message())
end)
function child.raise(v, level) error(v, level) end
function child.index_nil() local t; return t.x end

check("P-32", "an uncaught structured error keeps kind, retryable, details and message", function()
    local e = ending("raise_structured").error
    eq(e:kind(), errors.NOT_FOUND)
    eq(e:retryable(), true)
    eq(e:details().id, 7)
    eq(e:message(), "no such row")
    eq(ending("raise_kindless").error:kind(), errors.INTERNAL)
end)
function child.raise_structured()
    error(errors.new({ message = "no such row", kind = errors.NOT_FOUND, retryable = true, details = { id = 7 } }))
end
function child.raise_kindless() error(errors.new("kindless")) end

check("P-33", "other uncaught values are INTERNAL with their text", function()
    local e = ending("raise", 42).error
    eq(e:kind(), errors.INTERNAL)
    eq(e:message(), "42")
    has(ending("raise", {}).error:message(), "table")
    eq(ending("raise", nil).error:kind(), errors.INTERNAL)
    eq(ending("raise", true).error:message(), "true")
    eq(ending("raise_object").error:message(), "an object")
end)
function child.raise_object()
    error(setmetatable({}, { __tostring = function() return "an object" end }))
end

check("P-34", "an error in a plain coroutine goes to its resumer", function()
    eq(ending("resumed").value, "caught")
    has(ending("wrapped_raise").error:message(), "from wrap")
end)
function child.resumed()
    local ok = coroutine.resume(coroutine.create(function() error("inside") end))
    return ok == false and "caught"
end
function child.wrapped_raise()
    coroutine.wrap(function() error("from wrap") end)()
end

-- Terminate -----------------------------------------------------------------------------------

function child.wait_forever() process.inbox():receive() end

check("P-40", "terminate returns true, nil", function()
    same(pack(process.terminate(start("wait_forever"))), true, nil)
end)

check("P-41", "the target runs no code: no event, no pcall", function()
    local pid = watch("hopeful", process.pid())
    settle()
    process.terminate(pid)
    eq(exit_of(pid).result.error:message(), "process terminated")
    eq(receive_within(process.listen("still here"), "1s"), "nothing")
end)
function child.hopeful(parent)
    coroutine.spawn(function()
        process.events():receive()
        process.send(parent, "still here", "event")
    end)
    pcall(function() process.inbox():receive() end)
    process.send(parent, "still here", "after pcall")
    require("time").sleep("100ms")
end

check("P-42", "every kind of wait is ended", function()
    for _, way in ipairs({ "sleep", "receive", "select", "exec", "call", "full", "events" }) do
        local pid = watch("wait_in", way)
        settle()
        process.terminate(pid)
        local e = event()
        eq(e.from, pid, way)
        eq(e.kind, process.event.EXIT, way)
        eq(e.result.error:kind(), errors.INTERNAL, way) -- P-43
        eq(e.result.error:message(), "process terminated", way)
        eq(event_within("5ms"), nil, way)
    end
end)
local waits = {}
function waits.sleep() require("time").sleep("1h") end
function waits.receive() channel.new():receive() end
function waits.select() channel.select({ channel.new():case_receive(), process.inbox():case_receive() }) end
function waits.exec() process.exec("app:run", HOST, "wait_in", "sleep") end
function waits.call() require("funcs").call("app:call", "wait_in", "sleep") end
function waits.full() local c = channel.new(1); c:send(1); c:send(2) end
function waits.events() process.events():receive() end
function child.wait_in(way) waits[way]() end

check("P-44", "monitors get EXIT, links get LINK_DOWN", function()
    process.set_options({ trap_links = true })
    local pid = process.spawn_linked_monitored("app:run", HOST, "wait_forever")
    process.terminate(pid)
    local exit, down = event(), event()
    eq(exit.kind, process.event.EXIT)
    eq(down.kind, process.event.LINK_DOWN)
    eq(down.result.error:message(), "process terminated")
    eq(down.result.error:kind(), errors.INTERNAL)
end)

check("P-45", "a process may terminate itself", function()
    local r = ending("terminate_self")
    eq(r.error:message(), "process terminated")
end)
function child.terminate_self()
    pcall(process.terminate, process.pid())
    process.inbox():receive()
end

check("P-46", "errors of terminate", function()
    local err = fails(errors.NOT_FOUND, "could not resolve 'nobody' as PID or registered name",
        process.terminate("nobody"))
    eq(err:retryable(), false)
    local pid = watch("give")
    exit_of(pid)
    fails(errors.INTERNAL, "process not found", process.terminate(pid))
    fails(errors.INTERNAL, "host not found", process.terminate("{app:nowhere|0x00001}"))
    fails(errors.INTERNAL, "process not found", process.terminate("{app:processes|0xfffff}"))
    raises("bad argument #1", process.terminate)
    raises("bad argument #1", process.terminate, {})
end)

-- Cancel --------------------------------------------------------------------------------------

check("P-50", "cancel is a request that may be ignored", function()
    local pid = watch("ignore_cancel")
    same(pack(process.cancel(pid, "please")), true, nil) -- P-51
    settle()
    process.send(pid, "go")
    eq(exit_of(pid).result.value, "lived")
end)
function child.ignore_cancel()
    process.inbox():receive()
    return "lived"
end

check("P-52 P-53", "the event carries kind, from, at, reason and nothing else", function()
    local cases = { "text", "5s", "" }
    for _, reason in ipairs(cases) do
        local pid = watch("tell_event")
        process.cancel(pid, reason)
        local e = exit_of(pid).result.value
        eq(e.kind, process.event.CANCEL)
        eq(e.from, process.pid())
        eq(e.reason, reason)
        eq(math.type(e.at), "integer") -- EVT-8
        eq(e.keys, 4)
    end
    local pid = watch("tell_event")
    process.cancel(pid)
    eq(exit_of(pid).result.value.reason, "")
    pid = watch("tell_event")
    process.cancel(pid, 5)
    eq(exit_of(pid).result.value.reason, "5")
end)
function child.tell_event()
    local e = process.events():receive()
    local n = 0
    for _ in pairs(e) do n = n + 1 end
    e.keys = n
    return e
end

check("P-52", "a reason of another type raises", function()
    raises("bad argument #2", process.cancel, process.pid(), {})
    raises("bad argument #2", process.cancel, process.pid(), true)
end)

check("P-54", "a cancel waits until the events are read", function()
    local pid = watch("read_late")
    process.cancel(pid, "early")
    eq(exit_of(pid).result.value, "early")
end)
function child.read_late()
    require("time").sleep("50ms")
    return process.events():receive().reason
end

check("P-55", "a process may cancel itself", function()
    process.cancel(process.pid(), "own")
    local e = event()
    eq(e.reason, "own")
    eq(e.from, process.pid())
end)

check("P-56", "errors of cancel", function()
    fails(errors.NOT_FOUND, "could not resolve", process.cancel("nobody"))
    local pid = watch("give")
    exit_of(pid)
    fails(errors.INTERNAL, "process not found", process.cancel(pid, "late"))
    fails(errors.INTERNAL, "host not found", process.cancel("{app:nowhere|0x00001}"))
end)

-- After the end -------------------------------------------------------------------------------

check("P-70", "a watcher that saw EXIT can register the name at once", function()
    local pid = watch("own_name", "freed")
    eq(exit_of(pid).result.value, true)
    fails(errors.NOT_FOUND, "name not registered", process.registry.lookup("freed"))
    eq(process.registry.register("freed"), true)
end)
function child.own_name(name) return (process.registry.register(name)) end

check("P-71", "messages left in the mailbox are dropped silently", function()
    local pid = watch("give", 1)
    eq(process.send(pid, "unread"), true)
    eq(exit_of(pid).result.value, 1)
end)

check("P-72", "sending to an ended process", function()
    local pid = watch("give", 1)
    exit_of(pid)
    local err = fails(errors.NOT_FOUND, "process not found", process.send(pid, "x"))
    eq(err:message(), "process not found")
    eq(err:retryable(), false)
end)

check("P-73", "pids are not reused", function()
    local seen = {}
    for _ = 1, 50 do
        local pid = watch("give")
        exit_of(pid)
        assert(not seen[pid], pid)
        seen[pid] = true
    end
end)

-- Deadlock ------------------------------------------------------------------------------------

check("P-80", "an empty select without default is a deadlock", function()
    local e = ending("empty_select").error
    has(e:message(), "deadlock: all coroutines blocked with no pending operations (threads=1)")
    e = ending("closed_sends").error
    has(e:message(), "deadlock: all coroutines blocked")
end)
function child.empty_select() channel.select({}) end
function child.closed_sends()
    local c = channel.new()
    c:close()
    channel.select({ c:case_send(1) })
end

check("P-81", "a coroutine parked on a channel nobody reaches makes no error", function()
    local pid = watch("unreachable")
    eq(event_within("1s"), nil)
    same(pack(process.send(pid, "alive?")), true, nil)
    process.unmonitor(pid)
end)
function child.unreachable() channel.new():receive() end

check("P-82", "a process with a subscription is not killed by an empty select", function()
    local pid = watch("subscribed")
    eq(event_within("1s"), nil)
    process.send(pid, "go")
    eq(exit_of(pid).result.value, "woken")
end)
function child.subscribed()
    local done = channel.new(1)
    local go = process.listen("go")
    coroutine.spawn(function() channel.select({}) end)
    go:receive()
    done:send(true)
    return "woken"
end

check("P-82", "an empty select in one coroutine does not kill what others can do", function()
    eq(ending("one_stuck").value, "done")
end)
function child.one_stuck()
    coroutine.spawn(function() channel.select({}) end)
    require("time").sleep("10ms")
    return "done"
end

-- Exec ----------------------------------------------------------------------------------------

check("P-90", "exec waits and lets other coroutines run", function()
    local order = {}
    coroutine.spawn(function() order[#order + 1] = "other" end)
    eq(process.exec("app:run", HOST, "sleep_and_give", "x"), "x")
    eq(order[1], "other")
end)
function child.sleep_and_give(v)
    require("time").sleep("5ms")
    return v
end

check("P-91", "exec validates in order", function()
    eq(fails(errors.INVALID, "", process.exec()):message(), "exec requires id and host arguments")
    eq(fails(errors.INVALID, "", process.exec("app:run")):message(), "exec requires id and host arguments")
    eq(fails(errors.INVALID, "", process.exec("", "")):message(), "process ID required")
    fails(errors.INVALID, "invalid process ID format", process.exec("noname", ""))
    fails(errors.INVALID, "invalid process ID format", process.exec(":x", ""))
    fails(errors.INVALID, "invalid process ID format", process.exec("x:", ""))
    eq(fails(errors.INVALID, "", process.exec("app:run", "")):message(), "host ID required")
end)

check("P-92", "exec gives a pair", function()
    same(pack(process.exec("app:run", HOST, "give", "v")), "v", nil)
    same(pack(process.exec("app:run", HOST, "give")), nil, nil)
    same(pack(process.exec("app:run", HOST, "give", 1, 2)), 1, nil)
end)

check("P-93", "exec gives the child's error; a failed start is INTERNAL", function()
    local e = fails(errors.INTERNAL, "boom", process.exec("app:run", HOST, "raise", "boom"))
    eq(e:retryable(), nil)
    fails(errors.INTERNAL, "host not found", process.exec("app:run", "app:nowhere"))
    fails(errors.INTERNAL, "factory not found", process.exec("app:unknown", HOST))
    fails(errors.INTERNAL, "failed to execute script", process.exec("app:chunk_raises", HOST))
    fails(errors.INTERNAL, "process terminated", process.exec("app:run", HOST, "terminate_self"))
end)

check("P-94", "exec makes no event and no link", function()
    process.exec("app:run", HOST, "raise", "boom")
    eq(event_within("10ms"), nil)
end)

check("P-96", "the child of exec lives on when its caller dies", function()
    local ch = process.listen("lived")
    local pid = watch("exec_then_die", process.pid())
    settle()
    process.terminate(pid)
    exit_of(pid)
    eq(receive_within(ch, "1s"), "on")
end)
function child.exec_then_die(parent)
    process.exec("app:run", HOST, "send_later", parent, "lived", "on")
end
function child.send_later(to, topic, value)
    require("time").sleep("100ms")
    process.send(to, topic, value)
end

check("P-97", "a spawner has exec", function()
    same(pack(process.with_context({}):exec("app:run", HOST, "give", 3)), 3, nil)
    fails(errors.INTERNAL, "no", process.with_context({}):exec("app:run", HOST, "give", 3, "no"))
end)

-- Upgrade -------------------------------------------------------------------------------------

check("P-100", "upgrade never returns and starts the entry point with its arguments", function()
    eq(ending("upgrade_to", "app:upgraded", "a", nil, nil).value, "app:upgraded 3")
end)
function child.upgrade_to(...)
    process.upgrade(...)
    return "returned"
end

check("P-100", "nil, an empty id and other types mean the same definition", function()
    for _, id in ipairs({ "", 5, true, {} }) do
        local pid = watch("upgrade_same", id)
        eq(exit_of(pid).result.value, "again")
    end
    local pid = watch("upgrade_nil")
    eq(exit_of(pid).result.value, "again")
end)
function child.upgrade_same(id) process.upgrade(id, "give", "again") end
function child.upgrade_nil() process.upgrade(nil, "give", "again") end

check("P-100", "upgrade arguments are copied", function()
    eq(ending("upgrade_to", "app:upgraded", function() end, {}).value, "app:upgraded 2")
end)

check("P-101", "coroutines, timers, channels and subscriptions of the old code are gone", function()
    local ch = process.listen("old code")
    local pid = watch("upgrade_with_rest", process.pid())
    settle()
    process.send(pid, "topic", "for the inbox now")
    eq(exit_of(pid).result.value, "topic")
    eq(receive_within(ch, "1s"), "nothing")
end)
function child.upgrade_with_rest(parent)
    process.listen("topic")
    coroutine.spawn(function()
        require("time").sleep("20ms")
        process.send(parent, "old code", "still runs")
    end)
    process.upgrade("", "first_topic")
end
function child.first_topic()
    local topic = process.inbox():receive():topic()
    require("time").sleep("100ms")
    return topic
end

check("P-102", "pid, names, links and monitors are kept, no event is sent", function()
    process.set_options({ trap_links = true })
    local pid = process.spawn_linked_monitored("app:run", HOST, "upgrade_named")
    settle()
    eq(process.registry.lookup("upgraded"), pid)
    eq(event_within("5ms"), nil)
    process.send(pid, "fail")
    local a, b = event(), event()
    eq(a.from, pid)
    eq(a.kind, process.event.EXIT)
    eq(b.kind, process.event.LINK_DOWN) -- L-26
end)
function child.upgrade_named()
    process.registry.register("upgraded")
    process.upgrade("", "fail_on_message")
end
function child.fail_on_message()
    process.inbox():receive()
    error("asked to")
end

check("P-103", "trap_links returns to false", function()
    eq(ending("upgrade_trapping").value, false)
end)
function child.upgrade_trapping()
    process.set_options({ trap_links = true })
    process.upgrade("", "tell_trap")
end
function child.tell_trap() return process.get_options().trap_links end

check("P-104", "every unreceived message is kept, in order", function()
    local pid = watch("upgrade_on_go")
    process.send(pid, "go")
    for i = 1, 5 do
        process.send(pid, i % 2 == 0 and "even" or "odd", i)
    end
    eq(exit_of(pid).result.value, "odd1 even2 odd3 even4 odd5 ")
end)
function child.upgrade_on_go()
    process.listen("odd")
    process.listen("go"):receive()
    require("time").sleep("10ms")
    process.upgrade("", "collect", 5)
end
function child.collect(n)
    local text = ""
    for _ = 1, n do
        local m = process.inbox():receive()
        text = text .. m:topic() .. m:payload():data() .. " "
    end
    return text
end

check("P-105", "pid() is unchanged, id() is the new definition", function()
    local pid = watch("upgrade_to", "app:upgraded_identity")
    local r = exit_of(pid).result.value
    eq(r.pid, pid)
    eq(r.id, "app:upgraded_identity")
end)

check("P-106", "an upgrade that cannot be done fails the process", function()
    for id, text in pairs({ ["app:unknown"] = "factory not found", ["app:chunk_raises"] = "chunk broke",
        ["app:no_method"] = "not found" }) do
        local e = ending("upgrade_to", id).error
        eq(e:kind(), errors.INTERNAL)
        eq(string.sub(e:message(), 1, 8), "upgrade:")
        has(e:message(), text)
    end
end)

check("P-107", "any coroutine may upgrade, pcall does not undo it", function()
    eq(ending("upgrade_in_coroutine").value, "again")
end)
function child.upgrade_in_coroutine()
    coroutine.spawn(function()
        pcall(process.upgrade, "", "give", "again")
    end)
    process.inbox():receive()
end

check("P-108", "in a function call upgrade ends the call with nil", function()
    local funcs = require("funcs")
    same(pack(funcs.call("app:call", "upgrade_to", "app:upgraded")), nil, nil)
end)

-- Options -------------------------------------------------------------------------------------

check("P-110", "get_options gives a fresh table", function()
    local a, b = process.get_options(), process.get_options()
    assert(a ~= b)
    eq(a.trap_links, false)
    eq(a.upgradable, false)
    a.trap_links = true
    eq(process.get_options().trap_links, false)
end)

check("P-111", "set_options gives true, nil or false, err", function()
    same(pack(process.set_options({ trap_links = true })), true, nil)
    eq(process.get_options().trap_links, true)
    same(pack(process.set_options({})), true, nil)
    local r = pack(process.set_options(nil))
    eq(r.n, 2)
    eq(r[1], false)
    eq(r[2]:kind(), errors.INVALID)
end)

check("P-112", "options must be a table", function()
    for _, v in ipairs({ 5, "x", true }) do
        local r = pack(process.set_options(v))
        eq(r[1], false)
        eq(r[2]:message(), "options parameter must be a table")
    end
    eq(select(2, process.set_options()):message(), "options parameter must be a table")
end)

check("P-113", "options must be booleans", function()
    eq(select(2, process.set_options({ trap_links = 1 })):message(), "trap_links must be a boolean")
    eq(select(2, process.set_options({ upgradable = "yes" })):message(), "upgradable must be a boolean")
end)

check("P-114", "unknown options fail, valid ones in the same table are applied", function()
    local r = pack(process.set_options({ trap_links = true, nonsense = 1 }))
    eq(r[1], false)
    eq(r[2]:message(), "option nonsense is not supported")
    eq(process.get_options().trap_links, true)
    same(pack(process.set_options({ 1, 2, [true] = 1 })), true, nil)
end)

check("P-115", "upgradable is an option", function()
    same(pack(process.set_options({ upgradable = true })), true, nil)
    eq(process.get_options().upgradable, true)
end)

-- Identity ------------------------------------------------------------------------------------

check("P-120 P-121", "pid and id tell who runs", function()
    local own = process.pid()
    eq(type(own), "string")
    eq(select("#", process.pid()), 1)
    eq(process.id(), "app:run")
    local r = ending("who").value
    assert(r.pid ~= own)
    eq(r.id, "app:run")
end)
function child.who() return { pid = process.pid(), id = process.id() } end

check("P-123", "process.event is read-only with these constants", function()
    eq(process.event.CANCEL, "pid.cancel")
    eq(process.event.EXIT, "pid.exit")
    eq(process.event.LINK_DOWN, "pid.link.down")
    eq(process.event.OUTDATED, "pid.outdated")
    raises("immutable", function() process.event.CANCEL = "x" end)
    raises("immutable", function() process.event.NEW = "x" end)
    eq(process.event.CANCEL, "pid.cancel")
end)

check("PID-1 PID-2 PID-3", "the text of a pid", function()
    local pid = start("wait_forever")
    assert(string.match(pid, "^{app:processes|0x[0-9a-f]+}$"), pid)
    assert(#string.match(pid, "0x([0-9a-f]+)") >= 5, pid)
end)

check("PID-2", "the host of a function call's pid is the function", function()
    local r = require("funcs").call("app:call", "who")
    assert(string.match(r.pid, "^{app:call|0x[0-9a-f]+}$"), r.pid)
    eq(r.id, "app:call")
end)

check("PID-4", "registering checks the form of a pid", function()
    fails(errors.INVALID, "invalid pid format: missing braces", process.registry.register("n", "text"))
    fails(errors.INVALID, "invalid pid format: missing pipe", process.registry.register("n", "{text}"))
end)

check("PID-5", "one process has one text", function()
    local pid = start("wait_forever")
    local seen = { [pid] = 1 }
    process.registry.register("someone", pid)
    eq(seen[process.registry.lookup("someone")], 1)
end)

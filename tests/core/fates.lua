-- Core sections 4 and 6: lifecycle events, monitors and links.

local HOST = "app:processes"

function child.give(...) return ... end
function child.raise(v) error(v) end
function child.wait_forever() process.inbox():receive() end
function child.on_go(...)
    process.inbox():receive()
    return ...
end
function child.fail_on_go()
    process.inbox():receive()
    error("asked to fail")
end

local function keys(t)
    local n = 0
    for _ in pairs(t) do n = n + 1 end
    return n
end

-- Events ---------------------------------------------------------------------------------------

check("EVT-1", "events are plain tables on one channel", function()
    watch("give", 1)
    local e = event()
    eq(type(e), "table")
    eq(getmetatable(e), nil)
    eq(process.events(), process.events()) -- M-10
    e.kind = "mine" -- a table of the program's own
    eq(e.kind, "mine")
end)

check("EVT-2 EVT-4 EVT-5 EVT-8", "EXIT of a success", function()
    local pid = watch("give", "v")
    local e = event()
    eq(e.kind, "pid.exit")
    eq(e.from, pid)
    eq(math.type(e.at), "integer")
    eq(e.result.value, "v")
    eq(e.result.error, nil)
    eq(e.reason, nil)
    eq(e.value, nil)
    eq(e.error, nil)
    eq(keys(e), 4)
    watch("give")
    e = event()
    eq(type(e.result), "table")
    eq(keys(e.result), 0)
end)

check("EVT-3 EVT-5 EVT-6", "LINK_DOWN of a failure", function()
    process.set_options({ trap_links = true })
    local pid = process.spawn_linked("app:run", HOST, "raise", "boom")
    local e = event()
    eq(e.kind, "pid.link.down")
    eq(e.from, pid)
    eq(type(e.at), "number")
    eq(e.result.value, nil)
    eq(type(e.result.error), "userdata")
    eq(tostring(e.result.error), e.result.error:message())
    has(e.result.error:message(), "boom")
    eq(keys(e), 4)
    eq(e.reason, nil)
end)

check("EVT-7", "the value is a private copy", function()
    local pid = start("on_go", { list = { 1 } })
    process.monitor(pid)
    process.send(pid, "go")
    local v = event().result.value
    v.list[1] = 2
    eq(v.list[1], 2)
end)

check("EVT-9", "events wait until they are read, in order", function()
    process.cancel(process.pid(), "first")
    local a = watch("give", 1)
    local b = watch("give", 2)
    settle()
    process.cancel(process.pid(), "last")
    local events = process.events()
    eq(events:receive().reason, "first")
    local seen = { [events:receive().from] = true, [events:receive().from] = true }
    assert(seen[a] and seen[b])
    eq(events:receive().reason, "last")
end)

check("EVT-10", "events cannot be forged", function()
    fails(errors.INVALID, "cannot send to @ topics",
        process.send(process.pid(), "@pid/events", { kind = "pid.cancel" }))
    eq(event_within("5ms"), nil)
end)

check("L-14", "every abnormal end is told to linked processes", function()
    process.set_options({ trap_links = true })
    for _, way in ipairs({ "returned", "raised", "terminated", "deadlock", "bad_upgrade", "linked" }) do
        local pid = process.spawn_linked_monitored("app:run", HOST, "die", way)
        settle()
        if way == "terminated" then process.terminate(pid) end
        local exit, down = event(), event()
        eq(exit.kind, process.event.EXIT, way)
        eq(down.kind, process.event.LINK_DOWN, way)
        eq(down.from, pid, way)
        eq(down.result.error:message(), exit.result.error:message(), way)
        eq(event_within("5ms"), nil, way)
        eq(exit.result.error:kind(), errors.INTERNAL, way)
    end
end)
local ways = {}
function ways.returned() return nil, "msg" end
function ways.raised() error("msg") end
function ways.terminated() process.inbox():receive() end
function ways.deadlock() channel.select({}) end
function ways.bad_upgrade() process.upgrade("app:unknown") end
function ways.linked()
    process.spawn_linked("app:run", HOST, "raise", "below")
    process.inbox():receive()
end
function child.die(way) return ways[way]() end

-- Monitors -------------------------------------------------------------------------------------

check("L-1", "a monitor gives one EXIT", function()
    local pid = start("on_go", "v")
    same(pack(process.monitor(pid)), true, nil)
    process.send(pid, "go")
    eq(event().result.value, "v")
    eq(event_within("5ms"), nil)
end)

check("L-2", "a second monitor is refused and the first stays", function()
    local pid = start("on_go")
    process.monitor(pid)
    local err = fails(errors.INTERNAL, "already monitoring pid", process.monitor(pid))
    eq(err:retryable(), false)
    local spawned = watch("on_go")
    fails(errors.INTERNAL, "already monitoring pid", process.monitor(spawned))
    process.send(pid, "go")
    eq(event().from, pid)
    eq(event_within("5ms"), nil)
end)

check("L-3", "a dead or unknown target", function()
    local pid = watch("give")
    exit_of(pid)
    fails(errors.INTERNAL, "pid not registered", process.monitor(pid))
    fails(errors.INTERNAL, "pid not registered", process.monitor("{app:processes|0xfffff}"))
    fails(errors.INTERNAL, "pid not registered", process.monitor("{app:nowhere|0x00001}"))
    eq(event_within("5ms"), nil)
end)

check("L-4", "unmonitor is true whether there was a monitor or not", function()
    local pid = start("on_go")
    same(pack(process.unmonitor(pid)), true, nil)
    process.monitor(pid)
    same(pack(process.unmonitor(pid)), true, nil)
    process.send(pid, "go")
    eq(event_within("5ms"), nil)
    same(pack(process.unmonitor(pid)), true, nil)
    same(pack(process.unmonitor("{app:processes|0xfffff}")), true, nil)
    fails(errors.NOT_FOUND, "could not resolve", process.unmonitor("nobody"))
end)

check("L-4", "an EXIT already queued is delivered after unmonitor", function()
    local pid = watch("give", 5)
    settle()
    process.unmonitor(pid)
    eq(event().result.value, 5)
end)

check("L-5", "monitor again after unmonitor", function()
    local pid = watch("on_go")
    process.unmonitor(pid)
    same(pack(process.monitor(pid)), true, nil)
    process.send(pid, "go")
    eq(event().from, pid)
end)

check("L-6", "monitors of a watcher that ended vanish", function()
    local target = start("on_go", 1)
    local watcher = watch("monitor_and_end", target)
    eq(exit_of(watcher).result.value, true)
    process.monitor(target)
    process.send(target, "go")
    eq(exit_of(target).result.value, 1)
end)
function child.monitor_and_end(pid) return (process.monitor(pid)) end

check("L-7", "a process may monitor itself", function()
    same(pack(process.monitor(process.pid())), true, nil)
end)

check("L-8", "monitoring needs no open events channel", function()
    local pid = watch("monitor_then_read")
    local r = exit_of(pid).result
    eq(r.value, "late")
end)
function child.monitor_then_read()
    watch("give", "late")
    settle()
    return process.events():receive().result.value
end

check("L-9", "function calls may monitor", function()
    same(pack(require("funcs").call("app:call", "monitor_then_read")), "late", nil)
end)

-- Links ----------------------------------------------------------------------------------------

check("L-10", "linking again, from either side, is true", function()
    process.set_options({ trap_links = true })
    local pid = start("link_back", process.pid())
    same(pack(process.link(pid)), true, nil)
    same(pack(process.link(pid)), true, nil)
    process.send(pid, "link")
    eq(process.inbox():receive():payload():data(), true)
    process.send(pid, "fail")
    eq(event().kind, process.event.LINK_DOWN)
    eq(event_within("5ms"), nil)
end)
function child.link_back(parent)
    process.inbox():receive()
    process.send(parent, "linked", (process.link(parent)))
    process.inbox():receive()
    error("fail")
end

check("L-11", "a dead or unknown target does not kill the caller", function()
    local pid = watch("give")
    exit_of(pid)
    fails(errors.INTERNAL, "pid not registered", process.link(pid))
    fails(errors.INTERNAL, "pid not registered", process.link("{app:nowhere|0x00001}"))
    eq(event_within("5ms"), nil)
end)

check("L-12", "unlink is true also without a link, and works for both sides", function()
    local pid = start("fail_on_go")
    same(pack(process.unlink(pid)), true, nil)
    process.link(pid)
    same(pack(process.unlink(pid)), true, nil)
    process.send(pid, "go")
    settle() -- we live
    same(pack(process.unlink(pid)), true, nil)
    fails(errors.NOT_FOUND, "could not resolve", process.unlink("nobody"))
end)

check("L-13", "a normal end is silent, trapping or not", function()
    process.spawn_linked("app:run", HOST, "give", 1)
    settle()
    process.set_options({ trap_links = true })
    process.spawn_linked("app:run", HOST, "give", 1, 2)
    eq(event_within("5ms"), nil)
end)

check("L-15", "a trapped LINK_DOWN is an event; the link is gone", function()
    process.set_options({ trap_links = true })
    local pid = process.spawn_linked("app:run", HOST, "raise", "x")
    eq(event().from, pid)
    eq(event_within("5ms"), nil)
end)

check("L-16 L-17", "without trap the process fails at once, wherever it waits", function()
    for _, way in ipairs({ "sleep", "receive", "exec", "call", "protected" }) do
        local pid = watch("linked_in", way)
        local e = exit_of(pid).result.error
        eq(e:message(), "linked process failed", way)
        eq(e:kind(), errors.INTERNAL, way)
        eq(e:details(), nil, way)
        eq(e:retryable(), nil, way)
    end
end)
local waits = {}
function waits.sleep() require("time").sleep("1h") end
function waits.receive() channel.new():receive() end
function waits.exec() process.exec("app:run", HOST, "wait_forever") end
function waits.call() require("funcs").call("app:call", "wait_forever") end
function waits.protected()
    pcall(function() require("time").sleep("1h") end)
    require("time").sleep("1h")
end
function child.linked_in(way)
    process.spawn_linked("app:run", HOST, "fail_later")
    waits[way]()
end
function child.fail_later()
    require("time").sleep("5ms")
    error("later")
end

check("L-16", "no code of a killed process runs again", function()
    local ch = process.listen("still")
    local pid = watch("linked_hopeful", process.pid())
    exit_of(pid)
    eq(receive_within(ch, "1s"), "nothing")
end)
function child.linked_hopeful(parent)
    process.spawn_linked("app:run", HOST, "fail_later")
    pcall(function() require("time").sleep("20ms") end)
    process.send(parent, "still", 1)
end

check("L-18", "trap set before the next step saves the process", function()
    local pid = watch("trap_in_time")
    eq(exit_of(pid).result.value, "pid.link.down")
end)
function child.trap_in_time()
    process.spawn_linked("app:run", HOST, "raise", "x")
    process.set_options({ trap_links = true })
    return event().kind
end

check("L-18", "trap taken back while a LINK_DOWN waits unread kills", function()
    local pid = watch("untrap_too_late")
    eq(exit_of(pid).result.error:message(), "linked process failed")
end)
function child.untrap_too_late()
    process.set_options({ trap_links = true })
    process.spawn_linked("app:run", HOST, "raise", "x")
    settle()
    process.set_options({ trap_links = false })
    settle()
    return "lived"
end

check("L-19", "a chain falls; a trapping process stops it", function()
    local pid = watch("chain", 3)
    eq(exit_of(pid).result.error:message(), "linked process failed")
    pid = watch("trap_chain", 3)
    eq(exit_of(pid).result.value, "linked process failed") -- L-22
end)
function child.chain(n)
    if n == 0 then
        error("end of the chain")
    end
    process.spawn_linked("app:run", HOST, "chain", n - 1)
    process.inbox():receive()
end
function child.trap_chain(n)
    process.set_options({ trap_links = true })
    local pid = process.spawn_linked("app:run", HOST, "chain", n - 1)
    local e = event()
    return e.from == pid and e.result.error:message()
end

check("L-20", "EXIT comes before LINK_DOWN", function()
    process.set_options({ trap_links = true })
    for _ = 1, 5 do
        local pid = process.spawn_linked_monitored("app:run", HOST, "raise", "x")
        local a, b = event(), event()
        eq(a.kind, process.event.EXIT)
        eq(b.kind, process.event.LINK_DOWN)
        eq(a.from, pid)
        eq(b.from, pid)
    end
end)

check("L-21", "a normal end gives EXIT only", function()
    process.set_options({ trap_links = true })
    process.spawn_linked_monitored("app:run", HOST, "give", 1)
    eq(event().kind, process.event.EXIT)
    eq(event_within("5ms"), nil)
end)

check("L-23", "linking to itself has no effect", function()
    same(pack(process.link(process.pid())), true, nil)
    eq(ending("link_self").value, 1)
    has(ending("link_self_fail").error:message(), "own")
end)
function child.link_self()
    process.link(process.pid())
    return 1
end
function child.link_self_fail()
    process.link(process.pid())
    error("own")
end

check("L-24", "monitored children do not kill; children outlive their parents", function()
    watch("raise", "x")
    settle()
    local ch = process.listen("child")
    local pid = watch("parent_of", process.pid())
    exit_of(pid)
    eq(receive_within(ch, "1s"), "lives")
end)
function child.parent_of(grandparent)
    start("report_later", grandparent)
    start("report_later", grandparent)
    error("parent fails")
end
function child.report_later(to)
    require("time").sleep("20ms")
    process.send(to, "child", "lives")
end

check("L-26", "links survive an upgrade of either side", function()
    process.set_options({ trap_links = true })
    local pid = process.spawn_linked("app:run", HOST, "upgrade_and_wait")
    settle()
    process.send(pid, "fail")
    eq(event().from, pid)
    local parent = watch("link_then_upgrade")
    eq(exit_of(parent).result.error:message(), "linked process failed")
end)
function child.upgrade_and_wait() process.upgrade("", "fail_on_go") end
function child.link_then_upgrade()
    process.spawn_linked("app:run", HOST, "fail_later")
    process.upgrade("", "wait_forever")
end

check("L-16", "a linked function call is killed with its process", function()
    process.set_options({ trap_links = true })
    local funcs = require("funcs")
    fails(errors.INTERNAL, "linked process failed", funcs.call("app:call", "linked_in", "sleep"))
end)

check("F-21", "a linked function call that fails tells its links", function()
    process.set_options({ trap_links = true })
    local future = require("funcs").async("app:call", "link_to_and_fail", process.pid())
    local e = event()
    eq(e.kind, process.event.LINK_DOWN)
    has(e.result.error:message(), "call fails")
    future:channel():receive()
end)
function child.link_to_and_fail(pid)
    process.link(pid)
    error("call fails")
end

-- Core section 3: names and destinations.

local HOST = "app:processes"
local registry = process.registry

function child.wait_forever() process.inbox():receive() end
function child.give(...) return ... end
function child.named(name, reply_to)
    registry.register(name)
    if reply_to then
        process.send(reply_to, "ready")
    end
    local m = process.inbox():receive()
    return m:topic()
end

check("N-1", "every destination takes a pid or a name", function()
    process.set_options({ trap_links = true })
    local pid = start("named", "N1", process.pid())
    process.inbox():receive()
    for _, verb in ipairs({ "link", "unlink", "monitor", "unmonitor", "cancel" }) do
        same(pack(process[verb]("N1")), true, nil)
        if verb == "monitor" then process.unmonitor(pid) end
        same(pack(process[verb](pid)), true, nil)
        if verb == "monitor" then process.unmonitor(pid) end
    end
    process.monitor("N1")
    same(pack(process.send("N1", "hello")), true, nil)
    eq(event().result.value, "hello")
    pid = start("named", "N1", process.pid())
    process.inbox():receive()
    process.monitor(pid)
    same(pack(process.terminate("N1")), true, nil)
    eq(event().from, pid)
end)

check("N-2", "a text that parses as a pid is used as is, alive or not", function()
    registry.register("{app:processes|0xabcdef}", process.pid())
    fails(errors.NOT_FOUND, "process not found", process.send("{app:processes|0xabcdef}", "x"))
end)

check("N-3", "an unknown name", function()
    for _, verb in ipairs({ "link", "unlink", "monitor", "unmonitor", "cancel", "terminate" }) do
        local err = fails(errors.NOT_FOUND, "", process[verb]("nobody"))
        eq(err:message(), "could not resolve 'nobody' as PID or registered name")
        eq(err:retryable(), false)
    end
    eq(fails(errors.NOT_FOUND, "", process.send("nobody", "x")):message(),
        "could not resolve 'nobody' as PID or registered name")
    fails(errors.NOT_FOUND, "could not resolve ''", process.send("", "x"))
    fails(errors.NOT_FOUND, "could not resolve '{half'", process.send("{half", "x"))
    fails(errors.NOT_FOUND, "could not resolve '{no pipe}'", process.send("{no pipe}", "x"))
end)

check("N-5", "a name that looks like a pid is no destination", function()
    eq(registry.register("{x|y}"), true)
    local err = select(2, process.send("{x|y}", "t"))
    assert(err, "a pid of an unknown host")
    eq(err:kind(), errors.NOT_FOUND)
end)

check("N-10", "the scopes and their numbers", function()
    eq(registry.LOCAL, 0)
    eq(registry.EVENTUAL, 1)
    eq(registry.CONSISTENT, 2)
    eq(registry.STRONG, 3)
    raises("immutable", function() registry.LOCAL = 5 end)
end)

check("N-11", "register gives true alone, pid defaults to the caller", function()
    same(pack(registry.register("n11")), true)
    eq(registry.lookup("n11"), process.pid())
    same(pack(registry.register("n11b", nil, registry.LOCAL)), true)
    eq(registry.lookup("n11b"), process.pid())
    local pid = start("wait_forever")
    same(pack(registry.register("n11c", pid)), true)
    eq(registry.lookup("n11c"), pid)
    raises("bad argument #1", registry.register)
    raises("bad argument #1", registry.register, {})
end)

check("N-12", "arguments are checked", function()
    eq(fails(errors.INVALID, "", registry.register("n", 5)):message(), "pid must be a string")
    fails(errors.INVALID, "pid must be a string", registry.register("n", {}))
    fails(errors.INVALID, "pid", registry.register("n", "no pid"))
    fails(errors.INVALID, "pid", registry.register("n", ""))
    fails(errors.INVALID, "scope", registry.register("n", nil, "local"))
    fails(errors.INVALID, "scope", registry.register("n", nil, {}))
    same(pack(registry.register("n12", nil, 99)), true)
    same(pack(registry.register("n12b", nil, -1)), true)
    eq(registry.lookup("n12"), process.pid())
end)

check("N-13 N-22", "a dead pid may be registered, and stays until unregistered", function()
    local pid = watch("give")
    exit_of(pid)
    same(pack(registry.register("dead", pid)), true)
    eq(registry.lookup("dead"), pid)
    fails(errors.NOT_FOUND, "process not found", process.send("dead", "x"))
    settle()
    eq(registry.lookup("dead"), pid)
    same(pack(registry.unregister("dead")), true)
    fails(errors.NOT_FOUND, "name not registered", registry.lookup("dead"))
end)

check("N-14", "a taken name; the same pid again", function()
    eq(registry.register("n14"), true)
    same(pack(registry.register("n14")), true)
    local pid = start("wait_forever")
    local err = fails(errors.ALREADY_EXISTS, "", registry.register("n14", pid))
    eq(err:message(), "name already registered")
    eq(err:retryable(), false)
    eq(registry.lookup("n14"), process.pid())
end)

check("N-15", "one process may own many names", function()
    local pid = watch("many_names")
    settle()
    eq(registry.lookup("many1"), pid)
    eq(registry.lookup("many20"), pid)
    process.send("many7", "go")
    exit_of(pid)
    for i = 1, 20 do
        fails(errors.NOT_FOUND, "name not registered", registry.lookup("many" .. i)) -- N-19
    end
end)
function child.many_names()
    for i = 1, 20 do registry.register("many" .. i) end
    process.inbox():receive()
end

check("N-16", "lookup gives one value or a pair", function()
    registry.register("n16")
    same(pack(registry.lookup("n16")), process.pid())
    local err = fails(errors.NOT_FOUND, "", registry.lookup("nothing of the kind"))
    eq(err:message(), "name not registered")
    raises("bad argument #1", registry.lookup)
end)

check("N-17", "unregister tells whether something was removed", function()
    registry.register("n17")
    same(pack(registry.unregister("n17")), true)
    same(pack(registry.unregister("n17")), false)
    same(pack(registry.unregister("never")), false)
    raises("bad argument #1", registry.unregister)
end)

check("N-18", "anybody removes a local name; another scope removes nothing", function()
    local pid = start("named", "n18", process.pid())
    process.inbox():receive()
    eq(registry.lookup("n18"), pid)
    same(pack(registry.unregister("n18", registry.CONSISTENT)), false)
    same(pack(registry.unregister("n18", registry.STRONG)), false)
    same(pack(registry.unregister("n18", registry.EVENTUAL)), false)
    eq(registry.lookup("n18"), pid)
    same(pack(registry.unregister("n18")), true)
end)

check("N-19", "names go with every kind of end, before EXIT", function()
    for _, how in ipairs({ "return", "error", "terminate" }) do
        local name = "n19" .. how
        local pid = watch("end_named", name, how, process.pid())
        process.inbox():receive()
        eq(registry.lookup(name), pid)
        if how == "terminate" then process.terminate(pid) else process.send(pid, "go") end
        exit_of(pid)
        eq(registry.register(name), true)
    end
end)
function child.end_named(name, how, parent)
    registry.register(name)
    process.send(parent, "ready")
    process.inbox():receive()
    if how == "error" then error("asked to") end
end

check("N-19", "a name that somebody else registered for a process goes with it", function()
    local pid = watch("wait_forever")
    registry.register("given by me", pid)
    process.send(pid, "go")
    exit_of(pid)
    fails(errors.NOT_FOUND, "name not registered", registry.lookup("given by me"))
end)

check("N-20", "cluster scopes are not available", function()
    eq(fails(errors.INTERNAL, "", registry.register("n", nil, registry.EVENTUAL)):message(),
        "eventual registry not available")
    eq(fails(errors.INTERNAL, "", registry.register("n", nil, registry.CONSISTENT)):message(),
        "global registry not available")
    eq(fails(errors.INTERNAL, "", registry.register("n", nil, registry.STRONG)):message(),
        "global registry not available")
    fails(errors.NOT_FOUND, "name not registered", registry.lookup("n"))
end)

check("N-23", "empty and odd names are names", function()
    for _, name in ipairs({ "", " ", "a:b", "\0", "\255", "@x", "ünï" }) do
        same(pack(registry.register(name)), true)
        eq(registry.lookup(name), process.pid())
        same(pack(registry.unregister(name)), true)
    end
    registry.register(17)
    eq(registry.lookup("17"), process.pid()) -- G-2
    registry.register("")
    eq(process.send("", "to the empty name"), true)
    eq(process.inbox():receive():topic(), "to the empty name")
end)

check("N-14", "a released name is free for another process", function()
    registry.register("passed on")
    registry.unregister("passed on")
    local pid = start("wait_forever")
    eq(registry.register("passed on", pid), true)
    eq(registry.lookup("passed on"), pid)
end)

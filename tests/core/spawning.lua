-- Core section 7: spawning and the spawner builder.

local HOST = "app:processes"

function child.give(...) return ... end
function child.raise(v) error(v) end
function child.wait_forever() process.inbox():receive() end
function child.context(...)
    local ctx = require("ctx")
    local out = {}
    for _, key in ipairs({ ... }) do
        out[key] = ctx.get(key)
    end
    return out
end

local SPAWNS = { "spawn", "spawn_monitored", "spawn_linked", "spawn_linked_monitored" }

check("S-1", "spawn gives pid, nil once the process is made", function()
    process.set_options({ trap_links = true })
    for _, name in ipairs(SPAWNS) do
        local r = pack(process[name]("app:run", HOST, "wait_forever"))
        eq(r.n, 2)
        eq(type(r[1]), "string")
        eq(r[2], nil)
        eq(process.send(r[1], "t"), true)
    end
end)

check("S-1", "the new process has not run its entry point yet", function()
    local ch = process.listen("ran")
    start("say", process.pid(), "ran")
    eq(channel.select({ ch:case_receive(), default = true }).default, true)
    ch:receive()
end)
function child.say(to, topic, v) process.send(to, topic, v) end

check("S-2", "arguments are checked", function()
    for _, name in ipairs(SPAWNS) do
        local err = fails(errors.INVALID, "", process[name]("app:run"))
        eq(err:message(), name .. " requires at least id and host arguments")
        fails(errors.INVALID, "requires at least", process[name]())
        raises("bad argument #1", process[name], {}, HOST)
        raises("bad argument #2", process[name], "app:run", {})
        raises("bad argument", process[name], nil, HOST)
        raises("bad argument", process[name], "app:run", nil)
    end
end)

check("S-3", "unknown hosts", function()
    local err = fails(errors.NOT_FOUND, "", process.spawn("app:run", "app:nowhere"))
    eq(err:message(), "host not found")
    eq(err:details().host_id, "app:nowhere")
    eq(err:retryable(), false)
    err = fails(errors.INTERNAL, "", process.spawn("app:run", "app:call"))
    eq(err:message(), "host does not implement process.Host")
    fails(errors.NOT_FOUND, "host not found", process.spawn("app:run", ""))
    fails(errors.NOT_FOUND, "host not found", process.spawn("app:run", "node:control")) -- H-2
end)

check("S-4", "unknown entries", function()
    local err = fails(errors.NOT_FOUND, "", process.spawn("app:unknown", HOST))
    eq(err:message(), "factory not found")
    eq(err:details().factory_id, "app:unknown")
    fails(errors.NOT_FOUND, "factory not found", process.spawn("", HOST))
    fails(errors.NOT_FOUND, "factory not found", process.spawn("noname", HOST))
    fails(errors.NOT_FOUND, "factory not found", process.spawn("app:harness", HOST)) -- a library
    fails(errors.NOT_FOUND, "factory not found", process.spawn("app:call", HOST)) -- a function
    fails(errors.NOT_FOUND, "factory not found", process.spawn("app:processes", HOST))
end)

check("S-5", "a chunk that fails", function()
    for _, name in ipairs(SPAWNS) do
        fails(errors.INTERNAL, "failed to execute script", process[name]("app:bad", HOST))
    end
    eq(event_within("5ms"), nil)
end)

check("S-7", "the end of an instant child is never missed", function()
    process.set_options({ trap_links = true })
    process.spawn_monitored("app:run", HOST, "give", 7)
    require("time").sleep("50ms")
    eq(event().result.value, 7) -- 24.2
    process.spawn_linked("app:run", HOST, "raise", "x")
    require("time").sleep("50ms")
    eq(event().kind, process.event.LINK_DOWN)
end)

check("S-8", "a linked child that fails kills", function()
    eq(ending("link_failing").error:message(), "linked process failed")
end)
function child.link_failing()
    process.spawn_linked("app:run", HOST, "raise", "x")
    require("time").sleep("10s") -- 24.4
    return "lived"
end

check("S-9", "arguments are copied and come in order", function()
    local t = { 1 }
    local pid = watch("arguments", t, 2, nil, "x", nil)
    t[1] = 9
    eq(exit_of(pid).result.value, "1 2 nil x 5")
end)
function child.arguments(t, b, c, d, ...)
    return t[1] .. " " .. b .. " " .. tostring(c) .. " " .. d .. " " .. 4 + select("#", ...)
end

check("S-10", "children go on when the caller ends", function()
    local ch = process.listen("on")
    exit_of(watch("spawn_and_end", process.pid()))
    eq(receive_within(ch, "1s"), 1)
end)
function child.spawn_and_end(to) start("say_later", to) end
function child.say_later(to)
    require("time").sleep("10ms")
    process.send(to, "on", 1)
end

check("S-11", "the child runs on the named host", function()
    local pid = process.spawn("app:run", "app:others", "wait_forever")
    eq(string.match(pid, "^{(.-)|"), "app:others")
    process.terminate(pid)
end)

check("S-20 S-22 P-95", "context values are inherited by processes, exec and functions", function()
    local spawner = process.with_context({ a = 1, b = "two" })
    local pid = spawner:spawn_monitored("app:run", HOST, "pass_on")
    local r = exit_of(pid).result.value
    eq(r.own.a, 1)
    eq(r.exec.b, "two")
    eq(r.func.a, 1)
    eq(r.spawned.b, "two")
end)
function child.pass_on()
    local r = { own = child.context("a", "b") }
    r.exec = process.exec("app:run", HOST, "context", "a", "b")
    r.func = require("funcs").call("app:call", "context", "a", "b")
    r.spawned = ending("context", "a", "b").value
    return r
end

check("S-21", "options, names and subscriptions are not inherited", function()
    process.set_options({ trap_links = true, upgradable = true })
    process.registry.register("of the parent")
    local r = ending("options").value
    eq(r.trap_links, false)
    eq(r.upgradable, false)
end)
function child.options() return process.get_options() end

-- The builder ----------------------------------------------------------------------------------

check("S-30", "a spawner is immutable", function()
    local a = process.with_context({ k = 1 })
    local b = a:with_context({ k = 2, l = 3 })
    assert(a ~= b)
    eq(a:exec("app:run", HOST, "context", "k", "l").k, 1)
    eq(a:exec("app:run", HOST, "context", "k", "l").l, nil)
    eq(b:exec("app:run", HOST, "context", "k", "l").k, 2)
    local named = a:with_name("s30")
    local pid = a:spawn("app:run", HOST, "wait_forever")
    eq(process.registry.lookup("s30"), nil)
    assert(named ~= a and pid)
    eq(type(a), "userdata")
end)

check("S-31", "context values are converted as bags", function()
    local f = function() end
    local e = process.with_context({ list = { 1, 2, x = "dropped" }, map = { a = { [5.5] = 1 } }, f = f, i = 1, d = 1.5,
        t = true, empty = {} })
    local r = e:exec("app:run", HOST, "context", "list", "map", "f", "i", "d", "t", "empty")
    eq(r.list[2], 2)
    eq(r.list.x, nil)
    eq(r.map.a["5.5"], 1)
    eq(type(r.f), "string")
    eq(math.type(r.i), "integer")
    eq(math.type(r.d), "float")
    eq(r.t, true)
    eq(type(r.empty), "table")
end)

check("S-31", "keys that are not strings", function()
    has(raises("context keys must be strings", process.with_context, { [1] = "x" }), "bad argument")
    raises("context keys must be strings", process.with_context, { "x" })
    local e = process.with_context({ a = 1 }):with_context({ "skipped", b = 2 })
    eq(e:exec("app:run", HOST, "context", "a", "b").b, 2)
end)

check("S-32", "wrong types raise", function()
    raises("bad argument", process.with_context)
    raises("bad argument", process.with_context, 5)
    raises("bad argument", process.with_options)
    raises("bad argument", process.with_options, "x")
    local s = process.with_context({})
    raises("bad argument", s.with_context, s)
    raises("bad argument", s.with_options, s, 1)
    raises("bad argument", s.with_name, s)
    raises("bad argument", s.with_message, s)
    raises("spawner expected", s.with_name, {}, "x")
    raises("spawner expected", s.spawn, 5, "x")
end)

check("S-34", "actors and scopes", function()
    local s = process.with_context({})
    raises("actor cannot be nil", s.with_actor, s)
    raises("actor cannot be nil", s.with_actor, s, nil)
    raises("scope cannot be nil", s.with_scope, s, nil)
    raises("Actor expected", s.with_actor, s, 5)
    raises("Actor expected", s.with_actor, s, {})
    raises("Scope expected", s.with_scope, s, "x")
    local security = require("security")
    raises("Scope expected", s.with_scope, s, security.new_actor("a"))
    local one = s:with_actor(security.new_actor("ada", { role = "admin" })):with_scope(security.new_scope())
    local r = one:exec("app:run", HOST, "who")
    eq(r.id, "ada")
    eq(r.role, "admin")
end)
function child.who()
    local actor = require("security").actor()
    return actor and { id = actor:id(), role = actor:meta().role }
end

check("S-35", "options: string keys, unknown ones are carried", function()
    raises("options keys must be strings", process.with_options, { 1 })
    local s = process.with_options({ whatever = 1 }):with_options({ other = 2 })
    same(pack(s:exec("app:run", HOST, "give", 1)), 1, nil)
    raises("options keys must be strings", s.with_options, s, { 1 })
end)

check("S-36", "spawn or signal", function()
    local sp = process.with_context({}):with_name("only-one"):with_message("job", 1) -- 24.11
    local p1, e1 = sp:spawn("app:run", HOST, "count_jobs", process.pid())
    local p2, e2 = sp:spawn("app:run", HOST, "count_jobs", process.pid())
    eq(e1, nil)
    eq(e2, nil)
    eq(p1, p2)
    eq(process.registry.lookup("only-one"), p1)
    eq(process.listen("jobs"):receive(), 2)
    raises("name cannot be empty", sp.with_name, sp, "")
end)
function child.count_jobs(to)
    local inbox = process.inbox()
    inbox:receive()
    inbox:receive()
    process.send(to, "jobs", 2)
    inbox:receive()
end

check("S-36", "a taken name sets no monitor and no link", function()
    process.set_options({ trap_links = true })
    local sp = process.with_context({}):with_name("s36b")
    local pid = sp:spawn("app:run", HOST, "wait_forever")
    for _, name in ipairs({ "spawn_monitored", "spawn_linked", "spawn_linked_monitored" }) do
        same(pack(sp[name](sp, "app:run", HOST, "wait_forever")), pid, nil)
    end
    process.terminate(pid)
    eq(event_within("10ms"), nil)
    local again = sp:spawn("app:run", HOST, "wait_forever")
    assert(again ~= pid)
end)

check("S-36", "a free name is owned before the process runs", function()
    local pid = process.with_context({}):with_name("s36c"):spawn_monitored("app:run", HOST, "own", "s36c")
    eq(exit_of(pid).result.value, true)
end)
function child.own(name) return process.registry.lookup(name) == process.pid() end

check("S-36", "the name of a dead owner is no owner", function()
    local sp = process.with_context({}):with_name("s36d")
    local pid = sp:spawn_monitored("app:run", HOST, "give", 1)
    exit_of(pid)
    local again = sp:spawn_monitored("app:run", HOST, "give", 2)
    eq(exit_of(again).result.value, 2)
end)

check("S-36", "a failed spawn leaves the name free", function()
    local sp = process.with_context({}):with_name("s36e")
    fails(errors.INTERNAL, "failed to execute script", sp:spawn("app:bad", HOST))
    eq(process.registry.register("s36e"), true)
end)

check("S-37", "queued messages come first and in order", function()
    local sp = process.with_context({}):with_message("a", 1):with_message("b", 2)
    raises("cannot send to @ topics", sp.with_message, sp, "@x")
    local pid = sp:spawn_monitored("app:run", HOST, "topics", 3)
    process.send(pid, "c", 3)
    eq(exit_of(pid).result.value, "abc")
    pid = sp:spawn_monitored("app:run", HOST, "topics", 2)
    eq(exit_of(pid).result.value, "ab")
end)
function child.topics(n)
    local text = ""
    for _ = 1, n do text = text .. process.inbox():receive():topic() end
    return text
end

check("S-38", "builder spawns: too few arguments raise, other failures are pairs", function()
    local s = process.with_context({})
    for _, name in ipairs(SPAWNS) do
        has(tostring(raises("", s[name], s)), "spawn requires at least id and host arguments")
        raises("spawn requires at least id and host arguments", s[name], s, "app:run")
        raises("bad argument", s[name], s, {}, HOST)
        fails(errors.NOT_FOUND, "host not found", s[name](s, "app:run", "app:nowhere"))
        fails(errors.NOT_FOUND, "factory not found", s[name](s, "app:unknown", HOST))
        fails(errors.INTERNAL, "failed to execute script", s[name](s, "app:bad", HOST))
    end
end)

check("S-38", "builder spawns give pid, nil and monitor and link", function()
    process.set_options({ trap_links = true })
    local s = process.with_context({})
    local r = pack(s:spawn("app:run", HOST, "give"))
    eq(r.n, 2)
    eq(r[2], nil)
    local pid = s:spawn_linked_monitored("app:run", HOST, "raise", "x")
    eq(event().from, pid)
    eq(event().kind, process.event.LINK_DOWN)
end)

check("S-40", "exec of a spawner uses its context", function()
    local s = process.with_context({ k = "v" })
    eq(s:exec("app:run", HOST, "context", "k").k, "v")
    fails(errors.INTERNAL, "boom", s:exec("app:run", HOST, "raise", "boom"))
    fails(errors.INVALID, "process ID required", s:exec("", HOST))
end)

check("S-4", "a spawn from many coroutines at once", function()
    local out = channel.new(20)
    for i = 1, 20 do
        coroutine.spawn(function() out:send(process.exec("app:run", HOST, "give", i)) end)
    end
    local sum = 0
    for _ = 1, 20 do sum = sum + out:receive() end
    eq(sum, 210)
end)

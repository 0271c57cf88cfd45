-- Core section 16: the event bus.

local events, time = require("events"), require("time")

local function next_event(sub) return (sub:channel():receive()) end

check("EV-1 EV-2", "arguments", function()
    eq(fails(errors.INVALID, "", events.subscribe("")):message(), "system pattern is required")
    eq(fails(errors.INVALID, "", events.subscribe()):message(), "system pattern is required")
    eq(fails(errors.INVALID, "", events.send()):message(), "system is required")
    eq(fails(errors.INVALID, "", events.send("", "k", "p")):message(), "system is required")
    eq(fails(errors.INVALID, "", events.send("s", "", "p")):message(), "kind is required")
    eq(fails(errors.INVALID, "", events.send("s")):message(), "kind is required")
    eq(fails(errors.INVALID, "", events.send("s", "k")):message(), "path is required")
    eq(fails(errors.INVALID, "", events.send("s", "k", "")):message(), "path is required")
    same(pack(events.send("s", "k", "p")), true, nil)
    local r = pack(events.subscribe("s"))
    eq(r.n, 2)
    eq(type(r[1]), "userdata")
    eq(r[2], nil)
    raises("bad argument", events.subscribe, {})
    raises("bad argument", events.send, {}, "k", "p")
end)

check("EV-3", "an event", function()
    local sub = events.subscribe("ev3")
    events.send("ev3", "k", "/p", { n = 1, list = { 1, 2, x = "dropped" }, f = print })
    local e = next_event(sub)
    eq(e.system, "ev3")
    eq(e.kind, "k")
    eq(e.path, "/p")
    eq(e.data.n, 1)
    eq(e.data.list[2], 2)
    eq(e.data.list.x, nil)
    eq(type(e.data.f), "string")
    events.send("ev3", "k", "/p")
    e = next_event(sub)
    eq(e.data, nil)
    local n = 0
    for _ in pairs(e) do n = n + 1 end
    eq(n, 3)
    for _, v in ipairs({ false, 0, "", "text", 1.5, true }) do
        events.send("ev3", "k", "/p", v)
        eq(next_event(sub).data, v)
    end
end)

check("EV-5", "systems and kinds", function()
    local all = events.subscribe("*")
    local exact = events.subscribe("ev5.a")
    local prefix = events.subscribe("ev5.*")
    local kinds = events.subscribe("ev5.a", "user.*")
    local one = events.subscribe("ev5.a", "user.created")
    local empty = events.subscribe("ev5.a", "")
    local star = events.subscribe("ev5.a", "*")
    local inner = events.subscribe("ev5.*.c")
    events.send("ev5.a", "user.created", "1")
    events.send("ev5.a", "user.deleted", "2")
    events.send("ev5.a.b", "other", "3")
    events.send("ev5", "other", "4")
    events.send("ev5.b.c", "other", "5")
    time.sleep("1ms")
    local function paths(sub)
        local text = ""
        while true do
            local r = channel.select({ sub:channel():case_receive(), default = true })
            if r.default then return text end
            if string.sub(r.value.system, 1, 3) == "ev5" then text = text .. r.value.path end
        end
    end
    eq(paths(all), "12345")
    eq(paths(exact), "12")
    eq(paths(prefix), "1235")
    eq(paths(kinds), "12")
    eq(paths(one), "1")
    eq(paths(empty), "12")
    eq(paths(star), "12")
    eq(paths(inner), "")
end)

check("EV-6", "every subscriber gets its own copy, the sender too", function()
    local a, b = events.subscribe("ev6"), events.subscribe("ev6")
    local ch = process.listen("got")
    start("subscriber", process.pid())
    ch:receive()
    events.send("ev6", "k", "p", { v = 1 })
    local x, y = next_event(a), next_event(b)
    x.data.v = 2
    eq(y.data.v, 1)
    eq(ch:receive(), 1)
end)
function child.subscriber(to)
    local sub = events.subscribe("ev6")
    process.send(to, "got", "ready")
    process.send(to, "got", next_event(sub).data.v)
end

check("EV-7", "one channel; when it is full later events wait in order", function()
    local sub = events.subscribe("ev7")
    eq(sub:channel(), sub:channel())
    for i = 1, 200 do events.send("ev7", "k", tostring(i)) end
    time.sleep("1ms")
    for i = 1, 200 do eq(next_event(sub).path, tostring(i)) end
end)

check("EV-8", "close", function()
    local sub = events.subscribe("ev8")
    eq(tostring(sub), "events.Subscription{}")
    local ch = sub:channel()
    same(pack(sub:close()), true)
    same(pack(ch:receive()), nil, false)
    same(pack(sub:close()), true)
    events.send("ev8", "k", "p")
    same(pack(ch:receive()), nil, false)
end)

check("EV-9", "subscriptions end with the process", function()
    local pid = watch("subscribe_and_end")
    exit_of(pid)
    same(pack(events.send("ev9", "k", "p")), true, nil)
end)
function child.subscribe_and_end() events.subscribe("ev9") end

check("EV-10", "order is kept; earlier events are not seen", function()
    events.send("ev10", "k", "before")
    local sub = events.subscribe("ev10")
    for i = 1, 10 do events.send("ev10", "k", tostring(i)) end
    for i = 1, 10 do eq(next_event(sub).path, tostring(i)) end
    eq(receive_within(sub:channel(), "1ms"), "nothing")
end)

check("EV-11", "more than 4096 subscribers fail", function()
    local refused
    for _ = 1, 4200 do
        local sub, e = events.subscribe("ev11")
        if not sub then
            refused = e
            break
        end
    end
    assert(refused, "no limit")
    eq(type(refused), "userdata")
end)

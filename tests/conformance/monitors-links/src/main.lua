local io = require("io")
local time = require("time")

local HOST = "app:processes"

local function event(): any
    local wait = time.after("1s")
    local ready = channel.select({ process.events():case_receive(), wait:case_receive() })
    assert(ready.channel ~= wait, "no event")
    return ready.value
end

local function nothing(): boolean
    return channel.select({ process.events():case_receive(), default = true }).default == true
end

--- Wait until a process has ended, however long that takes in a VM of its own.
local function gone(pid: string)
    while process.send(pid, "are you there") do
        time.sleep("1ms")
    end
end

local function main()
    -- monitors
    local a = process.spawn("app:child", HOST)
    io.print("L-1", process.monitor(a))
    local ok, err = process.monitor(a)
    io.print("L-2", ok, err:kind(), err:message():find("already monitoring pid", 1, true) ~= nil)
    process.send(a, "return", "fine")
    local exit = event()
    io.print("EVT-2", exit.kind, exit.from == a, exit.result.value, math.type(exit.at))
    ok, err = process.monitor(a)
    io.print("L-3", ok, err:kind(), err:message():find("pid not registered", 1, true) ~= nil)

    local b = process.spawn_monitored("app:child", HOST)
    ok, err = process.monitor(b)
    io.print("L-2", ok)
    io.print("L-4", process.unmonitor(b))
    io.print("L-4", process.unmonitor(b))
    process.send(b, "return")
    gone(b)
    io.print("L-4", nothing())

    -- a link that breaks, trapped
    process.set_options({ trap_links = true })
    local c = process.spawn_linked_monitored("app:child", HOST)
    process.send(c, "fail")
    local first, second = event(), event()
    io.print("L-20", first.kind, second.kind)
    io.print("L-22", first.result.error:message(), second.from == c)

    -- a normal end breaks no link
    local d = process.spawn_linked("app:child", HOST)
    process.send(d, "return", 1)
    gone(d)
    io.print("L-13", nothing())

    -- linking twice is one link; unlinking is for both
    local e = process.spawn("app:child", HOST)
    io.print("L-10", process.link(e))
    io.print("L-10", process.link(e))
    io.print("L-12", process.unlink(e))
    io.print("L-12", process.unlink(e))
    process.send(e, "fail")
    gone(e)
    io.print("L-12", nothing())
    ok, err = process.link(e)
    io.print("L-11", ok, err:kind(), err:message():find("pid not registered", 1, true) ~= nil)

    -- a chain falls; a trapping process stops it
    local linked = process.listen("linked")
    local tail = process.spawn_monitored("app:child", HOST)
    local middle = process.spawn_monitored("app:child", HOST)
    local head = process.spawn_monitored("app:child", HOST, true)
    process.send(middle, "link", tail)
    linked:receive()
    process.send(head, "link", middle)
    linked:receive()
    process.send(tail, "fail")
    local results = {}
    for _ = 1, 3 do
        local over = event()
        results[over.from] = over.result
    end
    io.print("L-19", results[tail].error:message(), results[middle].error:message())
    io.print("L-15", results[head].value)

    -- cancel asks, terminate ends
    local f = process.spawn_monitored("app:child", HOST)
    io.print("P-51", process.cancel(f, "please"))
    io.print("P-53", event().result.value)
    local g = process.spawn_linked_monitored("app:child", HOST)
    io.print("P-40", process.terminate(g))
    first, second = event(), event()
    io.print("P-43", first.result.error:kind(), first.result.error:message())
    io.print("P-44", second.kind, second.result.error:message())
    ok, err = process.terminate(g)
    io.print("P-46", ok, err:kind(), err:message():find("process not found", 1, true) ~= nil)
    ok, err = process.cancel("{app:nowhere|0x00001}")
    io.print("P-46", ok, err:kind(), err:message():find("host not found", 1, true) ~= nil)
    ok, err = process.send(g, "late")
    io.print("P-72", ok, err:kind(), err:message())

    -- options
    io.print("P-110", process.get_options().trap_links, process.get_options().upgradable)
    ok, err = process.set_options("x")
    io.print("P-112", ok, err:kind(), err:message())
    ok, err = process.set_options({ trap_links = 1 })
    io.print("P-113", ok, err:message())
    ok, err = process.set_options({ colour = "red", trap_links = false })
    io.print("P-114", ok, err:message(), process.get_options().trap_links)
end

return { main = main }

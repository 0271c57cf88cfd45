local io = require("io")

local HOST = "app:processes"
local registry = process.registry

local function main()
    local answers = process.listen("answer")
    local me = process.pid()

    io.print("N-11", registry.register("me"))
    io.print("N-14", registry.register("me"))
    io.print("N-16", registry.lookup("me") == me)
    local none, err = registry.lookup("nobody")
    io.print("N-16", none, err:kind(), err:message())
    io.print("N-15", registry.register("also me"), registry.lookup("also me") == me)
    io.print("N-17", registry.unregister("also me"), registry.unregister("also me"))

    local pid = process.spawn_monitored("app:holder", HOST, "held")
    process.send(pid, "ask", 1)
    io.print("N-1", (answers:receive()))
    process.send("held", "ask", 2)
    io.print("N-1", (answers:receive()))
    none, err = registry.register("held")
    io.print("N-14", none, err:kind(), err:message())
    none, err = registry.register("x", 7)
    io.print("N-12", none, err:kind())
    none, err = registry.register("x", "no pid")
    io.print("N-12", none, err:kind())
    io.print("N-11", registry.register("other", pid), registry.lookup("other") == pid)

    -- names are free before the end is heard
    process.send(pid, "end")
    process.events():receive()
    io.print("N-19 P-70", registry.register("held"))
    io.print("N-19", registry.lookup("other"))

    -- without a cluster
    none, err = registry.register("c", nil, registry.CONSISTENT)
    io.print("N-20", none, err:kind(), err:message())
    none, err = registry.register("e", nil, registry.EVENTUAL)
    io.print("N-20", none, err:kind(), err:message())
    io.print("3.2", registry.LOCAL, registry.EVENTUAL, registry.CONSISTENT, registry.STRONG)

    -- spawn or signal
    local spawner = process.with_context({}):with_name("only one"):with_message("job", 1)
    local first = spawner:spawn_monitored("app:holder", HOST)
    local second = spawner:spawn_monitored("app:holder", HOST)
    io.print("S-36", first == second, registry.lookup("only one") == first)
    process.send(first, "end")
    io.print("S-36 S-37", process.events():receive().result.value)
    io.print("S-36", (pcall(spawner.with_name, spawner, "")))
end

return { main = main }

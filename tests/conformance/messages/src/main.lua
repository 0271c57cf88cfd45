local io = require("io")
local time = require("time")

local function main()
    local me = process.pid()
    local function send(topic: string, ...)
        return process.send(me, topic, ...)
    end

    io.print("M-1", send("first", 1))
    local inbox = process.inbox()
    io.print("M-10", inbox == process.inbox(), process.listen("t") == process.listen("t"))

    -- message objects
    local message = inbox:receive()
    io.print("M-20", message:topic(), message:from() == process.pid(), type(message))
    io.print("M-22", message:payload():data(), tostring(message))
    send("none")
    io.print("M-22", inbox:receive():payload())
    send("nothing", nil)
    io.print("M-22", type(inbox:receive():payload()), "nil sent")
    send("many", "a", nil, "c")
    local many = inbox:receive():payload()
    io.print("M-22", #many, many[1]:data(), many[2]:data(), many[3]:data())

    -- raw values
    local raw = process.listen("raw")
    send("raw", "one")
    io.print("raw", raw:receive())
    send("raw")
    io.print("raw", raw:receive())
    send("raw", 1, 2, 3)
    local several = raw:receive()
    io.print("raw", #several, several[1], several[3])

    -- routing is decided at hand-over
    send("a", 1)
    send("b", 2)
    send("a", 3)
    local a = process.listen("a", { message = true })
    io.print("M-15 M-16", a:receive():topic() .. inbox:receive():topic() .. a:receive():topic())

    -- a listened topic does not reach the inbox, others do, in order
    send("x", 1)
    send("t", "listened")
    send("y", 2)
    io.print("M-15", inbox:receive():topic(), inbox:receive():topic(), (process.listen("t"):receive()))

    -- a message that cannot be delivered holds back no other
    for i = 1, 5 do
        send("t", i)
    end
    send("z", "past")
    io.print("M-18", inbox:receive():topic())
    local got = {}
    for i = 1, 5 do
        got[i] = process.listen("t"):receive()
    end
    io.print("M-18", table.concat(got, " "))

    -- polling takes what waits
    send("poll", 1)
    local polled = channel.select({ inbox:case_receive(), default = true })
    io.print("M-19", polled.default, polled.value and polled.value:topic())

    -- unlisten: back to the inbox
    local t = process.listen("t")
    io.print("M-30", process.unlisten(t))
    io.print("M-30", t:receive())
    send("t", "again")
    io.print("M-31", inbox:receive():topic(), process.listen("t") == t)
    local gone, why = process.unlisten(channel.new())
    io.print("M-30", gone, why:kind())

    -- an own channel bound to a topic
    local own = channel.new(4)
    io.print("M-34", subscribe("own", own) == own)
    send("own", "bound")
    io.print("M-34", (own:receive()))
    local none, taken = subscribe("own", channel.new())
    io.print("M-34", none, taken:kind())
    io.print("M-35", unsubscribe(own))

    -- refusals
    local _, err = process.send(me)
    io.print("M-2", err:kind(), err:message())
    _, err = process.send(me, "@pid/events", 1)
    io.print("M-3", err:kind(), err:message())
    io.print("M-2", (pcall(process.send, {}, "t")))
    _, err = process.listen("")
    io.print("M-12", err:message())
    _, err = process.listen("@x")
    io.print("M-12", err:message())
    _, err = process.send("nobody", "t")
    io.print("N-3", err:kind(), err:message())
    _, err = process.send("{app:processes|0xfffff}", "t")
    io.print("M-4", err:kind(), err:message())

    -- an inbox message waits while the process sleeps
    send("late", 1)
    time.sleep("2ms")
    io.print("M-17", inbox:receive():topic())
end

return { main = main }

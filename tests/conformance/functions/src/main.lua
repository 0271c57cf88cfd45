local io = require("io")
local funcs = require("funcs")
local time = require("time")
local ctx = require("ctx")

local function main()
    local got = funcs.call("app:echo", 1, "two", nil)
    io.print("F-1 F-5", got.n, got[1], got[2], got[3])
    io.print("F-5", funcs.call("app:nothing"))
    local none, err = funcs.call("app:fails")
    io.print("F-6", none, err:kind(), err:message(), err:details().a)
    none, err = funcs.call("app:raises")
    io.print("F-6", none, err:kind(), err:message():find("raised", 1, true) ~= nil)

    -- refusals
    none, err = funcs.call("")
    io.print("F-2", none, err:kind(), err:message())
    none, err = funcs.call("bare")
    io.print("F-2", none, err:kind(), err:message())
    none, err = funcs.call("app:")
    io.print("F-2", none, err:kind(), err:message())
    none, err = funcs.call("app:unknown")
    io.print("F-4", none, err:kind(), err:message(), err:details().target)
    io.print("F-2", (pcall(funcs.call, {})))

    -- a call is a small process
    local hello = process.listen("hello", { message = true })
    local future = funcs.async("app:whoami", process.pid())
    local message = hello:receive()
    io.print("F-20", message:payload():data())
    process.send(message:from(), "answer", "welcome")
    local who = future:channel():receive():data()
    io.print("F-20", who.pid == message:from(), who.pid:match("^{(.-)|"), who.id, who.reply)
    local sent
    sent, err = process.send(who.pid, "late")
    io.print("F-21", sent, err:message())

    -- futures
    future = funcs.async("app:slow", "x")
    io.print("F-44", future:is_complete(), future:result())
    io.print("F-41", future:channel() == future:response())
    local value, ok = future:channel():receive()
    io.print("F-42", value:data(), ok)
    io.print("F-42", future:channel():receive())
    io.print("F-44", future:is_complete(), future:result():data(), future:error())

    future = funcs.async("app:fails")
    value, ok = future:channel():receive()
    io.print("F-42", ok, errors.is(value, errors.CONFLICT))
    local failed, yes = future:error()
    io.print("F-46", failed:kind(), yes)
    io.print("F-45", select(2, future:result()):kind())

    future = funcs.async("app:slow", "never read")
    io.print("F-47", future:cancel())
    io.print("F-48", future:is_canceled(), future:is_complete(), future:cancel())
    io.print("F-45", select(2, future:result()):kind(), select(2, future:result()):message())

    future = funcs.async("app:unknown")
    value = future:channel():receive()
    io.print("F-4", errors.is(value, errors.NOT_FOUND))

    -- calls run side by side
    local futures = {}
    for i = 1, 5 do
        futures[i] = funcs.async("app:slow", i)
    end
    local sum = 0
    for _, one in ipairs(futures) do
        sum = sum + one:channel():receive():data()
    end
    io.print("F-11", sum)

    -- context
    io.print("X-2", next((ctx.all())))
    local executor = funcs.new():with_context({ tenant = "acme" })
    got = executor:call("app:context", true)
    io.print("F-33", got.tenant, got.user, got.missing, got.why)
    io.print("F-7", got.inner)
    got = executor:with_context({ user = "ada" }):call("app:context")
    io.print("F-33", got.tenant, got.user)
    got = executor:call("app:context")
    io.print("F-30", got.tenant, got.user)
    none, err = ctx.get("")
    io.print("X-1", none, err:kind(), err:message())

    -- a process with a default host is callable
    got = funcs.call("app:callable", "as", "function")
    io.print("F-14", got.n, got[2])
end

return { main = main }

local M = {}

function M.echo(...)
    return { n = select("#", ...), ... }
end

function M.fails()
    return "dropped", errors.new({ message = "no", kind = errors.CONFLICT, details = { a = 1 } })
end

function M.raises()
    error("raised")
end

function M.slow(text)
    time.sleep("20ms")
    return text
end

function M.whoami(boss)
    process.send(boss, "hello", "from a function")
    local reply = process.inbox():receive()
    return { pid = process.pid(), id = process.id(), reply = reply:payload():data() }
end

function M.nothing() end

return M

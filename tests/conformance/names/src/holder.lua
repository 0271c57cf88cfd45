--- Keeps a name until it is told to end; counts what it was sent before.
local function main(name: string?)
    if name then
        process.registry.register(name)
    end
    local inbox = process.inbox()
    local count = 0
    while true do
        local message = inbox:receive()
        if message:topic() == "end" then
            return count
        end
        count = count + 1
        if message:topic() == "ask" then
            process.send(message:from(), "answer", message:payload():data())
        end
    end
end

return { main = main }

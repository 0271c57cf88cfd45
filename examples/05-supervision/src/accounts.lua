--- A service with a name. It loses its state when it crashes, and nothing else does.
local function main()
    local inbox = process.inbox()
    local events = process.events()
    local balance = 0
    process.registry.register("accounts")
    while true do
        local ready = channel.select({
            events:case_receive(),
            inbox:case_receive(),
        })
        if ready.channel == events then
            return -- asked to finish: the application stops
        end
        local message = ready.value
        local topic = message:topic()
        if topic == "deposit" then
            balance = balance + message:payload():data()
            process.send(message:from(), "balance", balance)
        elseif topic == "crash" then
            error("told to crash")
        end
    end
end

return { main = main }

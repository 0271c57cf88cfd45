--- Answers each ping until it is asked to finish.
local function main(): integer
    local inbox = process.inbox()
    local events = process.events()
    local answered = 0
    while true do
        local ready = channel.select({
            inbox:case_receive(),
            events:case_receive(),
        })
        if ready.channel == events then
            if ready.value.kind == process.event.CANCEL then
                return answered
            end
        else
            local ping = ready.value
            answered = answered + 1
            process.send(ping:from(), "pong", ping:payload():data())
        end
    end
end

return { main = main }

--- Obeys orders until it ends.
local function main(trap: boolean?)
    if trap then
        process.set_options({ trap_links = true })
    end
    local inbox = process.inbox()
    local events = process.events()
    while true do
        local ready = channel.select({ inbox:case_receive(), events:case_receive() })
        if ready.channel == events then
            return "heard " .. ready.value.kind .. " " .. tostring(ready.value.reason)
        end
        local order = ready.value:topic()
        local data = ready.value:payload() and ready.value:payload():data()
        if order == "fail" then
            error("told to fail", 0)
        elseif order == "return" then
            return data
        elseif order == "link" then
            process.send(ready.value:from(), "linked", (process.link(data)))
        end
    end
end

return { main = main }

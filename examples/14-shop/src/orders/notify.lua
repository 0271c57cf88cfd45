-- Tells users what becomes of their orders.

local events = require("events")
local logger = require("logger")

local function main()
    local news = assert(events.subscribe("shop", "order.*")):channel()
    local asked = process.events()
    while true do
        local ready = channel.select({ asked:case_receive(), news:case_receive() })
        if ready.channel == asked then
            if ready.value.kind == process.event.CANCEL then
                return
            end
        else
            local event = ready.value
            logger:info("Notification sent", { user = event.data.user, about = event.kind })
        end
    end
end

return { main = main }

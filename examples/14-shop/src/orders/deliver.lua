-- Delivers what is ordered, one order after the other.

local events = require("events")
local logger = require("logger")
local time = require("time")
local store = require("store")

local function main()
    local orders = assert(events.subscribe("shop", "order.placed")):channel()
    local asked = process.events()
    logger:info("Delivery ready")
    while true do
        local ready = channel.select({ asked:case_receive(), orders:case_receive() })
        if ready.channel == asked then
            if ready.value.kind == process.event.CANCEL then
                return
            end
        else
            local order = ready.value.data
            logger:info("Delivery scheduled", { order = order.id, items = #order.items })
            time.sleep("100ms")
            local _, err = store.set_status(order.id, "delivered")
            if err then
                logger:error("Delivery failed", { order = order.id, error = tostring(err) })
            else
                logger:info("Delivered", { order = order.id })
                events.send("shop", "order.delivered", "/orders/" .. order.id, {
                    id = order.id,
                    user = order.user,
                })
            end
        end
    end
end

return { main = main }

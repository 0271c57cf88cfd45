local events = require("events")

--- Counts what is over the limit, and hears of nothing but orders and the end.
local function main(listener: string, limit: integer): integer
    local orders = events.subscribe("shop", "order.*"):channel()
    local closing = events.subscribe("shop", "shop.closed"):channel()
    process.send(listener, "ready")

    local large = 0
    while true do
        local ready = channel.select({
            orders:case_receive(),
            closing:case_receive(),
        })
        if ready.channel == closing then
            return large
        end
        if ready.value.data.total > limit then
            large = large + 1
        end
    end
end

return { main = main }

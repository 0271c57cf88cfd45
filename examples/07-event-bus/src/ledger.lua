local events = require("events")

--- Adds up every order until the shop closes; the sums are the result.
local function main(listener: string): {[string]: integer}
    local subscription = events.subscribe("shop")
    local news = subscription:channel()
    process.send(listener, "ready")

    local sums: {[string]: integer} = {}
    while true do
        local event = news:receive()
        if event.kind == "shop.closed" then
            subscription:close()
            return sums
        end
        sums[event.path] = (sums[event.path] or 0) + event.data.total
    end
end

return { main = main }

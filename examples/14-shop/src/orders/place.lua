-- Turn the contents of a cart into an order, and let everybody know.

local events = require("events")
local time = require("time")
local uuid = require("uuid")
local store = require("store")

type Line = {sku: string, quantity: integer @min(1), cents: integer}
type Contents = {user: string, items: {Line} @min_len(1), total: integer}

local function main(given: any)
    local contents, wrong = Contents:is(given)
    if wrong then
        return nil, wrong
    end
    local id, err = uuid.v7()
    if err then
        return nil, err
    end
    local order = {
        id = id,
        user = contents.user,
        items = contents.items,
        total = contents.total,
        placed_at = time.now():utc():format_rfc3339(),
    }
    local _, failed = store.add(order)
    if failed then
        return nil, failed
    end
    events.send("shop", "order.placed", "/orders/" .. id, order)
    return { id = id, total = order.total }
end

return { main = main }

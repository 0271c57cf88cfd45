local test = require("test")
local events = require("events")
local funcs = require("funcs")
local time = require("time")
local store = require("store")

local CONTENTS = {
    user = "orders-test",
    items = { { sku = "MOUSE-001", quantity = 2, cents = 2950 } },
    total = 5900,
}

return { main = test.run_cases(function()
    test.describe("an order", function()
        test.it("is stored, told and delivered", function()
            local news = events.subscribe("shop", "order.*"):channel()
            local order, err = funcs.call("shop.orders:place", CONTENTS)
            test.no_error(err)
            test.eq(order.total, 5900)

            local placed = news:receive()
            test.eq(placed.kind, "order.placed")
            test.eq(placed.data.id, order.id)
            test.eq(store.of_user("orders-test")[1].status, "placed")

            local deadline = time.after("5s")
            local ready = channel.select({ news:case_receive(), deadline:case_receive() })
            test.ok(ready.channel == news, "delivered in time")
            test.eq(ready.value.kind, "order.delivered")
            local stored = store.of_user("orders-test")
            test.len(stored, 1)
            test.eq(stored[1].status, "delivered")
            test.eq(stored[1].pieces, 2)
        end)

        test.it("needs something in it", function()
            local _, err = funcs.call("shop.orders:place", { user = "u", items = {}, total = 0 })
            test.eq(test.has_error(err):kind(), errors.INVALID)
        end)

        test.it("leaves nothing if a line is refused", function()
            local _, err = store.add({
                id = "half",
                user = "half",
                total = 1,
                placed_at = "",
                items = {
                    { sku = "MOUSE-001", quantity = 1, cents = 1 },
                    { sku = "MOUSE-001", quantity = 0, cents = 1 },
                },
            })
            test.has_error(err)
            test.len(store.of_user("half"), 0)
        end)
    end)
end) }

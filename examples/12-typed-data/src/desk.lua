local orders = require("orders")

local Order = orders.Order

local function main(customer: string)
    local inbox = process.inbox()
    while true do
        local message = inbox:receive()
        local order, err = Order:is(message:payload():data())
        if err then
            local details = err:details()
            process.send(customer, "refused", { why = tostring(err), field = details.field })
        else
            process.send(customer, "taken", { id = order.id, lines = #order.lines })
        end
    end
end

return { main = main }

local io = require("io")
local orders = require("orders")

-- A generic of our own, applied to an imported type when the program runs.
type Page<T> = {items: {T}, next?: string}

local function order(change)
    local made = {
        id = "A17",
        lines = { { sku = "BOOK-1", count = 2 } },
        state = { kind = "paid", amount = 20 },
    }
    change(made)
    return made
end

local attempts = {
    order(function() end),
    order(function(o) o.id = "A" end),
    order(function(o) o.lines = {} end),
    order(function(o) o.lines[2] = { sku = "BOOK-2", count = 2.5 } end),
    order(function(o) o.lines[1].sku = "a book" end),
    order(function(o) o.state = { kind = "sent", carrier = "post", parcels = {} } end),
    order(function(o) o.state = { kind = "lost" } end),
    "an order, please",
}

local function main()
    local desk = process.spawn("app:desk", "app:processes", process.pid())
    local inbox = process.inbox()
    for i, attempt in ipairs(attempts) do
        process.send(desk, "order", attempt)
        local message = inbox:receive()
        local answer = message:payload():data()
        io.print(i, message:topic(), answer.why or ("lines: " .. answer.lines))
    end
    process.terminate(desk)

    io.print("")
    for name, field in orders.Line:fields() do
        io.print(name, field:kind(), tostring(field))
    end

    local Orders = Page(orders.Order)
    local _, err = Orders:is({ items = { order(function(o) o.id = 17 end) } })
    io.print("")
    io.print(tostring(Orders), tostring(err))
    io.print(pcall(Orders, { items = 3 }))
end

return { main = main }

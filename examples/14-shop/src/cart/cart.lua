-- The cart of one user: its state is that of this process.

local funcs = require("funcs")
local logger = require("logger")
local time = require("time")
local ask = require("ask")

type Item = {sku: string, title: string, cents: integer, quantity: integer}

local IDLE = "10m"

local function main(user: string)
    local items: {Item} = {}
    local inbox = process.inbox()
    local events = process.events()

    local function contents()
        local total = 0
        for _, item in ipairs(items) do
            total = total + item.cents * item.quantity
        end
        return { user = user, items = items, total = total }
    end

    local function add(product, quantity: integer)
        for _, item in ipairs(items) do
            if item.sku == product.sku then
                item.quantity = item.quantity + quantity
                return
            end
        end
        table.insert(items, {
            sku = product.sku,
            title = product.title,
            cents = product.cents,
            quantity = quantity,
        })
    end

    logger:info("Cart opened", { user = user })
    while true do
        local idle = time.after(IDLE)
        local ready = channel.select({
            events:case_receive(),
            inbox:case_receive(),
            idle:case_receive(),
        })
        if ready.channel == idle then
            logger:info("Cart abandoned", { user = user, items = #items })
            return
        elseif ready.channel == events then
            if ready.value.kind == process.event.CANCEL then
                return
            end
        else
            local message = ready.value
            local topic = message:topic()
            if topic == "add" then
                local wanted = message:payload():data().value
                add(wanted.product, wanted.quantity)
                ask.answer(message, contents())
            elseif topic == "get" then
                ask.answer(message, contents())
            elseif topic == "checkout" then
                -- The order is safe before the cart is gone.
                local order, err = funcs.call("shop.orders:place", contents())
                ask.answer(message, order, err)
                if not err then
                    return
                end
                logger:error("Checkout failed", { user = user, error = tostring(err) })
            end
        end
    end
end

return { main = main }

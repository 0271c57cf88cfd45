local http = require("http")
local carts = require("carts")
local products = require("products")

type AddItem = {sku: string @min_len(1), quantity?: integer @min(1) @max(99)}

local function refuse(status: integer, text: string)
    local response = http.response()
    response:set_status(status)
    response:write_json({ error = text })
end

local function add()
    local request, response = http.request(), http.response()
    local body, unreadable = request:body_json()
    if unreadable then
        return refuse(http.STATUS.BAD_REQUEST, "invalid JSON")
    end
    local wanted, wrong = AddItem:is(body)
    if wrong then
        return refuse(http.STATUS.BAD_REQUEST, tostring(wrong))
    end
    local product, missing = products.find(wanted.sku)
    if missing then
        return refuse(http.STATUS.NOT_FOUND, missing:message())
    end
    local user = request:param("user")
    local pid, err = carts.open(user)
    if err then
        return nil, err
    end
    local cart, lost = carts.ask(pid, "add", { product = product, quantity = wanted.quantity or 1 })
    if lost then
        return nil, lost
    end
    response:write_json({ status = "added", sku = wanted.sku, total = cart.total })
end

local function get()
    local request, response = http.request(), http.response()
    local pid = carts.find(request:param("user"))
    if not pid then
        response:write_json({ items = {}, total = 0, message = "Cart is empty (no active session)" })
        return
    end
    local cart, err = carts.ask(pid, "get")
    if err then
        return nil, err
    end
    response:write_json({ items = cart.items, total = cart.total })
end

local function checkout()
    local request, response = http.request(), http.response()
    local pid = carts.find(request:param("user"))
    if not pid then
        return refuse(http.STATUS.BAD_REQUEST, "No active cart for this user")
    end
    local order, err = carts.ask(pid, "checkout")
    if err then
        return nil, err
    end
    response:write_json({ status = "checked_out", order = order.id, total = order.total })
end

return { add = add, get = get, checkout = checkout }

local http = require("http")

local function health()
    http.response():write_json({ status = "ok" })
end

local function order()
    local request, response = http.request(), http.response()
    local body = request:body_json()
    if not body or not body.item then
        metrics.counter_inc("orders_rejected", { reason = "no item" })
        response:set_status(400)
        response:write_json({ error = "item required" })
        return
    end
    local total = (body.quantity or 1) * (body.price or 10)
    metrics.counter_inc("orders_total", { item = body.item })
    metrics.histogram("order_value", total)
    metrics.gauge_set("last_order", total)
    response:set_status(201)
    response:write_json({ order = { item = body.item, total = total } })
end

local function stats()
    local memory = system.memory.stats()
    http.response():write_json({
        runtime = {
            goroutines = system.runtime.goroutines(),
            memory = { alloc = memory.alloc, heap_objects = memory.heap_objects },
        },
    })
end

return { health = health, order = order, stats = stats }

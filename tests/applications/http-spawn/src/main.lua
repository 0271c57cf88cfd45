local function create()
    local request, response = http.request(), http.response()
    local body, err = request:body_json()
    if err or not body.name then
        response:set_status(400)
        response:write_json({ error = "name required" })
        return
    end
    local pid, failed = process.spawn("app:worker", "app:processes", body.name, body.steps or 2)
    if failed then
        return nil, failed
    end
    response:set_status(202)
    response:write_json({
        pid = pid,
        name = body.name,
        status = "spawned",
        message = "Worker " .. body.name .. " runs on its own",
    })
end

local function worker(name: string, steps: integer)
    for step = 1, steps do
        logger:info("Worker step", { name = name, step = step })
        time.sleep("50ms")
    end
    logger:info("Worker done, exiting", { name = name })
end

return { create = create, worker = worker }

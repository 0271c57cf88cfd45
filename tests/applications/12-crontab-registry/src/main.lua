local function job(run: integer)
    return "done " .. run
end

local function worker(id: string, every: string)
    local ticks, events = time.ticker(every):channel(), process.events()
    local run = 0
    while true do
        local ready = channel.select({ events:case_receive(), ticks:case_receive() })
        if ready.channel == events then
            return 0
        end
        run = run + 1
        local result, err = funcs.call(id, run)
        logger:info("TICK", { entry = id, run = run, result = result or tostring(err) })
    end
end

local function scheduler()
    local jobs = registry.find({ ["meta.type"] = "cron.job" })
    logger:info("Discovered jobs", { count = #jobs })
    for _, entry in ipairs(jobs) do
        logger:info("Spawning worker", { entry = entry.id, schedule = entry.meta.schedule })
        process.spawn("app:worker", "app:processes", entry.id, entry.meta.schedule)
    end
    process.events():receive()
    return 0
end

return { job = job, worker = worker, scheduler = scheduler }

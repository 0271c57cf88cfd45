local time = require("time")

local function worker(every: integer)
    local ticks, events = time.ticker(every .. "s"):channel(), process.events()
    local count = 0
    while true do
        local ready = channel.select({ events:case_receive(), ticks:case_receive() })
        if ready.channel == events then
            return count
        end
        count = count + 1
    end
end

local function spawner()
    local count = assert(tonumber(env.get("NUM_WORKERS")))
    local from, to = assert(tonumber(env.get("TICK_MIN"))), assert(tonumber(env.get("TICK_MAX")))
    logger:info("mass spawn starting", { count = count })
    local alive = 0
    for _ = 1, count do
        local pid = process.spawn_monitored("app:worker", "app:processes", math.random(from, to))
        if pid then
            alive = alive + 1
        end
    end
    logger:info("all workers spawned", { count = alive })
    local stats, events = time.ticker(env.get("STATS_INTERVAL")):channel(), process.events()
    while true do
        local ready = channel.select({ events:case_receive(), stats:case_receive() })
        if ready.channel == stats then
            logger:info("stats", { alive = alive })
        elseif ready.value.kind == process.event.CANCEL then
            logger:info("shutting down", { alive = alive })
            return 0
        elseif ready.value.kind == process.event.EXIT then
            alive = alive - 1
        end
    end
end

return { worker = worker, spawner = spawner }

local logger = require("logger")
local time = require("time")

local function job(name: string, every: string)
    return function()
        logger:info("Job started", { job = name })
        local ticker = time.ticker(every)
        local ticks, events = ticker:channel(), process.events()
        local runs = 0
        while true do
            local ready = channel.select({ events:case_receive(), ticks:case_receive() })
            if ready.channel == events then
                if ready.value.kind == process.event.CANCEL then
                    ticker:stop()
                    logger:info("Job stopped", { job = name, runs = runs })
                    return 0
                end
            else
                runs = runs + 1
                logger:info("TICK " .. name, { run = runs })
            end
        end
    end
end

return {
    heartbeat = job("heartbeat", "1s"),
    cleanup = job("cleanup", "3s"),
    report = job("report", "5s"),
    backup = job("backup", "7s"),
}

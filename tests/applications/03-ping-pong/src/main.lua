local logger = require("logger")
local time = require("time")

local function ponger()
    process.registry.register("ponger")
    logger:info("Ponger ready")
    local inbox, events = process.inbox(), process.events()
    while true do
        local ready = channel.select({ inbox:case_receive(), events:case_receive() })
        if ready.channel == events then
            if ready.value.kind == process.event.CANCEL then
                logger:info("Ponger stopping")
                return 0
            end
        elseif ready.value:topic() == "ping" then
            local round = ready.value:payload():data().round
            logger:info("Ponger received ping", { round = round, pid = process.pid() })
            process.send(ready.value:from(), "pong", { round = round })
        end
    end
end

local function pinger()
    local to = nil
    while not to do
        to = process.registry.lookup("ponger")
        if not to then
            time.sleep("50ms")
        end
    end
    logger:info("Pinger found ponger", { pid = to })
    local pongs, events = process.listen("pong"), process.events()
    local round = 0
    while true do
        round = round + 1
        process.send(to, "ping", { round = round })
        logger:info("Pinger sent ping", { round = round })
        local pong = pongs:receive()
        logger:info("Pinger received pong", { round = pong.round })
        local ready = channel.select({ time.after("1s"):case_receive(), events:case_receive() })
        if ready.channel == events then
            logger:info("Pinger stopping")
            return 0
        end
    end
end

return { ponger = ponger, pinger = pinger }

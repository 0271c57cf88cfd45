local time = require("time")

--- Ticks so many times; the result is the greatest delay of a tick, in milliseconds.
local function main(ticks: integer, period_ms: integer): integer
    local started = time.now()
    local ticker = time.ticker(period_ms * time.MILLISECOND)
    local due = ticker:channel()
    local latest = 0
    for tick = 1, ticks do
        due:receive()
        local late = time.now():sub(started):milliseconds() - tick * period_ms
        latest = math.max(latest, late)
    end
    ticker:stop()
    return latest
end

return { main = main }

local io = require("io")
local time = require("time")

local TICKERS = 10000
local TICKS = 3
local PERIOD_MS = 1000

local function main(): (integer?, Error?)
    local events = process.events()
    local started = time.now()
    for _ = 1, TICKERS do
        process.spawn_monitored("app:ticker", "app:processes", TICKS, PERIOD_MS)
    end
    io.eprint("spawned in " .. tostring(time.now():sub(started)))
    io.print(TICKERS .. " processes tick")

    local delays = {}
    for _ = 1, TICKERS do
        local exit = events:receive()
        if exit.result.error then
            return nil, exit.result.error
        end
        delays[#delays + 1] = exit.result.value
    end
    table.sort(delays)

    io.print(#delays .. " ended after " .. TICKS .. " ticks each")
    io.eprint("latest tick of a process, median: " .. delays[#delays // 2] .. " ms")
    io.eprint("latest tick of a process, 99th percentile: " .. delays[#delays * 99 // 100] .. " ms")
    return 0
end

return { main = main }

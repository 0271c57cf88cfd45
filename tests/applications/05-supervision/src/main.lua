local time = require("time")

local MAX = 5

local function worker()
    local doomed = math.random(1, 4)
    for tick = 1, 100 do
        time.sleep("500ms")
        if tick == doomed then
            error("something went wrong at tick " .. tick)
        end
    end
end

local function supervisor()
    local events = process.events()
    local pid = process.spawn_monitored("app:worker", "app:processes")
    io.print("[supervisor] Worker: " .. pid)
    local crashes = 0
    while crashes < MAX do
        local event = events:receive()
        if event.kind == process.event.EXIT and event.from == pid and event.result.error then
            crashes = crashes + 1
            io.print(string.format("[supervisor] Worker %s crashed! (%d/%d)", event.from, crashes, MAX))
            io.print("[supervisor] Error: " .. tostring(event.result.error))
            if crashes < MAX then
                io.print("[supervisor] Waiting " .. crashes .. "s")
                time.sleep(crashes .. "s")
                pid = process.spawn_monitored("app:worker", "app:processes")
                io.print("[supervisor] New worker: " .. pid)
            end
        end
    end
    io.print("[supervisor] Worker crashed " .. crashes .. " times")
    return 0
end

return { supervisor = supervisor, worker = worker }

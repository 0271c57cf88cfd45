local io = require("io")
local time = require("time")

type Job = {id: integer, n: integer}

local function worker(id: integer, jobs: Channel<Job>, results: Channel<any>)
    while true do
        local job, ok = jobs:receive()
        if not ok then
            return
        end
        time.sleep("200ms")
        results:send({ id = job.id, n = job.n, square = job.n * job.n, worker = id })
    end
end

local function main()
    io.print("=== Worker pool ===")
    local started = time.now()
    local jobs, results = channel.new(10), channel.new(10)
    for id = 1, 3 do
        coroutine.spawn(function() worker(id, jobs, results) end)
    end
    io.print("Spawned 3 workers")
    io.print("Sending 10 jobs...")
    for i = 1, 10 do
        jobs:send({ id = i, n = i })
    end
    jobs:close()
    for _ = 1, 10 do
        local r = results:receive()
        io.print(string.format("  Job #%d: %d^2 = %d (worker %d)", r.id, r.n, r.square, r.worker))
    end
    io.print(string.format("Total: %.1fs", time.now():sub(started):seconds()))
    return 0
end

return { main = main }

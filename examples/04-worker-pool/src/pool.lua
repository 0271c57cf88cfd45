local io = require("io")
local time = require("time")

type Job = { id: integer, text: string }
type Result = { id: integer, worker: integer, length: integer }

local WORKERS = 3
local TEXTS = {
    "isolate", "send", "receive", "select", "link", "monitor", "cancel", "restart", "supervise",
}

--- Takes jobs until the channel is closed and empty.
local function work(worker: integer, jobs, results)
    while true do
        local job: Job, open = jobs:receive()
        if not open then
            return
        end
        time.sleep("20ms") -- the work: only this coroutine waits
        results:send({ id = job.id, worker = worker, length = #job.text })
    end
end

local function main(): integer
    local jobs = channel.new() -- no buffer: a send waits for a free worker
    local results = channel.new(#TEXTS)

    for worker = 1, WORKERS do
        coroutine.spawn(function()
            work(worker, jobs, results)
        end)
    end

    for id, text in ipairs(TEXTS) do
        jobs:send({ id = id, text = text })
    end
    jobs:close()

    -- Answers come in any order; print them in the order of the jobs.
    local by_id: {[integer]: Result} = {}
    local shares: {[integer]: integer} = {}
    for _ = 1, #TEXTS do
        local result: Result = results:receive()
        by_id[result.id] = result
        shares[result.worker] = (shares[result.worker] or 0) + 1
    end
    for id, text in ipairs(TEXTS) do
        io.print(text .. " has " .. by_id[id].length .. " letters")
    end
    for worker = 1, WORKERS do
        io.print("worker " .. worker .. " did " .. shares[worker])
    end
    return 0
end

return { main = main }

-- What the consumer calls for each message.

local logger = require("logger")
local queue = require("queue")
local actions = require("actions")
local tasks = require("tasks")

local MAX_ATTEMPTS = 3

type Job = {id: string, action: string, text: string}

local function main(body: any)
    local job, wrong = Job:is(body)
    if wrong then
        -- It will be as wrong the next time: taken out of the queue.
        logger:error("Not a job", { error = tostring(wrong) })
        return
    end
    local attempt, err = tasks.begin(job.id)
    if err then
        return nil, err
    end
    local result, failed = actions.run(job.action, job.text, attempt)
    if not failed then
        return tasks.finish(job.id, "completed", result)
    end
    if attempt >= MAX_ATTEMPTS then
        logger:warn("Task failed", { id = job.id, attempts = attempt, error = failed })
        return tasks.finish(job.id, "failed", nil, failed)
    end
    local _, unsaved = tasks.finish(job.id, "retrying", nil, failed)
    if unsaved then
        return nil, unsaved
    end
    -- Back to the end of the queue.
    assert(queue.message()):nack()
end

return { main = main }

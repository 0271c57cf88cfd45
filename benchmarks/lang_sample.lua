-- A worker that keeps a table of jobs and answers requests about them.
local json = require("json")
local time = require("time")
local logger = require("logger"):named("jobs.worker")

type Job = {id: string, owner: string, attempts: integer, state: "queued" | "running" | "done", payload: {[string]: any}?}
type Result = {ok: boolean, value: any?, error: string?}

local M = {}
local DEFAULTS = {
    max_attempts = 3,
    backoff = "250ms",
    queue_size = 128,
    topics = {"jobs.submit", "jobs.cancel", "jobs.status"},
}

--- Merge options over the defaults.
local function with_defaults(options: {[string]: any}?): {[string]: any}
    local merged = {}
    for key, value in pairs(DEFAULTS) do
        merged[key] = value
    end
    for key, value in pairs(options or {}) do
        if value ~= nil then
            merged[key] = value
        end
    end
    return merged
end

local Worker = {}
Worker.__index = Worker

function M.new(options)
    local self = setmetatable({}, Worker)
    self.options = with_defaults(options)
    self.jobs = {}
    self.queue = {}
    self.head, self.tail = 1, 0
    self.counters = { submitted = 0, finished = 0, failed = 0 }
    return self
end

function Worker:submit(job: Job): (boolean, string?)
    if not job or not job.id then
        return false, "job has no id"
    end

    local known = self.jobs[job.id]
    if known and known.state ~= "done" then
        return false, "job " .. job.id .. " is already " .. known.state
    end

    if self.tail - self.head + 1 >= self.options.queue_size then
        return false, string.format("queue is full (%d jobs)", self.options.queue_size)
    end

    self.tail = self.tail + 1
    self.queue[self.tail] = job.id
    self.jobs[job.id] = job
    job.state = "queued"
    job.attempts = job.attempts or 0
    self.counters.submitted = self.counters.submitted + 1
    return true
end

function Worker:take()
    if self.head > self.tail then
        return nil
    end
    local id = self.queue[self.head]
    self.queue[self.head] = nil
    self.head = self.head + 1
    return self.jobs[id]
end

function Worker:run(handler)
    while true do
        local job = self:take()
        if not job then
            break
        end
        job.state = "running"
        job.attempts = job.attempts + 1
        local ok, result = pcall(handler, job)
        if ok then
            job.state = "done"
            job.result = result
            self.counters.finished = self.counters.finished + 1
        elseif job.attempts < self.options.max_attempts then
            logger:warn("job failed, will retry", { id = job.id, attempt = job.attempts, error = tostring(result) })
            time.sleep(self.options.backoff)
            self:submit(job)
        else
            self.counters.failed = self.counters.failed + 1
            logger:error("job failed for good", {
                id = job.id,
                attempts = job.attempts,
                error = tostring(result),
            })
        end
    end
end

-- Statistics by state, sorted by name.
function Worker:statistics()
    local by_state = {}
    for _, job in pairs(self.jobs) do
        by_state[job.state] = (by_state[job.state] or 0) + 1
    end
    local names = {}
    for name in pairs(by_state) do
        table.insert(names, name)
    end
    table.sort(names, function(a, b) return a < b end)
    local lines = {}
    for i = 1, #names do
        lines[#lines + 1] = names[i] .. "=" .. by_state[names[i]]
    end
    return table.concat(lines, ", "), self.counters
end

local function handle(message)
    local data, err = json.decode(message.body)
    if err then
        return nil, "cannot decode: " .. err
    end
    local checksum = 0
    for i = 1, #message.body do
        checksum = (checksum * 31 + message.body:byte(i)) % 65521
    end
    return {
        kind = data.kind,
        checksum = checksum,
        received_at = time.now():unix(),
        tags = { "input", data.kind or "unknown" },
    }
end

local function main(...)
    local worker = M.new({ queue_size = 16 })
    local inbox = process.inbox()
    while true do
        local result = channel.select({
            inbox:case_receive(),
            time.after("5s"):case_receive(),
        })
        if result.channel ~= inbox then
            goto continue
        end
        if not result.ok then
            break
        end
        do
            local message = result.value
            local job, err = handle(message:payload():data())
            if err ~= nil then
                logger:error("bad message", { error = err, from = message:from() })
                goto continue
            end
            worker:submit({ id = tostring(job.checksum), owner = "nobody", attempts = 0, state = "queued" })
        end
        worker:run(function(job)
            if job.payload and job.payload.fail then
                error("asked to fail", 2)
            end
            return job.id
        end)
        ::continue::
    end
    return worker:statistics()
end

return { main = main, new = M.new, handle = handle, Job = Job }

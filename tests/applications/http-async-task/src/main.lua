local http = require("http")
local logger = require("logger")
local time = require("time")

local function refuse(response, text: string)
    response:set_status(http.STATUS.BAD_REQUEST)
    response:write_json({ error = text })
end

local function create()
    local request, response = http.request(), http.response()
    local body, err = request:body_json()
    if err then
        return refuse(response, "invalid JSON")
    end
    if type(body) ~= "table" or not body.name then
        return refuse(response, "name required")
    end
    local duration = body.duration or 5
    local id = "task_" .. os.time()

    -- Goes on after the response.
    coroutine.spawn(function()
        for step = 1, duration do
            time.sleep("1s")
            logger:info("Task progress", { task_id = id, step = step })
        end
        logger:info("Task completed", { task_id = id, name = body.name })
    end)

    response:set_status(http.STATUS.ACCEPTED)
    response:write_json({
        task_id = id,
        name = body.name,
        status = "accepted",
        message = "Task will run for " .. duration .. " seconds in background",
    })
end

return { create = create }

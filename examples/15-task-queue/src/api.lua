local http = require("http")
local queue = require("queue")
local store = require("store")
local uuid = require("uuid")
local tasks = require("tasks")

local KEY_LIFE = 3600

local function refuse(status: integer, text: string)
    local response = http.response()
    response:set_status(status)
    response:write_json({ error = text })
end

-- The task of an earlier request with this key, or the mark that this is the first.
local function claim(key: string?, id: string): (string?, Error?)
    if not key then
        return nil, nil
    end
    local keys, err = store.get("app:keys")
    if err then
        return nil, err
    end
    local known = keys:get(key)
    if known then
        return known, nil
    end
    local _, failed = keys:set(key, id, KEY_LIFE)
    return nil, failed
end

local function create()
    local request, response = http.request(), http.response()
    local body, unreadable = request:body_json()
    if unreadable then
        return refuse(http.STATUS.BAD_REQUEST, "invalid JSON")
    end
    if type(body) ~= "table" or type(body.action) ~= "string" or body.action == "" then
        return refuse(http.STATUS.BAD_REQUEST, "action required")
    end
    local id = assert(uuid.v7())
    local known, err = claim(request:header("Idempotency-Key"), id)
    if err then
        return nil, err
    end
    if not known then
        local _, failed = tasks.add(id, body.action)
        if failed then
            return nil, failed
        end
        local job = { id = id, action = body.action, text = tostring(body.text or "") }
        local _, full = queue.publish("app:jobs", job)
        if full then
            return nil, full
        end
    end
    response:set_status(http.STATUS.ACCEPTED)
    response:write_json({ id = known or id, status = "queued" })
end

local function list()
    local request, response = http.request(), http.response()
    local found, err = tasks.list(request:query("status"))
    if err then
        return nil, err
    end
    response:write_json({ tasks = found, count = #found })
end

local function show()
    local request, response = http.request(), http.response()
    local task, err = tasks.get(assert(request:param("id")))
    if err then
        return nil, err
    end
    if not task then
        return refuse(http.STATUS.NOT_FOUND, "no such task")
    end
    response:write_json(task)
end

local function status()
    local counts, err = tasks.counts()
    if err then
        return nil, err
    end
    local info, unknown = queue.info("app:jobs")
    if unknown then
        return nil, unknown
    end
    http.response():write_json({ waiting = info.message_count, tasks = counts })
end

return { create = create, list = list, show = show, status = status }

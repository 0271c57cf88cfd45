local events = require("events")
local logger = require("logger")
local time = require("time")

local KINDS = {
    "user.created", "user.login", "user.updated", "user.login",
    "user.created", "user.login", "user.logout", "user.deleted",
}

local function publisher()
    time.sleep("500ms")
    for i, kind in ipairs(KINDS) do
        logger:info("Publishing", { kind = kind })
        events.send("users", kind, "/users/" .. i, { id = i })
        time.sleep("200ms")
    end
    return 1
end

local function follow(each, last)
    local news = events.subscribe("users", "user.*"):channel()
    local asked = process.events()
    while true do
        local ready = channel.select({ asked:case_receive(), news:case_receive() })
        if ready.channel == asked then
            if ready.value.kind == process.event.CANCEL then
                last()
                return 0
            end
        else
            each(ready.value)
        end
    end
end

local function audit()
    return follow(function(event)
        logger:info("[AUDIT] " .. event.kind, { path = event.path, data = event.data })
    end, function() end)
end

local function counter()
    local totals, all = {}, 0
    return follow(function(event)
        all = all + 1
        totals[event.kind] = (totals[event.kind] or 0) + 1
        logger:info("[COUNTER] Running totals", { all = all, kind = event.kind, count = totals[event.kind] })
    end, function()
        logger:info("[COUNTER] Final counts", totals)
    end)
end

return { publisher = publisher, audit = audit, counter = counter }

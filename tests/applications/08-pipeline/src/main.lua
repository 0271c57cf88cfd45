local json = require("json")

local LINES = {
    "user.login ALICE 1", "page.view Bob 1", "user.login BOB 2", "page.view alice 1", "error.disk SYSTEM 4",
    "user.login Charlie 1", "purchase.done Alice 2", "user.logout alice 1", "purchase.done charlie 2", "user.logout bob 1",
}

-- A stage takes items from its inbox and hands on what it makes of them.
local function stage(to: string, make)
    local inbox = process.inbox()
    while true do
        local message = inbox:receive()
        if message:topic() == "done" then
            process.send(to, "done")
            return
        end
        local made = make(message:payload():data())
        if made ~= nil then
            process.send(to, "item", made)
        end
    end
end

local function parse(to: string)
    return stage(to, function(line)
        local kind, user, severity = string.match(line, "^(%S+) (%S+) (%d+)$")
        return json.encode({ kind = kind, user = user, severity = tonumber(severity) })
    end)
end

local function filter(to: string)
    return stage(to, function(text)
        local event = json.decode(text)
        return event.severity > 0 and event or nil
    end)
end

local function enrich(to: string)
    return stage(to, function(event)
        event.user = string.lower(event.user)
        return event
    end)
end

local function collect(to: string)
    local total, worst, kinds, users = 0, 0, {}, {}
    local inbox = process.inbox()
    while true do
        local message = inbox:receive()
        if message:topic() == "done" then
            process.send(to, "summary", { total = total, worst = worst, kinds = kinds, users = users })
            return
        end
        local event = message:payload():data()
        total = total + 1
        worst = math.max(worst, event.severity)
        kinds[event.kind] = (kinds[event.kind] or 0) + 1
        users[event.user] = (users[event.user] or 0) + 1
    end
end

local function sorted(counts)
    local names = {}
    for name in pairs(counts) do
        table.insert(names, name)
    end
    table.sort(names)
    for _, name in ipairs(names) do
        io.print(string.format("    %s: %d", name, counts[name]))
    end
end

local function cli()
    local next_one = process.pid()
    for _, name in ipairs({ "collect", "enrich", "filter", "parse" }) do
        next_one = process.spawn("app:" .. name, "app:processes", next_one)
    end
    for _, line in ipairs(LINES) do
        io.print("  → " .. string.upper(line))
        process.send(next_one, "item", line)
    end
    process.send(next_one, "done")
    local summary = process.inbox():receive():payload():data()
    io.print("Total events: " .. summary.total)
    io.print("Max severity: " .. summary.worst)
    io.print("  By type:")
    sorted(summary.kinds)
    io.print("  By user:")
    sorted(summary.users)
    return 0
end

return { cli = cli, parse = parse, filter = filter, enrich = enrich, collect = collect }

-- The table of tasks: what was asked for and how far it is.

local sql = require("sql")

local SCHEMA = [[
    CREATE TABLE IF NOT EXISTS tasks (
        id TEXT PRIMARY KEY,
        action TEXT NOT NULL,
        status TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        result TEXT,
        error TEXT
    );
    CREATE INDEX IF NOT EXISTS tasks_by_status ON tasks (status);
]]

local COLUMNS = { "id", "action", "status", "attempts", "result", "error" }

local tasks = {}

local function database()
    return assert(sql.get("app:db"))
end

function tasks.migrate(): (any, Error?)
    return database():execute(SCHEMA)
end

function tasks.add(id: string, action: string): (any, Error?)
    return database():execute(
        "INSERT INTO tasks (id, action, status) VALUES (?, ?, 'queued')", { id, action })
end

function tasks.get(id: string): (any, Error?)
    local rows, err = sql.builder.select(table.unpack(COLUMNS)):from("tasks")
        :where({ id = id }):run_with(database()):query()
    if err then
        return nil, err
    end
    return rows[1], nil
end

-- All of them, or those in one state.
function tasks.list(status: string?): (any, Error?)
    local query = sql.builder.select(table.unpack(COLUMNS)):from("tasks"):order_by("id")
    if status then
        query = query:where({ status = status })
    end
    return query:run_with(database()):query()
end

function tasks.counts(): (any, Error?)
    local rows, err = database():query("SELECT status, COUNT(*) AS n FROM tasks GROUP BY status")
    if err then
        return nil, err
    end
    local counts = {}
    for _, row in ipairs(rows) do
        counts[row.status] = row.n
    end
    return counts, nil
end

-- One more attempt; how many that makes.
function tasks.begin(id: string): (integer?, Error?)
    local rows, err = database():query([[
        UPDATE tasks SET status = 'running', attempts = attempts + 1
        WHERE id = ? RETURNING attempts
    ]], { id })
    if err then
        return nil, err
    end
    return rows[1] and rows[1].attempts or 0, nil
end

function tasks.finish(id: string, status: string, result: string?, failure: string?): (any, Error?)
    return database():execute("UPDATE tasks SET status = ?, result = ?, error = ? WHERE id = ?",
        { status, result or sql.NULL, failure or sql.NULL, id })
end

return tasks

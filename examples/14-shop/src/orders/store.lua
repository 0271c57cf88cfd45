-- Orders and their lines in the database.

local sql = require("sql")

local SCHEMA = [[
    CREATE TABLE IF NOT EXISTS orders (
        id TEXT PRIMARY KEY,
        user TEXT NOT NULL,
        total INTEGER NOT NULL CHECK (total >= 0),
        status TEXT NOT NULL,
        placed_at TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS lines (
        order_id TEXT NOT NULL REFERENCES orders (id),
        sku TEXT NOT NULL,
        quantity INTEGER NOT NULL CHECK (quantity > 0),
        cents INTEGER NOT NULL
    );
]]

type Line = {sku: string, quantity: integer, cents: integer}
type Order = {id: string, user: string, total: integer, placed_at: string, items: {Line}}

local store = {}

local function database()
    return sql.get("app:db")
end

function store.migrate(): (any, Error?)
    local db, err = database()
    if err then
        return nil, err
    end
    return db:execute(SCHEMA)
end

-- The order with all of its lines, or nothing of it.
function store.add(order: Order): (any, Error?)
    local db, err = database()
    if err then
        return nil, err
    end
    local tx, refused = db:begin()
    if refused then
        return nil, refused
    end
    local steps = { {
        "INSERT INTO orders (id, user, total, status, placed_at) VALUES (?, ?, ?, 'placed', ?)",
        { order.id, order.user, order.total, order.placed_at },
    } }
    for _, line in ipairs(order.items) do
        table.insert(steps, {
            "INSERT INTO lines (order_id, sku, quantity, cents) VALUES (?, ?, ?, ?)",
            { order.id, line.sku, line.quantity, line.cents },
        })
    end
    for _, step in ipairs(steps) do
        local _, failed = tx:execute(step[1], step[2])
        if failed then
            tx:rollback()
            return nil, failed
        end
    end
    return tx:commit()
end

function store.set_status(id: string, status: string): (any, Error?)
    local db, err = database()
    if err then
        return nil, err
    end
    return db:execute("UPDATE orders SET status = ? WHERE id = ?", { status, id })
end

function store.of_user(user: string): (any, Error?)
    local db, err = database()
    if err then
        return nil, err
    end
    return db:query([[
        SELECT o.id, o.total, o.status, o.placed_at,
               (SELECT SUM(quantity) FROM lines WHERE order_id = o.id) AS pieces
        FROM orders o WHERE o.user = ? ORDER BY o.placed_at, o.id
    ]], { user })
end

return store

local sql = require("sql")

local SCHEMA = [[
    CREATE TABLE IF NOT EXISTS accounts (
        name TEXT PRIMARY KEY,
        cents INTEGER NOT NULL CHECK (cents >= 0)
    );
    CREATE TABLE IF NOT EXISTS moves (
        id INTEGER PRIMARY KEY,
        payer TEXT NOT NULL,
        payee TEXT NOT NULL,
        cents INTEGER NOT NULL,
        note TEXT
    );
]]

local ledger = {}

function ledger.migrate(db)
    return db:execute(SCHEMA)
end

function ledger.open_account(db, name: string, cents: integer)
    return db:execute("INSERT INTO accounts (name, cents) VALUES (?, ?)", { name, cents })
end

-- Both accounts change, or none does.
function ledger.move(db, payer: string, payee: string, cents: integer, note: string?)
    local tx, err = db:begin()
    if err then
        return nil, err
    end
    local steps = {
        { "UPDATE accounts SET cents = cents - ? WHERE name = ?", { cents, payer } },
        { "UPDATE accounts SET cents = cents + ? WHERE name = ?", { cents, payee } },
        { "INSERT INTO moves (payer, payee, cents, note) VALUES (?, ?, ?, ?)",
            { payer, payee, cents, note or sql.NULL } },
    }
    for _, step in ipairs(steps) do
        local _, failed = tx:execute(step[1], step[2])
        if failed then
            tx:rollback()
            return nil, failed
        end
    end
    return tx:commit()
end

function ledger.accounts(db)
    return db:query("SELECT name, cents FROM accounts ORDER BY name")
end

-- Conditions are added one by one; a builder never changes, it gives a new one.
function ledger.moves(db, filter: { account: string?, at_least: integer? })
    local b = sql.builder
    local query = b.select("payer", "payee", "cents", "note"):from("moves"):order_by("id")
    if filter.account then
        query = query:where(b.or_({ { payer = filter.account }, { payee = filter.account } }))
    end
    if filter.at_least then
        query = query:where(b.gte({ cents = filter.at_least }))
    end
    return query:run_with(db):query()
end

return ledger

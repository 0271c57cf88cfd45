local io = require("io")
local sql = require("sql")
local ledger = require("ledger")

local function euros(cents: integer): string
    return string.format("%.2f", cents / 100)
end

local function show(db)
    for _, row in ipairs(assert(ledger.accounts(db))) do
        io.print(string.format("  %-6s %8s", row.name, euros(row.cents)))
    end
end

local function main()
    local db = assert(sql.get("app:db"))
    assert(ledger.migrate(db))
    assert(ledger.open_account(db, "ada", 10000))
    assert(ledger.open_account(db, "grace", 2500))

    local _, taken = ledger.open_account(db, "ada", 0)
    io.print("a second ada: " .. taken:kind())

    assert(ledger.move(db, "ada", "grace", 1999, "a book"))
    assert(ledger.move(db, "grace", "ada", 500))
    io.print("after two moves:")
    show(db)

    local _, refused = ledger.move(db, "grace", "ada", 1000000, "a yacht")
    io.print("a yacht: " .. refused:message())
    io.print("nobody lost a cent:")
    show(db)

    io.print("moves of grace, 10.00 and more:")
    local found = assert(ledger.moves(db, { account = "grace", at_least = 1000 }))
    for _, row in ipairs(found) do
        io.print(string.format("  %s -> %s %s (%s)", row.payer, row.payee,
            euros(row.cents), row.note or "no note"))
    end
    return 0
end

return { main = main }

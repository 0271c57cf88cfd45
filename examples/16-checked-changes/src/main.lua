local funcs = require("funcs")
local io = require("io")
local registry = require("registry")

--- Gives an entry another source, and says how that went.
local function change(title: string, id: string, edit: (string) -> string)
    local entry = registry.get(id)
    entry.data.source = edit(entry.data.source)
    local changes = registry.snapshot():changes()
    changes:update(entry)
    local _, err = changes:apply()
    io.print(title .. ": " .. (err and "refused, " .. err:message() or "done"))
end

local function show()
    io.print("  " .. tostring(funcs.call("app:quote", "lamp")))
end

local function main(): integer
    show()

    -- The function is wrong in itself.
    change("number as string", "app:quote", function(source)
        return (source:gsub("tostring%(price.amount%)", "price.amount:upper()"))
    end)
    show()

    -- The library is right, but what imports it would not be.
    change("field renamed", "app:prices", function(source)
        return (source:gsub("currency", "unit"))
    end)
    show()

    -- A change that fits everywhere.
    change("another amount", "app:prices", function(source)
        return (source:gsub("#item", "#item * 2"))
    end)
    show()
    return 0
end

return { main = main }

local io = require("io")
local registry = require("registry")

--- Prints the units of length that the registry holds now.
local function show(title: string)
    local found = registry.find({ ["meta.type"] = "unit", ["meta.measures"] = "length" })
    table.sort(found, function(a, b)
        return a.data.factor < b.data.factor
    end)
    local names = {}
    for _, entry in ipairs(found) do
        local id = registry.parse_id(entry.id)
        names[#names + 1] = id.name:gsub("^unit%.", "") .. " (" .. entry.data.factor .. ")"
    end
    io.print(registry.current_version():string() .. " " .. title .. ": " .. table.concat(names, ", "))
end

local function unit(name: string, factor: integer)
    return {
        id = "app:unit." .. name,
        kind = "registry.entry",
        meta = { type = "unit", measures = "length" },
        data = { factor = factor },
    }
end

local function main(): integer
    show("as loaded")
    local loaded = registry.current_version()

    -- Several changes, one new version: all of them happen or none.
    local changes = registry.snapshot():changes()
    changes:create(unit("mile", 1609))
    changes:create(unit("league", 4828))
    changes:apply()
    show("two added")

    changes = registry.snapshot():changes()
    changes:update(unit("league", 5556))
    changes:delete("app:unit.mile")
    changes:apply()
    show("one changed, one deleted")

    -- A change that cannot be made changes nothing.
    changes = registry.snapshot():changes()
    changes:create(unit("furlong", 201))
    changes:delete("app:unit.parsec")
    local version, err = changes:apply()
    io.print("refused: " .. tostring(version == nil and err ~= nil))
    show("still the same")

    -- Every version is kept; going back is a change as well.
    registry.apply_version(loaded)
    show("back at the start")
    return 0
end

return { main = main }

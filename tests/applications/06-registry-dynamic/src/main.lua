local io = require("io")
local registry = require("registry")

local function show(title: string)
    io.print(title .. " (" .. registry.current_version():string() .. ")")
    for _, entry in ipairs(assert(registry.find({ ["meta.type"] = "tool" }))) do
        io.print("   [" .. entry.id .. "] " .. entry.meta.title .. " — " .. entry.data.text)
    end
end

local function add(name: string, title: string, text: string)
    local changes = registry.snapshot():changes()
    changes:create({
        id = "app:tool." .. name,
        kind = "registry.entry",
        meta = { type = "tool", title = title },
        data = { text = text },
    })
    local version, err = changes:apply()
    assert(not err, tostring(err))
    io.print("applied " .. version:string())
end

local function main()
    show("At first")
    add("weather", "Weather", "Forecasts")
    add("search", "Web Search", "Pages")
    show("Grown")
    local changes = registry.snapshot():changes()
    changes:delete("app:tool.summarizer")
    assert(changes:apply())
    show("Without one")
    local everything = registry.find({ kind = "registry.entry" })
    io.print("everything: " .. tostring(#everything == #registry.snapshot():entries()))
    return 0
end

return { main = main }

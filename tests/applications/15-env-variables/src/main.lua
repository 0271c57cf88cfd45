local env = require("env")
local io = require("io")

local function show(name: string)
    local value, err = env.get(name)
    io.print("  " .. name .. " = " .. (err and "(not set)" or value))
end

local function main()
    for _, name in ipairs({ "APP_NAME", "APP_VERSION", "PORT", "LOG_LEVEL", "GREETING", "NO_SUCH" }) do
        show(name)
    end
    assert(env.set("LOG_LEVEL", "debug"))
    show("LOG_LEVEL")
    assert(env.set("APP_VERSION", "2.0.0"))
    show("APP_VERSION")
    local _, refused = env.set("PORT", "9")
    io.print("  set PORT: " .. refused:kind())
    local every = env.get_all()
    io.print("  listed PORT = " .. (every.PORT or "(not set)"))
    io.print("Done!")
    return 0
end

return { main = main }

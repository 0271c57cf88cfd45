local io = require("io")

local function main(): integer
    io.print("Hello from a Lua process.")
    io.print("My pid is " .. process.pid())
    return 0
end

return { main = main }

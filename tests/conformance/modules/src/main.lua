local io = require("io")
local shapes = require("shapes")

local function main()
    io.print("MOD-1", #shapes.square(2).corners, shapes.square(2).corners[3].x)
    io.print("MOD-2", require("json") == json, require("shapes") == shapes)
    io.print("MOD-5", require("lib") == shapes.lib, runs)
    local ok, err = pcall(require, "time")
    io.print("MOD-3", ok, err:find("module 'time' not found", 1, true) ~= nil)
    io.print("MOD-4", require("process") == process, require("string") == string)
    io.print("MOD-6", time, funcs)
    io.print("json", json.encode({ b = 1, a = { 1, 2.5, "x" } }), json.encode({}), json.decode("[1,2]")[2])
end

return { main = main }

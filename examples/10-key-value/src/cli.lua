local io = require("io")
local client = require("client")

local function main(): (integer?, any)
    local store = client.open("store")

    store.set("lua", { born = 1993, typed = true })
    store.set("python", { born = 1991, typed = true })
    store.set("basic", { born = 1964, typed = false })

    local lua = store.get("lua")
    io.print("lua was born in " .. lua.born)
    io.print("cobol is", (store.get("cobol")))

    io.print("basic deleted:", (store.delete("basic")))
    io.print("and again:", (store.delete("basic")))

    local previous = store.set("python", { born = 1989, typed = true })
    io.print("python was said to be of " .. previous.born)

    local keys, err = store.keys()
    if err then
        return nil, err
    end
    io.print("keys: " .. table.concat(keys, ", "))

    local _, refused = store.call("rename")
    io.print(refused:kind() .. ": " .. refused:message())

    local _, unreachable = client.open("nobody").get("lua")
    io.print(unreachable:kind() .. ": " .. unreachable:message())
    return 0
end

return { main = main }

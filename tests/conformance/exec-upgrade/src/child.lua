local ctx = require("ctx")

local function main(what: string, value: any): (any, any)
    if what == "fail" then
        return nil, errors.new({ message = "exec failed", kind = errors.CONFLICT, details = { v = value } })
    elseif what == "context" then
        return (ctx.get("key"))
    elseif what == "parent" then
        return process.exec("app:child", "app:processes", "context")
    end
    return value
end

return { main = main }

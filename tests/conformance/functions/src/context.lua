local ctx = require("ctx")
local funcs = require("funcs")

local function read(further)
    local all = ctx.all()
    local missing, err = ctx.get("missing")
    local inner
    if further then
        inner = funcs.call("app:context").tenant
    end
    return { tenant = all.tenant, user = all.user, missing = missing, why = err:message(), inner = inner }
end

return { read = read }

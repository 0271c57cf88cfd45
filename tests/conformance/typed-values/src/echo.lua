local forms = require("forms")

local function main(to)
    local v = process.inbox():receive():payload():data()
    process.send(to, "back", { v.type, same = v.type == forms.Point, v = v.type({ x = 1, y = 2 }) })
end

return { main = main }

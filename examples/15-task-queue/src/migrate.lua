local tasks = require("tasks")

local function main()
    local _, err = tasks.migrate()
    return nil, err
end

return { main = main }

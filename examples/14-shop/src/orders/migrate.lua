local logger = require("logger")
local store = require("store")

local function main()
    local _, err = store.migrate()
    if err then
        return nil, err
    end
    logger:info("Tables are there")
end

return { main = main }

local http = require("http")
local products = require("products")

local function list()
    local response = http.response()
    local found, err = products.all()
    if err then
        return nil, err
    end
    response:write_json({ products = found, count = #found })
end

return { list = list }

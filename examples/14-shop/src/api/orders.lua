local http = require("http")
local store = require("store")

local function list()
    local request, response = http.request(), http.response()
    local orders, err = store.of_user(request:param("user"))
    if err then
        return nil, err
    end
    response:write_json({ orders = orders, count = #orders })
end

return { list = list }

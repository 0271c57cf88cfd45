local http = require("http")

local function hello()
    http.response():write_json({ message = "hello world" })
end

return { hello = hello }

local http = require("http")

local function hello()
  local request, response = http.request(), http.response()
  response:write_json({ message = "hello " .. request:param("name") })
end

local function sum()
  local request, response = http.request(), http.response()
  local numbers, err = request:body_json()
  if err then
    response:set_status(http.STATUS.BAD_REQUEST)
    response:write_json({ error = err:message() })
    return
  end
  local total = 0
  for _, number in ipairs(numbers) do
    total = total + number
  end
  response:write_json({ total = total })
end

return { hello = hello, sum = sum }

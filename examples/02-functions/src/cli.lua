local io = require("io")
local funcs = require("funcs")

local function main(): integer
    -- A call waits for its answer.
    io.print((funcs.call("app:greet", "Ada")))

    -- What comes back is a copy: tables travel by value.
    local division = funcs.call("app:divide", 17, 5)
    io.print("17 = 5 * " .. division.quotient .. " + " .. division.remainder)

    -- What can be expected to fail returns nil and an error.
    local none, err = funcs.call("app:divide", 1, 0)
    io.print(tostring(none), err:kind(), err:message())

    -- Three calls at once; the answers are read in the order of asking.
    local names = { "Barbara", "Grace", "Katherine" }
    local futures = {}
    for i, name in ipairs(names) do
        futures[i] = funcs.async("app:greet", name)
    end
    for _, future in ipairs(futures) do
        local answer = future:channel():receive()
        io.print(answer:data())
    end
    return 0
end

return { main = main }

-- Words in the wrong place, and arguments that are none.

local test = require("test")

local function said(fn, ...)
    local fine, raised = pcall(fn, ...)
    return fine and "nothing" or (string.gsub(tostring(raised), "^%S+:%d+: ", ""))
end

local function main()
    local found = {
        outside = said(test.describe, "x", print),
        outside_it = said(test.it, "x", print),
        outside_hook = said(test.before_all, print),
        no_function = said(test.run_cases, 3),
    }
    test.run_cases(function()
        found.no_name = said(test.describe, 3, print)
        found.no_body = said(test.it, "x", 3)
        found.no_hook = said(test.after_each, "x")
        found.no_skip = said(test.it_skip, nil)
    end)()
    found.definition = test.run_cases(function() error("at once", 0) end)().failures
    return found
end

return { main = main }

local test = require("test")
local actions = require("actions")

return { main = test.run_cases(function()
    test.describe("actions", function()
        test.it("give a result or a reason", function()
            test.eq(actions.run("upper", "abc", 1), "ABC")
            local result, why = actions.run("nonsense", "", 1)
            test.is_nil(result)
            test.eq(why, "no action nonsense")
        end)

        test.it("know which attempt it is", function()
            test.is_nil((actions.run("flaky", "x", 2)))
            test.eq(actions.run("flaky", "x", 3), "x")
        end)
    end)
end) }

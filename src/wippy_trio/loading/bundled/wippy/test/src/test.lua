-- The test framework: what `require("test")` gives.
--
--   local test = require("test")
--
--   return { main = test.run_cases(function()
--       test.describe("sums", function()
--           test.it("adds", function()
--               test.eq(1 + 1, 2)
--           end)
--       end)
--   end) }

local assertions = require("wippy_test_assertions")
local cases = require("wippy_test_cases")
local mocks = require("wippy_test_mocks")

local test = {
    describe = cases.describe,
    spec = cases.spec,
    context = cases.context,
    it = cases.it,
    it_skip = cases.it_skip,

    before_all = cases.before_all,
    after_all = cases.after_all,
    before_each = cases.before_each,
    after_each = cases.after_each,

    mock = mocks.mock,
    mock_process = mocks.mock_process,
    restore_mock = mocks.restore_mock,
    restore_all_mocks = mocks.restore_all_mocks,
}

-- What is global while cases are written down and run.
local shown = {}
for name, value in pairs(test) do
    shown[name] = value
end

for name, value in pairs(assertions) do
    test[name] = value
end

function test.run_cases(define: any): any
    return cases.run_cases(define, shown)
end

return test

-- The order of hooks and cases, told as a list.

local test = require("test")

local log

local function note(text)
    return function() table.insert(log, text) end
end

local run = test.run_cases(function()
    for _, hook in ipairs({ "before_all", "after_all", "before_each", "after_each" }) do
        test[hook](note("outer " .. hook))
    end
    test.it("first", note("first"))
    test.describe("inner", function()
        for _, hook in ipairs({ "before_all", "after_all", "before_each", "after_each" }) do
            test[hook](note("inner " .. hook))
        end
        test.it("second", note("second"))
        test.it("third", function() error("third fails") end)
    end)
    test.it("not yet")
end)

-- Hooks and definitions that fail, and what becomes of the cases around them.
local broken = test.run_cases(function()
    test.describe("all", function()
        test.before_all(function() error("no database", 0) end)
        test.it("one", note("never"))
        test.describe("deeper", function()
            test.it("two", note("never"))
            test.it_skip("three", note("never"))
        end)
    end)
    test.describe("each", function()
        test.before_each(function() error("no table", 0) end)
        test.after_each(note("cleaned"))
        test.it("four", note("never"))
    end)
    test.describe("after", function()
        test.after_each(function() error("cannot clean", 0) end)
        test.after_all(function() error("cannot end", 0) end)
        test.it("five", note("five"))
    end)
    test.describe("definition", function()
        test.it("six", note("six"))
        error("bad definition", 0)
    end)
end)

local function main(which)
    log = {}
    local told = which == "broken" and broken() or run()
    told.log = log
    return told
end

return { main = main }

-- Every assertion: when it holds, and what it says when it does not.

local test = require("test")

-- What a claim says, without its place.
local function said(fn, ...)
    local fine, raised = pcall(fn, ...)
    if fine then
        return nil
    end
    return (string.gsub(tostring(raised), "^[%w_.]+:[%w_.]+:%d+: ", ""))
end

local function holds(fn, ...)
    test.is_nil(said(fn, ...))
end

local function refuses(wanted, fn, ...)
    local text = said(fn, ...)
    if text ~= wanted then
        error("said " .. tostring(text) .. ", wanted " .. wanted, 2)
    end
end

local function equality()
    test.it("compares values", function()
        holds(test.eq, 1, 1)
        holds(test.eq, "a", "a")
        holds(test.eq, nil, nil)
        holds(test.eq, 1, 1.0)
        refuses("expected 2, got 1", test.eq, 1, 2)
        refuses('expected 1, got "1"', test.eq, "1", 1)
        refuses("expected nil, got false", test.eq, false, nil)
        refuses("expected NaN, got NaN", test.eq, 0 / 0, 0 / 0)
    end)

    test.it("compares tables by what is in them", function()
        holds(test.eq, { 1, { a = "b" } }, { 1, { a = "b" } })
        refuses("at [2].a: expected \"c\", got \"b\"", test.eq, { 1, { a = "b" } }, { 1, { a = "c" } })
        refuses("at [2]: expected nil, got 2", test.eq, { 1, 2 }, { 1 })
        refuses("at [2]: expected 2, got nil", test.eq, { 1 }, { 1, 2 })
        refuses("at [\"a b\"]: expected 2, got 1", test.eq, { ["a b"] = 1 }, { ["a b"] = 2 })
    end)

    test.it("ends on tables that contain themselves", function()
        local one, other = { x = 1 }, { x = 1 }
        one.self, other.self = one, other
        holds(test.eq, one, other)
        other.x = 2
        refuses("at x: expected 2, got 1", test.eq, one, other)
        refuses("expected anything but {self = {...the same table...}, x = 1}", test.neq, one, one)
    end)

    test.it("compares what is not equal", function()
        holds(test.neq, 1, 2)
        holds(test.neq, { 1 }, { 2 })
        refuses("expected anything but {1}", test.neq, { 1 }, { 1 })
    end)

    test.it("puts the message in front", function()
        refuses("the sum: expected 2, got 1", test.eq, 1, 2, "the sum")
        refuses("the sum: expected anything but 1", test.neq, 1, 1, "the sum")
    end)

    test.it("names the place of the claim", function()
        local fine, raised = pcall(function()
            test.eq(1, 2)
        end)
        test.is_false(fine)
        test.matches(raised, "^app:assertions:%d+: expected 2, got 1$")
    end)

    test.it("shows large values in short", function()
        local list = {}
        for i = 1, 50 do
            list[i] = i
        end
        refuses("expected 0, got {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ...}", test.eq, list, 0)
        refuses("expected 0, got {{{{{...}}}}}", test.eq, { { { { { { 1 } } } } } }, 0)
        local text = said(test.eq, string.rep("x", 1000), "")
        test.lt(#text, 300)
    end)
end

local function truth()
    test.it("ok", function()
        test.eq(test.ok("yes"), "yes")
        holds(test.ok, 0)
        refuses("expected a true value, got nil", test.ok, nil)
        refuses("m: expected a true value, got false", test.ok, false, "m")
    end)
    test.it("fail", function()
        refuses("failed", test.fail)
        refuses("never here", test.fail, "never here")
    end)
    test.it("nil and booleans", function()
        holds(test.is_nil, nil)
        refuses("expected nil, got false", test.is_nil, false)
        test.eq(test.not_nil(false), false)
        refuses("expected a value, got nil", test.not_nil, nil)
        holds(test.is_true, true)
        refuses("expected true, got 1", test.is_true, 1)
        holds(test.is_false, false)
        refuses("expected false, got nil", test.is_false, nil)
    end)
end

local function guards()
    test.it("give the value or name what came", function()
        local values = {
            string = "a",
            number = 1.5,
            table = { 1 },
            ["function"] = print,
            boolean = false,
        }
        for name, value in pairs(values) do
            local guard = test["is_" .. name]
            test.ok(guard(value) == value, name)
            for other, wrong in pairs(values) do
                if other ~= name then
                    local text = said(guard, wrong)
                    test.contains(text, "expected a " .. name .. ", got " .. other .. " ")
                end
            end
            refuses("m: expected a " .. name .. ", got nil nil", guard, nil, "m")
        end
    end)
end

local function contents()
    test.it("contains", function()
        holds(test.contains, "a.b", ".")
        holds(test.contains, { 1, { 2 } }, { 2 })
        holds(test.contains, { key = "v" }, "v")
        refuses('expected "abc" to contain "x"', test.contains, "abc", "x")
        refuses("expected {1} to contain 2", test.contains, { 1 }, 2)
        refuses("contains: wanted a text or a table, got number", test.contains, 1, 1)
    end)
    test.it("matches", function()
        holds(test.matches, "order 17", "%d+")
        refuses('expected "order" to match "%d+"', test.matches, "order", "%d+")
        refuses("matches: wanted a text, got nil nil", test.matches, nil, "x")
    end)
    test.it("has_key", function()
        test.eq(test.has_key({ a = 1 }, "a"), 1)
        refuses('expected {a = 1} to have the key "b"', test.has_key, { a = 1 }, "b")
        refuses('has_key: wanted a table, got string "t"', test.has_key, "t", "a")
    end)
    test.it("len", function()
        holds(test.len, { 1, 2 }, 2)
        holds(test.len, "abc", 3)
        refuses("expected length 1, got 2: {1, 2}", test.len, { 1, 2 }, 1)
        refuses("len: wanted a table or a text, got number", test.len, 1, 1)
    end)
end

local function order()
    test.it("compares numbers and texts", function()
        holds(test.gt, 2, 1)
        holds(test.gte, 2, 2)
        holds(test.lt, "a", "b")
        holds(test.lte, 1, 1)
        refuses("expected 1 > 1", test.gt, 1, 1)
        refuses("expected 1 >= 2", test.gte, 1, 2)
        refuses("expected 1 < 1", test.lt, 1, 1)
        refuses("m: expected 2 <= 1", test.lte, 2, 1, "m")
        refuses('expected a number > 1, got string "2"', test.gt, "2", 1)
    end)
end

local function failures()
    test.it("throws gives what was raised", function()
        local raised = errors.new({ message = "gone", kind = errors.NOT_FOUND })
        test.ok(test.throws(function() error(raised) end) == raised)
        refuses("expected an error, none was raised", test.throws, function() end)
        refuses("m: throws: wanted a function, got number 1", test.throws, 1, "m")
    end)
    test.it("takes errors, and pairs as they come", function()
        local err = errors.new("gone")
        local function fails() return nil, err end
        local function works() return 1, nil end
        test.ok(test.has_error(err) == err)
        test.ok(test.has_error(fails()) == err)
        test.eq(test.has_error("a text"), "a text")
        refuses("m: expected an error, got nil", test.has_error, nil, "m")
        holds(test.no_error, nil)
        holds(test.no_error, nil, "m")
        refuses("m: expected no error, got gone", test.no_error, err, "m")
        refuses("expected no error, got gone", test.no_error, fails())
        local _, none = works()
        holds(test.no_error, none)
    end)
end

return {
    main = test.run_cases(function()
        test.describe("equality", equality)
        test.describe("truth", truth)
        test.describe("guards", guards)
        test.describe("contents", contents)
        test.describe("order", order)
        test.describe("failures", failures)
    end),
}

-- Mocks: what is replaced, who sees it, and when it is put back.

local test = require("test")
local time = require("time")
local greeter = require("greeter")

local real_time, real_send, real_tostring = time, process.send, tostring
local real_process, real_hello = process, greeter.hello

local function replacing()
    test.it("a function of process", function()
        local sent = {}
        test.mock("process.send", function(to, topic, value)
            table.insert(sent, { to, topic, value })
            return "noted"
        end)
        test.eq(process.send("nobody", "hello", 1), "noted")
        test.eq(sent, { { "nobody", "hello", 1 } })
        -- The rest of the copy is the library as it was.
        test.eq(process.pid(), real_process.pid())
        test.ok(process ~= real_process)
    end)

    test.it("another, by its short name", function()
        test.ok(process == real_process, "restored after the case")
        test.mock_process("pid", function() return "me" end)
        test.mock_process("id", function() return "mine" end)
        test.eq(process.pid() .. process.id(), "memine")
        test.ok(process.send == real_send)
    end)

    test.it("in code that runs already and in libraries", function()
        local ticks = 0
        test.mock("time.now", function()
            ticks = ticks + 1
            return ticks
        end)
        test.eq(_G.time.now(), 1)
        -- The library asks for the global when it is called.
        test.eq(greeter.now(), 2)
        -- A local name was bound to the module itself.
        test.is_userdata_or_table(time.now())
    end)

    test.it("a global function", function()
        test.mock("tostring", function() return "text" end)
        local got, theirs = tostring(1), greeter.text(1)
        test.restore_mock("tostring")
        test.eq(got, "text")
        test.eq(theirs, "text")
        test.ok(tostring == real_tostring)
    end)

    test.it("a function of an imported library, in place", function()
        test.mock("greeter.hello", function() return "mocked" end)
        test.eq(greeter.hello("Ann"), "mocked")
        test.eq(greeter.twice("Ann"), "mocked mocked")
    end)

    test.it("a function of os, channel and coroutine", function()
        test.mock("os.time", function() return 17 end)
        test.mock("channel.new", function() return "channel" end)
        test.mock("coroutine.spawn", function() return "spawned" end)
        test.eq(os.time(), 17)
        test.eq(channel.new(1), "channel")
        test.eq(coroutine.spawn(print), "spawned")
        test.is_number(os.clock())
    end)

    test.it("what lies deeper", function()
        test.mock("process.registry.lookup", function() return "found" end)
        test.eq(process.registry.lookup("x"), "found")
        test.mock("greeter.inner.deep", function() return 2 end)
        test.eq(greeter.inner.deep(), 2)
    end)
end

local function restoring()
    test.it("everything is as it was", function()
        test.ok(process == real_process and process.send == real_send)
        test.ok(_G.time == real_time)
        test.ok(tostring == real_tostring)
        test.ok(greeter.hello == real_hello)
        test.eq(greeter.inner.deep(), 1)
    end)

    test.it("one of several", function()
        test.mock("process.send", function() return 1 end)
        test.mock("process.send", function() return 2 end)
        test.mock("process.pid", function() return "me" end)
        test.is_true(test.restore_mock("process.send"))
        test.ok(process.send == real_send)
        test.eq(process.pid(), "me")
        test.is_false(test.restore_mock("process.send"))
    end)

    test.it("all of them", function()
        test.mock("process.send", function() return 1 end)
        test.mock("os.time", function() return 1 end)
        test.restore_all_mocks()
        test.ok(process == real_process)
        test.ok(os.time() > 1)
    end)

    test.it("also after an error", function()
        test.throws(function()
            test.mock("os.time", function() return 1 end)
            error("now")
        end)
    end)
    test.it("which the next case sees", function()
        test.ok(os.time() > 1)
    end)
end

local function refusing()
    local function said(path, value)
        return tostring(test.throws(function() test.mock(path, value) end))
    end
    test.it("names that lead nowhere", function()
        local none = function() end
        test.contains(said("nosuch.send", none), "nosuch is a nil, wanted a table")
        test.contains(said("process.sendd", none), 'mock("process.sendd"): there is no such thing')
        test.contains(said("", none), "wanted a name")
        test.contains(said(nil, none), "wanted a name")
    end)
end

local function lasting()
    test.before_all(function()
        test.mock("os.time", function() return 1 end)
    end)
    test.it("one of before_all stays", function() test.eq(os.time(), 1) end)
    test.it("for all cases of its suite", function() test.eq(os.time(), 1) end)
end

function test.is_userdata_or_table(value)
    test.ok(type(value) == "userdata" or type(value) == "table")
end

return {
    main = test.run_cases(function()
        test.describe("replacing", replacing)
        test.describe("restoring", restoring)
        test.describe("refusing", refusing)
        test.describe("lasting", lasting)
        test.it("and not beyond", function() test.ok(os.time() > 1) end)
        -- Names of structure, hooks and mocks are globals meanwhile.
        describe("bare words", function()
            it("work", function() mock("os.time", function() return 1 end) end)
            context("inside", function() it("too", function() end) end)
            spec("a spec", function() it_skip("is the same", function() end) end)
        end)
    end),
}

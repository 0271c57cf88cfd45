local test = require("test")
local queue = require("queue")
local time = require("time")
local uuid = require("uuid")
local tasks = require("tasks")

-- Put a task into the queue and wait for what becomes of it.
local function outcome(action: string, text: string): any
    local id = test.is_string(uuid.v7())
    test.ok(tasks.add(id, action))
    local _, err = queue.publish("app:jobs", { id = id, action = action, text = text })
    test.no_error(err)
    for _ = 1, 200 do
        local task = test.not_nil(tasks.get(id))
        if task.status == "completed" or task.status == "failed" then
            return task
        end
        time.sleep("10ms")
    end
    test.fail(action .. " did not end in time")
end

return { main = test.run_cases(function()
    test.describe("a task", function()
        test.it("is done at the first attempt", function()
            local task = outcome("upper", "text")
            test.eq(task.status, "completed")
            test.eq(task.result, "TEXT")
            test.eq(task.attempts, 1)
        end)

        test.it("is tried again", function()
            local task = outcome("flaky", "text")
            test.eq(task.status, "completed")
            test.eq(task.attempts, 3)
        end)

        test.it("is given up after three attempts", function()
            local task = outcome("broken", "")
            test.eq(task.status, "failed")
            test.eq(task.attempts, 3)
            test.eq(task.error, "it never works")
        end)

        test.it("that is none leaves the queue", function()
            test.ok(queue.publish("app:jobs", { nonsense = true }))
            test.eq(outcome("upper", "after it").status, "completed")
        end)
    end)
end) }

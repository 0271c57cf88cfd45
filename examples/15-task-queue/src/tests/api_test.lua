local test = require("test")
local http_client = require("http_client")
local json = require("json")
local time = require("time")

local ADDRESS = "http://127.0.0.1:18715"

local function told(response: any, err: any): any
    test.no_error(err)
    return { status = response.status_code, body = json.decode(response.body) }
end

local function get(path: string): any
    return told(http_client.get(ADDRESS .. path))
end

local function post(body: string, headers: any?): any
    return told(http_client.post(ADDRESS .. "/tasks", { body = body, headers = headers }))
end

local function wait_for(id: string, status: string): any
    for _ = 1, 200 do
        local task = get("/tasks/" .. id).body
        if task.status == status then
            return task
        end
        time.sleep("10ms")
    end
    test.fail("no " .. status .. " in time")
end

return { main = test.run_cases(function()
    test.describe("a client", function()
        test.it("is answered at once and asks later", function()
            local created = post('{"action": "upper", "text": "hello"}')
            test.eq(created.status, 202)
            test.eq(created.body.status, "queued")
            test.eq(wait_for(created.body.id, "completed").result, "HELLO")
        end)

        test.it("may send a request twice", function()
            local headers = { ["Idempotency-Key"] = "one" }
            local first = post('{"action": "upper"}', headers)
            local second = post('{"action": "upper"}', headers)
            test.eq(second.body.id, first.body.id)
        end)

        test.it("is told what is wrong", function()
            test.eq(post("{").body.error, "invalid JSON")
            test.eq(post('{"text": "x"}').body.error, "action required")
            test.eq(post("[]").status, 400)
            test.eq(get("/tasks/nothing").status, 404)
        end)

        test.it("sees where things stand", function()
            local id = post('{"action": "broken"}').body.id
            wait_for(id, "failed")
            local failed = get("/tasks?status=failed").body
            test.gte(failed.count, 1)
            for _, task in ipairs(failed.tasks) do
                test.eq(task.status, "failed")
            end
            local status = get("/status").body
            test.gte(status.tasks.failed, 1)
            test.is_number(status.waiting)
        end)
    end)
end) }

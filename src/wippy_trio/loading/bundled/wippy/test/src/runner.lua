-- The runner: finds the tests of the application, runs them one by one, tells.

local funcs = require("funcs")
local io = require("io")
local registry = require("registry")
local time = require("time")

local LIMIT = "60s"

local function parse(arguments: {string}): (any, string?)
    local wanted = { patterns = {}, cases = false, times = false }
    for _, argument in ipairs(arguments) do
        if argument == "--cases" then
            wanted.cases = true
        elseif argument == "--times" then
            wanted.times = true
        elseif string.sub(argument, 1, 2) == "--" then
            return nil, "unknown flag " .. argument .. "; there are --cases and --times"
        else
            table.insert(wanted.patterns, argument)
        end
    end
    return wanted, nil
end

local function matches(id: string, patterns: {string}): boolean
    for _, pattern in ipairs(patterns) do
        if string.find(id, pattern, 1, true) then
            return true
        end
    end
    return #patterns == 0
end

local function find_tests(patterns: {string}): any
    local entries, err = registry.find({ ["meta.type"] = "test" })
    if err then
        return nil, err
    end
    local found = {}
    for _, entry in ipairs(entries) do
        local runs = string.find(entry.kind, "function.", 1, true) == 1
        if runs and matches(entry.id, patterns) then
            local meta = entry.meta or {}
            table.insert(found, {
                id = entry.id,
                name = meta.name or entry.id,
                suite = tostring(meta.suite or ""),
                order = tonumber(meta.order) or 0,
                limit = meta.timeout or LIMIT,
            })
        end
    end
    table.sort(found, function(a, b)
        if a.suite ~= b.suite then
            return a.suite < b.suite
        end
        if a.order ~= b.order then
            return a.order < b.order
        end
        return a.id < b.id
    end)
    return found, nil
end

-- A result: its counts, and what failed.
local function note(result: any, event: any)
    if type(event) ~= "table" or type(event.type) ~= "string" then
        return
    end
    result.framework = true
    if event.type == "run.finished" then
        result.finished = true
    end
    local outcome = string.match(event.type, "^case%.(%a+)$")
    if outcome == "started" then
        result.running = event
    elseif result[outcome or ""] then
        result.running = nil
        result[outcome] = result[outcome] + 1
        table.insert(result.cases, event)
        if outcome == "failed" then
            table.insert(result.failures, event)
        end
    end
end

local function fail(result: any, text: string)
    local running = result.running or {}
    result.failed = result.failed + 1
    local event = { type = "case.failed", suite = running.suite, case = running.case, error = text }
    table.insert(result.failures, event)
    if result.framework then
        table.insert(result.cases, event)
    end
end

-- Wait for the answer and the case events of one test.
local function attend(result: any, future: any, events: any, limit: string)
    local answer = future:response()
    local deadline = time.after(limit)
    local answered, value = false, nil
    while not (answered and (result.finished or not result.framework)) do
        local listening = {
            events:case_receive(),
            deadline:case_receive(),
        }
        if not answered then
            table.insert(listening, answer:case_receive())
        end
        local ready = channel.select(listening)
        if ready.channel == events then
            note(result, ready.value)
        elseif ready.channel == deadline then
            future:cancel()
            fail(result, answered and "it answered without telling that it had finished"
                or "no answer within " .. limit)
            return
        else
            answered, value = true, ready.value
            -- Its events were sent before its answer: they wait already.
            repeat
                local waiting = channel.select({ events:case_receive(), default = true })
                if waiting.channel == events then
                    note(result, waiting.value)
                end
            until waiting.channel ~= events
            local raised, failed = future:error()
            if failed then
                fail(result, tostring(raised))
                return
            end
        end
    end
    if not result.framework then
        local got = value:data()
        if got == false then
            fail(result, "it returned false")
        else
            result.passed = result.passed + 1
        end
    end
end

local function run_test(found: any, number: integer): any
    local result = {
        passed = 0,
        failed = 0,
        skipped = 0,
        cases = {},
        failures = {},
        framework = false,
        finished = false,
    }
    local started = time.now()
    local topic = "test." .. number
    local events = process.listen(topic)
    local future, err = funcs.async(found.id, { pid = process.pid(), topic = topic, id = found.id })
    if err then
        fail(result, tostring(err))
    else
        attend(result, future, events, found.limit)
    end
    process.unlisten(events)
    result.ms = time.now():sub(started):milliseconds()
    return result
end

local function counts(result: any): string
    local parts = { result.passed .. " passed" }
    if result.failed > 0 then
        table.insert(parts, result.failed .. " failed")
    end
    if result.skipped > 0 then
        table.insert(parts, result.skipped .. " skipped")
    end
    return table.concat(parts, ", ")
end

local function case_name(event: any): string
    local suite = event.suite or ""
    local case = event.case or ""
    return suite == "" and case or suite .. " > " .. case
end

local function tell(wanted: any, found: any, result: any)
    local line = (result.failed == 0 and "  ok      " or "  FAILED  ") .. found.name
    if result.framework then
        line = line .. "  " .. counts(result)
    end
    if wanted.times then
        line = line .. "  " .. result.ms .. " ms"
    end
    io.print(line)
    if wanted.cases then
        for _, event in ipairs(result.cases) do
            local word = string.match(event.type, "%a+$")
            local mark = word == "failed" and "FAILED" or word or ""
            io.print(string.format("            %-7s  %s", mark, case_name(event)))
        end
    end
end

local function tell_failures(failures: any)
    io.print("")
    io.print("Failures")
    for _, failure in ipairs(failures) do
        io.print("")
        local name = case_name(failure.event)
        io.print("  " .. failure.id .. (name ~= "" and "  " .. name or ""))
        for line in string.gmatch(tostring(failure.event.error), "[^\n]+") do
            io.print("    " .. line)
        end
    end
end

local function plural(count: integer, word: string): string
    return count .. " " .. word .. (count == 1 and "" or "s")
end

local function main(...)
    local wanted, wrong = parse({ ... })
    if wrong then
        return nil, wrong
    end
    local tests, err = find_tests(wanted.patterns)
    if err then
        return nil, err
    end
    if #tests == 0 then
        local patterns = table.concat(wanted.patterns, ", ")
        io.print(patterns == "" and "no tests found: wanted function entries with meta.type: test"
            or "no test has " .. patterns .. " in its id")
        return 0
    end

    local suite, suites = nil, 0
    local passed, failed, skipped, ms = 0, 0, 0, 0
    local failures = {}
    for number, found in ipairs(tests) do
        if found.suite ~= suite then
            suite = found.suite
            suites = suites + 1
            if number > 1 then
                io.print("")
            end
            io.print(suite == "" and "(no suite)" or suite)
        end
        local result = run_test(found, number)
        tell(wanted, found, result)
        passed = passed + result.passed
        failed = failed + result.failed
        skipped = skipped + result.skipped
        ms = ms + result.ms
        for _, event in ipairs(result.failures) do
            table.insert(failures, { id = found.id, event = event })
        end
    end

    if failed > 0 then
        tell_failures(failures)
    end
    io.print("")
    local line = plural(suites, "suite") .. " | " .. passed .. " passed | " .. failed
        .. " failed | " .. skipped .. " skipped"
    io.print(wanted.times and line .. " | " .. ms .. " ms" or line)
    io.print(failed == 0 and "PASSED" or "FAILED")
    return failed == 0 and 0 or 1
end

return { main = main }

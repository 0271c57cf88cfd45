-- Suites and cases: how they are written down, and how they are run.

local mocks = require("wippy_test_mocks")
local time = require("time")

-- Taken before any test can replace them.
local clock = time.now
local send = process.send

local cases = {}

local HOOKS = { "before_all", "after_all", "before_each", "after_each" }

-- The suite that is being written down.
local open: any = nil

local function new_suite(name: string, parent: any): any
    local suite = { name = name, parent = parent, items = {}, hooks = {} }
    for _, hook in ipairs(HOOKS) do
        suite.hooks[hook] = {}
    end
    return suite
end

local function inside(word: string): any
    if not open then
        error(word .. ": only inside of run_cases", 3)
    end
    return open
end

local function check(word: string, name: any, fn: any)
    if type(name) ~= "string" then
        error(word .. ": wanted a name, got " .. tostring(name), 3)
    end
    if type(fn) ~= "function" then
        error(word .. "(\"" .. name .. "\"): wanted a function, got " .. tostring(fn), 3)
    end
end

local function describe(name: string, fn: any)
    local parent = inside("describe")
    check("describe", name, fn)
    local suite = new_suite(name, parent)
    table.insert(parent.items, suite)
    open = suite
    local fine, raised = pcall(fn)
    open = parent
    if not fine then
        -- What was written down so far counts, and so does this.
        table.insert(suite.items, {
            name = "(definition)",
            run = function() error(raised, 0) end,
        })
    end
end

cases.describe = describe
cases.spec = describe
cases.context = describe

-- A case without a function is one yet to be written: it is skipped.
function cases.it(name: string, fn: any?)
    local suite = inside("it")
    if fn == nil and type(name) == "string" then
        table.insert(suite.items, { name = name, skip = true })
        return
    end
    check("it", name, fn)
    table.insert(suite.items, { name = name, run = fn })
end

function cases.it_skip(name: string, _fn: any?)
    local suite = inside("it_skip")
    if type(name) ~= "string" then
        error("it_skip: wanted a name, got " .. tostring(name), 2)
    end
    table.insert(suite.items, { name = name, skip = true })
end

for _, hook in ipairs(HOOKS) do
    cases[hook] = function(fn: any)
        local suite = inside(hook)
        if type(fn) ~= "function" then
            error(hook .. ": wanted a function, got " .. tostring(fn), 2)
        end
        table.insert(suite.hooks[hook], fn)
    end
end

local function text_of(raised: any): string
    return tostring(raised)
end

-- Run the hooks of one suite; the first error ends it.
local function run_hooks(suite: any, hook: string): any
    for _, fn in ipairs(suite.hooks[hook]) do
        local fine, raised = pcall(fn)
        if not fine then
            return hook .. ": " .. text_of(raised)
        end
    end
    return nil
end

local function path_of(suite: any): string
    local names = {}
    while suite and suite.name ~= "" do
        table.insert(names, 1, suite.name)
        suite = suite.parent
    end
    return table.concat(names, " > ")
end

-- A run: its counts, and where its events go.
local function new_run(options: any): any
    local run = { total = 0, passed = 0, failed = 0, skipped = 0, suites = 0, failures = {} }
    function run.emit(event: any)
        if type(options) == "table" and options.pid and options.topic then
            event.id = options.id
            send(options.pid, options.topic, event)
        end
    end
    return run
end

local function finish(run: any, suite: any, name: string, outcome: string, err: any, ms: any)
    local path = path_of(suite)
    run.total = run.total + 1
    run[outcome] = run[outcome] + 1
    if outcome == "failed" then
        table.insert(run.failures, { suite = path, case = name, error = err })
    end
    run.emit({
        type = "case." .. outcome,
        suite = path,
        case = name,
        error = err,
        duration_ms = ms,
    })
end

local function run_case(run: any, suite: any, case: any)
    local before = mocks.mark()
    local started = clock()
    local chain = {}
    local above = suite
    while above do
        table.insert(chain, 1, above)
        above = above.parent
    end

    run.emit({ type = "case.started", suite = path_of(suite), case = case.name })
    local err: any = nil
    local entered = 0
    for i, outer in ipairs(chain) do
        entered = i
        err = run_hooks(outer, "before_each")
        if err then
            break
        end
    end
    if not err then
        local fine, raised = pcall(case.run)
        if not fine then
            err = text_of(raised)
        end
    end
    -- What was begun is ended, inner first; the first error is the one that is told.
    for i = entered, 1, -1 do
        local ending = run_hooks(chain[i], "after_each")
        err = err or ending
    end
    mocks.restore_to(before)
    local ms = clock():sub(started):milliseconds()
    finish(run, suite, case.name, err and "failed" or "passed", err, ms)
end

local function fail_all(run: any, suite: any, err: string)
    for _, item in ipairs(suite.items) do
        if item.items then
            fail_all(run, item, err)
        elseif item.skip then
            finish(run, suite, item.name, "skipped", nil, 0)
        else
            finish(run, suite, item.name, "failed", err, 0)
        end
    end
end

local function run_suite(run: any, suite: any)
    local before = mocks.mark()
    local named = suite.name ~= ""
    if named then
        run.suites = run.suites + 1
        run.emit({ type = "suite.started", suite = path_of(suite) })
    end
    local err = run_hooks(suite, "before_all")
    if err then
        fail_all(run, suite, err)
    else
        for _, item in ipairs(suite.items) do
            if item.items then
                run_suite(run, item)
            elseif item.skip then
                finish(run, suite, item.name, "skipped", nil, 0)
            else
                run_case(run, suite, item)
            end
        end
    end
    err = run_hooks(suite, "after_all")
    if err then
        finish(run, suite, "(after_all)", "failed", err, 0)
    end
    mocks.restore_to(before)
    if named then
        run.emit({ type = "suite.finished", suite = path_of(suite) })
    end
end

local function summary(run: any): any
    return {
        total_tests = run.total,
        passed_tests = run.passed,
        failed_tests = run.failed,
        skipped_tests = run.skipped,
        total = run.total,
        passed = run.passed,
        failed = run.failed,
        skipped = run.skipped,
        suites = run.suites,
        failures = run.failures,
    }
end

-- Make a function that writes the cases down and runs them.
--
-- Its argument says where case events go: {pid, topic, id}. The names of structure,
-- hooks and mocks are globals meanwhile, so `describe(...)` works as it stands.
function cases.run_cases(define: any, shown: any): any
    if type(define) ~= "function" then
        error("run_cases: wanted a function, got " .. tostring(define), 2)
    end
    return function(options: any): any
        local run = new_run(options)
        local root = new_suite("", nil)
        local before = mocks.mark()
        local hidden = {}
        for name, value in pairs(shown) do
            hidden[name] = rawget(_G, name)
            _G[name] = value
        end
        open = root
        local fine, raised = pcall(define, shown)
        open = nil
        if fine then
            run_suite(run, root)
        else
            finish(run, root, "(definition)", "failed", text_of(raised), 0)
        end
        mocks.restore_to(before)
        for name in pairs(shown) do
            _G[name] = hidden[name]
        end
        local told = summary(run)
        run.emit({
            type = "run.finished",
            total = run.total,
            passed = run.passed,
            failed = run.failed,
            skipped = run.skipped,
        })
        return told
    end
end

return cases

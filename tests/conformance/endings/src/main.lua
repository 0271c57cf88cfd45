local io = require("io")

local function ending(way: string): any
    process.spawn_monitored("app:child", "app:processes", way)
    local event = process.events():receive()
    assert(event.kind == process.event.EXIT)
    return event.result
end

local function show(rule: string, way: string)
    local result = ending(way)
    if result.error then
        local text = result.error:message():gsub("^.-:%d+: ", "")
        io.print(rule, way, result.value, result.error:kind(), result.error:retryable(), text)
    else
        io.print(rule, way, result.value)
    end
end

local function main()
    show("P-21", "value")
    io.print("EVT-7", ending("table").value.list[2])
    show("P-21", "nothing")
    show("P-22 P-24", "text_error")
    show("P-25", "error_value")
    show("P-23", "ignored_second")
    show("P-23", "ignored_number")
    io.print("P-23", tostring(ending("error_as_value").value))
    show("P-31", "uncaught")
    show("P-31", "uncaught_level_zero")
    show("P-32", "uncaught_structured")
    io.print("P-33", ending("uncaught_table").error:kind())
    show("P-30", "in_coroutine")
    show("P-25", "no_kind")
    io.print("P-80", ending("empty_select").error:message():find("deadlock") ~= nil)
    show("P-20", "left_behind")

    -- what cannot start leaves no process and no event
    local pid, err = process.spawn_monitored("app:bad.chunk", "app:processes")
    io.print("P-6", pid, err:kind(), err:message():find("failed to execute script", 1, true))
    pid, err = process.spawn("app:no.method", "app:processes")
    io.print("P-7", pid, err:kind(), err:message():find("missing") ~= nil)
    pid, err = process.spawn("app:unknown", "app:processes")
    io.print("S-4", pid, err:kind(), err:message())
    pid, err = process.spawn("app:child", "app:nowhere")
    io.print("S-3", pid, err:kind(), err:message())
    pid, err = process.spawn("app:child")
    io.print("S-2", pid, err:kind(), err:message())

    -- a chunk that returns a function, and trailing nils
    process.spawn_monitored("app:bare", "app:processes", 1, nil, nil)
    io.print("P-4 P-8", process.events():receive().result.value)

    -- one event each, none left over
    local more = channel.select({ process.events():case_receive(), default = true })
    io.print("P-6", more.default)
end

return { main = main }

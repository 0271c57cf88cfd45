local ways = {}

function ways.value()
    return 7
end

function ways.table()
    return { list = { 1, 2 } }
end

function ways.nothing() end

function ways.text_error()
    return false, "said so"
end

function ways.error_value()
    return 42, errors.new({ message = "conflict", kind = errors.CONFLICT, retryable = true })
end

function ways.ignored_second()
    return 1, false
end

function ways.ignored_number()
    return 1, 2
end

function ways.error_as_value()
    return errors.new("just data")
end

function ways.uncaught()
    error("boom")
end

function ways.uncaught_level_zero()
    error("bare boom", 0)
end

function ways.uncaught_structured()
    error(errors.new({ message = "structured", kind = errors.NOT_FOUND }))
end

function ways.uncaught_table()
    error({})
end

function ways.in_coroutine()
    coroutine.spawn(function()
        error("in a coroutine")
    end)
    process.inbox():receive()
end

function ways.no_kind()
    return nil, errors.new("kindless")
end

function ways.empty_select()
    channel.select({})
end

function ways.left_behind()
    coroutine.spawn(function()
        process.inbox():receive()
    end)
    return "main decides"
end

local function main(way: string, ...)
    return ways[way](...)
end

return { main = main }

local io = require("io")

local function main()
    local plain = errors.new("text")
    io.print("E-10", plain:message(), plain:kind() == "", plain:retryable(), plain:details())
    local full = errors.new({
        message = "full",
        kind = errors.NOT_FOUND,
        retryable = false,
        details = { id = "a:b", list = { 1, 2 }, nested = { deep = true } },
    })
    local details = full:details()
    io.print("E-11", full:kind(), full:retryable(), details.id, details.list[2], details.nested.deep)
    details.id = "changed"
    io.print("E-31", full:details().id)
    io.print("E-14", errors.new({ message = "m", details = {} }):details())
    io.print("E-2", errors.new({ message = "m", kind = "MyKind" }):kind())
    io.print("E-13", errors.new("TIMEOUT", "ignored"):message())

    for _, bad in ipairs({ false, {}, { message = 1 } }) do
        local ok, err = pcall(errors.new, bad)
        io.print("E-12", ok, (tostring(err):match("%((.-)%)$")))
    end

    io.print("E-30", type(full), tostring(full), full .. "!", "<" .. full)
    io.print("E-31", type(full:stack()), type(full.message), full.nothing)
    io.print("E-32", errors.is(full, errors.NOT_FOUND), errors.is(full, errors.INVALID))
    io.print("E-32", errors.is("text", errors.INVALID), errors.is(nil, errors.INVALID))
    io.print("E-32", errors.is(plain, errors.UNKNOWN))
    io.print("E-34", full == full, errors.new("a") == errors.new("a"))

    local once = errors.wrap(full, "reading")
    io.print("E-21 E-22", once:kind(), once:message(), once:details().id)
    local twice = errors.wrap(errors.wrap("boom", "inner"), "outer")
    io.print("E-22", twice:message())
    io.print("E-24", full:message())
    io.print("E-20", (pcall(errors.wrap, nil, "x")))

    local stack = errors.call_stack(full)
    io.print("E-33", #stack.frames > 0, stack.frames[1].line > 0, errors.call_stack("text"))

    local ok, caught = pcall(error, full)
    io.print("E-40", ok, caught == full)
    ok, caught = pcall(error, "text")
    io.print("E-41", type(caught))
    ok, caught = pcall(function()
        return (nil :: any) + 1
    end)
    io.print("E-42", ok, type(caught), caught:find("arithmetic") ~= nil)
    ok, caught = pcall(function()
        errors.new = nil
    end)
    io.print("E-3 G-5", ok)
    local names = {}
    for name in pairs(errors) do
        names[#names + 1] = name
    end
    table.sort(names)
    io.print("E-3", table.concat(names, " "))
    io.print("13.1", errors.NOT_FOUND, errors.ALREADY_EXISTS, errors.INVALID, errors.PERMISSION_DENIED)
    io.print("13.1", errors.UNAVAILABLE, errors.INTERNAL, errors.CANCELED, errors.CONFLICT)
    io.print("13.1", errors.TIMEOUT, errors.RATE_LIMITED, errors.UNKNOWN == "")

    ok, caught = xpcall(function()
        error(full)
    end, function(value)
        return { handled = value == full }
    end)
    io.print("STD-23", ok, caught.handled)
end

return { main = main }

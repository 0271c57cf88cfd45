local function double(n: number): number
    return n * 2
end

local function greet(name: string): string
    return "Hello, " .. name .. "! Welcome to Wippy."
end

local function cli()
    io.print("double(21) = " .. tostring(funcs.call("app:double", 21)))
    io.print("greet('Alice') = " .. funcs.call("app:greet", "Alice"))
    for i = 1, 5 do
        local result, err = funcs.call("app:double", i)
        if err then
            return 1
        end
        io.print("  double(" .. i .. ") = " .. tostring(result))
    end
    return 0
end

return { double = double, greet = greet, cli = cli }

local io = require("io")

type Name = string
type Pair<A, B> = { first: A, second: B }
type Tree = { value: integer, left: Tree?, right: Tree? }
type Visitor = (value: integer) -> ()
type Level = "debug" | "info" | "error"

interface Shape
    function area(): number
end

local function swap<A, B>(pair: Pair<A, B>): Pair<B, A>
    return { first = pair.second, second = pair.first }
end

local function walk(tree: Tree?, visit: Visitor): ()
    if not tree then
        return
    end
    walk(tree.left, visit)
    visit(tree.value)
    walk(tree.right, visit)
end

local function variadic(first: string, ...: integer): (string, integer)
    local sum: integer = 0
    for _, value in ipairs({ ... }) do
        sum = sum + value
    end
    return first, sum
end

local Circle = {}
Circle.__index = Circle

function Circle.new(radius: number): any
    return setmetatable({ radius = radius }, Circle)
end

function Circle:area(): number
    return self.radius * self.radius * 3
end

local function line_of_error(): any
    local ok, err = pcall(function()
        local value: any = nil
        return value.field
    end)
    return err:match(":(%d+):")
end

local function main()
    local swapped = swap({ first = 1, second = "one" })
    io.print("generics", swapped.first, swapped.second)

    local tree: Tree = { value = 2, left = { value = 1 }, right = { value = 3 } }
    local values: {integer} = {}
    walk(tree, function(value: integer)
        values[#values + 1] = value
    end)
    io.print("recursive", table.concat(values, " "))
    io.print("variadic", variadic("sum", 1, 2, 3))

    local shape: Shape = Circle.new(2)
    io.print("interface", shape:area())

    -- casts and assertions leave no trace
    local raw: any = { name = "Ada" }
    local user = raw as { name: Name }
    local length = #(user.name :: string)
    local sure = user.name!
    io.print("casts", user.name, length, sure, -length as number)

    -- words that are names as well
    local type_of = type(raw)
    local t = { type = "field", is = 1, as = 2, readonly = 3 }
    io.print("words", type_of, t.type, t.is, t.as, t.readonly)

    -- types used as values check
    io.print("STD-2", string("text"), integer(7), (pcall(string, 7)), (pcall(integer, 1.5)))
    io.print("STD-2", string.upper("up"), boolean(false))

    local level: Level = "info"
    for i: integer = 1, 2 do
        level = (i == 2 and "error" or level) as Level
    end
    io.print("unions", level)

    -- a label and a cast side by side
    local n = 0
    ::again::
    n = n + 1
    if n < 3 then
        goto again
    end
    local text = tostring(n) :: string
    io.print("labels", text)

    io.print("lines", line_of_error())
end

return { main = main }

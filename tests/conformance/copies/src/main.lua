local io = require("io")

local function main()
    local mail = process.listen("copy")
    local function trip(value)
        process.send(process.pid(), "copy", value)
        return (mail:receive())
    end

    io.print("M-40", trip("a\0b") == "a\0b", #trip("\255\254"), trip(true), trip(nil))
    io.print("M-40", math.type(trip(3)), math.type(trip(3.5)), trip(math.mininteger) == math.mininteger)
    local nan = trip(0 / 0)
    io.print("M-40", nan ~= nan, trip(1 / 0) == 1 / 0, 1 / trip(-0.0) == -1 / 0)

    local box = { 1, 2, { deep = { "x" } }, [10] = "hole", name = "n", [true] = 1, [1.5] = 2 }
    local copy = trip(box)
    io.print("M-41", copy ~= box, copy[3].deep[1], copy[10], copy.name, copy[true], copy[1.5])
    copy[3].deep[1] = "changed"
    io.print("M-41", box[3].deep[1])

    local shared = { "s" }
    copy = trip({ shared, shared })
    io.print("M-42", copy[1] == copy[2])
    local loop = { name = "loop" }
    loop.self = loop
    copy = trip(loop)
    io.print("M-42", copy.self == copy, copy.self.self.name, copy ~= loop)

    local err = trip(errors.new({
        message = "broken",
        kind = errors.CONFLICT,
        retryable = true,
        details = { where = "here" },
    }))
    io.print("M-44", err:kind(), err:message(), err:retryable(), err:details().where)

    copy = trip({ ch = channel.new(), f = print, keep = 1, [channel.new()] = 2 })
    io.print("M-47 M-48", copy.f, copy.keep)
    io.print("M-47", trip(print), trip(coroutine.create(print)))

    local marked = trip(setmetatable({ 1 }, { __index = { more = 1 } }))
    io.print("M-43", marked[1])

    -- the sender's later changes are not seen
    local sent = { "before" }
    process.send(process.pid(), "copy", sent)
    sent[1] = "after"
    io.print("5.5", mail:receive()[1])

    -- deep tables survive
    local deep = {}
    for _ = 1, 150 do
        deep = { deep }
    end
    local level, node = 0, trip(deep)
    while node[1] do
        node, level = node[1], level + 1
    end
    io.print("M-41", level)
end

return { main = main }

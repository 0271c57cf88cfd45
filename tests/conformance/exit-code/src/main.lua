local io = require("io")

local function main(first: string?, second: string?): integer
    local args = io.args()
    io.print("5.3.5", first, second, #args, args[2])
    io.print("21", (io.readline()))
    io.print("21", (io.readline()))
    local none, err = io.readline()
    io.print("21", none, tostring(err))
    io.write("no newline", " ", 1)
    io.print()
    io.eprint("not on standard output")
    print("a log record, not output")
    return 3
end

return { main = main }

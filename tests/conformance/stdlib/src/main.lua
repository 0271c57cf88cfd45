local io = require("io")

local function main()
    -- numbers
    io.print("STD-3", 7 // 2, 7 / 2, 10 / 2, 3 | 4, 1 << 4, 2 ^ 10)
    io.print("STD-3", math.type(1), math.type(1.0), math.type(3 // 1), tostring(3.0), tostring(0.1))
    io.print("STD-26", math.maxinteger, math.tointeger(3.0), math.ult(1, -1), math.fmod(7, 3))
    io.print("STD-29b", tonumber("0x10"), tonumber("  7  "), tonumber("z", 36), tonumber("1e3"), tonumber("x"))

    -- what is absent
    io.print("11.3", load, loadstring, loadfile, dofile, collectgarbage, rawlen, debug, utf8)
    io.print("11.3", module, newproxy, getfenv, setfenv, bit32, jit, ffi)
    io.print("12.2", os.execute, os.exit, os.getenv, os.remove, os.tmpname)
    io.print("12.2", os.platform, type(os.time()), type(os.clock()))
    io.print("STD-12", package.path, package.cpath)
    io.print("STD-11", (pcall(string.dump, main)))

    -- frozen libraries
    io.print("G-5", (pcall(function()
        string.upper = nil
    end)))
    io.print("STD-14b", getmetatable(process), pairs(string) ~= nil)
    local copy = {}
    for name, value in pairs(process) do
        copy[name] = value
    end
    copy.send = 1
    io.print("STD-14b", copy.send, type(process.send))
    io.print("STD-13", getmetatable(""))

    -- globals are ours
    answer = 42
    io.print("STD-14", _G.answer, _G._G == _G, rawget(_G, "answer"))
    local saved = tostring
    _G.tostring = function()
        return "mocked"
    end
    io.print("STD-14a", tostring(1))
    _G.tostring = saved
    io.print("STD-14a", tostring(1))

    -- tables
    local frozen = table.freeze({ 1, 2 })
    io.print("STD-25", table.isfrozen(frozen), (pcall(function()
        frozen[3] = 3
    end)), #frozen)
    io.print("STD-29c", (pcall(table.insert, frozen, 3)))
    io.print("STD-29", unpack == table.unpack, table.concat({ unpack({ 1, 2, 3 }, 2) }, "-"))
    io.print("STD-25", table.pack(1, nil, 3).n, table.maxn({ 1, 2, [7] = 1 }), table.getn({ 1, 2 }))
    local sorted = { 3, 1, 2 }
    table.sort(sorted, function(a, b)
        return a > b
    end)
    io.print("STD-25", table.concat(sorted, " "))

    -- strings
    io.print("STD-28", ("a,b;c"):gsub("[,;]", "-"))
    io.print("STD-28", string.gfind == string.gmatch, ("x\0y"):find("%z"), ("%5.2f|%q"):format(3.14159, "a\nb"))
    io.print("STD-28", string.packsize("i4i4"), string.unpack("<i2", string.pack("<i2", -2)))
    io.print("STD-24", tostring(setmetatable({}, {
        __tostring = function()
            return "shown"
        end,
    })))

    -- errors
    io.print("STD-20", pcall(assert, false))
    io.print("STD-20", select("#", assert(1, 2, 3)))
    io.print("STD-21", pcall(error, "bare", 0))
    io.print("STD-21", (select(2, pcall(function()
        error("placed")
    end))):find(":%d+: placed") ~= nil)

    -- goto, integer division and a continue idiom
    local odd = {}
    for i = 1, 5 do
        if i % 2 == 0 then
            goto continue
        end
        odd[#odd + 1] = i
        ::continue::
    end
    io.print("STD-1", table.concat(odd, " "))

    -- time of the system library
    io.print("OS-2", os.date("!%Y-%m-%d %H:%M:%S %j %Q", 86400))
    io.print("OS-3", os.date("!*t", 0).year, os.date("!*t", 0).wday, os.date("!*t", 0).isdst)
    io.print("OS-5", os.date("!%c|%x|%X|%p", 0))
    io.print("OS-9", os.difftime(5, 3), (pcall(os.difftime, 1)))
end

return { main = main }

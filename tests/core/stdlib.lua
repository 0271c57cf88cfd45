-- Core section 11 and 12: language, standard library, modules, os.

check("STD-1", "integers, floats and operators", function()
    eq(7 // 2, 3)
    eq(-7 // 2, -4)
    eq(7 % -3, -2)
    eq(-7 % 3, 2)
    eq(7.5 // 2, 3.0)
    eq(3 & 5, 1)
    eq(3 | 5, 7)
    eq(3 ~ 5, 6)
    eq(~0, -1)
    eq(1 << 4, 16)
    eq(256 >> 4, 16)
    eq(2 ^ 10, 1024)
    eq(math.type(2 ^ 2), "float")
    eq(math.maxinteger + 1, math.mininteger)
    eq(10 / 2, 5)
    eq(math.type(10 / 2), "float")
    eq(0x10, 16)
    eq(1e2, 100)
    raises("", function() return 1 // 0 end)
    raises("", function() return 1 % 0 end)
    eq(1 / 0, math.huge)
    local n = 0
    for i = 1, 3 do
        if i == 2 then goto continue end
        n = n + i
        ::continue::
    end
    eq(n, 4)
    eq(type(_VERSION), "string")
end)

check("STD-2", "calls of types check and return", function()
    eq(string("x"), "x")
    raises("", function() return string(5) end)
    raises("", function() return string(nil) end)
    eq(number(5), 5)
    raises("", function() return number("5") end)
    eq(integer(5), 5)
    raises("", function() return integer(5.5) end)
    eq(boolean(true), true)
    raises("", function() return boolean(nil) end)
    eq(string.upper("x"), "X")
    local v: any = "y"
    eq((v :: string), "y")
    eq((v as string), "y")
end)

check("STD-3", "text of numbers", function()
    eq(tostring(3.0), "3")
    eq(tostring(10 / 2), "5")
    eq(tostring(0.1), "0.1")
    eq(tostring(1 / 3), "0.3333333333333333")
    eq(tostring(1e21), "1e+21")
    eq(tostring(100), "100")
    eq(string.format("%s", 3.0), "3")
    eq(string.format("%d", 3.0), "3")
    eq(string.format("%5.2f", 3.14159), " 3.14")
    eq(string.format("%g", 0.1), "0.1")
    eq(table.concat({ 1, 2.0, 2.5 }, ","), "1,2,2.5")
    eq(1 .. "", "1")
    eq(2.5 .. "", "2.5")
    eq(tostring(math.huge), tostring(1 / 0))
end)

check("STD-10", "absent globals are nil, calling one is the usual error", function()
    for _, name in ipairs({ "load", "loadstring", "loadfile", "dofile", "collectgarbage", "rawlen", "debug", "io",
        "utf8", "module", "newproxy", "getfenv", "setfenv", "bit32", "jit", "ffi", "python", "lupa" }) do
        eq(_G[name], nil, name)
    end
    raises("attempt to call a nil value", function() loadstring("return 1") end)
    raises("attempt to index a nil value", function() return debug.traceback end)
end)

check("STD-11", "string.dump raises", function()
    eq(type(string.dump), "function")
    raises("", string.dump, function() end)
end)

check("STD-12", "package", function()
    eq(package.path, "")
    eq(package.cpath, "")
    eq(type(package.seeall), "function")
    local a, b = package.loadlib("x", "y")
    eq(a, nil)
    eq(type(b), "string")
end)

check("STD-13", "no way to the host", function()
    eq(getmetatable("") and true or false, false)
    local ok = pcall(function() getmetatable("").__index = {} end)
    eq(ok, false)
    for _, v in ipairs({ channel.new(), errors.new("x"), payload.new(1) }) do
        raises("", setmetatable, v, {})
        assert(type(getmetatable(v)) ~= "table")
        raises("", rawget, v, 1)
        raises("", rawset, v, 1, 1)
        raises("", next, v)
        raises("", pairs, v)
    end
end)

check("STD-14", "globals are private and assignable", function()
    x_global = 5
    eq(_G.x_global, 5)
    _G.y_global = 6
    eq(y_global, 6)
    eq(_G._G, _G)
    x_global = nil
    eq(rawget(_G, "x_global"), nil)
end)

check("STD-14a", "built-ins are ordinary fields of _G, replaced at once", function()
    local function uses() return tostring(5) end
    local saved = { tostring = tostring, channel = channel, process = process, coroutine = coroutine, os = os }
    _G.tostring = function() return "fake" end
    eq(uses(), "fake")
    _G.tostring = saved.tostring
    eq(uses(), "5")
    _G.channel = { new = function() return "fake" end }
    eq(channel.new(), "fake")
    _G.channel = saved.channel
    local copy = {}
    for k, v in pairs(process) do copy[k] = v end
    copy.pid = function() return "fake pid" end
    _G.process = copy
    eq(process.pid(), "fake pid")
    eq(type(process.send), "function")
    _G.process = saved.process
    assert(process.pid() ~= "fake pid")
    _G.os = { time = function() return 1 end }
    eq(os.time(), 1)
    _G.os = saved.os
    _G.string = { fake = true }
    eq(_G.string.fake, true)
    _G.string = nil
    eq(_G.string, nil)
    _G.next = nil
    eq(next, nil)
end)

check("STD-14b", "library tables enumerate, have no metatable, copies are writable", function()
    for _, lib in ipairs({ process, channel, errors, string, table, math, coroutine, os, payload }) do
        local copy, n = {}, 0
        for k, v in pairs(lib) do
            copy[k] = v
            n = n + 1
        end
        assert(n > 1)
        eq(getmetatable(lib), nil)
        copy.added = 1
        eq(copy.added, 1)
        eq(next(lib) ~= nil, true)
        eq(type(lib), "table")
    end
end)

check("STD-20", "assert", function()
    same(pack(assert(1, 2, nil)), 1, 2, nil)
    eq(select(2, pcall(assert, false)), "assertion failed!")
    eq(select(2, pcall(assert, nil, "said")), "said")
    has(raises("structured", assert, false, errors.new("structured")), "structured")
    raises("", assert)
end)

check("STD-21", "error levels", function()
    local function two() error("two", 2) end
    local ok, e = pcall(function() two() end)
    assert(string.find(e, "^app:run:%d+: two$"), e)
    ok, e = pcall(error, "none", 0)
    eq(e, "none")
    local t = {}
    ok, e = pcall(error, t)
    eq(e, t)
    ok, e = pcall(error)
    eq(e, nil)
    ok, e = pcall(error, nil, 2)
    eq(e, nil)
    eq(ok, false)
end)

check("STD-22", "pcall and xpcall keep identity", function()
    local t = {}
    same(pack(pcall(function() return 1, nil, 3 end)), true, 1, nil, 3)
    same(pack(pcall(function() end)), true)
    same(pack(xpcall(function() end, print)), true)
    same(pack(pcall(error)), false, nil)
    eq(select(2, pcall(error, t)), t)
    eq(select(2, xpcall(function() error(t) end, function(e) return e end)), t)
end)

check("STD-23", "xpcall", function()
    local r = pack(xpcall(function() error("x", 0) end, function(e) return "handled " .. e, "second" end))
    eq(r[1], false)
    eq(r[2], "handled x")
    same(pack(xpcall(function() return 1, 2 end, print)), true, 1, 2)
    raises("", xpcall, function() end)
end)

check("STD-24", "tostring and .. ask metamethods", function()
    local t = setmetatable({}, { __tostring = function() return "T" end,
        __concat = function(a, b) return "C" end })
    eq(tostring(t), "T")
    eq(t .. "x", "C")
    eq("x" .. t, "C")
    raises("", function() return {} .. "x" end)
end)

check("STD-25", "table", function()
    local t = { 3, 1, 2 }
    table.sort(t)
    eq(table.concat(t, ","), "1,2,3")
    table.sort(t, function(a, b) return a > b end)
    eq(table.concat(t, ","), "3,2,1")
    table.insert(t, 0)
    table.insert(t, 1, 9)
    eq(table.concat(t, ","), "9,3,2,1,0")
    eq(table.remove(t), 0)
    eq(table.remove(t, 1), 9)
    eq(table.remove({}), nil)
    eq(table.maxn({ [1] = 1, [10] = 1, x = 1 }), 10)
    eq(table.getn({ 1, 2, 3 }), 3)
    eq(select("#", table.unpack({ 1, nil, 3 }, 1, 3)), 3)
    eq(type(table.create(10, 5)), "table")
    eq(table.pack(1, nil, 3).n, 3)
    eq(table.concat(table.move({ 1, 2, 3 }, 2, 3, 1), ","), "2,3,3")
    local f = table.freeze({ a = 1, 2 })
    eq(table.isfrozen(f), true)
    eq(table.isfrozen({}), false)
    raises("", function() f.a = 2 end)
    raises("", function() f.b = 2 end)
    raises("", table.insert, f, 1)
    raises("", rawset, f, "a", 1)
    eq(f.a, 1)
    eq(#f, 1)
    local n = 0
    for _ in pairs(f) do n = n + 1 end
    eq(n, 2)
    local own = {}
    eq(table.freeze(own), own)
    raises("", function() own.x = 1 end)
    eq(table.concat({}, ","), "")
    eq(table.concat({ 1, 2, 3 }, "-", 2, 3), "2-3")
    raises("", table.concat, { {} })
    raises("", table.sort, { 1, "x" })
end)

check("STD-26", "math", function()
    for _, name in ipairs({ "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cosh", "deg", "exp", "floor",
        "fmod", "frexp", "ldexp", "log", "log10", "max", "min", "mod", "modf", "pow", "rad", "random", "randomseed",
        "sin", "sinh", "sqrt", "tan", "tanh", "tointeger", "type", "ult" }) do
        eq(type(math[name]), "function", name)
    end
    eq(math.pow(2, 3), 8)
    eq(math.log10(1000), 3)
    eq(math.ldexp(1, 3), 8)
    eq(math.fmod(7, 3), 1)
    eq(math.mod(7, 3), 1)
    eq(math.atan2(0, 1), 0)
    eq(math.tointeger(3.0), 3)
    eq(math.tointeger(3.5), nil)
    eq(math.type(1), "integer")
    eq(math.type(1.0), "float")
    eq(math.type("x"), nil)
    eq(math.ult(1, -1), true)
    eq(math.floor(3.7), 3)
    eq(math.type(math.floor(3.7)), "integer")
    eq(math.max(1, 2.5), 2.5)
    eq(math.huge, 1 / 0)
    eq(math.maxinteger, 9223372036854775807)
    assert(math.pi > 3.14)
    local a, b = math.modf(3.7)
    eq(a, 3)
    assert(b > 0.69 and b < 0.71)
end)

check("STD-27", "random", function()
    math.randomseed(1)
    for _ = 1, 50 do
        local r = math.random()
        assert(r >= 0 and r < 1)
        local d = math.random(6)
        assert(d >= 1 and d <= 6 and math.type(d) == "integer")
        d = math.random(5, 7)
        assert(d >= 5 and d <= 7)
    end
    raises("", math.random, 0)
    raises("", math.random, 2, 1)
end)

check("STD-28", "string", function()
    for _, name in ipairs({ "byte", "char", "dump", "find", "format", "gfind", "gmatch", "gsub", "len", "lower",
        "match", "rep", "reverse", "sub", "upper", "pack", "unpack", "packsize" }) do
        eq(type(string[name]), "function", name)
    end
    eq(string.gfind, string.gmatch)
    eq(("x"):rep(3), "xxx")
    eq(string.rep("x", -1), "")
    eq(string.find("a+b", "+", 1, true), 2)
    eq(string.match("key=val", "(%w+)=(%w+)"), "key")
    eq(string.gsub("hello", "l", "L"), "heLLo")
    eq(select(2, string.gsub("hello", "l", { l = "1" })), 2)
    eq(string.gsub("abc", "%w", "%0%0", 2), "aabbc")
    eq(string.find("a\0b", "%z"), 2)
    eq(string.format("%q", 'a"b'), '"a\\"b"')
    eq(string.format("%-5s|", "ab"), "ab   |")
    eq(string.format("%05d", 42), "00042")
    eq(string.format("%x", 255), "ff")
    eq(string.format("%%"), "%")
    eq(string.unpack("<i4", string.pack("<i4", 7)), 7)
    eq(string.byte("A"), 65)
    eq(string.char(72, 105), "Hi")
    eq(("abc"):sub(-2), "bc")
    local words = {}
    for w in string.gmatch("one two", "%a+") do words[#words + 1] = w end
    eq(#words, 2)
    raises("", string.rep)
    eq(string.match("  trim  ", "^%s*(.-)%s*$"), "trim")
    eq(string.find("abc", "b", -1), nil)
    eq(string.gsub("abc", "", "-"), "-a-b-c-")
end)

check("STD-29", "unpack", function()
    eq(unpack, table.unpack)
    same(pack(unpack({ 1, 2, 3 }, 2)), 2, 3)
    same(pack(unpack({}, 1, 2)), nil, nil)
end)

check("STD-29a", "pairs and ipairs ask no metamethods and need a table", function()
    local t = setmetatable({ 1, 2 }, { __pairs = function() error("asked") end, __ipairs = function() error("asked") end,
        __index = function() return 5 end })
    local n = 0
    for _ in pairs(t) do n = n + 1 end
    eq(n, 2)
    raises("", pairs, "x")
    raises("", pairs)
    raises("", ipairs, nil)
    raises("", ipairs, 5)
end)

check("STD-29b", "tonumber", function()
    eq(tonumber("  12  "), 12)
    eq(tonumber("0x1F"), 31)
    eq(tonumber("1.5"), 1.5)
    eq(tonumber("1e3"), 1000)
    eq(tonumber("z", 36), 35)
    eq(tonumber("ff", 16), 255)
    eq(tonumber("9", 8), nil)
    eq(tonumber("x"), nil)
    eq(tonumber(""), nil)
    eq(tonumber(nil), nil)
    eq(tonumber({}), nil)
    eq(math.type(tonumber("5")), "integer")
    eq(math.type(tonumber("5.0")), "float")
end)

check("STD-29c", "frozen tables and libraries", function()
    for _, t in ipairs({ table.freeze({ 1 }), string }) do
        raises("", table.insert, t, 2)
        raises("", table.remove, t)
        raises("", table.sort, t)
        raises("immutable", function() t.x = 1 end)
    end
end)

-- Modules --------------------------------------------------------------------------------------

check("MOD-1 MOD-2 MOD-4", "require and globals are the same object", function()
    eq(require("time"), time)
    eq(require("time"), require("time"))
    eq(require("funcs"), funcs)
    for _, name in ipairs({ "process", "channel", "payload", "errors", "os", "table", "math", "string", "coroutine" }) do
        eq(require(name), _G[name], name)
    end
    eq(require("harness"), harness)
end)

check("MOD-3", "an undeclared name raises", function()
    for _, name in ipairs({ "sql", "http", "nonsense", "", "app:harness", "io" }) do
        local e = raises("module '" .. name .. "' not found", require, name)
        eq(type(e), "string")
    end
    raises("bad argument #1", require)
    raises("bad argument #1", require, {})
end)

-- os -------------------------------------------------------------------------------------------

check("OS-1", "os.time", function()
    eq(math.type(os.time()), "integer")
    local a = os.time({ year = 2024, month = 13, day = 1, hour = 12 })
    local b = os.time({ year = 2025, month = 1, day = 1, hour = 12 })
    eq(a, b)
    eq(os.time({ year = 2024, month = 1, day = 2 }) - os.time({ year = 2024, month = 1, day = 1 }), 86400)
    raises("", os.time, 5)
    raises("", os.time, "x")
    eq(type(os.time({ year = 2020 })), "number")
end)

check("OS-2 OS-3 OS-4 OS-5 OS-6 OS-7", "os.date", function()
    eq(os.date("!%Y-%m-%d %H:%M:%S", 0), "1970-01-01 00:00:00")
    eq(os.date("!%c", 1717252245), "Sat Jun  1 14:30:45 2024")
    eq(os.date("!%x", 1718461845), "06/15/24")
    eq(os.date("!%X", 1717252245), "14:30:45")
    eq(os.date("!%p", 0), "AM")
    eq(os.date("!%I", 0), "12")
    eq(os.date("!%j", 0), "001")
    eq(os.date("!%w", 0), "4")
    eq(os.date("!%y %b %B %a %A %%", 0), "70 Jan January Thu Thursday %")
    eq(os.date("!%z", 0), "+0000")
    eq(os.date("%Q"), "%Q")
    eq(os.date("!%U %W", 0), "01 01")
    local t = os.date("!*t", 0)
    eq(t.year, 1970)
    eq(t.month, 1)
    eq(t.day, 1)
    eq(t.wday, 5)
    eq(t.yday, 1)
    eq(t.isdst, false)
    eq(type(os.date()), "string")
    eq(os.date("*t").isdst, false or os.date("*t").isdst)
end)

check("OS-8 OS-9", "clock, difftime, platform and nothing else", function()
    eq(math.type(os.clock()), "float")
    assert(os.clock() >= 0)
    eq(os.difftime(5, 3), 2)
    raises("", os.difftime, 5)
    raises("", os.difftime)
    eq(os.platform, "wippy")
    for _, name in ipairs({ "execute", "exit", "getenv", "remove", "rename", "tmpname", "setlocale" }) do
        eq(os[name], nil, name)
    end
    local n = 0
    for _ in pairs(os) do n = n + 1 end
    eq(n, 5)
end)

-- Core section 13: errors, and section 0.2: what all host functions have in common.

local HOST = "app:processes"

function child.give(...) return ... end
function child.fail(parts) return nil, errors.new(parts) end
function child.raise(v) error(v) end

check("E-1 E-3", "the constants", function()
    local want = { NOT_FOUND = "NotFound", ALREADY_EXISTS = "AlreadyExists", INVALID = "Invalid",
        PERMISSION_DENIED = "PermissionDenied", UNAVAILABLE = "Unavailable", INTERNAL = "Internal",
        CANCELED = "Canceled", CONFLICT = "Conflict", TIMEOUT = "Timeout", RATE_LIMITED = "RateLimited",
        UNKNOWN = "" }
    for k, v in pairs(want) do eq(errors[k], v) end
    local n = 0
    for k, v in pairs(errors) do
        n = n + 1
        assert(want[k] or type(v) == "function", k)
    end
    eq(n, 15) -- eleven constants, new, wrap, is, call_stack
    raises("immutable", function() errors.NEW = 1 end)
    raises("immutable", function() errors.new = 1 end)
end)

check("E-2", "an unknown kind is kept", function()
    eq(errors.new({ message = "m", kind = "MyKind" }):kind(), "MyKind")
    fails("MyKind", "m", process.exec("app:run", HOST, "fail", { message = "m", kind = "MyKind" }))
end)

check("E-10", "an error of a text", function()
    local e = errors.new("text")
    eq(e:message(), "text")
    eq(e:kind(), "")
    eq(e:retryable(), nil)
    eq(e:details(), nil)
    eq(errors.new(""):message(), "")
end)

check("E-11", "an error of a table", function()
    local e = errors.new({ message = "m", kind = errors.TIMEOUT, retryable = true, details = { a = 1 } })
    eq(e:kind(), "Timeout")
    eq(e:retryable(), true)
    eq(e:details().a, 1)
    eq(errors.new({ message = "m", retryable = false }):retryable(), false)
    e = errors.new({ message = "m", kind = 5, retryable = "yes", details = "x" })
    eq(e:kind(), "")
    eq(e:retryable(), nil)
    eq(e:details(), nil)
    eq(errors.new({ message = "", kind = {} }):message(), "")
end)

check("E-12", "argument errors", function()
    raises("message field is required", errors.new, {})
    raises("message must be a string", errors.new, { message = 5 })
    raises("message must be a string", errors.new, { message = {} })
    raises("expected string or table", errors.new, 5)
    raises("expected string or table", errors.new, true)
    raises("expected string or table", errors.new, print)
    raises("", errors.new)
    raises("", errors.new, nil)
    eq(type(select(2, pcall(errors.new, 5))), "string")
end)

check("E-13", "a second argument is ignored", function()
    eq(errors.new("TIMEOUT", "text"):message(), "TIMEOUT")
    eq(errors.new("TIMEOUT", "text"):kind(), "")
end)

check("E-14", "details: string keys at the top, copies below, text for objects", function()
    local inner = { 1, 2 }
    local f = function() end
    local e = errors.new({ message = "m", details = { a = inner, [1] = "dropped", [true] = "dropped",
        f = f, ch = channel.new(), mixed = { 1, 2, x = 3 }, deep = { a = { b = { 1 } } }, n = 1.5, t = true } })
    inner[1] = 9
    local d = e:details()
    eq(d.a[1], 1)
    eq(d[1], nil)
    eq(d[true], nil)
    eq(type(d.f), "string")
    eq(type(d.ch), "string")
    eq(d.mixed.x, 3)
    eq(d.mixed[1], nil)
    eq(d.deep.a.b[1], 1)
    eq(d.n, 1.5)
    eq(d.t, true)
    eq(errors.new({ message = "m", details = {} }):details(), nil)
    eq(errors.new({ message = "m", details = { 1, 2 } }):details(), nil)
end)

check("E-15 E-33", "the call stack of the place where it was made", function()
    local function deep() return errors.new("here") end
    local e = deep()
    local stack = errors.call_stack(e)
    eq(type(stack), "table")
    eq(type(stack.thread), "string")
    assert(#stack.frames >= 1)
    local top = stack.frames[1]
    eq(math.type(top.line), "integer")
    assert(top.line > 0)
    has(top.source, "app:run")
    eq(type(top.level), "number")
    eq(type(top.name), "string")
    eq(type(top.type), "string")
    assert(#e:stack() > 0)
    has(e:stack(), "app:run")
    eq(errors.call_stack(5), nil)
    eq(errors.call_stack("x"), nil)
    eq(errors.call_stack(nil), nil)
    eq(errors.call_stack({}), nil)
end)

check("E-20", "wrap: arguments", function()
    local e = errors.new("m")
    for _, bad in ipairs({ 5, true, {}, print }) do
        raises("expected string or error object", errors.wrap, bad, "x")
        raises("expected string or error object", errors.wrap, e, bad)
    end
    raises("expected string or error object", errors.wrap, nil, "x")
    raises("", errors.wrap, e)
    raises("", errors.wrap)
    has(errors.wrap(e, errors.new("as context")):stack(), "as context")
end)

check("E-21", "a wrapped error has its parent's kind, flag and details", function()
    local e = errors.wrap(errors.new({ message = "m", kind = errors.CONFLICT, retryable = true,
        details = { a = 1 } }), "context")
    eq(e:kind(), errors.CONFLICT)
    eq(e:retryable(), true)
    eq(e:details().a, 1)
end)

check("E-22", "the context shows in the stack and in the next wrap", function()
    local e1 = errors.wrap("boom", "a")
    eq(e1:message(), "boom")
    eq(tostring(e1), "boom")
    has(e1:stack(), "a")
    local e2 = errors.wrap(e1, "b")
    eq(e2:message(), "a: boom")
    eq(errors.wrap(e2, "c"):message(), "b: a: boom")
    eq(errors.wrap(errors.new("disk full"), "save"):message(), "disk full") -- 24.10
end)

check("E-22", "a wrapped error that leaves its process shows its context", function()
    local _, e = process.exec("app:run", HOST, "wrap")
    eq(e:message(), "save: disk full")
    eq(e:kind(), errors.CONFLICT)
end)
function child.wrap()
    return nil, errors.wrap(errors.new({ message = "disk full", kind = errors.CONFLICT }), "save")
end

check("E-23", "wrapping a string", function()
    local e = errors.wrap("text", "context")
    eq(e:kind(), "")
    eq(e:details(), nil)
    eq(e:message(), "text")
    eq(e:retryable(), nil)
end)

check("E-24", "the original is not changed", function()
    local e = errors.new("m")
    local w = errors.wrap(e, "context")
    assert(w ~= e)
    eq(e:message(), "m")
    eq(errors.wrap(e, "other"):message(), "m")
end)

check("E-30", "as a text", function()
    local e = errors.new("boom")
    eq(type(e), "userdata")
    eq(tostring(e), "boom")
    eq("a " .. e, "a boom")
    eq(e .. " b", "boom b")
    eq(e .. e, "boomboom")
    eq(1 .. e, "1boom")
    eq(e .. 2, "boom2")
    eq(string.find(e, "oo"), 2)
    eq(string.upper(e), "BOOM")
    eq(string.format("%s", e), "boom")
    eq(string.len(e), 4)
    eq(string.sub(e, 1, 2), "bo")
    raises("", function() return e .. {} end)
    raises("", function() return e .. nil end)
end)

check("E-31", "methods, no fields", function()
    local e = errors.new({ message = "m", details = { a = { 1 } } })
    eq(type(e.message), "function")
    eq(e.code, nil)
    eq(type(e:stack()), "string")
    local d = e:details()
    d.a[1] = 2
    d.b = 1
    eq(e:details().a[1], 1)
    eq(e:details().b, nil)
    eq(select("#", e:message()), 1)
    eq(select("#", e:details()), 1)
    raises("error expected", e.message, {})
    raises("error expected", e.kind, "x")
end)

check("E-32", "errors.is", function()
    local e = errors.new({ message = "m", kind = errors.TIMEOUT })
    eq(errors.is(e, errors.TIMEOUT), true)
    eq(errors.is(e, errors.INVALID), false)
    eq(errors.is(e, "timeout"), false)
    eq(errors.is(nil, errors.TIMEOUT), false)
    eq(errors.is("Timeout", "Timeout"), false)
    eq(errors.is({}, "Timeout"), false)
    eq(errors.is(errors.new("x"), errors.UNKNOWN), true)
    eq(errors.is(errors.wrap(e, "c"), errors.TIMEOUT), true)
    raises("", errors.is, e)
    raises("", errors.is)
    raises("", errors.is, nil)
    raises("", errors.is, e, {})
end)

check("E-34", "equal only if the same object", function()
    local a, b = errors.new("x"), errors.new("x")
    eq(a == b, false)
    eq(a == a, true)
    eq(({ [a] = 1 })[b], nil)
end)

check("E-35", "immutable", function()
    local e = errors.new("x")
    raises("", function() e.message = 1 end)
    raises("", function() e.new = 1 end)
    eq(e:message(), "x")
end)

check("E-40", "raising an error keeps the object", function()
    local e = errors.new({ message = "m", kind = errors.TIMEOUT })
    local ok, got = pcall(error, e)
    eq(got, e)
    ok, got = pcall(error, e, 2)
    eq(got, e)
    eq(got:kind(), errors.TIMEOUT)
    ok, got = pcall(function() error(e, 0) end)
    eq(got:message(), "m")
    ok, got = xpcall(function() error(e) end, function(x) return x end)
    eq(got, e)
    eq(ok, false)
end)

check("E-41", "raising a text gives a string with position", function()
    local ok, got = pcall(function() error("text") end)
    eq(type(got), "string")
    assert(string.find(got, "app:run:%d+: text$"), got)
    ok, got = pcall(function() error("text", 0) end)
    eq(got, "text")
    raises("", function() return got:kind() end)
    eq(errors.is(got, errors.INTERNAL), false)
    eq(ok, false)
end)

check("E-42", "runtime errors are strings with position", function()
    for _, f in ipairs({ function() local x; x() end, function() return {} + 1 end, function() return #5 end,
        function() return nil .. "x" end, function() string.rep() end, function() return 1 < "x" end }) do
        local ok, e = pcall(f)
        eq(ok, false)
        eq(type(e), "string")
        assert(string.find(e, "app:run:%d+: "), e)
    end
end)

check("E-43 G-1 G-3", "host failures are structured and not retryable", function()
    local _, e = process.send("nobody", "x")
    eq(type(e), "userdata")
    eq(e:retryable(), false)
    _, e = require("funcs").call("app:unknown")
    eq(type(e), "userdata")
    eq(e:retryable(), false)
    _, e = require("time").parse("x", "y")
    eq(type(e), "userdata")
    eq(e:kind(), errors.INVALID)
end)

check("E-44 E-45", "crossing keeps the parts and makes a new object", function()
    local parts = { message = "m", kind = errors.RATE_LIMITED, retryable = true, details = { a = { 1, { b = 2 } } } }
    local via = {
        exec = function(p) return select(2, process.exec("app:run", HOST, "fail", p)) end,
        call = function(p) return select(2, require("funcs").call("app:call", "fail", p)) end,
        exit = function(p) return ending("fail", p).error end,
        nested = function(p) return select(2, process.exec("app:run", HOST, "exec_fail", p)) end,
        future = function(p) return (require("funcs").async("app:call", "fail", p):channel():receive()) end,
    }
    for way, get in pairs(via) do
        local e = get(parts)
        eq(e:message(), "m", way)
        eq(e:kind(), errors.RATE_LIMITED, way)
        eq(e:retryable(), true, way)
        eq(e:details().a[2].b, 2, way)
        eq(type(e:stack()), "string", way)
        e = get({ message = "kindless" })
        eq(e:kind(), errors.INTERNAL, way)
        eq(e:retryable(), nil, way)
    end
end)
function child.exec_fail(p) return process.exec("app:run", HOST, "fail", p) end

check("E-44", "raised across functions: text with the place, structured with its parts", function()
    local funcs = require("funcs")
    local _, e = funcs.call("app:call", "raise", "text")
    eq(e:kind(), errors.INTERNAL)
    has(e:message(), "text")
    _, e = funcs.call("app:call", "raise_structured")
    eq(e:kind(), errors.CONFLICT)
    eq(e:details().a, 1)
    _, e = funcs.call("app:call", "raise", {})
    eq(e:kind(), errors.INTERNAL)
end)
function child.raise_structured()
    error(errors.new({ message = "m", kind = errors.CONFLICT, details = { a = 1 } }))
end

check("E-46", "an error inside a returned value is data", function()
    local v, e = process.exec("app:run", HOST, "error_inside")
    eq(e, nil)
    eq(v.err:kind(), "")
    eq(v.err:message(), "data")
    local first = process.exec("app:run", HOST, "error_first")
    eq(first:message(), "data") -- 24.3
end)
function child.error_inside() return { err = errors.new("data") } end
function child.error_first() return errors.new("data") end

-- Host functions in general --------------------------------------------------------------------

check("G-2", "a number where a string is wanted is accepted", function()
    eq(process.listen(5), process.listen("5"))
    eq(process.registry.register(6), true)
    eq(process.registry.lookup("6"), process.pid())
end)

check("G-4", "an explicit nil follows a success", function()
    same(pack(process.send(process.pid(), "t")), true, nil)
    same(pack(require("funcs").call("app:call", "give", 1)), 1, nil)
end)

check("G-5", "library tables are read-only", function()
    for _, lib in ipairs({ process, channel, errors, string, table, math, coroutine, payload, os,
        process.registry, process.event, payload.format, require("time"), require("funcs") }) do
        raises("immutable", function() lib.added = 1 end)
        raises("immutable", function() rawset(lib, "added", 1) end)
        eq(lib.added, nil)
    end
end)

check("G-6", "host objects are userdata, unknown methods read as nil", function()
    local time = require("time")
    for _, v in ipairs({ channel.new(), errors.new("x"), payload.new(1), time.now(), time.parse_duration("1s"),
        time.utc, require("funcs").new(), process.with_context({}) }) do
        eq(type(v), "userdata")
        eq(v.no_such_method, nil)
        eq(v[1], nil)
    end
end)

check("G-7", "the same host object is equal to itself", function()
    local c = channel.new(1)
    local t = { [c] = "found" }
    c:send(c)
    eq(c:receive(), c)
    eq(t[c], "found")
    assert(channel.new() ~= channel.new())
end)

check("G-8", "ids are namespace:name with dots", function()
    same(pack(process.exec("app.deep.space:thing", HOST)), "app.deep.space:thing", nil)
end)

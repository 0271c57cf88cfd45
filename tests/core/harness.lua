-- What the checks of a chapter use, as globals of the process that runs one of them.

local checks = {}
child = {}

function check(rule: string, claim: string, f)
    checks[rule .. ": " .. claim] = f
end

--- The entry point of `app:run` and `app:call`: a check, or a child by its name.
function main(name, ...)
    local f = checks[name]
    if f then
        f(...)
        return nil
    end
    return child[name](...)
end

local function show(v)
    if type(v) == "string" then
        return string.format("%q", v)
    end
    return tostring(v)
end

function eq(got, want, what)
    if got ~= want and (got == got or want == want) then
        error((what and what .. ": " or "") .. "wanted " .. show(want) .. ", got " .. show(got), 2)
    end
end

--- `text` stands in `got`.
function has(got, text)
    if type(got) ~= "string" and type(got) ~= "userdata" or not string.find(tostring(got), text, 1, true) then
        error("wanted a text with " .. show(text) .. ", got " .. show(got), 2)
    end
end

--- Exactly these values: `same(pack(f()), 1, nil)`.
function pack(...)
    return { n = select("#", ...), ... }
end

function same(got, ...)
    local n = select("#", ...)
    if got.n ~= n then
        error("wanted " .. n .. " values, got " .. got.n, 2)
    end
    for i = 1, n do
        local want = select(i, ...)
        if got[i] ~= want then
            error("value " .. i .. ": wanted " .. show(want) .. ", got " .. show(got[i]), 2)
        end
    end
end

--- A failed pair: `fails(errors.INVALID, "text", f(...))`; `first` is what stands in front.
function fails(kind, text, ...)
    local first, err = ...
    if select("#", ...) ~= 2 then
        error("wanted nil and an error, got " .. select("#", ...) .. " values: " .. show(first), 2)
    elseif first ~= nil and first ~= false then
        error("wanted nil and an error, got " .. show(first), 2)
    elseif type(err) ~= "userdata" then
        error("wanted a structured error, got " .. show(err), 2)
    elseif err:kind() ~= kind then
        error("wanted kind " .. show(kind) .. ", got " .. show(err:kind()) .. ": " .. err:message(), 2)
    elseif not string.find(err:message(), text, 1, true) then
        error("wanted a message with " .. show(text) .. ", got " .. show(err:message()), 2)
    end
    return err
end

--- `f(...)` raises an error whose text has `text`; gives the error.
function raises(text, f, ...)
    local ok, e = pcall(f, ...)
    if ok then
        error("wanted an error with " .. show(text) .. ", got a return of " .. show(e), 2)
    elseif not string.find(tostring(e), text, 1, true) then
        error("wanted an error with " .. show(text) .. ", got " .. show(tostring(e)), 2)
    end
    return e
end

function start(name, ...)
    local pid, err = process.spawn("app:run", "app:processes", name, ...)
    assert(pid, tostring(err))
    return pid
end

function watch(name, ...)
    local pid, err = process.spawn_monitored("app:run", "app:processes", name, ...)
    assert(pid, tostring(err))
    return pid
end

--- The next lifecycle event.
function event()
    return (process.events():receive())
end

--- The EXIT of one process, whatever comes before it.
function exit_of(pid)
    while true do
        local e = event()
        if e.kind == process.event.EXIT and e.from == pid then
            return e
        end
    end
end

--- How a child ended: `result` of its EXIT.
function ending(name, ...)
    return exit_of(watch(name, ...)).result
end

--- The next event if it comes within `d`, else nil.
function event_within(d)
    local time = require("time")
    local r = channel.select({ process.events():case_receive(), time.after(d):case_receive() })
    if r.channel == process.events() then
        return r.value
    end
    return nil
end

--- A receive with a limit: value, ok, or "nothing".
function receive_within(ch, d)
    local time = require("time")
    local limit = time.after(d)
    local r = channel.select({ ch:case_receive(), limit:case_receive() })
    if r.channel == ch then
        return r.value, r.ok
    end
    return "nothing"
end

--- Wait until the others have done what they can.
function settle()
    require("time").sleep("10ms")
end
return true

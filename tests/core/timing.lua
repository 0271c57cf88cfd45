-- Core section 17: time.

local time = require("time")

local function ms_since(t) return time.now():sub(t):milliseconds() end

check("T-1 T-3 T-10 T-11", "sleep and durations", function()
    for _, d in ipairs({ 5e6, "5ms", time.parse_duration("5ms"), 5 * time.MILLISECOND, "0.005s", "5000us", "5000µs" }) do
        local before = time.now()
        same(pack(time.sleep(d)))
        local took = ms_since(before)
        assert(took >= 5 and took < 8, tostring(d) .. " took " .. took)
    end
    for _, d in ipairs({ 0, -1, "-2s", "0", "0s", 0.01 }) do
        local before = time.now()
        same(pack(time.sleep(d)))
        assert(ms_since(before) < 2)
    end
    for _, bad in ipairs({ "", "5", "abc", "5 ms", true, {}, "ms", "1x" }) do
        fails(errors.INVALID, "", time.sleep(bad))
    end
    fails(errors.INVALID, "", time.sleep())
    fails(errors.INVALID, "", time.sleep(nil))
end)

check("T-2", "constants", function()
    eq(time.NANOSECOND, 1)
    eq(time.MICROSECOND, 1000)
    eq(time.MILLISECOND, 1000000)
    eq(time.SECOND, 1000000000)
    eq(time.MINUTE, 60 * time.SECOND)
    eq(time.HOUR, 60 * time.MINUTE)
end)

check("T-10", "sleep suspends only the calling coroutine", function()
    local n, done = 0, channel.new(1)
    coroutine.spawn(function()
        for _ = 1, 5 do
            time.sleep("1ms")
            n = n + 1
        end
        done:send(true)
    end)
    time.sleep("3500us")
    eq(n, 3)
    done:receive()
end)

check("T-12", "after", function()
    local ch = time.after("5ms")
    same(pack(select("#", time.after("1ms"))), 1)
    local before = time.now()
    local t, ok = ch:receive()
    eq(ok, true)
    eq(type(t), "userdata")
    assert(ms_since(before) >= 4)
    eq(type(t:unix()), "number")
    same(pack(ch:receive()), nil, false)
    ch = time.after("1ms")
    time.sleep("5ms")
    eq(select(2, ch:receive()), true) -- an unread value is kept
    for _, bad in ipairs({ 0, -1, "0", "-1s", "x", "", {}, true }) do
        fails(errors.INVALID, "time.after: duration must be > 0", time.after(bad))
    end
    fails(errors.INVALID, "time.after", time.after())
end)

check("T-13", "timer", function()
    local timer = time.timer("5ms")
    eq(timer:channel(), timer:response())
    local t, ok = timer:channel():receive()
    eq(ok, true)
    eq(type(t:unix_nano()), "number")
    same(pack(timer:channel():receive()), nil, false)
    for _, bad in ipairs({ 0, -5, "x", "", {} }) do
        fails(errors.INVALID, "", time.timer(bad))
    end
end)

check("T-14", "timer:stop", function()
    local timer = time.timer("5ms")
    same(pack(timer:stop()), true)
    same(pack(timer:channel():receive()), nil, false)
    same(pack(timer:stop()), false)
    timer = time.timer("1ms")
    time.sleep("5ms")
    same(pack(timer:stop()), false)
    eq(select(2, timer:channel():receive()), true) -- fired before: the value is still there
end)

check("T-14", "a receiver parked on a stopped timer ends", function()
    local timer, out = time.timer("1h"), channel.new(1)
    coroutine.spawn(function() out:send(pack(timer:channel():receive())) end)
    timer:stop()
    same(out:receive(), nil, false)
end)

check("T-15", "timer:reset", function()
    local timer = time.timer("10ms")
    time.sleep("5ms")
    local before = time.now()
    same(pack(timer:reset("10ms")), true)
    timer:channel():receive()
    assert(ms_since(before) >= 10)
    same(pack(timer:reset("1ms")), false)
    same(pack(timer:channel():receive()), nil, false)
    timer = time.timer("1h")
    timer:stop()
    same(pack(timer:reset("1ms")), false)
    time.sleep("5ms")
    same(pack(timer:channel():receive()), nil, false)
    timer = time.timer("1h")
    for _, bad in ipairs({ "x", "", {}, true }) do
        raises("timer:reset", timer.reset, timer, bad)
    end
    raises("", timer.reset, timer)
end)

check("T-16 T-17", "ticker", function()
    local before = time.now()
    local ticker = time.ticker("10ms")
    eq(ticker:channel(), ticker:response())
    for i = 1, 3 do
        local t, ok = ticker:channel():receive()
        eq(ok, true)
        eq(type(t), "userdata")
        local took = ms_since(before)
        assert(took >= i * 10 and took < i * 10 + 5, took)
    end
    same(pack(ticker:stop()), true)
    same(pack(ticker:channel():receive()), nil, false)
    same(pack(ticker:stop()), true)
    for _, bad in ipairs({ 0, -1, "x", "", {}, "-1s" }) do
        fails(errors.INVALID, "", time.ticker(bad))
    end
end)

check("T-16 T-17", "ticks that find 16 unread are dropped; buffered ones can be read after stop", function()
    local ticker = time.ticker("1ms")
    time.sleep("100ms")
    ticker:stop()
    local n = 0
    while select(2, ticker:channel():receive()) do n = n + 1 end
    eq(n, 16)
end)

check("T-18", "timers end with the process and wake nothing else", function()
    eq(ending("leave_timers").value, "over")
end)
function child.leave_timers()
    time.after("1h")
    time.timer("1h")
    time.ticker("1h")
    return "over"
end

check("T-19", "waits complete in order, never early", function()
    local log, done = {}, channel.new(3)
    for _, d in ipairs({ 30, 10, 20 }) do
        coroutine.spawn(function()
            local before = time.now()
            time.sleep(d .. "ms")
            assert(time.now():sub(before):nanoseconds() >= d * 1000000)
            log[#log + 1] = d
            done:send(true)
        end)
    end
    for _ = 1, 3 do done:receive() end
    eq(table.concat(log, ","), "10,20,30")
end)

check("T-20 T-30", "delivered times and now carry the local zone", function()
    local t = time.after("1ms"):receive()
    eq(t:location():string(), "Local")
    eq(time.now():location():string(), "Local")
    eq(time.ticker("1ms"):channel():receive():location():string(), "Local")
end)

check("T-31 T-32 T-35", "date and unix", function()
    local t = time.date(2024, 1, 31, 12, 30, 15, 500, time.utc)
    eq(t:year(), 2024)
    eq(t:nanosecond(), 500)
    eq(time.date(2024, 13, 1, 0, 0, 0, 0, time.utc):year(), 2025)
    eq(time.date(2024, 3, 0, 0, 0, 0, 0, time.utc):day(), 29)
    eq(time.date(2024, 1, 1, 25, 61, 61, 0, time.utc):day(), 2)
    raises("bad argument", time.date, 2024, 1, 1)
    raises("bad argument", time.date)
    eq(time.date(2024, 1, 1, 0, 0, 0, 0):location():string(), "Local")
    eq(time.unix(5, 7):unix_nano(), 5000000007)
    eq(time.unix(5, 0):location():string(), "Local")
    raises("bad argument", time.unix, 5)
    raises("bad argument", time.unix)
    local a, b = time.unix(5, 0), time.unix(5, 0)
    eq(a:equal(b), true)
    eq(a == b, false)
    eq(a:equal(a:utc()), true)
    raises("", function() a.x = 1 end)
end)

check("T-33 T-63", "parse", function()
    local t = time.parse(time.RFC3339, "2024-02-29T10:20:30Z")
    eq(t:unix(), 1709202030)
    eq(time.parse(time.RFC3339, "2024-02-29T10:20:30.25Z"):nanosecond(), 250000000)
    fails(errors.INVALID, "", time.parse(time.RFC3339, "nonsense"))
    fails(errors.INVALID, "", time.parse(time.DATE_ONLY, "2023-02-29"))
    eq(time.parse(time.DATE_ONLY, "2024-02-01", time.utc):location():string(), "UTC")
    eq(time.parse(time.TIME_ONLY, "10:11:12", time.utc):year(), 0)
    raises("bad argument", time.parse)
end)

check("T-34", "methods of a time", function()
    local t = time.date(2024, 12, 29, 15, 4, 5, 123000000, time.utc)
    eq(t:add("1h"):hour(), 16)
    eq(t:add(-time.HOUR):hour(), 14)
    raises("bad argument", t.add, t, "x")
    eq(t:sub(t:add("-90s")):seconds(), 90)
    local later = t:add("1ns")
    eq(t:before(later), true)
    eq(t:after(later), false)
    same(pack(t:date()), 2024, 12, 29)
    same(pack(t:clock()), 15, 4, 5)
    eq(t:weekday(), 0)
    eq(t:year_day(), 364)
    eq(t:month(), 12)
    eq(t:minute(), 4)
    eq(t:second(), 5)
    eq(t:is_zero(), false)
    eq(math.type(t:unix()), "integer")
    eq(t:format("2006-01-02"), "2024-12-29")
    eq(t:format_rfc3339(), "2024-12-29T15:04:05Z")
    eq(t:in_location(time.fixed_zone("X", 3600)):hour(), 16)
    eq(t:in_local():equal(t), true)
    eq(t:utc():location():string(), "UTC")
    raises("", t.sub, t, 5)
    raises("", t.round, t, "1h")
end)

check("T-36 T-37", "add_date, round, truncate", function()
    local t = time.date(2023, 1, 31, 0, 0, 0, 0, time.utc):add_date(0, 1, 0)
    eq(t:month(), 3)
    eq(t:day(), 3)
    local h = time.parse_duration("1h")
    local x = time.date(2024, 1, 1, 10, 30, 0, 0, time.utc)
    eq(x:round(h):hour(), 11)
    eq(x:truncate(h):hour(), 10)
    eq(x:round(time.parse_duration("0s")):equal(x), true)
end)

check("T-38", "text of a time", function()
    local t = time.date(2024, 12, 29, 15, 4, 5, 123000000, time.fixed_zone("CET", 3600))
    eq(tostring(t), "2024-12-29 15:04:05.123 +0100 CET")
    eq(tostring(time.date(2024, 1, 2, 3, 4, 5, 0, time.utc)), "2024-01-02 03:04:05 +0000 UTC")
end)

check("T-40 T-41 T-42", "durations", function()
    local d = time.parse_duration("1h30m45s")
    eq(tostring(d), "1h30m45s")
    eq(d:minutes(), 90.75)
    eq(d:hours() > 1.5, true)
    eq(d:milliseconds(), 5445000)
    eq(math.type(d:milliseconds()), "integer")
    for text, want in pairs({ ["60s"] = "1m0s", ["1.5s"] = "1.5s", ["500ms"] = "500ms", ["0s"] = "0s", ["-2s"] = "-2s",
        ["100h"] = "100h0m0s", ["1500us"] = "1.5ms", ["90m"] = "1h30m0s" }) do
        eq(tostring(time.parse_duration(text)), want)
    end
    eq(time.parse_duration(1500):microseconds(), 1)
    eq(time.parse_duration(d):nanoseconds(), d:nanoseconds())
    eq(time.parse_duration("1.5s"):seconds(), 1.5)
    for _, bad in ipairs({ "", "5", "x", true, {}, "1s x" }) do
        fails(errors.INVALID, "", time.parse_duration(bad))
    end
    fails(errors.INVALID, "", time.parse_duration())
end)

check("T-50 T-51 T-52", "locations", function()
    fails(errors.INVALID, "empty location name", time.load_location(""))
    fails(errors.NOT_FOUND, "", time.load_location("Nowhere/Town"))
    eq(time.load_location("Europe/Paris"):string(), "Europe/Paris")
    eq(tostring(time.load_location("Europe/Paris")), "Europe/Paris")
    eq(tostring(time.utc), "UTC")
    eq(time.localtz:string(), "Local")
    eq(time.fixed_zone("X", 90):string(), "X")
end)

check("T-64", "months and weekdays", function()
    eq(time.JANUARY, 1)
    eq(time.DECEMBER, 12)
    eq(time.SUNDAY, 0)
    eq(time.SATURDAY, 6)
end)

check("T-16", "a ticker in a select loop with a stop", function()
    local ticker, stop = time.ticker("10ms"), channel.new()
    coroutine.spawn(function()
        time.sleep("35ms")
        stop:send(true)
    end)
    local n = 0
    while true do
        local r = channel.select({ stop:case_receive(), ticker:channel():case_receive() })
        if r.channel == stop then break end
        n = n + 1
    end
    ticker:stop()
    eq(n, 3)
end)

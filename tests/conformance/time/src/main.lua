local io = require("io")
local time = require("time")

local function main()
    -- durations
    io.print("T-2", time.NANOSECOND, time.MILLISECOND, time.SECOND, time.HOUR)
    local duration = time.parse_duration("1h30m45.5s")
    io.print("T-42", tostring(duration), tostring(time.parse_duration("1500ms")), tostring(time.parse_duration(0)))
    io.print("T-42", tostring(time.parse_duration("-2s")), tostring(time.parse_duration("90s")))
    io.print("T-41", duration:milliseconds(), time.parse_duration("90m"):hours())
    for _, bad in ipairs({ "", "5", "x", "1.2.3s" }) do
        local none, err = time.parse_duration(bad)
        io.print("T-3", none, err:kind())
    end

    -- waiting
    local started = time.now()
    io.print("T-10", select("#", time.sleep("3ms")), time.now():sub(started):milliseconds() >= 3)
    io.print("T-10", select("#", time.sleep(0)))
    io.print("T-11", select(2, time.sleep("soon")):kind())
    local after = time.after("2ms")
    io.print("T-12", type(after:receive()), after:receive())
    io.print("T-12", select(2, time.after(0)):kind())

    local timer = time.timer("1h")
    io.print("T-14", timer:channel() == timer:response(), timer:stop(), timer:stop(), timer:channel():receive())
    timer = time.timer("1h")
    io.print("T-15", timer:reset("1ms"))
    io.print("T-15", type(timer:channel():receive()), timer:reset("1ms"))

    local ticker = time.ticker("2ms")
    local ticks = ticker:channel()
    ticks:receive()
    ticks:receive()
    io.print("T-17", ticker:stop())
    while true do
        local _, open = ticks:receive()
        if not open then
            break
        end
    end
    io.print("T-17", "closed")

    -- order of due times
    local log = channel.new(3)
    for _, ms in ipairs({ 9, 3, 6 }) do
        coroutine.spawn(function()
            time.sleep(ms .. "ms")
            log:send(ms)
        end)
    end
    io.print("T-19", (log:receive()), (log:receive()), (log:receive()))

    -- moments
    local moment = time.date(2024, 12, 29, 15, 4, 5, 123000000, time.utc)
    io.print("T-34", moment:year(), moment:month(), moment:day(), moment:weekday(), moment:year_day())
    io.print("T-60", moment:format(time.RFC3339NANO), moment:format("Mon Jan _2 3:04PM 2006"))
    io.print("T-62", moment:format(time.DATE_TIME), moment:format(time.KITCHEN))
    io.print("T-34", moment:add("36h"):format(time.RFC3339), tostring(moment:add("1h"):sub(moment)))
    io.print("T-36", time.date(2023, 1, 31, 0, 0, 0, 0, time.utc):add_date(0, 1, 0):format(time.DATE_ONLY))
    io.print("T-31", time.date(2023, 13, 0, 0, 0, 0, 0, time.utc):format(time.DATE_ONLY))
    io.print("T-34", moment:unix(), moment:unix_nano(), moment:nanosecond())
    local parsed = time.parse(time.RFC3339, "2024-12-29T16:04:05.123+01:00")
    io.print("T-35", parsed:equal(moment), parsed == moment, parsed:before(moment:add("1s")))
    io.print("T-33", select(2, time.parse(time.DATE_ONLY, "2024-02-30")):kind())
    local paris = time.load_location("Europe/Paris")
    io.print("T-50", tostring(paris), moment:in_location(paris):format(time.RFC1123Z))
    io.print("T-50", select(2, time.load_location("Nowhere/Land")):kind())
    io.print("T-51", moment:in_location(time.fixed_zone("X", 5400)):format(time.RFC3339))
    io.print("T-37", moment:truncate(time.parse_duration("1h")):format(time.TIME_ONLY))
    io.print("T-64", time.JANUARY, time.DECEMBER, time.SUNDAY, time.SATURDAY)
end

return { main = main }

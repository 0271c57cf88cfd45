local io = require("io")
local time = require("time")

local ROUNDS = 3

local function main(): integer
    local ponger = process.spawn_monitored("app:ponger", "app:processes")
    process.registry.register("ponger", ponger)

    local pongs = process.listen("pong")
    for round = 1, ROUNDS do
        -- A name does where a pid does.
        process.send("ponger", "ping", round)

        -- Wait for the answer, but not for ever.
        local timeout = time.after("5s")
        local ready = channel.select({
            pongs:case_receive(),
            timeout:case_receive(),
        })
        if ready.channel == timeout then
            io.print("round " .. round .. ": no answer")
            return 1
        end
        io.print("ping " .. round .. ", pong " .. ready.value)
    end

    -- Cancelling asks; the monitor tells how the other one ended.
    process.cancel(ponger, "thank you")
    local exit = process.events():receive()
    io.print("the ponger ended after " .. exit.result.value .. " answers")
    return 0
end

return { main = main }

local io = require("io")
local json = require("json")
local funcs = require("funcs")
local time = require("time")
local outer = require("outer")
local shapes = require("shapes")

type Mine = {hidden: shapes.Hidden, placed: Placed?, when: time.Time}
type PointBox = shapes.Box<outer.Placed>

local function why(T, v)
    local _, err = T:is(v)
    return err and tostring(err) or "ok"
end

local function main()
    -- types 1.9, 2.1: modules
    io.print("same", outer.Point == shapes.Point, rawequal(outer.Point, shapes.Point))
    io.print("hidden", shapes.Hidden, why(Mine, { hidden = { at = { x = 1, y = 2 }, name = "a" } }))
    io.print("bare", why(Mine, { hidden = { at = { x = 1, y = 2 }, name = "ab" },
        placed = { at = { x = 1, y = 2 }, tag = "x" }, when = time.now() }))
    io.print("brand", why(Mine, { hidden = { at = { x = 1, y = 2 }, name = "ab" }, when = "now" }))
    io.print("generic", why(PointBox, { value = { at = { x = "1" } } }),
        shapes.Box(outer.Placed) == PointBox)

    -- types 2.11: processes and functions
    local echo = process.spawn("app:echo", "app:processes", process.pid())
    process.send(echo, "type", { type = shapes.Point })
    local back = process.inbox():receive():payload():data()
    io.print("process", rawequal(back[1], shapes.Point), back.same, back.v.y)
    local answer = funcs.call("app:call", PointBox, {})
    io.print("function", answer.text, answer.err)

    -- types 2.3: encoders
    local text, err = json.encode({ t = Mine })
    io.print("json", text, err, err:kind())

    -- types 2.13: what a raised error says
    local ok, raised = pcall(function()
        return outer.Placed({ at = { x = 1, y = 2 }, tag = "there" })
    end)
    io.print("raised", ok, raised)
    io.print("details", raised:details().field, raised:details().expected, raised:details().got)

    -- types 2.9
    local sample: {n: number} = { n = 1 }
    io.print("typeof", tostring(typeof(sample)), tostring(typeof(time.now())))
end

return { main = main }

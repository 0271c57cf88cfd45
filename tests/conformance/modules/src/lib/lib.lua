type Point = { x: number, y: number }

local runs = (_G.runs or 0) + 1
_G.runs = runs

local function point(x: number, y: number): Point
    return { x = x, y = y }
end

return { point = point }

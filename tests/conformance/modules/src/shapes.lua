local lib = require("lib")

type Shape = { corners: {lib.Point} }

local function square(size: number): Shape
    return {
        corners = {
            lib.point(0, 0),
            lib.point(size, 0),
            lib.point(size, size),
            lib.point(0, size),
        },
    }
end

return { square = square, lib = lib }

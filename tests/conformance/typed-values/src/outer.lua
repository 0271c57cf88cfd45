local shapes = require("shapes")

type Placed = {at: shapes.Point, tag: Tag?}
type Tag = "near" | "far"

return { Point = shapes.Point, Placed = Placed }

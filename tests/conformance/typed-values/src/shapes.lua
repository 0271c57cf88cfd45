type Point = {x: number, y: number}
type Box<T> = {value: T}
type Hidden = {at: Point @max_len(3), name: string @min_len(2)}

return { Point = Point, Box = Box }

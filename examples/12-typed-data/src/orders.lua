type Sku = string @pattern("^[A-Z]+-[0-9]+$")

type Line = {
    sku: Sku,
    count: integer @min(1) @max(99),
    note?: string @max_len(40),
}

type State =
    {kind: "open"}
    | {kind: "paid", amount: number @min(0)}
    | {kind: "sent", carrier: string, parcels: {string} @min_len(1)}

type Order = {
    id: string @min_len(3),
    lines: {Line} @min_len(1),
    state: State,
}

return { Order = Order, Line = Line, State = State }

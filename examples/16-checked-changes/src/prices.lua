local prices = {}

type Price = {amount: number, currency: string}

function prices.of(item: string): Price
    return { amount = #item, currency = "EUR" }
end

return prices

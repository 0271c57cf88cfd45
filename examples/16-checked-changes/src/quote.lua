local prices = require("prices")

local function main(item: string): string
    local price = prices.of(item)
    return item .. ": " .. tostring(price.amount) .. " " .. price.currency
end

return { main = main }

-- What others see of carts: one is opened by the first item and found by its user.

local ask = require("ask")

local carts = {}

local function name_of(user: string): string
    return "cart:" .. user
end

function carts.find(user: string): string?
    return (process.registry.lookup(name_of(user)))
end

-- The running cart of a user, or a new one; two at once open one.
function carts.open(user: string): (string?, Error?)
    return process.with_options({}):with_name(name_of(user))
        :spawn("shop.cart:cart", "app:processes", user)
end

function carts.ask(pid: string, topic: string, value: any?): (any, Error?)
    return ask.ask(pid, topic, value)
end

return carts

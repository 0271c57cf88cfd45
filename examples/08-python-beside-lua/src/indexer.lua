local funcs = require("funcs")

--- Gives every title an address and has the store keep it; ends when all are kept.
local function main(store: string, titles: {string}): integer
    local kept = process.listen("kept")
    for _, title in ipairs(titles) do
        local address = funcs.call("app:slug", title)
        process.send(store, "keep", { title = title, address = address })
        kept:receive()
    end
    return #titles
end

return { main = main }

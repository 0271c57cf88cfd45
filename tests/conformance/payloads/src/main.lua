local io = require("io")

local function main()
    local p = payload.new({ a = { 1, 2 } })
    io.print("PAY-2 PAY-3", p:get_format(), type(p), p:data().a[2])
    io.print("PAY-10", tostring(p))
    local text = p:transcode(payload.format.JSON)
    io.print("PAY-5", text:get_format(), text:data().a[1])
    io.print("PAY-7", payload.new(7):transcode(payload.format.STRING):data())
    io.print("PAY-2", payload.new():data())
    local none, err = p:transcode("no/format")
    io.print("PAY-6", none, err:kind())

    process.send(process.pid(), "t", { x = 1 })
    local received = process.inbox():receive():payload()
    io.print("PAY-11", received:get_format(), received:data() == received:data(), received:data().x)
    io.print("PAY-1", payload.format.YAML, payload.format.BYTES, payload.format.MSGPACK)
end

return { main = main }

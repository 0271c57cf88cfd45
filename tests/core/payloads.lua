-- Core section 21: payloads.

check("PAY-1", "formats", function()
    local want = { JSON = "json/plain", YAML = "yaml/plain", STRING = "text/plain", BYTES = "application/octet-stream",
        MSGPACK = "application/msgpack", LUA = "lua/any", GOLANG = "golang/any", ERROR = "golang/error" }
    for k, v in pairs(want) do eq(payload.format[k], v, k) end
    raises("immutable", function() payload.format.X = 1 end)
end)

check("PAY-2 PAY-3 PAY-10", "new", function()
    local t = {}
    local p = payload.new(t)
    eq(type(p), "userdata")
    eq(p:get_format(), "lua/any")
    eq(p:data(), t) -- not copied
    eq(payload.new():data(), nil)
    eq(payload.new(nil):get_format(), "lua/any")
    eq(payload.new(errors.new("x")):get_format(), "golang/error")
    eq(tostring(p), "payload{format=lua/any}")
    eq(payload.new(false):data(), false)
end)

check("PAY-4", "data of an error payload", function()
    local v, e = payload.new(errors.new("x")):data()
    eq(v, nil)
    eq(e:kind(), errors.INTERNAL)
    has(e:message(), "transcod")
end)

check("PAY-5 PAY-6", "transcode", function()
    local p = payload.new({ a = 1 })
    eq(p:transcode(payload.format.LUA), p)
    local j, e = p:transcode(payload.format.JSON)
    eq(e, nil)
    eq(j:get_format(), "json/plain")
    eq(tostring(j), "payload{format=json/plain}")
    eq(j:data().a, 1)
    eq(j:transcode(payload.format.JSON), j)
    for _, name in ipairs({ "JSON", "YAML", "MSGPACK" }) do
        local back = p:transcode(payload.format[name]):transcode(payload.format.LUA)
        eq(back:get_format(), "lua/any", name)
        eq(back:data().a, 1, name)
    end
    local bad, err = p:transcode("no/such")
    eq(bad, nil)
    eq(err:kind(), errors.INTERNAL)
    raises("", p.transcode, p)
    raises("", p.transcode, p, {})
    eq(p:transcode(payload.format.JSON):transcode(payload.format.MSGPACK):transcode(payload.format.LUA):data().a, 1)
end)

check("PAY-7", "text", function()
    eq(payload.new(5):transcode(payload.format.STRING):data(), "5")
    eq(payload.new(1.5):transcode(payload.format.STRING):data(), "1.5")
    eq(payload.new(true):transcode(payload.format.STRING):data(), "true")
    eq(payload.new(nil):transcode(payload.format.STRING):data(), "")
    eq(payload.new("text"):transcode(payload.format.STRING):data(), "text")
    eq(payload.new("text"):transcode(payload.format.BYTES):data(), "text")
end)

check("PAY-8", "JSON of tables", function()
    eq(payload.new({ 1, 2 }):transcode("json/plain"):data()[2], 2)
    for _, bad in ipairs({ function() end, channel.new() }) do
        local p, e = payload.new(bad):transcode("json/plain")
        eq(p, nil)
        eq(e:kind(), errors.INTERNAL)
        p, e = payload.new({ f = bad }):transcode("json/plain")
        eq(p, nil)
        eq(e:kind(), errors.INTERNAL)
    end
end)

check("PAY-9", "unmarshal", function()
    eq(payload.new({ a = 1 }):transcode("json/plain"):unmarshal().a, 1)
    eq(payload.new(5):unmarshal(), 5)
    local v, e = payload.new(errors.new("x")):unmarshal()
    eq(v, nil)
    eq(e:kind(), errors.INTERNAL)
end)

check("PAY-11", "payloads of messages and futures", function()
    process.send(process.pid(), "t", { 1 })
    local p = process.inbox():receive():payload()
    eq(p:get_format(), "lua/any")
    eq(p:data(), p:data())
    local f = require("funcs").async("app:call", "give", { 2 })
    local q = f:channel():receive()
    eq(q:get_format(), "lua/any")
    eq(q:data(), q:data())
    raises("payload expected", p.data, {})
end)
function child.give(...) return ... end

check("STD-2", "a payload's text through a type call", function()
    process.send(process.pid(), "t", "text")
    local m = process.inbox():receive()
    eq(string(m:payload():data()), "text")
end)

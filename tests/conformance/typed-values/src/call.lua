local function main(T, v)
    local _, err = T:is(v)
    return { text = tostring(T), err = err and tostring(err) or "ok" }
end

return { main = main }

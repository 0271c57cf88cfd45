local function main()
    process.set_options({ trap_links = true })
    process.registry.register("upgraded")
    local message = process.inbox():receive()
    process.send(message:from(), "said", "old code, " .. process.id())
    process.upgrade("app:new", "argument", { 1, 2 })
    error("never comes back")
end

return { main = main }

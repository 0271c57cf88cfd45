type Request = { id: integer, key: string?, value: any }

local handlers = {}

function handlers.set(data, request: Request): any
    local previous = data[request.key]
    data[request.key] = request.value
    return previous
end

function handlers.get(data, request: Request): any
    return data[request.key]
end

function handlers.delete(data, request: Request): boolean
    local existed = data[request.key] ~= nil
    data[request.key] = nil
    return existed
end

function handlers.keys(data, _: Request): {string}
    local keys: {string} = {}
    for key in pairs(data) do
        keys[#keys + 1] = key
    end
    table.sort(keys)
    return keys
end

--- Holds the data; the topic of a message is the operation.
local function main(): integer
    local data = {}
    local inbox = process.inbox()
    local events = process.events()
    process.registry.register("store")
    while true do
        local ready = channel.select({
            events:case_receive(),
            inbox:case_receive(),
        })
        if ready.channel == events then
            return 0 -- the application stops
        end
        local message = ready.value
        local request: Request = message:payload():data()
        local handler = handlers[message:topic()]
        local reply = { id = request.id }
        if handler then
            reply.value = handler(data, request)
        else
            reply.error = "no operation " .. message:topic()
        end
        process.send(message:from(), "store.reply", reply)
    end
end

return { main = main }

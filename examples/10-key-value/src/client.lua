--- A client of the store: requests, replies and timeouts behind plain calls.
local time = require("time")

type Client = {
    set: (key: string, value: any) -> (any, any),
    get: (key: string) -> (any, any),
    delete: (key: string) -> (any, any),
    keys: () -> (any, any),
    call: (operation: string) -> (any, any),
}

--- Makes a client of its own: a library keeps no state between its users.
local function open(name: string, timeout: string?): Client
    local replies = process.listen("store.reply")
    local count = 0

    local function call(operation: string, key: string?, value: any): (any, any)
        count = count + 1
        local sent, err = process.send(name, operation, { id = count, key = key, value = value })
        if not sent then
            return nil, err
        end
        local deadline = time.after(timeout or "5s")
        while true do
            local ready = channel.select({
                replies:case_receive(),
                deadline:case_receive(),
            })
            if ready.channel == deadline then
                return nil, errors.new({
                    message = operation .. ": no reply from " .. name,
                    kind = errors.TIMEOUT,
                    retryable = true,
                })
            end
            local reply = ready.value
            if reply.id == count then -- else it answers a call that timed out
                if reply.error then
                    return nil, errors.new({ message = reply.error, kind = errors.INVALID })
                end
                return reply.value, nil
            end
        end
    end

    return {
        set = function(key: string, value: any): (any, any)
            return call("set", key, value)
        end,
        get = function(key: string): (any, any)
            return call("get", key)
        end,
        delete = function(key: string): (any, any)
            return call("delete", key)
        end,
        keys = function(): (any, any)
            return call("keys")
        end,
        call = call,
    }
end

return { open = open }

-- A request to a process and its reply, as one call.

local time = require("time")

type Request = {reply: string, value: any}

-- Every question has a topic of its own, so a late reply cannot be taken for another.
local function ask(pid: string, topic: string, value: any): (any, Error?)
    local reply = "reply." .. topic
    local replies = process.listen(reply)
    local sent, err = process.send(pid, topic, { reply = reply, value = value })
    if not sent then
        process.unlisten(replies)
        return nil, err
    end
    local deadline = time.after("2s")
    local ready = channel.select({ replies:case_receive(), deadline:case_receive() })
    process.unlisten(replies)
    if ready.channel == deadline then
        return nil, errors.new({ message = "no reply from " .. pid, kind = errors.TIMEOUT })
    end
    local answer = ready.value
    if answer.error then
        return nil, answer.error
    end
    return answer.value, nil
end

-- The other side: answer a message that `ask` sent.
local function answer(message, value: any, err: any)
    local request = message:payload():data()
    process.send(message:from(), request.reply, { value = value, error = err })
end

return { ask = ask, answer = answer }

--- Ends in one of the ways in which a process can end.
local function main(way: string): (any, any)
    if way == "return" then
        return "all done"
    elseif way == "fail" then
        return nil, errors.new({ message = "no such account", kind = errors.NOT_FOUND })
    elseif way == "crash" then
        error("something broke")
    end
    process.inbox():receive() -- waits until it is terminated
end

return { main = main }

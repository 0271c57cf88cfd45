local io = require("io")

local function main()
    io.print("Hello from Wippy!")
    io.print("My PID: " .. process.pid())
    io.print("")
    io.print("A process has a state of its own.")
    io.print("It talks by messages.")
    io.print("It ends when its method returns.")
    return 0
end

return { main = main }

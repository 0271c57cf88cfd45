local greeter = { inner = { deep = function() return 1 end } }

function greeter.hello(name) return "hello " .. name end
function greeter.twice(name) return greeter.hello(name) .. " " .. greeter.hello(name) end
function greeter.now() return time.now() end
function greeter.text(value) return tostring(value) end

return greeter

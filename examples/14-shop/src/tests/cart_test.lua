local test = require("test")
local ask = require("ask")
local carts = require("carts")

local MOUSE = { sku = "MOUSE-001", title = "Mouse", cents = 2950 }

return { main = test.run_cases(function()
    test.describe("a cart", function()
        local user = "cart-test"

        test.after_each(function()
            local pid = carts.find(user)
            if pid then
                process.monitor(pid)
                process.cancel(pid)
                process.events():receive()
            end
        end)

        test.it("is opened once for a user", function()
            test.is_nil(carts.find(user))
            local pid = test.not_nil(carts.open(user))
            test.eq(carts.open(user), pid)
            test.eq(carts.find(user), pid)
        end)

        test.it("adds up what is put in", function()
            local pid = test.is_string(carts.open(user))
            carts.ask(pid, "add", { product = MOUSE, quantity = 1 })
            local cart = carts.ask(pid, "add", { product = MOUSE, quantity = 2 })
            test.len(cart.items, 1)
            test.eq(cart.items[1].quantity, 3)
            test.eq(cart.total, 8850)
        end)

        test.it("is still there when the order could not be placed", function()
            local pid = test.is_string(carts.open(user))
            local _, err = carts.ask(pid, "checkout")
            test.eq(test.has_error(err):kind(), errors.INVALID)
            test.eq(carts.find(user), pid)
        end)

        test.it("is empty again after it was cancelled", function()
            test.is_nil(carts.find(user))
        end)
    end)

    test.describe("a question", function()
        test.it("goes to the process and names its reply", function()
            local sent
            test.mock_process("send", function(_, topic, request)
                sent = { topic = topic, reply = request.reply }
                return nil, errors.new("nobody there")
            end)
            local _, err = ask.ask("someone", "get", nil)
            test.eq(sent, { topic = "get", reply = "reply.get" })
            test.eq(tostring(test.has_error(err)), "nobody there")
        end)
    end)
end) }

local test = require("test")
local http_client = require("http_client")
local json = require("json")

local ADDRESS = "http://127.0.0.1:18714/api"

local function get(path: string): any
    local response, err = http_client.get(ADDRESS .. path)
    test.no_error(err)
    return { status = response.status_code, body = json.decode(response.body) }
end

local function post(path: string, value: any): any
    local body = value and json.encode(value) or ""
    local response, err = http_client.post(ADDRESS .. path, { body = body })
    test.no_error(err)
    return { status = response.status_code, body = json.decode(response.body) }
end

return { main = test.run_cases(function()
    test.describe("a customer", function()
        test.it("looks around", function()
            local found = get("/products")
            test.eq(found.status, 200)
            test.eq(found.body.count, 5)
        end)

        test.it("cannot buy what there is not", function()
            test.eq(post("/cart/api-test/items", { sku = "YACHT-001" }).status, 404)
            test.eq(post("/cart/api-test/items", {}).status, 400)
            test.eq(post("/cart/api-test/items", nil).status, 400)
        end)

        test.it("fills a cart and checks out", function()
            local added = post("/cart/api-test/items", { sku = "LAPTOP-001" })
            test.eq(added.status, 200)
            test.eq(added.body.status, "added")
            test.eq(get("/cart/api-test").body.total, 99900)
            test.eq(post("/cart/api-test/checkout").body.status, "checked_out")
            test.eq(get("/orders/api-test").body.count, 1)
        end)

        test.it("has no cart after that", function()
            local cart = get("/cart/api-test")
            test.eq(cart.body.items, {})
            test.eq(cart.body.message, "Cart is empty (no active session)")
            local again = post("/cart/api-test/checkout")
            test.eq(again.status, 400)
            test.eq(again.body.error, "No active cart for this user")
        end)
    end)
end) }

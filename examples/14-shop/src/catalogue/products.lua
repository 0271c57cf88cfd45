local registry = require("registry")

type Product = {
    sku: string @pattern("^[A-Z]+-[0-9]+$"),
    title: string,
    cents: integer @min(0),
    stock: integer @min(0),
}

local products = { Product = Product }

function products.all(): ({Product}?, Error?)
    local entries, err = registry.find({ ["meta.type"] = "shop.product" })
    if err then
        return nil, err
    end
    local found: {Product} = {}
    for _, entry in ipairs(entries) do
        local product, wrong = Product:is(entry.data)
        if wrong then
            return nil, errors.wrap(wrong, entry.id)
        end
        table.insert(found, product)
    end
    table.sort(found, function(a, b) return a.sku < b.sku end)
    return found, nil
end

function products.find(sku: string): (Product?, Error?)
    local all, err = products.all()
    if err then
        return nil, err
    end
    for _, product in ipairs(all) do
        if product.sku == sku then
            return product, nil
        end
    end
    return nil, errors.new({ message = "no product " .. sku, kind = errors.NOT_FOUND })
end

return products

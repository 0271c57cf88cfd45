type Division = { quotient: integer, remainder: integer }

local function divide(a: integer, b: integer): (Division?, any)
    if b == 0 then
        return nil, errors.new({
            message = "cannot divide " .. a .. " by zero",
            kind = errors.INVALID,
            retryable = false,
        })
    end
    return { quotient = a // b, remainder = a % b }, nil
end

return { divide = divide }

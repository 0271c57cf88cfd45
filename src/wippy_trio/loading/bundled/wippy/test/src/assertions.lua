-- Claims. One that does not hold raises a text with the place of the claim.
--
-- The last argument is always an optional message, which is put in front. The guards
-- of a type return the value.

local assertions = {}

local MAX_DEPTH = 4
local MAX_ITEMS = 12
local MAX_TEXT = 200

-- The same order in each run, for any mixture of keys.
local function sorted_keys(value)
    local keys = {}
    for key in pairs(value) do
        keys[#keys + 1] = key
    end
    table.sort(keys, function(a, b)
        if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then
            return a < b
        end
        return type(a) .. tostring(a) < type(b) .. tostring(b)
    end)
    return keys
end

local function show(value: any, depth: integer?, seen: any?): string
    if type(value) == "string" then
        local text = #value > MAX_TEXT and string.sub(value, 1, MAX_TEXT) .. "..." or value
        return string.format("%q", text)
    end
    if type(value) ~= "table" then
        return tostring(value)
    end
    local level = depth or 0
    local above = seen or {}
    if above[value] then
        return "{...the same table...}"
    end
    if level >= MAX_DEPTH then
        return "{...}"
    end
    above[value] = true
    local parts = {}
    local count = 0
    for _, key in ipairs(sorted_keys(value)) do
        count = count + 1
        if count > MAX_ITEMS then
            parts[#parts + 1] = "..."
            break
        end
        local text = show(value[key], level + 1, above)
        if math.type(key) == "integer" and key == count then
            parts[#parts + 1] = text
        elseif type(key) == "string" and string.find(key, "^[%a_][%w_]*$") then
            parts[#parts + 1] = key .. " = " .. text
        else
            parts[#parts + 1] = "[" .. show(key, level + 1, above) .. "] = " .. text
        end
    end
    above[value] = nil
    return "{" .. table.concat(parts, ", ") .. "}"
end

local function step(path: string, key: any): string
    if type(key) == "string" and string.find(key, "^[%a_][%w_]*$") then
        return path == "" and key or path .. "." .. key
    end
    return path .. "[" .. show(key) .. "]"
end

-- Where two values differ first: nil, or a path and what is there on either side.
local function difference(actual: any, expected: any, path: string, seen: any): any
    if actual == expected then
        return nil
    end
    if type(actual) ~= "table" or type(expected) ~= "table" then
        return { path = path, actual = actual, expected = expected }
    end
    -- Two that are being compared already are equal as far as they go.
    seen[actual] = seen[actual] or {}
    if seen[actual][expected] then
        return nil
    end
    seen[actual][expected] = true
    for _, key in ipairs(sorted_keys(expected)) do
        local found = difference(actual[key], expected[key], step(path, key), seen)
        if found then
            return found
        end
    end
    for _, key in ipairs(sorted_keys(actual)) do
        if expected[key] == nil then
            return { path = step(path, key), actual = actual[key], expected = nil }
        end
    end
    return nil
end

-- Level 3: who called the assertion that calls this.
local function refuse(message: any, text: string)
    if message ~= nil then
        text = tostring(message) .. ": " .. text
    end
    error(text, 3)
end

function assertions.eq(actual: any, expected: any, message: string?)
    local found = difference(actual, expected, "", {})
    if not found then
        return
    end
    local text = "expected " .. show(found.expected) .. ", got " .. show(found.actual)
    if found.path ~= "" then
        text = "at " .. found.path .. ": " .. text
    end
    refuse(message, text)
end

function assertions.neq(actual: any, unwanted: any, message: string?)
    if not difference(actual, unwanted, "", {}) then
        refuse(message, "expected anything but " .. show(unwanted))
    end
end

function assertions.ok(value: any, message: string?): any
    if not value then
        refuse(message, "expected a true value, got " .. show(value))
    end
    return value
end

function assertions.fail(message: string?)
    error(message == nil and "failed" or tostring(message), 2)
end

function assertions.is_nil(value: any, message: string?)
    if value ~= nil then
        refuse(message, "expected nil, got " .. show(value))
    end
end

function assertions.not_nil(value: any, message: string?): any
    if value == nil then
        refuse(message, "expected a value, got nil")
    end
    return value
end

function assertions.is_true(value: any, message: string?)
    if value ~= true then
        refuse(message, "expected true, got " .. show(value))
    end
end

function assertions.is_false(value: any, message: string?)
    if value ~= false then
        refuse(message, "expected false, got " .. show(value))
    end
end

local function guard(wanted: string)
    return function(value: any, message: string?): any
        if type(value) ~= wanted then
            refuse(message, "expected a " .. wanted .. ", got " .. type(value) .. " "
                .. show(value))
        end
        return value
    end
end

assertions.is_string = guard("string")
assertions.is_number = guard("number")
assertions.is_table = guard("table")
assertions.is_function = guard("function")
assertions.is_boolean = guard("boolean")

-- A part of a text, or an item of a list.
function assertions.contains(whole: any, part: any, message: string?)
    if type(whole) == "string" then
        if string.find(whole, tostring(part), 1, true) then
            return
        end
    elseif type(whole) == "table" then
        for _, item in pairs(whole) do
            if not difference(item, part, "", {}) then
                return
            end
        end
    else
        refuse(message, "contains: wanted a text or a table, got " .. type(whole))
    end
    refuse(message, "expected " .. show(whole) .. " to contain " .. show(part))
end

function assertions.matches(text: any, pattern: string, message: string?)
    if type(text) ~= "string" then
        refuse(message, "matches: wanted a text, got " .. type(text) .. " " .. show(text))
    end
    if not string.find(text, pattern) then
        refuse(message, "expected " .. show(text) .. " to match " .. show(pattern))
    end
end

function assertions.has_key(value: any, key: any, message: string?): any
    if type(value) ~= "table" then
        refuse(message, "has_key: wanted a table, got " .. type(value) .. " " .. show(value))
    end
    if value[key] == nil then
        refuse(message, "expected " .. show(value) .. " to have the key " .. show(key))
    end
    return value[key]
end

function assertions.len(value: any, count: integer, message: string?)
    if type(value) ~= "table" and type(value) ~= "string" then
        refuse(message, "len: wanted a table or a text, got " .. type(value))
    end
    if #value ~= count then
        refuse(message, "expected length " .. show(count) .. ", got " .. #value .. ": "
            .. show(value))
    end
end

local function ordered(word: string, holds: any)
    return function(actual: any, bound: any, message: string?)
        if type(actual) ~= type(bound) then
            refuse(message, "expected a " .. type(bound) .. " " .. word .. " "
                .. show(bound) .. ", got " .. type(actual) .. " " .. show(actual))
        end
        if not holds(actual, bound) then
            refuse(message, "expected " .. show(actual) .. " " .. word .. " " .. show(bound))
        end
    end
end

assertions.gt = ordered(">", function(a, b) return a > b end)
assertions.gte = ordered(">=", function(a, b) return a >= b end)
assertions.lt = ordered("<", function(a, b) return a < b end)
assertions.lte = ordered("<=", function(a, b) return a <= b end)

-- Returns what was raised.
function assertions.throws(fn: any, message: string?): any
    if type(fn) ~= "function" then
        refuse(message, "throws: wanted a function, got " .. type(fn) .. " " .. show(fn))
    end
    local fine, raised = pcall(fn)
    if fine then
        refuse(message, "expected an error, none was raised")
    end
    return raised
end

-- `no_error(f())` hands over a pair; a second value that is no message is its error.
local function error_of(first: any, second: any): any
    if second ~= nil and type(second) ~= "string" then
        return second
    end
    return first
end

function assertions.has_error(err: any, message: string?): any
    local found = error_of(err, message)
    if found == nil then
        refuse(message, "expected an error, got nil")
    end
    return found
end

function assertions.no_error(err: any, message: string?)
    local found = error_of(err, message)
    if found ~= nil then
        refuse(found ~= message and message or nil, "expected no error, got " .. show(found))
    end
end

return assertions

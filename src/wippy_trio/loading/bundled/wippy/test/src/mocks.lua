-- Replacing functions for the length of a case.
--
-- Built-in names, declared modules and imports are fields of `_G`, looked up at each
-- use. A table that cannot be written to, which is every library of the runtime, is
-- copied; the copy is changed and put in its place. Other tables are changed as they
-- are, so who holds one already sees the mock too.

local mocks = {}

-- What to put back, oldest first.
local replaced = {}

local function note(path: string, holder: any, key: string)
    replaced[#replaced + 1] = { path = path, holder = holder, key = key, value = holder[key] }
end

local function undo(record: any)
    record.holder[record.key] = record.value
end

function mocks.mock(path: string, value: any)
    if type(path) ~= "string" or path == "" then
        error("mock: wanted a name like \"process.send\", got " .. tostring(path), 2)
    end
    local names = {}
    for name in string.gmatch(path, "[^.]+") do
        names[#names + 1] = name
    end
    local holder: any = _G
    local walked = ""
    for i = 1, #names - 1 do
        local name = names[i]
        walked = i == 1 and name or walked .. "." .. name
        local inner = holder[name]
        if type(inner) ~= "table" then
            error("mock(\"" .. path .. "\"): " .. walked .. " is a " .. type(inner)
                .. ", wanted a table; is it declared in the entry?", 2)
        end
        if table.isfrozen(inner) then
            local copy = {}
            for key, item in pairs(inner) do
                copy[key] = item
            end
            note("", holder, name)
            holder[name] = copy
            inner = copy
        end
        holder = inner
    end
    local last = names[#names]
    if holder[last] == nil then
        error("mock(\"" .. path .. "\"): there is no such thing to replace", 2)
    end
    note(path, holder, last)
    holder[last] = value
end

function mocks.mock_process(name: string, value: any)
    mocks.mock("process." .. tostring(name), value)
end

-- Put one function back; true if it was replaced.
function mocks.restore_mock(path: string): boolean
    local found = false
    for i = #replaced, 1, -1 do
        if replaced[i].path == path then
            undo(table.remove(replaced, i))
            found = true
        end
    end
    return found
end

function mocks.mark(): integer
    return #replaced
end

-- Put back what was replaced since a mark.
function mocks.restore_to(mark: integer)
    for i = #replaced, mark + 1, -1 do
        undo(replaced[i])
        replaced[i] = nil
    end
end

function mocks.restore_all_mocks()
    mocks.restore_to(0)
end

return mocks

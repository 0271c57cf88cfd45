-- What a task can be. An action is given its text and the number of the attempt.

local time = require("time")

local actions = {}

actions.table = {
    upper = function(text: string): (string?, string?)
        time.sleep("20ms")
        return string.upper(text), nil
    end,

    -- Works the third time.
    flaky = function(text: string, attempt: integer): (string?, string?)
        if attempt < 3 then
            return nil, "not yet"
        end
        return text, nil
    end,

    broken = function(): (string?, string?)
        return nil, "it never works"
    end,
}

function actions.run(action: string, text: string, attempt: integer): (string?, string?)
    local run = actions.table[action]
    if not run then
        return nil, "no action " .. action
    end
    return run(text, attempt)
end

return actions

--- Turns a title into the last part of an address.
local function slug(title: string): string
    return (title:lower():gsub("[^%w]+", "-"):gsub("^%-+", ""):gsub("%-+$", ""))
end

return { slug = slug }

--- A chunk may return a function instead of a table.
return function(...)
    return select("#", ...)
end

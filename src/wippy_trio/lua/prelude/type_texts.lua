-- The texts of types: what `tostring` and messages show (types 3.9).

local P = ...
local raw = P.raw
local rawtype = raw.type
local concat, format, sub, gsub, byte = raw.table.concat, raw.string.format, raw.string.sub,
  raw.string.gsub, raw.string.byte

local G = P.type_graph
local head, fields_of = G.head, G.fields_of

local MAX_DEPTH, MAX_TEXT, MAX_MEMBERS, MAX_FIELDS = 6, 800, 6, 8

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t" }

function G.quote(s)
  return '"' .. gsub(s, '[%c"\\]', function(c)
    return ESCAPES[c] or format("\\x%02x", byte(c))
  end) .. '"'
end

function G.literal_text(v)
  if rawtype(v) == "string" then
    return G.quote(v)
  end
  return P.tostring(v)
end

local write, text

-- Write into `out`; `out.size` counts what it holds, so that no text costs more than it shows.
local function put(out, s)
  out[#out + 1] = s
  out.size = out.size + #s
end

local function write_list(out, list, depth, separator, most)
  for i = 1, #list do
    if i > 1 then
      put(out, separator)
    end
    if i > most or out.size > MAX_TEXT then
      put(out, "...")
      return
    end
    write(out, list[i], depth + 1)
  end
end

-- In front of `?` and `[]` and inside unions some texts need parentheses.
local function write_tight(out, node, depth, functions_only)
  local tag = node.tag
  local loose = tag == "f" or tag == "c"
    or not functions_only and (tag == "|" or tag == "&")
  if loose then
    put(out, "(")
  end
  write(out, node, depth)
  if loose then
    put(out, ")")
  end
end

local function write_members(out, list, depth, separator)
  for i = 1, #list do
    if i > 1 then
      put(out, separator)
    end
    if i > MAX_MEMBERS or out.size > MAX_TEXT then
      put(out, "...")
      return
    end
    write_tight(out, list[i], depth + 1, separator == " | ")
  end
end

local function write_fields(out, names, types, optional, ro, depth)
  put(out, "{")
  for i = 1, #names do
    if i > 1 then
      put(out, ", ")
    end
    if i > MAX_FIELDS or out.size > MAX_TEXT then
      put(out, "...")
      break
    end
    put(out, (ro and "readonly " or "") .. names[i] .. (optional[i] and "?: " or ": "))
    write(out, types[i], depth + 1)
  end
  put(out, "}")
end

local function write_function(out, node, depth)
  put(out, "fun(")
  local count = #node.types
  for i = 1, count do
    if i > 1 then
      put(out, ", ")
    end
    if i > MAX_FIELDS or out.size > MAX_TEXT then
      put(out, "...")
      break
    end
    local name = node.names[i]
    if name and name ~= "" then
      put(out, name .. ": ")
    end
    write(out, node.types[i], depth + 1)
  end
  if node.rest then
    put(out, count > 0 and ", ..." or "...")
    write(out, node.rest, depth + 1)
  end
  put(out, ")")
  local results = node.results
  if results then
    put(out, #results == 1 and " -> " or " -> (")
    write_list(out, results, depth, ", ", MAX_FIELDS)
    if #results ~= 1 then
      put(out, ")")
    end
  end
end

local function write_named(out, name, list, depth)
  put(out, name)
  if #list > 0 then
    put(out, "<")
    write_list(out, list, depth, ", ", MAX_FIELDS)
    put(out, ">")
  end
end

local WRITERS = {
  p = function(out, node)
    put(out, node.name)
  end,
  l = function(out, node)
    put(out, G.literal_text(node.value))
  end,
  ["?"] = function(out, node, depth)
    write_tight(out, node.inner, depth)
    put(out, "?")
  end,
  ["|"] = function(out, node, depth)
    write_members(out, node.members, depth, " | ")
  end,
  ["&"] = function(out, node, depth)
    write_members(out, node.members, depth, " & ")
  end,
  t = function(out, node, depth)
    put(out, "[")
    write_list(out, node.members, depth, ", ", MAX_FIELDS)
    put(out, "]")
  end,
  a = function(out, node, depth)
    put(out, node.ro and "readonly " or "")
    write_tight(out, node.element, depth + 1)
    put(out, "[]")
  end,
  m = function(out, node, depth)
    put(out, node.ro and "readonly {[" or "{[")
    write(out, node.key, depth + 1)
    put(out, "]: ")
    write(out, node.value, depth + 1)
    put(out, "}")
  end,
  r = function(out, node, depth)
    write_fields(out, node.names, node.types, node.optional, node.ro, depth)
  end,
  f = write_function,
  i = function(out, node, depth)
    put(out, "interface ")
    local names, types = fields_of(node)
    write_fields(out, names, types, {}, false, depth)
  end,
  b = function(out, node, depth)
    local generic = node.name == "channel.Channel" and #node.members > 0
    local name = generic and "Channel" or node.name
    write_named(out, name, node.members, depth)
  end,
  ["@"] = function(out, node, depth)
    write(out, head(node).tag == "u" and head(node) or node.inner, depth)
  end,
  v = function(out, node)
    put(out, node.name)
  end,
  u = function(out, node)
    put(out, node.name)
  end,
  ["="] = function(out, node)
    put(out, node.name)
  end,
  x = function(out, node, depth)
    if depth == MAX_DEPTH then
      put(out, "...")
      return
    end
    write(out, node.generic, depth + 1)
    write_named(out, "", node.members, depth)
  end,
  g = function(out, node, depth)
    write(out, node.body, depth + 1)
  end,
}

function write(out, node, depth)
  if depth > MAX_DEPTH then
    put(out, "...")
    return
  end
  local writer = WRITERS[node.tag]
  if not writer or node.tag == "|" or node.tag == "?" then
    node = head(node)
    writer = WRITERS[node.tag]
  end
  return writer(out, node, depth)
end

-- The text of a type (types 3.9).
function text(node)
  local out = { size = 0 }
  write(out, node, 0)
  local s = concat(out)
  if #s > MAX_TEXT then
    s = sub(s, 1, MAX_TEXT)
    s = gsub(s, "[\x80-\xff]*$", "") .. "..."
  end
  return s
end
G.text = text

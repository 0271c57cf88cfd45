local M = {}
local cache
local function get(k)
  if not cache then cache = {} end
  return cache[k]
end
M.handlers = {}
function M.on(name, f) M.handlers[name] = f end
function M.emit(name, ...)
  local h = M.handlers[name]
  if h then return h(...) end
  return nil, "no handler " .. name
end
local config = { host = "x", port = 80, tls = nil, opts = {} }
config.extra = config.port + 1
config.opts.depth = 3
print(config.opts.depth + 1, config.opts.nothing)
local t = {1, 2, 3}
t[#t + 1] = 4
for i, v in ipairs(t) do print(i + v) end
local Stack = {}
Stack.__index = Stack
setmetatable(Stack, { __call = function(cls, ...) return cls.new(...) end })
function Stack.new(a) local self = setmetatable({}, Stack) self.items = a or {} self.n = 0 return self end
function Stack:push(v) self.n = self.n + 1 self.items[self.n] = v return self end
function Stack:pop() local v = self.items[self.n] self.items[self.n] = nil self.n = self.n - 1 return v end
local s = Stack({})
s:push(1):push("a"):pop()
s.custom = function() end
s.custom()
local Derived = setmetatable({}, { __index = Stack })
Derived.__index = Derived
function Derived.new() local o = Stack.new() return setmetatable(o, Derived) end
function Derived:size() return self.n end
local d = Derived.new()
print(d:size() + 1, d:push(3):size())
local function counter() local n = 0 return function() n = n + 1 return n end end
local c = counter() print(c() + c())
local ok, res = pcall(function() return get("a").b end)
if not ok then print("err: " .. res) end
local str = ("x"):rep(3) .. 5 .. tostring(nil)
local n = #str > 2 and 1 or "none"
if n == "none" then n = 0 end
local a, b, e = string.find(str, "(x)")
print(str:sub(a, b), e:upper())
local args = {...}
local first = args[1] or "default"
print(first:upper())
_G.print = function(...) end
_G["tostring"] = function(x) return x end
local original = os.time
os.time = function() return 42 end
os.time = original
local mock = { calls = 0, last = nil }
mock.fn = function(x) mock.calls = mock.calls + 1 mock.last = x return mock end
mock.fn("a").fn("b")
print(mock.last.field)
local x
for _, v in ipairs({1, 2}) do x = v end
print(x + 1)
local result = nil
local function run() result = { value = 1 } end
run()
print(result.value)
local q = { head = 1, tail = 0 }
while q.head <= q.tail do q[q.head] = nil q.head = q.head + 1 end
local words = {}
for w in ("a b"):gmatch("%a+") do words[#words + 1] = w:upper() end
table.sort(words, function(l, r) return l < r end)
local m = {}
m["k"] = m["k"] or {}
m["k"].list = m["k"].list or {}
table.insert(m["k"].list, { id = 1 })
for _, it in ipairs(m["k"].list) do print(it.id, it.name) end
local enum = { A = 1, B = 2 }
local names = {}
for k, v in pairs(enum) do names[v] = k end
print(names[1]:lower())
local obj = { name = "n", greet = function(self, who) return self.name .. who end }
print(obj:greet("x"))
local f = obj.missing and obj.missing() or 1
local date = os.date("*t")
print(date.year + 1)
local v = tonumber("5")
if v and v > 3 then print(v + 1) end
local w = tonumber("5") or 0
print(w + 1)
goto done
do local z = 1 end
::done::
local tmp = { n = 0 }
local mt = { __add = function(a, b) return a end, __index = function(t, k) return k end }
local p1 = setmetatable({ x = 1 }, mt)
print((p1 + p1).x, p1.anything:upper())
local function varargs(...) local n = select("#", ...) local first = select(1, ...) return n, first end
print(varargs(1, 2))
local nested = { a = { b = { c = 1 } } }
print(nested.a.b.c + 1, nested.a.z)
local list = {}
list.n = 0
list[1] = "x"
print(list[1]:upper(), #list)
local opts = opts or {}
opts.timeout = opts.timeout or 30
print(opts.timeout * 2)
local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) return b end)
local okc, val = coroutine.resume(co, 1)
print(val + 1)
local bool = false
bool = bool or "string"
print(bool .. "x")
local acc = ""
for i = 1, 3 do acc = acc .. i end
print(acc:len())
local num = 0
for i = 1, 3 do num = num + i * 1.5 end
print(num / 2)
local fn
fn = function(n) if n == 0 then return 1 end return n * fn(n - 1) end
print(fn(3) + 1)
return M

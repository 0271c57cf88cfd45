"""Small programs in plain Lua, walking the manual: what they print is the law.

Each runs as it stands and translated, with checks and without; the two must agree to
the letter, error texts and line numbers included. None depends on the order of `pairs`.
"""

from __future__ import annotations

__all__ = ["PROGRAMS"]

PROGRAMS: dict[str, str] = {
    "closures share their variable": """
local function counter()
  local n = 0
  return function() n = n + 1 return n end, function() return n end
end
local bump, read = counter()
bump() bump()
print(read(), bump(), read())
""",
    "each turn has its own loop variable": """
local fs = {}
for i = 1, 5 do fs[i] = function() i = i + 10 return i end end
for i = 1, 5 do print(fs[i](), fs[i]()) end
""",
    "closures over a while body": """
local fs, i = {}, 0
while i < 4 do
  i = i + 1
  local j = i
  fs[#fs + 1] = function() j = j * 2 return j end
end
print(fs[1](), fs[2](), fs[3](), fs[4](), fs[1]())
""",
    "goto continue in every loop": """
for i = 1, 5 do
  if i % 2 == 0 then goto continue end
  print("for", i)
  ::continue::
end
local n = 0
while n < 5 do
  n = n + 1
  if n == 3 then goto continue end
  print("while", n)
  ::continue::
end
n = 0
repeat
  n = n + 1
  if n == 2 then goto continue end
  print("repeat", n)
  ::continue::
until n >= 4
for _, v in ipairs({"a", "b", "c"}) do
  if v == "b" then goto continue end
  print("in", v)
  ::continue::
end
""",
    "goto backwards": """
local n = 0
::again::
n = n + 1
if n < 100 then goto again end
print(n)
do
  local k = 0
  ::top::
  k = k + 1
  if k < 70 then goto top end
  print(k)
end
""",
    "goto out of nested loops": """
for i = 1, 3 do
  for j = 1, 300 do
    if i * j == 260 then print(i, j) goto out end
  end
end
::out::
print("out")
""",
    "repeat sees its locals": """
local i = 0
repeat
  local done = i >= 70
  i = i + 1
until done
print(i)
""",
    "break leaves one loop": """
local sum = 0
for i = 1, 1000 do
  for j = 1, 1000 do
    if j > i then break end
    sum = sum + j
  end
  if i == 40 then break end
end
print(sum)
while true do break end
repeat break until false
for k in pairs({1, 2}) do break end
for i = 3, 10 do break; print(i) end
""",
    "numeric loops at their limits": """
local function count(a, b, c)
  local n, last = 0, nil
  for i = a, b, c or 1 do n = n + 1 last = i if n > 1000 then break end end
  print(n, last)
end
count(1, 0) count(1, 1) count(10, 1, -3) count(1, 2, 0.25) count(1.5, 3)
count(1, 2.9) count(-3, -1) count(3, math.huge) count(1, 257) count(1, 256)
local n = 0
for i = 1, 2.5 do n = n + i end
print(n)
for i = 1, 512 do n = i end
print(n)
for i = 5, 260 do n = n + 1 end
print(n)
for i = 0, 0 do n = i end
print(n)
local limit = 1000
for i = 1, limit do limit = 3 n = i end
print(n, limit)
for i = 1, math.huge do n = i if i == 777 then break end end
print(n, math.type(n))
for i = 0x10, 1e2 do n = i end
print(n)
""",
    "a numeric loop refuses a bad limit": """
print(pcall(function() for i = 1, {} do end end))
print(pcall(function() for i = 1, nil do local x = i end end))
print(pcall(function() for i = "a", 2 do end end))
print(pcall(function() for i = 1, 10, 0 do end end))
""",
    "loops without calls": """
local t = {}
for i = 1, 1000 do t[i] = i * 2 end
local sum = 0
for i = 1, #t do sum = sum + t[i] end
print(sum, #t)
local a, b = 0, 1
for i = 1, 90 do a, b = b, a + b end
print(a)
local found
for i = 1, #t do
  if t[i] == 600 then found = i break end
end
print(found)
local function index(list, x)
  for i = 1, #list do
    if list[i] == x then return i end
  end
end
print(index(t, 1998), index(t, 3))
""",
    "short loops": """
local n = 0
for i = 1, 8 do for j = 1, 8 do n = n + i * j end end
print(n)
for i = 10, 1, -1 do n = n - i end
print(n)
for i = 1, 3 do print(i) end
""",
    "varargs": """
local function f(...)
  local a, b = ...
  return select("#", ...), a, b, ...
end
print(f()) print(f(nil)) print(f(1, nil, 3, nil))
print((f(1, 2)))
local function g(...) local t = {...} return #t, table.unpack(t) end
print(g(1, 2, 3))
local function h(x, ...) if x then return h(...) end return "end", ... end
print(h(1, 2, 3)) print(h(1, nil, 5))
print(...)
print(select("#", ...))
""",
    "multiple assignment": """
local a, b, c = 1, 2
a, b = b, a
print(a, b, c)
local t = {1, 2, 3}
local i = 1
i, t[i] = i + 1, 20
print(i, t[1], t[2])
local function two() return "x", "y" end
local p, q, r = two(), two()
print(p, q, r)
t.a, t.b = two()
print(t.a, t.b)
""",
    "integers and floats": """
print(1, 1.0, 3 // 2, 3.0 // 2, 7 % 3, -7 % 3, 7 % -3, 7.5 % 2)
print(1 / 2, 2 ^ 10, 10 // 0.0, -10 % math.huge)
print(math.maxinteger + 1 == math.mininteger, math.mininteger // -1)
print(1 == 1.0, math.type(2^53), 2^53 | 0, "10" + 5, "3" * "4")
print(7 & 3, 7 | 8, 7 ~ 2, ~5, 1 << 62, 1 >> 1, -1 >> 60, 3 << -1)
print(0x7fffffffffffffff, 0xffffffffffffffff, 0x1p4, 1e2, .5, 3e-2, 0xA.8p0)
print(tostring(3) == "3", tostring(-0.0), 1e15, 2^63, 1e100)
print(pcall(function() return 1 // 0 end))
print(pcall(function() return 1 % 0 end))
print(pcall(function() return 1.5 & 1 end))
print(5 // 0.3, -5 // 3, 5.5 // 1, 2^-1)
""",
    "precedence": """
print(2 ^ 3 ^ 2, -2 ^ 2, not 1 == 2, 1 .. 2 .. 3, 1 + 2 < 4 and 5 or 6)
print(2 * 3 % 4, 1 << 2 + 1, 5 & 3 == 1 and 1 or 2, #"abc" + 1, -"2" + 0)
print(1 or error("no"), nil and error("no"), false or nil, nil == false)
print("a" < "b", "a" .. "b" == "ab", 1 < 2 == true, not nil ~= false)
""",
    "metatables for operators": """
local V = {}
V.__index = V
V.__add = function(a, b) return setmetatable({x = a.x + b.x}, V) end
V.__eq = function(a, b) return a.x == b.x end
V.__lt = function(a, b) return a.x < b.x end
V.__le = function(a, b) return a.x <= b.x end
V.__len = function(a) return a.x end
V.__call = function(self, k, ...) return self.x + k, ... end
V.__concat = function(a, b) return "cat" end
V.__unm = function(a) return setmetatable({x = -a.x}, V) end
V.__tostring = function(a) return "V" .. a.x end
V.__idiv = function() return "idiv" end
V.__band = function() return "band" end
V.__shl = function() return "shl" end
V.__bnot = function() return "bnot" end
local function v(x) return setmetatable({x = x}, V) end
print((v(1) + v(2)).x, v(1) == v(1), v(1) < v(2), v(2) <= v(1), #v(7))
print(v(5)(3, "more"), v(1) .. "x", "x" .. v(1), (-v(4)).x, tostring(v(9)))
print(v(1) // 2, v(1) & 1, v(1) << 1, ~v(1))
""",
    "metatables for indexing": """
local log = {}
local store = {}
local proxy = setmetatable({}, {
  __index = function(_, k) log[#log + 1] = "get " .. tostring(k) return store[k] end,
  __newindex = function(_, k, v) log[#log + 1] = "set " .. tostring(k) store[k] = v end,
})
proxy.a = 1
proxy.b = proxy.a
proxy["c"] = proxy.missing
print(proxy.a + proxy.b, table.concat(log, ","))
local chain = setmetatable({}, {__index = setmetatable({z = 3}, {__index = {y = 2}})})
print(chain.z, chain.y, chain.x, rawget(chain, "z"))
""",
    "classes": """
local Animal = {}
Animal.__index = Animal
function Animal.new(name) return setmetatable({name = name}, Animal) end
function Animal:speak() return self.name .. " speaks" end
local Dog = setmetatable({}, {__index = Animal})
Dog.__index = Dog
function Dog.new(name) local d = Animal.new(name) return setmetatable(d, Dog) end
function Dog:speak() return Animal.speak(self) .. ": woof" end
print(Animal.new("cat"):speak(), Dog.new("rex"):speak())
local t = {a = {b = {}}}
function t.a.b.c(x) return x end
function t.a.b:d(x) return self == t.a.b, x end
print(t.a.b.c(1), t.a.b:d(2))
""",
    "coroutines": """
local co = coroutine.create(function(a, b)
  print("start", a, b)
  local c = coroutine.yield(a + b)
  print("got", c)
  local d, e = coroutine.yield(c * 2)
  return d + e
end)
print(coroutine.resume(co, 1, 2))
print(coroutine.resume(co, 10))
print(coroutine.resume(co, 3, 4))
print(coroutine.resume(co), coroutine.status(co))
local gen = coroutine.wrap(function() for i = 1, 130 do coroutine.yield(i) end end)
local sum = 0
for v in gen do sum = sum + v end
print(sum)
local bad = coroutine.wrap(function() error("inside") end)
print(pcall(bad))
""",
    "producers and consumers": """
local function producer(n)
  return coroutine.wrap(function()
    for i = 1, n do coroutine.yield("item " .. i) end
  end)
end
local function filter(source)
  return coroutine.wrap(function()
    local n = 0
    while true do
      local item = source()
      if not item then return nil end
      n = n + 1
      coroutine.yield(n .. ":" .. item)
    end
  end)
end
for line in filter(producer(3)) do print(line) end
""",
    "string patterns": """
print(("hello world"):find("wor"), ("hello"):match("h(.)l"))
print(("key = v"):match("^(%w+)%s*=%s*(%w+)$"))
for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do print(k, v) end
print(("abc"):gsub("%w", "%0%0"), ("hello"):gsub("l", {l = "L"}), ("x"):rep(3, "-"))
print(("%d %5.2f %s %q"):format(3, 2.5, "x", "a\\nb"))
print(("abc"):byte(1, -1), string.char(72, 105), ("Hi"):upper(), #"\\0\\1")
print(("f(a(b)c)d"):match("%b()"), ("THE (quick) fox"):find("%((%a+)%)"))
""",
    "string literals": """
print("a\\tb\\\\n\\65\\x42\\u{43}\\z
       c", 'it''s' == nil)
print([[
long
string]], [==[with ]] inside]==], "line\\
next")
print("\\"quoted\\"", '\\'single\\'', #"\\u{7FFFFFFF}" > 3)
""".replace("'it''s' == nil", "'its'"),
    "error positions": """
local function fail()
  error("here")
end
print(pcall(fail))
print(pcall(error, "plain", 0))
print(pcall(function()
  local t = nil
  return t.x
end))
print(pcall(function() return undefined_function() end))
print(pcall(function() return 1 + {} end))
print(pcall(function() return "a" < 1 end))
print(pcall(function() return #5 end))
print(select(2, pcall(error, {code = 7})).code)
local function handle(m) return "handled " .. m end
print(xpcall(function() error("deep", 2) end, handle))
""",
    "error line after loops": """
local function run(n)
  for i = 1, n do
    local t = {}
    t[i] = i
  end
  while n > 0 do
    n = n - 1
  end
  local x = nil
  return x.field
end
print(pcall(run, 300))
""",
    "uncaught error": """
local t = {}
for i = 1, 3 do
  t[i] = i
end
print("before")
error("last words")
""",
    "tail calls are proper": """
local function loop(n, acc)
  if n == 0 then return acc end
  return loop(n - 1, acc + n)
end
print(loop(300000, 0))
""",
    "deep recursion ends in an error": """
local function down(n) return 1 + down(n + 1) end
local ok, message = pcall(down, 1)
print(ok, message:match("stack overflow") ~= nil)
""",
    "recursion": """
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(fib(18))
local function hanoi(n, a, b, c)
  if n == 0 then return 0 end
  return hanoi(n - 1, a, c, b) + 1 + hanoi(n - 1, c, b, a)
end
print(hanoi(8, "a", "b", "c"))
local even, odd
function even(n) if n == 0 then return true end return odd(n - 1) end
function odd(n) if n == 0 then return false end return even(n - 1) end
print(even(1000), odd(7))
""",
    "table constructors": """
local function f() return 1, 2, 3 end
local t = {f(), f(), n = f(), [10] = "ten", "x"; "y",}
print(#t, t[1], t[2], t[3], t[4], t.n, t[10])
print(#{f(), (f())}, #{f()}, #{...}, #{(...)})
local nested = {a = {b = {c = {1, 2, {3}}}}}
print(nested.a.b.c[3][1], ({10, 20, 30})[2], #{n = 1})
local keyed = {["a b"] = 1, [1.0] = 2, [true] = 3, [f()] = 4}
print(keyed["a b"], keyed[1], keyed[true])
print(({x = nil, y = f()}).y, next({x = nil}))
""",
    "nil and false": """
local t = {}
t.a = nil
t[1] = false
local key = "k"
t[key] = 1
t[key] = nil
print(next({}), t.a, t[1], t[key], #t)
local path = {to = {key = "z"}}
t[path.to.key] = 5
print(t.z, t[path.to.key])
t[path.to.key] = nil
print(t.z)
for k in pairs({only = 1}) do t[k] = k end
print(t.only)
""",
    "generic for with state": """
local function range(n)
  return function(limit, i) if i < limit then return i + 1, i * i end end, n, 0
end
for i, sq in range(5) do print(i, sq) end
local t = setmetatable({}, {__call = function(self, _, i)
  i = (i or 0) + 1
  if i <= 2 then return i end
end})
for v in t do print(v) end
for i, v in ipairs({1, 2, nil, 4}) do print(i, v) end
""",
    "assigned loop variables": """
for i = 1, 3 do i = i * 10 print(i) end
for i = 1, 300 do i = i + 1 if i > 299 then print(i) end end
for k, v in ipairs({5, 6}) do k = k + 1 v = v * 2 print(k, v) end
for i = 1, 2 do local f = function() i = i + 5 return i end print(f(), i) end
""",
    "shadowing": """
local x = 1
do local x = x + 1 print(x) do local x = x + 1 print(x) end print(x) end
print(x)
local function f(x) local x = x or "default" return x end
print(f(), f(5))
for x = 1, 2 do local x = x * 100 print(x) end
if x then local x = "inner" print(x) elseif y then else end
print(x)
local string = {format = function() return "mine" end}
print(string.format("x"))
""",
    "globals": """
counter = 0
function bump(n) counter = counter + n return counter end
bump(2) bump(3)
print(counter, _G.counter, rawequal(_G._G, _G), undefined)
local function set() made = {list = {}} made.list[1] = "one" end
set()
print(made.list[1])
made = nil
print(made)
""",
    "statements without blanks": """
local a=1;local b=2;;;local function f(x)return x end;print(f(a)+f(b));do end
if a==1 then print("one")end
for i=1,#"ab"do print(i)end
local t={f(1),f(2)}print(#t)
(print)(t[1]);("x"):rep(2)
""",
    "comments everywhere": """
local --[[ a ]] x --[==[ b
over lines ]==] = --c
  5 -- d
--[[ whole
block ]]
print(x)-- end
for i --[[ v ]] = 1, --[[ limit
]] 300 do local y = i end
return x --[[ last ]]
-- the end""",
    "long chains": """
local t = {}
function t:add(x) self.n = (self.n or 0) + x return self end
t:add(1):add(2):add(3)
print(t.n)
local s = ""
for i = 1, 150 do s = s .. i % 10 end
print(#s, s:sub(1, 12))
print(1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9 + 10 - 1 - 2 - 3)
""",
    "sort and comparators": """
local t = {5, 2, 8, 1, 9, 3}
table.sort(t)
print(table.concat(t, " "))
table.sort(t, function(a, b) return a > b end)
print(table.concat(t, " "))
local words = {"pear", "fig", "apple"}
table.sort(words, function(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end)
print(table.concat(words, " "))
table.insert(words, 1, "kiwi") table.insert(words, "plum")
print(table.remove(words, 1), table.remove(words), table.concat(words, ","))
""",
    "memoized functions": """
local cache = setmetatable({}, {__mode = "k"})
local function memo(f)
  local seen = {}
  return function(n)
    local known = seen[n]
    if known == nil then known = f(n) seen[n] = known end
    return known
  end
end
local fact
fact = memo(function(n) if n <= 1 then return 1 end return n * fact(n - 1) end)
print(fact(10), fact(20), cache ~= nil)
""",
    "sieve": """
local function primes(limit)
  local composite, found = {}, {}
  for i = 2, limit do
    if not composite[i] then
      found[#found + 1] = i
      for j = i * i, limit, i do composite[j] = true end
    end
  end
  return found
end
local p = primes(1000)
print(#p, p[1], p[#p])
""",
    "queens": """
local N, solutions = 6, 0
local cols, d1, d2 = {}, {}, {}
local function place(row)
  if row > N then solutions = solutions + 1 return end
  for c = 1, N do
    if not (cols[c] or d1[row + c] or d2[row - c + N]) then
      cols[c], d1[row + c], d2[row - c + N] = true, true, true
      place(row + 1)
      cols[c], d1[row + c], d2[row - c + N] = nil, nil, nil
    end
  end
end
place(1)
print(solutions)
""",
    "results of the chunk": """
local a, b = ...
return a, b, (function(...) return select("#", ...) end)(...)
""",
    "names that look like types": """
local number, integer, any = 1, 2, 3
print(number + integer + any)
local type = type
print(type(number), type({}), type(print))
local t = {type = 1, is = 2, string = 3, number = 4}
print(t.type, t.is, t.string, t.number)
local function interface_like(readonly_) return readonly_ end
print(interface_like(5), string.format("%d", 4), table.concat({1, 2}), ("x").kind)
""",
}

"""Clean programs in typed Lua, as people write them; the checker finds nothing."""

from __future__ import annotations

__all__ = ["TYPED_PROGRAMS"]

TYPED_PROGRAMS: dict[str, str] = {
    "accounts": """
type Account = {id: string, balance: number, owner: string?}
local function open(id: string, balance: number): Account
  local account: Account = {id = id, balance = balance}
  return account
end
local function deposit(account: Account, amount: number): number
  account.balance = account.balance + amount
  return account.balance
end
local function describe(account: Account): string
  local owner: string = account.owner or "nobody"
  return account.id .. " of " .. owner .. ": " .. account.balance
end
local first = open("a-1", 10)
local rest: number = deposit(first, 5)
print(describe(first), rest * 2)
""",
    "shapes": """
type Circle = {kind: "circle", radius: number}
type Square = {kind: "square", side: number}
type Shape = Circle | Square
local function area(shape: Shape): number
  if shape.kind == "circle" then
    return shape.radius * shape.radius * 3
  end
  return shape.side * shape.side
end
local function scale(shape: Shape, by: number): Shape
  if shape.kind == "circle" then
    return {kind = "circle", radius = shape.radius * by}
  else
    return {kind = "square", side = shape.side * by}
  end
end
local total: number = area({kind = "circle", radius = 2}) + 1
local grown: Shape = scale({kind = "square", side = 3}, 2)
print(total, area(grown))
""",
    "queue": """
type Job = {name: string, priority: integer}
local jobs: {Job} = {}
local function push(name: string, priority: integer)
  table.insert(jobs, {name = name, priority = priority})
end
local function pop(): Job?
  return table.remove(jobs, 1)
end
local function names(): {string}
  local found: {string} = {}
  for _, job in ipairs(jobs) do
    table.insert(found, job.name)
  end
  return found
end
push("first", 1)
push("second", 2)
local job = pop()
if job then
  local priority: integer = job.priority
  print(job.name, priority + 1)
end
print(table.concat(names(), ", "))
""",
    "settings": """
type Mode = "fast" | "slow"
type Settings = {mode: Mode, retries: integer, host: string, debug?: boolean}
local defaults: Settings = {mode = "fast", retries = 3, host = "localhost"}
local function with_mode(settings: Settings, mode: Mode): Settings
  return {mode = mode, retries = settings.retries, host = settings.host}
end
local function delay(settings: Settings): integer
  if settings.mode == "fast" then
    return 1
  end
  return 10 + settings.retries
end
local slow: Settings = with_mode(defaults, "slow")
local wait: integer = delay(slow)
print(slow.host:upper(), wait * 2)
""",
    "tree": """
type Node = {value: number, left: Node?, right: Node?}
local function insert(node: Node?, value: number): Node
  if node == nil then
    return {value = value}
  end
  if value < node.value then
    node.left = insert(node.left, value)
  else
    node.right = insert(node.right, value)
  end
  return node
end
local function sum(node: Node?): number
  if not node then
    return 0
  end
  return node.value + sum(node.left) + sum(node.right)
end
local root: Node = insert(nil, 5)
root = insert(root, 3)
local total: number = sum(root) + 1
print(total)
""",
    "errors as values": """
type User = {name: string, age: integer}
local function load(id: string): (User?, error?)
  if id == "" then
    return nil, errors.new("no id")
  end
  return {name = id, age = 30}, nil
end
local function greet(user: User, greeting: string): string
  return greeting .. ", " .. user.name
end
local function run(id: string): (string?, error?)
  local user, err = load(id)
  if err then
    return nil, err
  end
  local age: integer = user.age + 1
  print(age)
  return greet(user, "hello"), nil
end
local text, problem = run("ann")
if problem == nil then
  print(text:upper())
end
""",
    "counter": """
local Counter = {}
Counter.__index = Counter
function Counter.new(start: integer)
  return setmetatable({count = start}, Counter)
end
function Counter:add(by: integer): integer
  self.count = self.count + by
  return self.count
end
function Counter:label(prefix: string): string
  return prefix .. ": " .. tostring(self.count)
end
local counter = Counter.new(1)
local now: integer = counter:add(2)
local shown: string = counter:label("count")
print(now + 1, shown:len())
""",
    "generic list": """
local function map<A, B>(list: {A}, f: (A) -> B): {B}
  local out: {B} = {}
  for _, each in ipairs(list) do
    table.insert(out, f(each))
  end
  return out
end
local function first<T>(list: {T}): T?
  return list[1]
end
local numbers: {number} = {1, 2, 3}
local texts: {string} = map(numbers, function(n: number): string
  return tostring(n * 2)
end)
local head: number = first(numbers) or 0
print(table.concat(texts, " "), head + 1)
""",
    "inventory": """
type Stock = {[string]: integer}
local stock: Stock = {apple = 3, pear = 1}
local function count(name: string): integer
  return stock[name] or 0
end
local function take(name: string, amount: integer): boolean
  local have: integer = count(name)
  if have < amount then
    return false
  end
  stock[name] = have - amount
  return true
end
local function report(): string
  local out: string = ""
  for name, amount in pairs(stock) do
    out = out .. name .. "=" .. tostring(amount + 0) .. " "
  end
  return out
end
local ok: boolean = take("apple", 2)
print(ok, count("apple") + 1, report():len())
""",
    "parser": """
type Token = {kind: "number" | "word", text: string}
local function token(kind: "number" | "word", text: string): Token
  return {kind = kind, text = text}
end
local function value(of: Token): number
  if of.kind == "number" then
    return tonumber(of.text) or 0
  end
  return of.text:len()
end
local function total(tokens: {Token}): number
  local sum: number = 0
  for i = 1, #tokens do
    sum = sum + value(tokens[i])
  end
  return sum
end
local list: {Token} = {token("number", "12"), token("word", "abc")}
local result: number = total(list) - 1
print(result)
""",
    "events": """
type Handler = (name: string, amount: number) -> boolean
local handlers: {[string]: Handler} = {}
local function on(name: string, handler: Handler)
  handlers[name] = handler
end
local function fire(name: string, amount: number): boolean
  local handler = handlers[name]
  if handler then
    return handler(name, amount)
  end
  return false
end
on("paid", function(name: string, amount: number): boolean
  print(name:upper(), amount + 1)
  return true
end)
local handled: boolean = fire("paid", 12.5)
print(handled)
""",
    "matrix": """
type Matrix = {rows: integer, columns: integer, cells: {number}}
local function make(rows: integer, columns: integer, fill: number): Matrix
  local cells: {number} = {}
  for i = 1, rows * columns do
    cells[i] = fill
  end
  return {rows = rows, columns = columns, cells = cells}
end
local function at(m: Matrix, row: integer, column: integer): number
  return m.cells[(row - 1) * m.columns + column] or 0
end
local function trace(m: Matrix): number
  local sum: number = 0
  for i = 1, m.rows do
    sum = sum + at(m, i, i)
  end
  return sum
end
local unit: Matrix = make(2, 2, 1)
local found: number = trace(unit) * 2
print(found, at(unit, 1, 2) + 3)
""",
    "optional chain": """
type Database = {host: string, port: integer}
type Config = {name: string, db: Database?}
local function address(config: Config): string
  if config.db and config.db.port > 0 then
    return config.db.host .. ":" .. tostring(config.db.port)
  end
  return "none"
end
local function port(config: Config, fallback: integer): integer
  local db = config.db
  if not db then
    return fallback
  end
  return db.port
end
local config: Config = {name = "app", db = {host = "localhost", port = 5432}}
local chosen: integer = port(config, 80)
print(address(config):upper(), chosen + 1)
""",
    "union arguments": """
local function text(value: string | number | boolean): string
  if type(value) == "string" then
    return value:upper()
  elseif type(value) == "number" then
    return tostring(value + 1)
  end
  return "flag"
end
local function joined(parts: {string | number}, between: string): string
  local out: string = ""
  for index, part in ipairs(parts) do
    if index > 1 then
      out = out .. between
    end
    out = out .. text(part)
  end
  return out
end
local line: string = joined({"a", 1, "b"}, "-")
print(line:len() * 2, text(true))
""",
    "messages": """
type Ping = {type: "ping", at: integer}
type Data = {type: "data", body: string, size: integer}
type Message = Ping | Data
local function handle(message: Message): integer
  if message.type == "ping" then
    return message.at
  end
  local body: string = message.body
  return message.size + body:len()
end
local function send(message: Message, times: integer): integer
  local sum: integer = 0
  for _ = 1, times do
    sum = sum + handle(message)
  end
  return sum
end
local data: Data = {type = "data", body = "x", size = 1}
local sent: integer = send(data, 3)
print(sent + 1, handle({type = "ping", at = 5}))
""",
    "cache": """
type Entry = {value: string, hits: integer}
local entries: {[string]: Entry} = {}
local function get(key: string): string?
  local entry = entries[key]
  if entry == nil then
    return nil
  end
  entry.hits = entry.hits + 1
  return entry.value
end
local function put(key: string, value: string)
  entries[key] = {value = value, hits = 0}
end
local function need(key: string, fallback: string): string
  return get(key) or fallback
end
put("a", "one")
local value: string = need("a", "two")
local length: integer = value:len() + 1
print(length)
""",
    "statistics": """
type Summary = {count: integer, sum: number, mean: number}
local function summarize(values: {number}): Summary
  local sum: number = 0
  for _, value in ipairs(values) do
    sum = sum + value
  end
  local count: integer = #values
  local mean: number = count > 0 and sum / count or 0
  return {count = count, sum = sum, mean = mean}
end
local function show(summary: Summary, digits: integer): string
  return string.format("%d %f", summary.count, summary.mean) .. digits
end
local summary: Summary = summarize({1, 2, 3.5})
local spread: number = math.abs(summary.mean - 2)
print(show(summary, 2):len(), spread + 1)
""",
    "class by interface": """
interface Speaker
  function speak(self, loud: boolean): string
  function legs(self): integer
end
local function introduce(speaker: Speaker, loud: boolean): string
  local said: string = speaker:speak(loud)
  return said .. " on " .. tostring(speaker:legs() + 0) .. " legs"
end
local Dog = {}
function Dog:speak(loud: boolean): string
  return loud and "WOOF" or "woof"
end
function Dog:legs(): integer
  return 4
end
local dog = Dog as Speaker
local line: string = introduce(dog, true)
print(line:upper())
""",
    "validated input": """
type Order = {id: string @min_len(1), amount: number @min(0)}
local function read(data: any): (Order?, error?)
  local order, err = Order:is(data)
  if err then
    return nil, err
  end
  return order, nil
end
local function price(order: Order, tax: number): number
  local base: number = order.amount * 2
  return base + tax
end
local order, problem = read({id = "x", amount = 3})
if problem then
  print(tostring(problem))
else
  local due: number = price(order, 0.5)
  print(order.id:upper(), due + 1)
end
""",
    "state machine": """
type State = "idle" | "running" | "done"
type Machine = {state: State, steps: integer, log: {string}}
local function new(steps: integer): Machine
  return {state = "idle", steps = steps, log = {}}
end
local function step(machine: Machine): State
  if machine.state == "idle" then
    machine.state = "running"
  elseif machine.steps > 1 then
    machine.steps = machine.steps - 1
  else
    machine.state = "done"
  end
  table.insert(machine.log, machine.state)
  return machine.state
end
local machine: Machine = new(2)
local state: State = step(machine)
while state ~= "done" do
  state = step(machine)
end
print(state, #machine.log + 1)
""",
}

"""The rules of the checker, each with code that it accepts and code that it refuses.

The text of a rule stands in types 3.4 to 3.8; the acceptance cases are elsewhere.
"""

from __future__ import annotations

import pytest

from tests.lang.checking import check, codes, errors, shown

USER = "type User = {name: string, age: integer, mail: string?}\n"
SHAPE = (
    'type Circle = {kind: "circle", r: number}\n'
    'type Square = {kind: "square", side: number}\n'
    "type Shape = Circle | Square\n"
)
LOAD = USER + (
    "local function load(id: string): (User?, error?)\n"
    'if id == "" then return nil, errors.new("e") end\n'
    "return {name = id, age = 1}, nil end\n"
)

SILENT = {
    # 3.4 literals against types
    "a required field may be missing if it admits nil": USER
    + 'local u: User = {name = "a", age = 1}',
    "a keyed field counts as a named one": USER
    + 'local u: User = {["name"] = "a", ["age"] = 1}',
    "an unknown key may be any field": USER + "local u: User = {[k] = 1}",
    "expected types flow through and, or": "local t: {integer} = x or {1, 2}",
    "nested literals": "local t: {a: {b: {integer}}} = {a = {b = {1}}}",
    "a trailing call fills a list": "local t: {integer} = {1, f()}",
    "a union takes the member that fits": "local t: {a: number} | {b: string} = "
    "{b = 'x'}",
    "a map of functions": "local m: {[string]: (n: number) -> number} = "
    "{double = function(n) return n * 2 end}",
    "a union of a list and a map": "local v: {string} | {[string]: any} = {a = 1}",
    "an optional of a record": USER + 'local u: User? = {name = "a", age = 1}',
    "a record with an optional union": 'local o: {m: ("a" | "b")?} = {m = "b"}',
    # 3.5.1 locals
    "declared optional reads narrowed": "local x: number? = 5 local y: number = x",
    "a widened variable": "local x = 1 x = 'a' x = {} print(x.y)",
    "nil before": "local x x = 5 local y: number = x",
    "assigned in a closure": "local r: number? = nil f(function() r = 1 end) "
    "if r then print(r + 1) end",
    "open results": "local a: any, b: any, c: any = f()",
    "positions past the known": 'local a, b, c = ("x"):find("x") print(c:upper())',
    # 3.5.2 functions
    "a forward declaration": "local g local function f(n: number): number "
    "return g(n) end g = function(n: number): number return n end",
    "recursion": "local function fact(n: integer): integer "
    "if n < 2 then return 1 end return n * fact(n - 1) end",
    "a value too many": "local function f(): () return 1 end",
    "falling off an optional": "local function f(): (number?, string?) end",
    "fewer parameters": "local f: (a: number, b: number) -> () = function() end",
    "a result of a never function": "local function die(): never error('x') end "
    "local function f(n: number?): number return n or die() end",
    "an if chain that returns everywhere": 'local function f(k: "a" | "b"): number '
    'if k == "a" then return 1 elseif k == "b" then return 2 end end',
    "goto at the end": "local function f(): number ::top:: if x then return 1 end "
    "goto top end",
    # 3.5.3 calls
    "an open last argument": "local function f(a: number, b: string) end f(g())",
    "varargs to varargs": "local function f(...: number) end "
    "local function h(...: number) f(...) end",
    "an overload": "local f: ((number) -> number) & ((string) -> string) = g() "
    'local a: number = f(1) local b: string = f("x")',
    "a callable table": "local T = setmetatable({}, "
    "{__call = function(self, n: number) "
    "return n end}) T(1)",
    # 3.5.4 generics
    "a callback is looked at last": "local function map<A, B>(l: {A}, f: (A) -> B)"
    ": {B} "
    "return {} end local r: {string} = map({1, 2}, function(n) return tostring(n) end)",
    "several candidates are joined": "local function either<T>(a: T, b: T): T return a "
    "end local x: number | string = either(1, 'a')",
    "the expected result helps": "local function empty<T>(): {T} return {} end "
    "local l: {string} = empty()",
    "a generic alias of a generic": "type Pair<A, B> = {a: A, b: B} "
    "type Two<T> = Pair<T, T> local t: Two<number> = {a = 1, b = 2}",
    # 3.5.5 tables, 3.5.6 indexing
    "an open table": "local t = {} t.a = 1 t.b = {} t.b.c = 2 print(t.x.y, t.b.d)",
    "fields assigned in any function": "local o = {n = 1} "
    "local function set() o.later = 2 end print(o.later)",
    "a list passed on": "local l = {1, 2} f(l) print(l[9])",
    "a proven index": "local a: {string} = f() for i = #a, 1, -1 do "
    "local s: string = a[i] end",
    "an index just written": "local a: {string} = {} a[1] = 'x' local s: string = a[1]",
    "an entry under test": "local m: {[string]: number} = {} "
    "if m.x then local n: number = m.x end",
    "a local key": "local m: {[string]: number} = {} local k = f() "
    "if m[k] then local n: number = m[k] + 1 end",
    "a field of an optional": USER + "local u: User? = f() local n = u.name",
    "a number key of a number map": "local m: {[number]: string} = {} local s = m[1]",
    # 3.5.7 operators
    "text and numbers": "local s: string = 1 .. 'a' .. 2.5",
    "an optional text": "local s: string? = f() print('a' .. s, #s)",
    "unions of numbers": "local n: integer | number = f() print(n + 1)",
    "a metamethod": "local V = {} V.__add = function(a, b) return a end "
    "local v = setmetatable({}, V) print(v + 1, 1 + v)",
    "and, or as a choice": "local n: number = x and 1 or 2",
    "comparison of texts": "local a: string = 'a' print(a < 'b', a >= 'c')",
    # 3.5.9 type values
    "reflection": USER + "local k: string = User:kind() local n = User:name() "
    "for f, t in User:fields() do print(f, t:kind()) end print(User.name:kind())",
    "a type call gives the type": USER + "local u: User = User(x) print(u.name)",
    "primitive casts": "local s: string = string(x) local n: number = number(x) "
    "local i: integer = integer(x) local b: boolean = boolean(x)",
    # 3.5.10 loops
    "a descending loop": "for i = 10, 1, -1 do local k: integer = i end",
    "pairs of a record": "local r: {a: number, b: number} = {a = 1, b = 2} "
    "for k, v in pairs(r) do local s: string = k local n: number = v end",
    "an iterator of one's own": "local function each(): () -> (integer?, string) "
    "return f() end for i, s in each() do local n: integer = i local t: string = s end",
    "next": "local m: {[string]: number} = {} for k, v in next, m do "
    "local s: string = k end",
    "an annotated loop variable": "for i: integer = 1, 3 do print(i) end "
    "local m: {[string]: number} = {} "
    "for k: string, v: number in pairs(m) do print(k, v) end",
    "numbers of an unknown loop": "for i = a, b, c do print(i + 1) end",
    "a loop until": "local s: string? repeat s = f() until s print(s:upper())",
    # 3.6.1 conditions
    "equal to a literal": 'local s: "a" | "b" | "c" = f() '
    'if s ~= "a" and s ~= "b" then local c: "c" = s end',
    "a comparison with nil in a chain": "local x: number? = f() "
    "local ok = x ~= nil and x > 0",
    "not and or": "local x: number? = f() if not x or x < 0 then return end "
    "print(x + 1)",
    "math.type": "local n: number = f() "
    "if math.type(n) == 'integer' then local i: integer = n end",
    "a test kept in a local": "local x: number? = f() local ok = x ~= nil "
    "if ok then local n: number = x end",
    "two variables": "local a: string? = f() local b: string = 'x' "
    "if a == b then local s: string = a end",
    "the kind of a copy": SHAPE + "local s: Shape = f() local k = s.kind "
    'if k == "circle" then print(s.r) else print(s.side) end',
    "truthy fields of a union": "local r: {ok: true, v: number} | "
    "{ok: false, e: string}"
    " = f() if not r.ok then print(r.e) return end print(r.v)",
    "a predicate in a while": "local function f(s: string?) while not s do s = g() end "
    "local t: string = s end",
    "type tests of a field": "local r: {v: string | number} = f() "
    "if type(r.v) == 'string' then print(r.v:upper()) end",
    "an early exit in a loop": "local l: {string?} = f() for i = 1, 3 do "
    "local s = l[i] if not s then goto continue end print(s:upper()) ::continue:: end",
    "error ends a way": "local x: number? = f() if not x then error('x') end "
    "local n: number = x",
    "assert with a message": "local x: number? = f() assert(x ~= nil, 'm') "
    "local n: number = x",
    "assert of a type": "local v: any = f() assert(type(v) == 'string') "
    "local s: string = v",
    "x or default, assigned": "local function f(o: {n: number}?) "
    "o = o or {n = 1} print(o.n + 1) end",
    # 3.6.5 assertions
    "asserts": "local function need(v: any): asserts v is string end "
    "local x: any = f() need(x) local s: string = x",
    "asserts without a type": "local function need(v: any): asserts v end "
    "local x: string? = f() need(x) local s: string = x",
    "a wrapper of assert": "local function must(v) assert(v, 'missing') return v end "
    "local x: number? = f() must(x) local n: number = x",
    "a wrapper that tests a type": "local function text(v) "
    "if type(v) ~= 'string' then error('text') end end "
    "local x: any = f() text(x) local s: string = x",
    "equality asserted": "local function same(a, b) "
    "if a ~= b then error('differ') end end "
    "local x: string | number = f() local y: string = 'a' same(x, y) "
    "local s: string = x",
    "in a table": "local M = {} function M.need(v: any) "
    "if not v then error('missing') end end "
    "local x: number? = f() M.need(x) local n: number = x",
    # 3.6.6 a value or else an error
    "the error first": LOAD + "local u, err = load('a') if err ~= nil then return end "
    "local n: integer = u.age",
    "the value first": LOAD + "local u, err = load('a') if u then "
    "local n: integer = u.age end",
    "no error": LOAD + "local u, err = load('a') if not err then "
    "local n: integer = u.age end",
    "assert of a call": LOAD + "local u = assert(load('a')) local n: integer = u.age",
    "the error inside": LOAD + "local u, err = load('a') if not u then "
    "print(err:message()) end",
    "forwarded by a wrapper": LOAD + "local function again(id: string) "
    "local u, err = load(id) if err then return nil, err end return u, nil end "
    "local u, err = again('a') if err then return end local n: integer = u.age",
    "unannotated pairs": "local function f(x) if x then return nil, 'bad' end "
    "return {n = 1} end local r, err = f(1) if err then return end print(r.n)",
    "assigned, not declared": LOAD + "local u: User?, err: error? = nil, nil "
    "u, err = load('a') if err then return end local n: integer = u.age",
    "the error of a pair unasked": LOAD + "local _, err = load('') print(err:kind())",
    "nil beside an error of a plain pair": "local function f(x): (number, error?) "
    "if x then return nil, errors.new('e') end return 1 end",
    "the element under the key of a walk": "local l: {string} = {} "
    "for i in ipairs(l) do local s: string = l[i] end "
    "local m: {[string]: number} = {} for k in pairs(m) do m[k] = m[k] + 1 end",
    # 3.6.8 channels
    "receive": "local c: Channel<string> = channel.new(1) local v, ok = c:receive() "
    "local s: string = v",
    "messages": "local inbox = process.inbox() local m = inbox:receive() "
    "local t: string = m:topic()",
    "select in a loop": "local a: Channel<string> = channel.new() "
    "local t: Channel<number> = channel.new() while true do "
    "local r = channel.select{a:case_receive(), t:case_receive()} "
    "if r.channel == a then print(r.value:upper()) "
    "elseif r.channel == t then print(r.value + 1) end end",
    "the error of a pair that nobody asks for": "local function f(): (string?, error?) "
    "return nil end local function g(x: string?) return x end print(g(f()))",
    "the error of a pair passed along": "local function f(): (string?, error?) "
    "return nil, errors.new('e') end print(tonumber(f()))",
    "a field under test": "local o = {a = 1} if o.b then print(o.b.c) end "
    "print(('x').nope == nil)",
    # 3.7 library
    "string methods": "local s = 'x' local n: integer = s:len() "
    "local r: string = s:rep(3, ',') local g, c = s:gsub('a', 'b') "
    "local k: integer = c print(g:upper(), s:byte(1) + 1)",
    "numbers": "local f: integer = math.floor(1.5) local r: number = math.random(1, 2) "
    "print(math.max(1, 2, 3), math.huge, math.pi)",
    "tables": "local l: {string} = {} table.insert(l, 'a') table.insert(l, 1, 'b') "
    "table.sort(l, function(a, b) return a < b end) "
    "local s: string = table.concat(l, ',') local r: string? = table.remove(l)",
    "pcall": "local ok, err = pcall(error, 'x') if not ok then print(err.message) end",
    "select": "local function f(...) local n: integer = select('#', ...) "
    "local a, b = select(2, ...) return n, a, b end",
    "built-ins replaced": "_G.tostring = function(n) return n end "
    "local n: number = tostring(5) tostring(1, 2, 3)",
    "a library function replaced": "os.time = function() return 'x' end "
    "local s: string = os.time()",
    "a mock of process": "local real = process.send process.send = function() end "
    "process.send(1) process.send = real",
}

REPORTED = {
    "a wrong element": ("local t: {integer} = {1, 'a'}", "E0000", "element 2"),
    "a wrong nested field": (
        "local t: {a: {b: integer}} = {a = {b = 'x'}}",
        "E0000",
        "field 'a.b'",
    ),
    "a named field in a list": ("local t: {integer} = {a = 1}", "E0000", "list"),
    "a position in a record": (USER + "local u: User = {1}", "E0000", "position"),
    "a wrong map value": ("local m: {[string]: integer} = {a = 'x'}", "E0000", "'a'"),
    "a wrong map key": ("local m: {[integer]: integer} = {a = 1}", "E0000", "key"),
    "no member of a union": (
        "local t: {a: number} | {b: string} = {c = 1}",
        "E0000",
        "cannot assign",
    ),
    "a wrong assignment in a block": (
        "local x: number = 1 do if y then x = 'a' end end",
        "E0000",
        "cannot assign string to number",
    ),
    "a wrong field assigned": (
        USER + "local u: User = f() u.age = 'x'",
        "E0000",
        "cannot assign string to integer",
    ),
    "a wrong element assigned": (
        "local l: {integer} = {} l[1] = 'x'",
        "E0000",
        "cannot assign string to integer?",
    ),
    "a second result of the wrong type": (
        (
            "local function f(): (number, string) return 1, 'a' end "
            "local a: number, b: number = f()"
        ),
        "E0000",
        "cannot assign string to number",
    ),
    "too few values returned": (
        "local function f(): (number, string) return 1 end",
        "E0010",
        "missing return value at position 2 (expected string)",
    ),
    "a callback of the wrong type": (
        (
            "local function each(f: (n: number) -> ()) end "
            "each(function(n) local s: string = n end)"
        ),
        "E0000",
        "cannot assign number to string",
    ),
    "a method argument": (
        (
            "local C = {} C.__index = C "
            "function C.new() return setmetatable({}, C) end "
            "function C:add(n: number) end C.new():add('x')"
        ),
        "E0000",
        "argument 1: expected number, got string",
    ),
    "a method of an interface": (
        "interface S function area(self): number end local s: S = f() s:size()",
        "E0022",
        "no method size",
    ),
    "a method that one member lacks": (
        (
            "interface A function a(self) end interface B function b(self) end "
            "local v: A | B = f() v:a()"
        ),
        "E0022",
        "exists on A, missing on B",
    ),
    "a library argument": ("string.rep('x', 'y')", "E0000", "argument 2"),
    "a library function that is not there": (
        "local s: string = 'a' s:trim()",
        "E0022",
        "no method trim",
    ),
    "an insert of the wrong type": (
        "local l: {integer} = {} table.insert(l, 'x')",
        "E0000",
        "argument 2: expected integer, got string",
    ),
    "a generic result": (
        "local function id<T>(x: T): T return x end local s: string = id(1)",
        "E0000",
        "cannot assign",
    ),
    "not narrowed after the loop": (
        "local x: number? = f() while x do x = nil end local n: number = x",
        "E0000",
        "cannot assign",
    ),
    "narrowed the wrong way": (
        "local function f(x: number?): number if x then return 0 end return x end",
        "E0000",
        "cannot return nil",
    ),
    "not narrowed in the else branch": (
        "local x: number? = f() if x then print(x) else local n: number = x end",
        "E0000",
        "cannot assign nil to number",
    ),
    "one of two conditions": (
        "local x: number? = f() if x or y then local n: number = x end",
        "E0000",
        "cannot assign",
    ),
    "the other member": (
        SHAPE + 'local s: Shape = f() if s.kind == "circle" then print(s.side) end',
        "E0004",
        "'side'",
    ),
    "a value before its error is asked": (
        LOAD + "local u, err = load('a') local n: integer = u.age",
        "E0000",
        "cannot assign",
    ),
    "a link broken by an assignment": (
        LOAD + "local u, err = load('a') err = nil if not err then "
        "local n: integer = u.age end",
        "E0000",
        "cannot assign",
    ),
    "a fact dies with its path": (
        (
            "local c: {db: {n: number}?} = f() if c.db then c = f() "
            "local n: number = c.db.n end"
        ),
        "E0000",
        "cannot assign",
    ),
    "a fact dies with its prefix": (
        (
            "local c: {a: {b: number?}} = f() if c.a.b then c.a = {} "
            "local n: number = c.a.b end"
        ),
        "E0000",
        "cannot assign",
    ),
    "length of a number": ("local n: number = 1 return #n", "E0019", "length"),
    "arithmetic on an optional": (
        "local n: number? = f() return n * 2",
        "E0019",
        "cannot perform arithmetic on number?",
    ),
    "arithmetic on a record": (USER + "local u: User = f() return u + 1", "E0019", ""),
    "numbers and texts compared": (
        "local a: number = 1 local b: string = '' return a < b",
        "E0019",
        "cannot compare number with string",
    ),
    "a table compared": ("local t: {number} = {} return t < t", "E0019", "orderable"),
    "concatenation of a boolean": ("return 'a' .. true", "E0019", "concatenate"),
    "a wrong loop limit": ("for i = 1, {} do end", "E0000", "for loop limit"),
    "an annotated loop variable": (
        "for k: string = 1, 2 do end",
        "E0000",
        "cannot assign integer to string",
    ),
    "a field that nothing has": (
        "local o = {alpha = 1} return o.alpa",
        "E0004",
        "field 'alpa' does not exist",
    ),
    "a message of the wrong type": (
        (
            "local inbox = process.inbox() local m = inbox:receive() "
            "local n: number = m:topic()"
        ),
        "E0000",
        "cannot assign string to number",
    ),
    "a value of another channel": (
        (
            "local a: Channel<string> = channel.new() local b: Channel<number> = "
            "channel.new() "
            "local r = channel.select{a:case_receive(), b:case_receive()} "
            "if r.channel == a then local n: number = r.value end"
        ),
        "E0000",
        "cannot assign string to number",
    ),
    "an element of an optional list": (
        "local l: {string} = f() return l[1]:upper()",
        "E0021",
        "optional",
    ),
    "a constraint of an interface": (
        (
            "interface S function area(self): number end "
            "local function f<T: S>(s: T) end f(1)"
        ),
        "E0000",
        "expected S, got integer",
    ),
}


@pytest.mark.parametrize("name", list(SILENT))
def test_accepted(name: str) -> None:
    """Code that the rules allow is let pass without a word."""
    assert errors(SILENT[name]) == []


@pytest.mark.parametrize("name", list(REPORTED))
def test_reported(name: str) -> None:
    """Code that the rules forbid is told once, with code and reason."""
    source, code, part = REPORTED[name]
    found = errors(source)
    assert len(found) == 1, found
    assert found[0].startswith(code)
    assert part in found[0]


@pytest.mark.parametrize(
    ("source", "help_line"),
    [
        ('local x: number = "a"', "use tonumber() and check the result"),
        ("local x: string = 1", "use tostring()"),
        (
            "local x: number? = f() local y: number = x",
            "check for nil first, or use `or` with a default",
        ),
        (
            "local x: any = f() local y: number = x",
            "validate with T(value) or T:is(value), or cast with `as`",
        ),
        (USER + "local u: User = f() return u.names", "did you mean 'name'?"),
    ],
)
def test_help_lines(source: str, help_line: str) -> None:
    """Common slips come with the way out (types 3.8)."""
    assert check(source).findings[0].help == help_line


def test_two_locals_of_one_name() -> None:
    """In one statement it is a slip, in two it is a habit (E0017)."""
    found = check("local x, x = 1, 2 local y = 1 local y = 2").findings
    assert [(each.code, each.severity) for each in found] == [("E0017", "warning")]


def test_readonly_field() -> None:
    """Writing to it is a warning (E0008)."""
    source = "local r: readonly {a: number} = {a = 1} r.a = 2"
    found = check(source).findings
    assert [(each.code, each.message) for each in found] == [
        ("E0008", "cannot assign to readonly field 'a'")
    ]


def test_one_problem_one_diagnostic() -> None:
    """What follows from an error is not told again."""
    source = USER + "local u: User = f() local x = u.nope local n: number = x.y + 1"
    assert codes(source) == ["E0004"]


def test_the_type_at_a_place() -> None:
    """A language server asks for what stands under the cursor (types 3.14)."""
    source = USER + "local u: User? = f()\nif u then\n  print(u)\nend"
    assert shown(source, "u)") == "User"
    assert shown("local n = 1 + 2 return n", "n") == "integer"
    assert shown("local s = ('x'):upper() return s", "s") == "string"


def test_modules_in_a_circle() -> None:
    """Two modules that require each other are checked all the same (194)."""
    from wippy_trio.lang.program import Program, Unit  # noqa: PLC0415

    units = {
        "app:a": Unit(
            "app:a", b'local b = require("b") return {n = b.n}', {"b": "app:b"}
        ),
        "app:b": Unit(
            "app:b", b'local a = require("a") return {n = a.n}', {"a": "app:a"}
        ),
    }
    program = Program(units.get, lambda name: None)
    for id_ in units:
        checked = program.check(id_)
        assert checked is not None
        assert checked.findings == []

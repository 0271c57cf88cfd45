"""The acceptance cases of the checker, by number (types 5.3, 5.4, 5.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lang.checking import check, codes, errors

if TYPE_CHECKING:
    from wippy_trio.lang.declarations import Module

P = "type P = {x: number, y?: number}\n"
U = "type U = {name: string, age: number}\n"
NAMED = "type Named = {name: string}\n"
NODE = "type Node = {value: number, next: Node?}\n"
GET_U = U + "local function get(): U? return nil end\n"
GET2 = U + 'local function get2(): U return {name = "a", age = 1} end\n'
ADD = "local function add(a: number, b: number): number return a + b end\n"
ANY_F = "local function f(): any return 1 end\n"
PAIR = U + (
    "local function get(): (U?, error?) "
    'if x then return nil, errors.new("e") end '
    'return {name = "a", age = 1}, nil end\n'
)
NUM = "local function f(): number? return nil end\n"
NEED = 'local function need(v: any) if v == nil then error("nil") end end\n'
TAGGED = '{kind: "a", n: number} | {kind: "b", t: string}'

ACCEPTED = [
    (129, "local x: number = 3"),
    (129, "local i: integer = 3; local n: number = i"),
    (130, "local x: number? = nil; local y: number? = 4"),
    (131, 'local s: "on" | "off" = "on"'),
    (132, "local c = g() local x: number; if c then x = 1 end return x"),
    (133, ANY_F + "local a: any = f(); local n = a as number"),
    (133, ANY_F + "local a: any = f(); local n: number = number(a)"),
    (134,
     'local u: unknown = f(); if type(u) == "number" then local n: number = u end'),
    (135, "local a: any = f(); a.b.c(1); local z = a + 1"),
    (137, ADD + "add(unpack({1, 2}))"),
    (138, "local function f(a: number, b: string?) end f(1)"),
    (139, "local function f(a, b) end f() f(1, 2, 3)"),
    (143, "local function f(c: boolean): number? if c then return 1 end end"),
    (144, "local function f(): number while true do end end"),
    (144, 'local function f(): number error("x") end'),
    (147, GET_U + "local u: U? = get(); local n = u.name"),
    (147, GET_U + "local u: U? = get(); local n: string = (u!).name"),
    (149, "local a: {integer} = {1}; local b: {number} = a"),
    (151, U + 'local u: U = {name = "a", age = 1, extra = true}'),
    (152, "local v: {x: number, y: number} = {x = 1, y = 2}; local b: {x: number} = v"),
    (154, "local a: {x: integer} = {x = 1}; local b: {x: number} = a"),
    (158, "local f: (integer) -> number = function(x: number): integer return 1 end"),
    (160, "local f: (number, string) -> () = function(n) end"),
    (161, "local function id<T>(x: T): T return x end local n: number = id(42)"),
    (162, NAMED + "local function greet<T: Named>(o: T): string return o.name end "
          'greet({name = "a"})'),
    (163, ("local function first<T>(a: {T}): T? return a[1] end "
          "local n: number? = first({1, 2})")),
    (164, ("local function pair<K, V>(k: K, v: V): {key: K, value: V} "
          "return {key = k, value = v} end "
          'local p: {key: string, value: number} = pair("a", 3)')),
    (166, 'return "a" .. 1'),
    (166, 'local s: string? = f(); return "a" .. s, #s'),
    (167, ("local q: integer = 7 // 2; local b: integer = 7 & 3; "
          "local d: integer = 6 / 2")),
    (171, 'local n: number = tonumber("1") or 0'),
    (173, ('local a: {string} = {"x"}; for i, v in ipairs(a) do '
          "local k: integer = i; local s: string = v end")),
    (174, ("local m: {[string]: number} = {}; for k, v in pairs(m) do "
          "local s: string = k; local n: number = v end")),
    (176, ('local c = {}; table.insert(c, "s"); '
          "for _, v in ipairs(c) do local s: string = v end")),
    (177, ("local C = {} C.__index = C "
          "function C.new() return setmetatable({n = 0}, C) end "
          "function C:inc() self.n = self.n + 1; return self end C.new():inc():inc()")),
    (178, ("local R = {} R.__index = R "
          'function R:find(o: any?): ({any}?, string?) return nil, "x" end '
          "function R:run(o: any?) local i, e = self:find(o); return i, e end "
          "return R")),
    (179, 'local x = 1; x = "a"'),
    (183, "local t: number @min(5) = 1"),
    (186, "local o = {x = 1}; o.y = 2; return o.y"),
    (186, "local a = {1, 2}; local x: integer = a[1]"),
    (187, "local a: {number} = f(); for i = 1, #a do local x: number = a[i] end"),
    (188, 'local m: {[string]: number} = {}; m["a"] = 1; local n: number = m["a"]'),
    (189, ("local f: (number) -> (number, string) = "
          'function(n) return n, "a" end; local a: number, b: string = f(1)')),
    (192, "local inbox = process.inbox() as Channel<process.Message>"),
    (193, ("type V = {x: number} "
          "local mt = {__add = function(a: V, b: V): V return a end} "
          "local v1: V = setmetatable({x = 1}, mt) "
          "local v2: V = setmetatable({x = 1}, mt) local c: V = v1 + v2")),
    (193, ("type V = {x: number} "
          "local mt = {__add = function(a: V, b: V): V return a end} "
          "local v1 = setmetatable({x = 1}, mt) local c: V = v1 + v1")),
    (196, ("local function f(x: number?): number "
          "if x ~= nil then return x end return 0 end")),
    (197, ("local function f(x: number?): number "
          "if x == nil then return 0 end return x end")),
    (197,
     "local function f(x: number?): number if not x then return 0 end return x end"),
    (198, 'local function f(x: string?): string return x or "d" end'),
    (199, 'local function f(x: string?): string return x and x:upper() or "" end'),
    (200, ('local function f(v: number | string): string if type(v) == "number" then '
          "return tostring(v + 1) else return v:upper() end end")),
    (201, ("local function f(v: number | string | boolean) "
          'if type(v) == "number" or type(v) == "string" then '
          "local x: number | string = v else local b: boolean = v end end")),
    (202, ('local function f(v: string | {string}) if type(v) ~= "table" then '
          "return v:len() end return #v end")),
    (203, "local function f(x: number?): number assert(x); return x end"),
    (203, "local function f(x: number?): number return assert(x) end"),
    (204, NEED + "local function f(x: number?): number need(x); return x end"),
    (206, PAIR + "local u, err = get(); if err then return nil, err end return u.name"),
    (206, PAIR + "local u, err = get(); if err then return nil, err end "
          "local n: string = u.name"),
    (207, PAIR + "local u, err = get(); if not u then return nil, err end "
          "local n: string = u.name"),
    (209, PAIR + "local function wrap() return get() end local u, err = wrap(); "
          "if err then return end local n: string = u.name"),
    (210, (f"local s: {TAGGED} = f(); "
          'if s.kind == "a" then return s.n else return s.t end')),
    (212, ('type T = {k: "a", x: number} | {k: "b", y: number} | {k: "c", z: number} '
          'local t: T = f() if t.k == "a" then return t.x elseif t.k == "b" then '
          "return t.y else return t.z end")),
    (213, ("local r: {ok: true, v: number} | {ok: false, e: string} = f(); "
          "if r.ok then return r.v end return r.e")),
    (214, ("local c: {db: {host: string}?} = f(); "
          "if c.db then local h: string = c.db.host end")),
    (215, ("local c: {db: {host: string?}?} = f(); "
          "if c.db and c.db.host then local h: string = c.db.host end")),
    (216, P + "local data: any = f() local p, err = P:is(data); "
          "if err then return nil, err end "
          "local n: number = p.x; local m: P = data"),
    (217, P + "local data: any = f() if P:is(data) then local p: P = data end"),
    (218, P + "local data: any = f() P(data); local p: P = data"),
    (220, NUM + "local x: number? = f(); if x == nil then x = 1 end "
          "local n: number = x"),
    (221, NODE + "local head: Node? = nil local n: Node? = head; "
          "while n do n = n.next end"),
    (222, ("local function next_value(): string? return nil end "
          "while true do local v = next_value(); if not v then break end "
          "local s: string = v end")),
    (223, ("type A = {a: number} type B = {b: string} "
          "local a: Channel<A> = channel.new(1) local b: Channel<B> = channel.new(1) "
          "local r = channel.select{a:case_receive(), b:case_receive()}; "
          "if r.channel == a then local m: A = r.value else local k: B = r.value end")),
    (224, ("type A = {a: number} type B = {b: string} type C = {c: boolean} "
          "local a: Channel<A> = channel.new(1) local b: Channel<B> = channel.new(1) "
          "local c: Channel<C> = channel.new(1) "
          "local r = channel.select{a:case_receive(), b:case_receive(), "
          "c:case_receive()}; if r.channel == a then return end "
          "if r.channel == b then return end local v: C = r.value")),
    (225, ("local r = channel.select{f()} type Event = {kind: string} "
          "local v = r.value as Event")),
    (226, ("local function os_fail(): never error('x') end "
          "local function f(x: number?): number if x == nil then os_fail() end "
          "return x end")),
    (227, "local ok, e = pcall(f); if not ok then return e end"),
    (228, NUM + "local x: number? = f(); "
          "local g = function(): number if x then return x end return 0 end"),
    (229, ('local s: string = "x" local i, j = s:find("x"); '
          "if i then return s:sub(i, j) end")),
    (230, 'local v: unknown = f(); if type(v) == "table" then return v.a.b end'),
    (257, ("type Entry = {owner: Owner?}\ntype Owner = {name: string}\n"
          'local e: Entry = {owner = {name = "a"}}')),
    (258, "local x = v :: Nope"),
    (259, "local n, err = f() :: any; return err == nil"),
    (260, ('local s = "1-2" local a, b = string.match(s, "(%d+)-(%d+)"); '
          "local x: string? = a")),
    (260, 'local s = "x" local i, j, cap = string.find(s, "(x)") return cap:upper()'),
    (260, 'local s = "x" local t = {s:byte(1, -1)}'),
    (260, ('local id = "a:b" local ns, name = id:match("^(.-):(.+)$") '
          "return name:upper()")),
    (261, ("local MAP = {a = 1, b = 2}; "
          "local function f(k: string) return MAP[k] or 0 end")),
    (262, ('local function get(): "a" | "b" return "a" end '
          "local m: {[string]: integer} = {}; "
          'local k: "a" | "b" = get(); return m[k]')),
    (263, ('type A = {kind: "a", x: number}; type B = {kind: "b"}; '
          "local v: A | B = get(); if v.x then return v.x end")),
    (264, ("type Obj = {run: (self: Obj, n: number) -> number} "
          "local o: Obj = {run = function(self, n: number): number return n end}")),
    (264, ("type Obj = {run: (self: Obj, n: number) -> number} local M = {} "
          "function M:run(n: number): number return n end local o: Obj = M")),
    (268, ('type U = {name: string} local v: any = f() if type(v) == "table" then '
          "local m: {[string]: any} = v local u: U = v end")),
]  # fmt: skip

REJECTED = [
    (127, 'local x: number = "a"', "E0000 cannot assign string to number"),
    (128, "local x: string = 42", "E0000"),
    (128, "local x: number = true", "E0000"),
    (128, "local x: number = {}", "E0000"),
    (128, "local x: number = nil", "E0000"),
    (129, "local x: integer = 1.5", "E0000"),
    (131, 'local s: "on" | "off" = "x"', "E0000"),
    (132, "local x: number; return x", "E0000 cannot assign nil to number"),
    (133, ANY_F + "local a: any = f(); local n: number = a", "E0000"),
    (134, "local u: unknown = f(); local n: number = u", "E0000"),
    (136, ADD + 'add(1, "2")', "E0000 argument 2: expected number, got string"),
    (137, ADD + "add(1)", "E0003 not enough arguments"),
    (137, ADD + "add(1, 2, 3)", "E0003 too many arguments"),
    (140, 'local function f(): number return "x" end',
     "E0000 cannot return string, expected number"),
    (141, "local function f(): (number, string) return 1, 2 end",
     "E0000 cannot return integer at position 2, expected string"),
    (142, "local function f(c: boolean): number if c then return 1 end end",
     "E0010 missing return"),
    (145, U + 'local u: U = {name = "a", age = 1}; return u.nick', "E0004"),
    (145, U + 'local u: U = {name = "a", age = 1}; return u["nick"]', "E0004"),
    (146, "local n: number = 4; return n.f", "E0000 cannot index type number"),
    (146, "local n: number = 4; return n[1]", "E0000 cannot index type number"),
    (147, GET_U + "local u: U? = get(); local n: string = u.name", "E0000"),
    (148, GET2 + 'local u: U = get2(); local k: string = "name"; return u[k]',
     "E0000 cannot index type"),
    (150, "local a: {[string]: integer} = {}; local b: {[string]: number} = a",
     "E0000"),
    (151, U + 'local u: U = {name = "a"}', "E0000"),
    (153, "local a: {x?: number} = {}; local b: {x: number} = a", "E0000"),
    (155, "local a: {x: number} = {x = 1}; local b: {x: string} = a", "E0000"),
    (157, "local r: readonly {number} = {1}; local m: {number} = r", "E0000"),
    (159, "local f: (number) -> number = function(x: integer): number return x end",
     "E0000"),
    (161, "local function id<T>(x: T): T return x end local s: string = id(42)",
     "E0000"),
    (162, NAMED + "local function greet<T: Named>(o: T): string return o.name end "
          "greet({age = 3})", "E0000"),
    (163, ("local function first<T>(a: {T}): T? return a[1] end "
          "local n: number = first({1, 2})"), "E0000"),
    (165, 'return "a" + "b"', "E0019"),
    (165, 'return "hello" + 42', "E0019"),
    (165, "return true + false", "E0019"),
    (165, "return nil + 1", "E0019"),
    (165, 'return -"a"', "E0019"),
    (165, 'return ~"a"', "E0019"),
    (166, 'return "a" .. {}', "E0019"),
    (166, 'return 1 < "a"', "E0019"),
    (166, "return #5", "E0019"),
    (168, "local f: number = 1; f()", "E0002"),
    (168, 'local s: string = "a"; s()', "E0002"),
    (169, ("local function get(): (() -> ())? return nil end "
          "local f: (() -> ())? = get(); f()"), "E0021"),
    (169, ("type Svc = {run: (self: Svc) -> ()} "
          "local function get(): Svc? return nil end local u: Svc? = get(); u:run()"),
     "E0021"),
    (170, 'local s: string = "a"; s:nope()', "E0022"),
    (171, 'local n: number = tonumber("1")', "E0000"),
    (172, 'for i = "a", 2 do end', "E0000 for loop init must be numeric"),
    (173, 'local a: {string} = {"x"}; for i, v in ipairs(a) do local s: string = i end',
     "E0000"),
    (175, "for i = 1, 2 do end local n: number = i", "E0000"),
    (179, 'local x: number = 1; x = "a"', "E0000"),
    (180, "local x: Nope = 1", "E0012"),
    (180, "type A = A local x: A = 1", "E0013"),
    (181, "do type T = number end local x: T = 1", "E0012"),
    (184, ("type R = {ok: true, v: number} | {ok: false, e: string}; "
          'local r: R = {ok = true, v = "x"}'), "E0000"),
    (185, "local cb: (number) -> string = function(n) return n end", "E0000"),
    (186, "local o = {x = 1}; return o.y", "E0004"),
    (186, "type P = {x: number} local P: number = 1; P:is(2)", "E0022 no method is"),
    (186, "local a = {1, 2}; local y: integer = a[3]", "E0000"),
    (187, "local a: {number} = f(); local x: number = a[1]", "E0000"),
    (188, 'local m: {[string]: number} = {}; m["a"] = 1; local n: number = m["b"]',
     "E0000"),
    (190, ("local function v(...: number): number local t: number = 0 "
          "for _, x in ipairs({...}) do t = t + x end return t end "
          'v(1, "a")'), "E0000 argument 2"),
    (191, 'local s = string.match("a", "b"); return s:upper()', "E0021"),
    (200, ('local function f(v: number | string): string if type(v) == "number" then '
          "return v:upper() else return tostring(v + 1) end end"), "E0022"),
    (205, ("local flag = true local function need(v: any) "
          'if flag and v == nil then error("nil") end end '
          "local function f(x: number?): number need(x); return x end"), "E0000"),
    (208, PAIR + "local u, err = get(); if err then return nil, err end "
          "err = nil; u = nil; local n: string = u.name", "E0000"),
    (211, f"local s: {TAGGED} = f(); return s.n", "E0004 field 'n' missing on"),
    (214, "local c: {db: {host: string}?} = f(); local h: string = c.db.host",
     "E0000"),
    (219, NUM + "local g = f local x: number? = f(); if x then x = g() end "
          "return x + 1",
     "E0019"),
    (256, U + "local p: U = v :: U; return p.nope", "E0004"),
    (257, ("type Entry = {owner: Owner?}\ntype Owner = {name: string}\n"
          "local e: Entry = {owner = {name = 1}}"), "E0000"),
    (258, "local x: Nope = 1\ntype Nope = number", "E0012"),
    (261, ("local MAP: {a: integer, b: integer} = {a = 1, b = 2}; "
          "local function f(k: string) return MAP[k] or 0 end"), "E0000"),
    (262, "local m: {[string]: integer} = {}; return m[1]", "E0000"),
    (263, ('type A = {kind: "a", x: number}; type B = {kind: "b"}; '
          "local v: A | B = get(); local n = v.x"), "E0004"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "source"), [pytest.param(*case, id=str(case[0])) for case in ACCEPTED]
)
def test_accepted(number: int, source: str) -> None:
    """A snippet that the rules accept has no error."""
    assert errors(source) == []  # types 5, case number


@pytest.mark.parametrize(
    ("number", "source", "expected"),
    [pytest.param(*case, id=str(case[0])) for case in REJECTED],
)
def test_rejected(number: int, source: str, expected: str) -> None:
    """A snippet with one error has exactly that one; 200 has one in each branch."""
    found = errors(source)
    assert len(found) == (2 if number == 200 else 1), found
    assert expected in found[0]  # types 5, case number
    if expected == "E0000" and number in (151, 155, 184):
        name = {151: "'age'", 155: "'x'", 184: "'v'"}[number]
        assert name in found[0]


def test_the_position_of_a_mismatch_is_the_value() -> None:
    """Line and column are those of the literal."""
    found = check('local x: number = "a"').findings[0]
    assert (found.line, found.column) == (1, 19)  # types 5, 127


def test_readonly_list_is_a_warning() -> None:
    """Writing to a read-only container is told, not refused."""
    found = check("local r: readonly {number} = {1}; r[1] = 2").findings
    assert [(each.code, each.severity) for each in found] == [("E0008", "warning")]


def test_unused_alias_of_an_unknown_name_is_a_warning() -> None:
    """Nothing meets the alias, so nothing is wrong yet (180)."""
    found = check("type T = Nope").findings
    assert [(each.code, each.severity) for each in found] == [("E0012", "warning")]


def test_generic_with_the_wrong_number_of_arguments() -> None:
    """The type is unknown, with a warning (types 3.5.4)."""
    source = "type Box<T> = {value: T} local b: Box<number, string> = f()"
    found = check(source).findings
    assert [(each.code, each.message) for each in found] == [
        ("E0020", "type Box expects 1 type argument, got 2")
    ]


def test_imported_types_and_values() -> None:
    """A required module gives its value and its types (182, 256)."""
    module = check(
        "type User = {name: string}\nlocal M = {}\n"
        "function M.find(id: number): User? return nil end\nreturn M"
    ).module
    modules: dict[str, Module] = {"lib": module}
    head = 'local lib = require("lib") '
    assert codes(head + "local u: lib.User = {name = 1}", modules) == ["E0000"]
    assert codes(head + 'local u: lib.User = {name = "a"}', modules) == []
    assert codes(head + "local u = v :: User; return u.nope", modules) == ["E0004"]
    assert codes(head + 'lib.find("x")', modules) == ["E0000"]
    assert codes(head + "local n: number = lib.find(1)", modules) == ["E0000"]


def test_five_hundred_tests_in_a_row_terminate() -> None:
    """A long function is walked once (195)."""
    lines = ["local function f(x: number?)"]
    lines += [f"if x == {n} then x = nil else x = {n} end" for n in range(500)]
    lines += ["if x then" for _ in range(100)] + ["end" for _ in range(100)] + ["end"]
    assert errors("\n".join(lines)) == []

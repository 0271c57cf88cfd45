"""What type values do, rule by rule (types section 2)."""

from __future__ import annotations

import pytest
import trio

from tests.lua.engine_fixture import bench
from tests.lua.type_programs import STANDARD, run_program

RULES = {
    # 2.1
    "an alias of an inner block has a value there": (
        "",
        "type In = {n: number} return tostring(In), why(In, {n = 'x'})",
        "In n: expected number, got string",
    ),
    "an inner alias may shadow an outer one": (
        "type A = string",
        "do type A = number return why(A, 1) end",
        "ok",
    ),
    "a type parameter of a function counts as unknown": (
        "",
        (
            "local function f<T>(x: T) type L = {v: T} return why(L, {v = x}) end"
            " return f(1)"
        ),
        "ok",
    ),
    "an alias may be named like a primitive": (
        "type Number = {n: number}",
        "return Number:kind(), why(Number, 1)",
        "record expected Number, got number",
    ),
    # 2.2
    "primitives stand alone as values": (
        "",
        (
            "return tostring(number), tostring(integer), tostring(any),"
            " number == Number, Box(string) == Box(String), Box(table):kind()"
        ),
        "number integer any true true instantiated",
    ),
    "a library called as a value validates": (
        "",
        "local s, t = string, table return s('a'), raised(s, 1), raised(t, 'x')",
        "a expected string, got number expected table, got string",
    ),
    "primitives know themselves": (
        "",
        (
            "return string:kind(), string:name(), integer.is(3), table:is({}) ~= nil,"
            " error:is('x')"
        ),
        "string string 3 true nil expected error, got string",
    ),
    "a local hides a primitive": (
        "",
        "local string = function(v) return v end return string(5)",
        "5",
    ),
    "int and bool are aliases": (
        "",
        "return int(3), raised(function() return bool(1) end)",
        "3 app:main:22: expected boolean, got number",
    ),
    # 2.3
    "equality is structural, whatever names and order": (
        (
            "type A = {x: number, y: string} type B = {y: string, x: number}"
            " type C = 'a' | 'b' type D = 'b' | 'a' type E = {x: number, y?: string}"
        ),
        "return A == B, C == D, A == E, A ~= B",
        "true true false false",
    ),
    "equal recursive types are equal": (
        (
            "type A = {n: A?} type B = {n: B?} type C = {n: {n: C?}?} type D = {n: E?}"
            " type E = {n: D?, m: number}"
        ),
        "return A == B, A == C, A == D",
        "true true false",
    ),
    "a type is one key for a structure and a name": (
        "type A = {x: number} type B = {v: A}",
        "local t = {} t[A] = 1 t[number] = 2 return t[B.v], t[A.x], t[Number]",
        "1 2 2",
    ),
    "subtypes compare": (
        (
            "type A = {x: number} type B = {x: number, y: number} type I = {x: integer}"
            " type S = 'a' | 'b'"
        ),
        (
            "return B <= A, B < A, A <= B, I <= A, S < String, never <= A, A <= any,"
            " A > B, Integer < Number"
        ),
        "true true false true true true true true true",
    ),
    "generic types and functions compare": (
        (
            "type F = (number) -> integer type G = (integer) -> number"
            " type R = readonly {number} type M = {[string]: number}"
        ),
        "return F <= G, G <= F, R <= R, {} ~= M, Box(Integer) <= Box(Number)",
        "true false true true true",
    ),
    # 2.4
    "nil is a value to validate": (
        "type O = number?",
        "return O(nil), raised(P, nil)",
        "nil expected P, got nil",
    ),
    "a nested failure is told behind the type": (
        "",
        "return raised(U, {name = 1, age = 2})",
        "expected U, got table: name: expected string, got number",
    ),
    "a failed validator is told, too": (
        "type A = number @min(3)",
        "return raised(A, 1)",
        "expected A, got number: value below minimum",
    ),
    "type values pass any and unknown": (
        "",
        "return any(P) == P, unknown(String) == String, why(any, P), why(P, P)",
        "true true ok expected P, got type",
    ),
    # 2.5
    "is works with a dot and without a value": (
        "",
        (
            "local v, e = P.is({x = 1}) local v2, e2 = P:is()"
            " return v.x, e, v2, tostring(e2), P.is(P, {x = 2}).x"
        ),
        "1 nil nil expected P, got nil 2",
    ),
    # 2.6
    "a missing field passes where nil is admitted": (
        "type T = {a: any, u: unknown, n: nil, o: string?}",
        "return why(T, {})",
        "ok",
    ),
    "the empty record takes any table": (
        "type T = {}",
        "return why(T, {1}), why(T, {a = 1}), why(T, 1)",
        "ok ok expected T, got number",
    ),
    "metatables do not matter, raw values do": (
        "",
        (
            "local t = setmetatable({}, {__index = {x = 1}})"
            " local u = setmetatable({x = 1}, {__index = function() error('asked')"
            " end})"
            " return why(P, t), why(P, u)"
        ),
        "x: required field missing ok",
    ),
    "elements behind a metatable are raw": (
        "type A = {number} type M = {[string]: number}",
        (
            "local mt = {__index = function() error('asked') end, __len = error,"
            " __pairs = error}"
            " return why(A, setmetatable({1, 2}, mt)), why(A, setmetatable({1,"
            " 'x'}, mt)),"
            " why(M, setmetatable({a = 1}, mt)), why(M, setmetatable({a = 'x'}, mt))"
        ),
        "ok [2]: expected number, got string ok a: expected number, got string",
    ),
    "frozen tables and libraries are tables": (
        "type A = {number} type T = table",
        (
            "return why(A, table.freeze({1, 2})), why(A, table.freeze({1, 'x'})),"
            " why(T, string), why(P, table.freeze({x = 1}))"
        ),
        "ok [2]: expected number, got string ok ok",
    ),
    "the globals are a table": (
        "type G = {pairs: () -> any} type T = table",
        "return why(G, _G), why(T, _G)",
        "ok ok",
    ),
    "platform values have brands": (
        (
            "type C = Channel<string> type M = process.Message type T = {c: C}"
            " type Tab = table"
        ),
        (
            "local ch = channel.new(1) return why(C, ch), why(M, ch),"
            " why(T, {c = 1}), why(Tab, ch), C:kind(), tostring(C)"
        ),
        (
            "ok expected process.Message, got channel.Channel"
            " c: expected Channel<string>, got number"
            " expected table, got channel.Channel interface C"
        ),
    ),
    "a platform type of a required module": (
        "local time = require('time') type T = {at: time.Time, d: Duration}",
        "return why(T, {at = time.now(), d = time.now()})",
        "d: expected time.Duration, got time.Time",
    ),
    "interfaces take tables and platform values": (
        "interface Shape function area(self): number end",
        (
            "return why(Shape, {}), why(Shape, channel.new()), why(Shape, 1),"
            " why(Shape, P), Shape:kind(), tostring(Shape)"
        ),
        "ok ok expected Shape, got number expected Shape, got type interface Shape",
    ),
    "errors are error objects": (
        "type R = {ok: true} | error",
        "return why(R, errors.new('x')), why(R, {})",
        "ok expected {ok: true} | error, got table",
    ),
    "a union tries its members": (
        (
            "type A = {kind: 'a', n: number} type B = {kind: 'b', s: string}"
            " type V = A | B"
        ),
        (
            "return why(V, {kind = 'a', n = 1}), why(V, {kind = 'b', s = 2}),"
            " why(V, {kind = 'c'}), why(V, 1)"
        ),
        (
            "ok s: expected string, got number expected A | B, got table"
            " expected A | B, got number"
        ),
    ),
    "an intersection wants all": (
        "type N = {a: number} & {b: string} & {a: integer}",
        (
            "return why(N, {a = 1, b = 'x'}), why(N, {a = 1.5, b = 'x'}), why(N, {a"
            " = 1}),"
            " N:kind(), tostring(N.a)"
        ),
        (
            "ok a: expected integer, got number b: required field missing record"
            " number & integer"
        ),
    ),
    "read-only types accept the same": (
        "type R = readonly {number} type S = readonly {x: number}",
        "return why(R, {1}), why(R, {'x'}), R:kind(), R:elem():kind(), S.x:kind()",
        "ok [1]: expected number, got string array number number",
    ),
    "a type made of nothing but itself accepts nothing": (
        "type A = A type B = C type C = B type D = D? type E = {E}",
        "return why(A, 1), why(B, {}), why(D, 1), why(E, {{}, {{}}}), why(E, {1})",
        (
            "recursion limit exceeded recursion limit exceeded recursion limit exceeded"
            " ok [1]: expected E[], got number"
        ),
    ),
    "a generic that grows ends": (
        "type N<T> = {v: T, next: N<{T}>?} type S = N<string>",
        (
            "local n = nil for i = 1, 5 do local v = 'x' for _ = i, 4 do v = {v} end"
            " n = {v = v, next = n} end local c = {v = {}} c.next = c"
            " return why(S, {v = 'x', next = {v = {'y'}}}),"
            " why(S, {v = 'x', next = {v = 'y'}}),"
            " why(N(number), {v = 1, next = {v = {1}, next = {v = {{'x'}}}}})"
        ),
        (
            "ok next.v: expected string[], got string"
            " next.next.v[1][1]: expected number, got string"
        ),
    ),
    "unresolved names accept nothing": (
        "type A = Nope type B = {b: nope.T} type C = Box<Nope2>",
        "return why(A, 1), why(B, {}), why(B, {b = 1}), why(C, {value = 1})",
        (
            "unresolved type Nope b: unresolved type nope.T b: unresolved type nope.T"
            " value: unresolved type Nope2"
        ),
    ),
    # 2.7
    "validators apply from left to right": (
        "type A = string @min_len(3) @max_len(1) @pattern('x')",
        "return why(A, 'ab'), why(A, 'abc'), why(A, 1)",
        "length below minimum length above maximum expected string, got number",
    ),
    "nan fails no bound": (
        "type A = number @min(0) @max(1)",
        "return why(A, 0/0)",
        "ok",
    ),
    "negative and fractional bounds": (
        "type A = number @min(-1.5) @max(- 1)",
        "return why(A, -1.2), why(A, -2)",
        "ok value below minimum",
    ),
    "an optional passes its validator as nil": (
        "type A = string? @min_len(2) type B = string @min_len(2)?",
        "return why(A, nil), why(B, nil), why(A, 'x'), why(B, 'x')",
        "ok ok length below minimum length below minimum",
    ),
    "validators of other kinds and unknown ones do nothing": (
        (
            "type A = {[string]: number} @min_len(3) type B = {a: number} @max_len(0)"
            " type C = number @odd @min('x') @pattern('y') type D = string @pattern(5)"
        ),
        "return why(A, {}), why(B, {a = 1}), why(C, 1), why(D, 'a')",
        "ok ok ok invalid pattern argument",
    ),
    "validators reach aliases, elements and instances": (
        "type Small = number @max(9) type L = {Small} @max_len(2) type B = Box<Small>",
        "return why(L, {1, 10}), why(L, {1, 2, 3}), why(B, {value = 11})",
        "[2]: value above maximum length above maximum value: value above maximum",
    ),
    "patterns are RE2 and unanchored": (
        (
            "type D = string @pattern('\\\\d{3}-\\\\d{2}') type U = string"
            " @pattern('^.$')"
            " type A = string @pattern('(a|b)+c') type C = string @pattern('^[^0-9]*$')"
            " type S = string @pattern('a.c')"
        ),
        (
            "return why(D, 'x123-45y'), why(D, '12-34'), why(U, 'é'), why(U, 'ab'),"
            " why(A, 'xabac'), why(C, 'ab1'), why(C, ''), why(S, 'a\\nc'), why(S,"
            " 'xa.c')"
        ),
        (
            "ok pattern mismatch ok pattern mismatch ok pattern mismatch ok"
            " pattern mismatch ok"
        ),
    ),
    # 2.8
    "kinds": (
        (
            "type M = {[string]: number} type F = () -> () type L = 'x' type R = {R}"
            " type V = number @min(1) type O = 'a' | 'b' | nil type BS = Box<string>"
            " type T = table type X = P & {z: number} type I = number & string"
        ),
        (
            "return M:kind(), F:kind(), L:kind(), R:kind(), V:kind(), O:kind(),"
            " O:inner():kind(), BS:kind(), T:kind(), X:kind(), I:kind(), any:kind(),"
            " Box:kind()"
        ),
        (
            "map function literal array number optional union instantiated interface"
            " record intersection any generic"
        ),
    ),
    "names": (
        "type ID = string type O = number?",
        (
            "return ID:name(), ID:kind(), O:inner():name(), P.y:name(), Box(P):name(),"
            " string:name()"
        ),
        "ID string number number nil string",
    ),
    "unions in normal form": (
        (
            "type A = 'a' | 'b' type B = A | 'c' | 'a' | nil type C = true | false"
            " type D = number | any type E = number | never type S = 'a' | string | 3"
        ),
        (
            "local t = {} for v in B:inner():variants() do t[#t + 1] = tostring(v) end"
            " return table.concat(t, ','), tostring(B:inner()), C:kind(), D:kind(),"
            " E:kind(), S:kind(), why(S, 3), tostring(typeof(nil)), B:kind()"
        ),
        '"a","b","c" "a" | "b" | "c" boolean any number union ok nil optional',
    ),
    "functions tell parameters and results": (
        (
            "type F = (a: number, ...string) -> (boolean, string) type N = () -> ()"
            " type U2 = fun()"
        ),
        (
            "local n = 0 for p in F:params() do n = n + 1 end"
            " return n, F:ret():kind(), tostring(F:ret()), N:ret(), U2:ret(),"
            " N:params()()"
        ),
        "1 tuple [boolean, string] nil nil nil",
    ),
    "instances have fields": (
        "type B = Box<string>",
        (
            "local s = '' for n, t in B:fields() do s = s .. n ..':'"
            " .. tostring(t) end return B.value:kind(), s, Box(P).value == P"
        ),
        "string value:string true",
    ),
    "constraints are told": (
        "type N<T: number, U> = {a: T, b: U}",
        (
            "local s = {} for n, c in N:tparams() do s[#s + 1] = n .. '=' .."
            " tostring(c) end"
            " return table.concat(s, ' '), raised(N, String, String)"
        ),
        "T=number U=nil type argument 1 of N must be number, got string",
    ),
    # 2.9
    "typeof tells static types": (
        (
            "local n = 1 local t = {a = 'x', b = 2} local l = {1, 2} local p: P ="
            " {x = 1}"
            " local function f(a: number): string return 'x' end"
        ),
        (
            "return tostring(typeof(n)), tostring(typeof(t)), tostring(typeof(l)),"
            " tostring(typeof(p)), tostring(typeof(f)), tostring(typeof(p.x)),"
            " tostring(typeof(f(1))), tostring(typeof(n .. 'x')), tostring(typeof(n"
            " > 2)),"
            " tostring(typeof(l[1])), tostring(typeof(p.y))"
        ),
        (
            "integer {a: string, b: integer} integer[] P fun(a: number) -> string"
            " number"
            " string string boolean integer number?"
        ),
    ),
    "typeof tells run-time types where nothing is known": (
        "",
        (
            "local function of(v) return tostring(typeof(v)) end"
            " return of(1), of(1.5), of('x'), of({}), of(nil), of(true), of(print),"
            " of(channel.new()), of(errors.new('x'))"
        ),
        (
            "number number string table nil boolean fun(...any) -> any channel.Channel"
            " error"
        ),
    ),
    "typeof evaluates once": (
        "local n = 0 local function f() n = n + 1 return n end",
        "local t = typeof(f()) return n, tostring(t)",
        "1 number",
    ),
    "typeof in a type of a parameter": (
        "",
        (
            "local function f(a: {n: number}) type A = typeof(a) return why(A, {n ="
            " 'x'})"
            " end return f({n = 1})"
        ),
        "n: expected number, got string",
    ),
    # 2.10
    "generics nest and are made once": (
        "type Pair<A, B> = {a: A, b: B} type L<T> = {T}",
        (
            "local X = Pair(L(number), Box(string))"
            " return rawequal(X, Pair(L(number), Box(string))), tostring(X),"
            " why(X, {a = {'x'}, b = {value = 'y'}}), why(X, {a = {1}, b = {value ="
            " 2}})"
        ),
        (
            "true Pair<L<number>, Box<string>> a[1]: expected number, got string"
            " b.value: expected string, got number"
        ),
    ),
    "generics recur": (
        "type Tree<T> = {value: T, kids: {Tree<T>}} type S = Tree<string>",
        (
            "return why(S, {value = 'a', kids = {{value = 'b', kids = {}}}}),"
            " why(S, {value = 'a', kids = {{value = 'b', kids = {{value = 1, kids ="
            " {}}}}}})"
        ),
        "ok kids[1].kids[1].value: expected string, got number",
    ),
    # 2.12
    "casts and assertions do nothing": (
        "",
        "local v = 1 as string local n = nil return v, n!, (v :: P)",
        "1 nil 1",
    ),
    # 2.13
    "paths": (
        "type T = {user: {tags: {string}}, scores: {[string]: number}, by: {[any]: P}}",
        (
            "local function t(c) local v = {user = {tags = {}}, scores = {}, by = {}}"
            " c(v) return why(T, v) end"
            " return t(function(v) v.user.tags = {'a', 'b', 1} end) .. ',' .."
            " t(function(v) v.scores.math = 'x' end) .. ',' .."
            " t(function(v) v.scores[7] = 1 end) .. ',' .."
            " t(function(v) v.scores['a b'] = 'x' end) .. ',' .."
            " t(function(v) v.by[2] = {} end) .. ',' .. t(function(v) v.user = nil end)"
        ),
        (
            "user.tags[3]: expected string, got number,"
            "scores.math: expected number, got string,"
            "scores[7]: expected string, got number,"
            'scores["a b"]: expected number, got string,'
            "by[2].x: required field missing,user: required field missing"
        ),
    ),
    "long texts are cut": (
        "type S = 'a' | 'b'",
        "return why(S, ('x'):rep(50)), #why(S, ('é'):rep(41)) < 130",
        'expected "a" | "b", got string "' + "x" * 40 + '..." true',
    ),
    "details of a validator": (
        "type T = {a: number @min(3)}",
        (
            "local _, e = T:is({a = 1}) local d = e:details()"
            " return d.field, d.expected, d.got, d.constraint"
        ),
        "a number number min",
    ),
    "raised errors are objects of kind invalid": (
        "",
        (
            "local ok, e = pcall(function() return P(1) end)"
            " return e:kind(), e:retryable(), e:details().got, errors.is(e, 'Invalid')"
        ),
        "Invalid nil number true",
    ),
    "the smallest key of a map fails first": (
        "type M = {[string]: number}",
        "local t = {} for i = 40, 1, -1 do t['k' .. i] = 'x' end return why(M, t)",
        "k1: expected number, got string",
    ),
    # 3.9
    "texts": (
        (
            "type A = (number | string)[] type F = ((number) -> string)?"
            " type R = {a: number, b?: {[string]: boolean}, c: readonly {x: P}}"
            " type W = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 type D = {{{{{{{{number}}}}}}}}"
            " type I = interface {area: (self: Self) -> number}"
        ),
        (
            "local function text(T) return tostring(typeof({v = nil :: any})) end"
            " local r, e = Box(A), nil"
            " return tostring(A:elem()), tostring(Box(F).value:inner()),"
            " tostring(R.b), tostring(R.c), select(2, W:is(9)), select(2, I:is(1))"
            " ~= nil"
        ),
        (
            "number | string fun(number) -> string {[string]: boolean}"
            " {readonly x: P} expected 1 | 2 | 3 | 4 | 5 | 6 | ..., got number 9 true"
        ),
    ),
}


@pytest.mark.parametrize("claim", sorted(RULES))
def test_rule(claim: str) -> None:
    """The name of the case is the claim."""
    types, body, expected = RULES[claim]
    assert run_program(STANDARD + types, body) == expected


async def test_types_travel_between_processes_of_a_vm_by_reference() -> None:
    """A type sent away and back is the same key: acceptance case 115."""
    programs = {
        "main": """
type P = {x: number}
return function()
  local echo = process.spawn("app:echo", "app:processes", process.pid())
  process.send(echo, "type", {t = P, [P] = "key"})
  local got = process.inbox():receive():payload():data()
  return rawequal(got.t, P) and got[P] == "key" and P == got.t
end""",
        "echo": """
return function(to)
  local v = process.inbox():receive():payload():data()
  process.send(to, "back", v)
end""",
    }
    async with bench(programs) as made:
        assert await made.value("main") is True


async def test_a_type_leaves_the_vm_as_its_description() -> None:
    """To Python and back it is equal and the same key; text formats refuse it."""
    programs = {
        "make": """
type Tree<T> = {value: T @min(1), kids: {Tree<T>}, mark?: "a" | "b" | nil}
type Num = Tree<number>
type Cond<T> = T extends nil ? never : T
type Rec = readonly {f: (a: number, ...string) -> (Num, error), c: Channel<string>,
  m: {[string]: Cond<string?>}, i: {integer} @max_len(3), k: keyof({p: 1, q: 2})}
return function() return {Num, Rec, Tree, Rec.m, Num.mark} end""",
        "take": """
type Tree<T> = {value: T @min(1), kids: {Tree<T>}, mark?: "a" | "b" | nil}
type Num = Tree<number>
return function(list)
  local N = list[1]
  local _, err = N:is({value = 1, kids = {{value = 0, kids = {}}}})
  return tostring(rawequal(N, Num)) .. " " .. tostring(N == Num) .. " " .. tostring(err)
    .. " " .. tostring(list[2]) .. " " .. tostring(rawequal(list[3], Tree))
    .. " " .. tostring(list[4]) .. " " .. tostring(list[5])
end""",
        "json": """
type P = {x: number}
return function()
  local p = payload.new({t = P})
  local text, err = p:transcode("json/plain")
  return tostring(text) .. " " .. tostring(err)
end""",
    }
    async with bench(programs) as made:
        values = await made.value("make")
        assert [str(value) for value in values] == ["type value"] * 5
        again = await made.value("take", values)
        assert again == (
            "true true kids[1].value: value below minimum Rec true"
            ' {[string]: Cond<string?>} ("a" | "b")?'
        )  # types 2.11


async def test_processes_share_one_description(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The types of a chunk are described once per unit: acceptance case 124."""
    programs = {
        "main": """
type P = {x: number}
return function(v) return P(v) end"""
    }
    async with bench(programs) as made:
        asked = []
        describe = made.engine.types.describe

        def counted(unit: int, chunk: int) -> bytes:
            asked.append((unit, chunk))
            return describe(unit, chunk)

        monkeypatch.setattr(made.engine.types, "describe", counted)
        async with trio.open_nursery() as nursery:
            for n in range(300):
                nursery.start_soon(made.value, "main", {"x": n})
        assert len(asked) == 1


async def test_a_program_without_declared_types_asks_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Primitive checks and unused aliases cost no description."""
    programs = {
        "main": """
type Unused = {x: number}
return function(v) return string(v) .. tostring(integer:is(3)) end"""
    }
    async with bench(programs) as made:

        def refuse(_unit: int, _chunk: int) -> bytes:
            raise AssertionError("a description was asked for")

        monkeypatch.setattr(made.engine.types, "describe", refuse)
        assert await made.value("main", "a") == "a3"


async def test_a_type_goes_to_another_vm_and_is_the_same_there() -> None:
    """Between VMs a type travels as its description; there it is the same key."""
    library = """
type Item = {id: integer @min(1), next: Item?}
type Page<T> = {items: {T}}
"""
    programs = {
        "main": library
        + """
return function()
  local away = process.spawn("app:away", "app:apart", process.pid())
  process.send(away, "types", {item = Item, page = Page(Item), [Item] = "key"})
  local got = process.inbox():receive():payload():data()
  return tostring(got.ok) .. " " .. tostring(rawequal(got.item, Item)) .. " " .. got.why
end""",
        "away": library
        + """
return function(to)
  local got = process.inbox():receive():payload():data()
  local _, err = got.page:is({items = {{id = 1, next = {id = 0}}}})
  process.send(to, "back", {
    ok = rawequal(got.item, Item) and got.page == Page(Item) and got[Item] == "key",
    item = got.item, why = tostring(err),
  })
end""",
    }
    async with bench(programs) as made, trio.open_nursery() as nursery:
        made.isolated["app:apart"] = 0
        await nursery.start(made.node.host("app:apart").run)
        assert await made.value("main") == (
            "true true items[1].next.id: value below minimum"
        )  # types 2.11
        nursery.cancel_scope.cancel()

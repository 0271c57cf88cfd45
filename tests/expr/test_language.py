"""The expression language: syntax, values, errors, limits."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy_trio.errors import InvalidError
from wippy_trio.expr import ExpressionError, compile_expression, evaluate

ENV: dict[str, Any] = {
    "a": {"b": {"c": 1}, "list": [10, 20, 30]},
    "xs": [1, 2, 3, 4],
    "name": "wippy",
    "n": 7,
    "f": 2.5,
    "t": True,
    "users": [
        {"name": "ann", "age": 30},
        {"name": "bob", "age": 17},
        {"name": "cyd", "age": 41},
    ],
    "empty": {},
}


def value(text: str, env: object = ENV) -> Any:
    return evaluate(text, env)


def same(found: object, wanted: object) -> bool:
    return type(found) is type(wanted) and found == wanted


def failure(text: str, env: object = ENV) -> str:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, env)
    return caught.value.reason


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("12", 12),
        ("1_000", 1000),
        ("0xff", 255),
        ("0b101", 5),
        ("0o17", 15),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("2.5e-1", 0.25),
        ('"a\\n\\x41\\u00e9\\u{1F600}"', "a\nA\u00e9\U0001f600"),
        ("'it\\'s'", "it's"),
        ("`raw\\n``x`", "raw\\n`x"),
        ("true", True),
        ("nil", None),
        ("[1, 2, ]", [1, 2]),
        ('{a: 1, "b": 2, (name): 3, 4: 5}', {"a": 1, "b": 2, "wippy": 3, "4": 5}),
        ("{}", {}),
        ("// hi\n1 /* there\n */ + 2", 3),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_literals(text: str, wanted: object) -> None:
    assert same(value(text), wanted)  # modules-data 11.1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("-2 ** 2", -4.0),
        ("2 ** 3 ** 2", 512.0),
        ("2 ^ 2", 4.0),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 2 - 3", 5),
        ("1 < 2 < 3", True),
        ("3 > 2 > 2", False),
        ("1 < 2 <= 2 == true", True),
        ("not (1 in xs)", False),
        ("5 not in xs", True),
        ('name not contains "x"', True),
        ('name not startsWith "w" or t', True),
        ("true or false and false", True),
        ("true || false && false", True),
        ("!t", False),
        ("not t == false", True),
        ("1..3 == [1, 2, 3]", True),
        ("1 + 1..2 + 2", [2, 3, 4]),
        ("t ? 1 : 2", 1),
        ("t ? 1 : 2 | string()", 1),
        ("!t ? 1 : 2 | string()", "2"),
        ("n > 5 ? n > 6 ? 1 : 2 : 3", 1),
        ("t ?: 5", True),
        ("missing ?? 5", 5),
        ("missing ?? other ?? 6", 6),
        ("(missing ?? 5) + 1", 6),
        ("- n", -7),
        ("+n", 7),
        ("-n + 1", -6),
        ("name contains 'ipp' && name endsWith 'y'", True),
    ],
)
def test_operators_bind_as_the_table_says(text: str, wanted: object) -> None:
    assert same(value(text), wanted)  # modules-data 11.1


def test_not_binds_tighter_than_in() -> None:
    assert value("not t in [false]") is True  # modules-data 11.1: (not t) in [...]
    assert "not" in failure("not name in [name]")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a.b.c", 1),
        ('a["b"]["c"]', 1),
        ("a?.b?.c", 1),
        ("missing?.b.c.d", None),
        ("missing?.b[0].d", None),
        ("missing?.[0]", None),
        ("missing?.b ?? 3", 3),
        ("xs[0]", 1),
        ("xs[-1]", 4),
        ("xs[1.9]", 2),
        ("xs[1:]", [2, 3, 4]),
        ("xs[:2]", [1, 2]),
        ("xs[1:3]", [2, 3]),
        ("xs[:-1]", [1, 2, 3]),
        ("xs[2:100]", [3, 4]),
        ("xs[3:1]", []),
        ("name[1:3]", "ip"),
        ("name[0]", ord("w")),
        ("$env.n", 7),
        ('$env["name"]', "wippy"),
        ("$env.missing", None),
        ("a.missing", None),
        ("{if: 1}.if", 1),
    ],
)
def test_members(text: str, wanted: object) -> None:
    assert same(value(text), wanted)  # modules-data 11.1, 11.2


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("let x = 2; x * x", 4),
        ("let x = 2; let y = x + 1; x * y", 6),
        ("1; 2", 2),
        ("1; 2;", 2),
        ("if n > 5 { 1 } else { 2 }", 1),
        ("if n > 9 {1} else if n > 6 {2; 3} else {4}", 3),
        ("(let x = 1; x) + 1", 2),
        ("map(xs, {let y = # * 2; y + 1})", [3, 5, 7, 9]),
    ],
)
def test_statements(text: str, wanted: object) -> None:
    assert same(value(text), wanted)  # modules-data 11.1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("filter(xs, # > 2)", [3, 4]),
        ("filter(xs, {# > 2})", [3, 4]),
        ("map(users, .name)", ["ann", "bob", "cyd"]),
        ("users | filter(.age >= 18) | map(.name) | join(',')", "ann,cyd"),
        ("map(xs, #index)", [0, 1, 2, 3]),
        ("map(xs, # + #index)", [1, 3, 5, 7]),
        ("reduce(xs, #acc + #)", 10),
        ("reduce(xs, #acc + #, 5)", 15),
        ("reduce(xs, #acc * 10 + #index, 0)", 123),
        ("map(xs, len(filter(xs, # > 2)))", [2, 2, 2, 2]),
        ("map([[1, 2], [3]], map(#, # * 2))", [[2, 4], [6]]),
        ("map([[1], [2, 3]], sum(map(#, # + 1)) + len(#))", [3, 9]),
        ("xs | map({# * 2}) | filter(# > 4)", [6, 8]),
    ],
)
def test_closures(text: str, wanted: object) -> None:
    assert same(value(text), wanted)  # modules-data 11.1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("9223372036854775807 + 1", -(2**63)),
        ("-9223372036854775807 - 2", 2**63 - 1),
        ("4611686018427387904 * 2", -(2**63)),
        ("10 / 5", 2.0),
        ("5 / 0", math.inf),
        ("-5 / 0", -math.inf),
        ("7 % 3", 1),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("2 ** 0.5", math.sqrt(2)),
        ("1 + 0.5", 1.5),
        ("1 == 1.0", True),
        ("[1, [2]] == [1.0, [2.0]]", True),
        ("{a: 1} == {a: 1}", True),
        ("{a: 1} == {a: 1.0}", False),
        ("n == name", False),
        ("missing == nil", True),
        ("n != nil", True),
        ('"a" < "b"', True),
        ("2 < 2.5", True),
        ('"a" + "b"', "ab"),
        ("t and missing", None),
        ("t and n", 7),
        ("t or missing + 1", True),
        ("2 in xs", True),
        ("2.0 in xs", True),
        ("'b' in a", True),
        ("'z' in a", False),
        ("1 in missing", False),
        ("3 in 1..5", True),
        ("2.5 in 1..5", False),
        ("n in 1..5", False),
        ("name in ['wippy', 'x']", True),
        ("n in ['wippy', 'x']", False),
        ("3..1", []),
        ("1 == true", False),
        ('name matches "^w.*y$"', True),
        ("name matches name", True),
    ],
)
def test_values(text: str, wanted: object) -> None:
    if text == "1 == true":
        assert "mismatched types" in failure(text)  # modules-data 11.2: constants
        return
    assert same(value(text), wanted)  # modules-data 11.2


def test_a_number_never_equals_a_boolean() -> None:
    env = {"one": 1, "yes": True}
    assert value("one == yes", env) is False  # modules-data 11 (traps)
    assert value("yes in [1, 1.0]", env) is False
    assert value("type(yes)", env) == "bool"


def test_not_a_number() -> None:
    assert math.isnan(value("0 / 0"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("n % 0", "integer divide by zero"),
        ("5 % 0", "integer divide by zero"),
        ("f % 2", "invalid operation: float64 % int"),
        ("missing + 1", "invalid operation: <nil> + int"),
        ("name + 1", "invalid operation: string + int"),
        ("n < name", "invalid operation: int < string"),
        ("n and t", "and: wanted a boolean, got int"),
        ("n ? 1 : 2", "condition: wanted a boolean, got int"),
        ("not n", "not: wanted a boolean, got int"),
        ("missing.x", "cannot fetch x from <nil>"),
        ("a.b.z.y", "cannot fetch y from <nil>"),
        ("xs.x", "cannot fetch x from []interface {}"),
        ("xs[9]", "index out of range: 9 (array length is 4)"),
        ("xs[-5]", "index out of range: -5 (array length is 4)"),
        ("name[9]", "index out of range: 9 (array length is 5)"),
        ("'a' in name", 'operator "in" not defined on string'),
        ("name matches '('", "error parsing regexp: missing closing ): `(`"),
        ("true and 1", "invalid operation: and (mismatched types bool and int)"),
        ("1 + 'a'", "invalid operation: + (mismatched types int and string)"),
        ("len(5)", "invalid argument for len (type int)"),
        ("len(n)", "invalid argument for len (type int)"),
        ("filter(n, true)", "invalid argument for filter (type int)"),
        ("filter(xs, #)", "filter: closure must answer a boolean, got int"),
        ("filter(xs, 1)", "closure of filter must answer a boolean (type int)"),
        ("reduce([], #acc)", "reduce of empty array with no initial value"),
        ("map(xs, #acc)", "unknown pointer #acc"),
        ("map(xs, #foo)", "unknown pointer #foo"),
        ("nope(1)", "unknown function nope"),
        ("upper()", "not enough arguments to call upper (expected 1, got 0)"),
        ("upper(name, 1)", "too many arguments to call upper (expected 1, got 2)"),
        ("filter(xs)", "not enough arguments to call filter: wanted a list and"),
        ("let len = 1; 2", "cannot redeclare builtin len"),
        ("let x = 1; let x = 2; x", "cannot redeclare variable x"),
        ("99999999999999999999", "integer literal is too large"),
        ("1 +", "unexpected end of expression"),
        ("(1", "unexpected end of expression, wanted ')'"),
        ("1 2", "unexpected token '2'"),
        ("'abc", "literal not terminated"),
        ("'\\q'", "unable to unescape string"),
        ("/* abc", "unclosed comment"),
        ("a @ b", "unrecognized character: '@'"),
        ("12abc", "bad number syntax: '12a'"),
        ("1__0", "bad number syntax"),
        ("if t {1}", "unexpected end of expression, wanted 'else'"),
        ("missing ?? 1 + 2", "operator '+' may not follow '??'"),
        ("map(xs, #; #)", "wrap the closure in braces"),
        ("{[1]: 2}", "a map key must be"),
        ("{(n): 2}", "map key must be a string, got int"),
        ("#", "unexpected token '#'"),
        ("n.Year()", "int has no method Year"),
        ("1..2000000", "range too large: 2000000 items, 1000000 allowed"),
    ],
)
def test_failures_say_what_was_wrong(text: str, reason: str) -> None:
    assert failure(text).startswith(reason)  # modules-data 11.2


def test_an_error_shows_the_place() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression("1 +\n  other", environment_names=["n"])
    assert str(caught.value) == "unknown name other (2:3)\n |   other\n | ..^"
    assert (caught.value.line, caught.value.column) == (2, 3)
    assert caught.value.kind == "Invalid"
    with pytest.raises(ExpressionError, match=r"unknown name other \(1:1\)"):
        compile_expression("other", environment_names=["n"])  # modules-data 11


def test_empty_is_invalid() -> None:
    with pytest.raises(InvalidError) as caught:
        compile_expression("")
    assert str(caught.value) == "expression cannot be empty"  # modules-data 11
    assert "unexpected end" in failure("  ")


def test_names_and_sample_values_are_checked() -> None:
    compile_expression("n + 1", environment_names={"n": 5}).run({"n": 6})
    with pytest.raises(ExpressionError, match="mismatched types string and int"):
        compile_expression("s + 1", environment_names={"s": "x"})
    with pytest.raises(ExpressionError, match="cannot redeclare s"):
        compile_expression("let s = 1; s", environment_names={"s": "x"})
    compile_expression("gone + 1", environment_names={"gone": None})


def test_a_list_is_an_environment_too() -> None:
    assert value("$env[1]", [5, 6]) == 6  # modules-data 11
    assert value("x", [5, 6]) is None


def test_values_of_the_host_are_read_as_data() -> None:
    env = {"b": b"ab", "t": (1, 2), "big": 2**70, 5: "five", "bad": b"\xff"}
    assert value("b + 'c'", env) == "abc"
    assert value("t", env) == [1, 2]
    assert value("big", env) == float(2**70)
    assert value('$env["5"]', env) == "five"
    assert value("len(bad)", env) == 1
    assert value("bad[0]", env) == 255
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidError, match="nested too deeply"):
        value("1", {"x": loop})
    with pytest.raises(InvalidError, match="unsupported type: object"):
        value("1", {"x": object()})


# Limits


def test_a_thousand_terms_are_no_nesting() -> None:
    text = " or ".join(f"n == {number}" for number in range(100, 2100))
    assert value(text) is False
    assert value(text + " or n == 7") is True
    assert value("+".join(["1"] * 4000)) == 4000


@pytest.mark.parametrize(
    "text",
    [
        "(" * 500 + "1" + ")" * 500,
        "-" * 500 + "1",
        "[" * 500 + "]" * 500,
        "a" + ".b" * 500,
        "a" + "[0]" * 500,
        "1" + " | string()" * 500,
        "".join(f"let x{i} = 1; " for i in range(500)) + "1",
        "t ? 1 : " * 500 + "2",
        "2 ** " * 500 + "2",
    ],
)
def test_deep_nesting_is_refused(text: str) -> None:
    assert "nested too deeply" in failure(text)  # modules-data 11.3


def test_too_many_nodes_are_refused() -> None:
    text = "+".join(["1"] * 10_001)
    assert "too large" in failure(text)  # modules-data 11.3: 10 000 nodes


def test_nodes_used_twice_are_counted_twice() -> None:
    text = "n"
    for _ in range(40):
        text = f"(n < {text} < n ? 1 : 2)"
    assert "too large" in failure(text)


@pytest.mark.parametrize(
    "text",
    [
        "map(1..2000, map(1..2000, # + 1))",
        "filter(1..100000, # in (1..100000 | map(#)))",
        "reduce(1..40, #acc + #acc, 'x')",
        "reduce(1..30, concat(#acc, #acc), [1])",
        "repeat('x', 1000000000)",
        "map(1..1000, repeat('x', 100000))",
        "map(1..100, 1..1000000)",
        "reduce(1..1000000, [#acc], [])",
        "replace(repeat('a', 10000), 'a', repeat('b', 100000))",
        "map(1..100000, upper(repeat('x', 10000)))",
    ],
)
def test_runaways_meet_a_budget(text: str) -> None:
    found = failure(text)  # modules-data 11.3: 1 000 000 steps
    assert "budget exceeded" in found or "too large" in found


def test_a_result_nested_too_deeply_is_refused() -> None:
    with pytest.raises(InvalidError, match="nested too deeply"):
        value("reduce(1..5000, [#acc], [])")
    with pytest.raises(InvalidError, match="too deeply"):
        value("toJSON(reduce(1..5000, [#acc], []))")
    with pytest.raises(InvalidError, match=r"too deeply|levels"):
        value("string(reduce(1..5000, [#acc], []))")


# Properties

GRAMMAR = r"""
a n xs name t 1 2.5 'x' [ ] ( ) { } . ?. , : ; ? ?? | .. + - * / % ** == != < > <= >=
and or not in contains matches let if else true false nil # #acc $env = filter( map(
len( sum( reduce( x sort( date( 1..5 \ " ` /* // 0x 1_ 1e get( groupBy( string( keys(
"""
WORDS = st.sampled_from(GRAMMAR.split())


@given(st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=20))
@settings(max_examples=500)
def test_random_text_fails_only_as_an_invalid_error(text: str) -> None:
    with contextlib.suppress(InvalidError):
        value(text)


NUMBERS = st.integers(min_value=-50, max_value=50)


def _tree(inner: st.SearchStrategy[tuple[str, Any]]) -> Any:
    """Pairs of an expression and what Python makes of it."""

    def arithmetic(pair: Any) -> Any:
        (left, x), operator, (right, y) = pair
        result = {"+": x + y, "-": x - y, "*": x * y}[operator]
        return f"({left} {operator} {right})", result

    return st.tuples(inner, st.sampled_from("+-*"), inner).map(arithmetic)


INTEGERS: st.SearchStrategy[tuple[str, int]] = st.recursive(
    NUMBERS.map(lambda number: (f"({number})", number)), _tree, max_leaves=8
)


@given(INTEGERS)
@settings(max_examples=150)
def test_arithmetic_agrees_with_python(tree: tuple[str, int]) -> None:
    text, wanted = tree
    wrapped = (wanted + 2**63) % 2**64 - 2**63
    assert same(value(text), wrapped)
    unfolded = text.replace("(", "(zero + ", 1)
    assert value(unfolded, {"zero": 0}) == wrapped


LOGIC: st.SearchStrategy[tuple[str, bool]] = st.recursive(
    st.booleans().map(lambda b: (str(b).lower(), b))
    | st.tuples(INTEGERS, st.sampled_from(["<", ">=", "=="]), INTEGERS).map(
        lambda p: (
            f"({p[0][0]} {p[1]} {p[2][0]})",
            {
                "<": p[0][1] < p[2][1],
                ">=": p[0][1] >= p[2][1],
                "==": p[0][1] == p[2][1],
            }[p[1]],
        )
    ),
    lambda inner: (
        st.tuples(inner, inner).map(
            lambda p: (f"({p[0][0]} and {p[1][0]})", p[0][1] and p[1][1])
        )
        | st.tuples(inner, inner).map(
            lambda p: (f"({p[0][0]} || {p[1][0]})", p[0][1] or p[1][1])
        )
        | inner.map(lambda p: (f"(not {p[0]})", not p[1]))
        | st.tuples(inner, inner, inner).map(
            lambda p: (
                f"({p[0][0]} ? {p[1][0]} : {p[2][0]})",
                p[1][1] if p[0][1] else p[2][1],
            )
        )
    ),
    max_leaves=8,
)


@given(LOGIC)
@settings(max_examples=150)
def test_logic_agrees_with_python(tree: tuple[str, bool]) -> None:
    text, wanted = tree
    assert value(text) is wanted

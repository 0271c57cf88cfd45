"""Random types and values: the VM against a naive model of validation (types 2.6)."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.lua.type_programs import run_program

# Types are tuples that begin with a mark, values are Python's: None for nil, a list for
# a table with the keys 1..n, a dict for any other.
Kind = tuple[Any, ...]

PRIMITIVES = ("number", "integer", "string", "boolean", "any", "nil", "table", "never")
NAMES = ("a", "b", "kind", "name", "is")
WORDS = ("x", "y", "long word", "")

leaves: st.SearchStrategy[Kind] = st.one_of(
    st.sampled_from(PRIMITIVES).map(lambda name: ("p", name)),
    st.sampled_from((*WORDS, 0, 1, -7, True, False)).map(lambda v: ("l", v)),
    st.integers(-2, 3).map(lambda n: ("@", ("p", "number"), "min", n)),
    st.integers(0, 4).map(lambda n: ("@", ("p", "string"), "max_len", n)),
    st.just(("rec",)),
)


def composed(inner: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
    fields = st.dictionaries(
        st.sampled_from(NAMES), st.tuples(inner, st.booleans()), max_size=3
    )
    return st.one_of(
        inner.map(lambda t: ("?", t)),
        inner.map(lambda t: ("a", t)),
        st.tuples(inner, st.integers(0, 2)).map(
            lambda p: ("@", ("a", p[0]), "min_len", p[1])
        ),
        st.tuples(inner, inner).map(lambda pair: ("m", *pair)),
        st.lists(inner, min_size=2, max_size=7).map(lambda ts: ("|", tuple(ts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda ts: ("&", tuple(ts))),
        fields.map(lambda f: ("r", tuple((k, *v) for k, v in f.items()))),
    )


kinds = st.recursive(leaves, composed, max_leaves=10)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-8, 8),
    st.sampled_from((0.5, 1.0, -2.0, math.inf, 1e300)),
    st.sampled_from(WORDS),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from((*NAMES, "next", 5, 0.5)), inner, max_size=4),
    ),
    max_leaves=12,
)


@st.composite
def near(draw: st.DrawFn, kind: Kind) -> Any:
    """Draw a value that the type may well accept."""
    if draw(st.integers(0, 11)) == 0:
        return draw(values)
    mark = kind[0]
    if mark == "l":
        return kind[1]
    if mark == "?":
        return draw(st.one_of(st.none(), near(kind[1])))
    if mark == "|":
        return draw(near(draw(st.sampled_from(kind[1]))))
    if mark == "&":
        return merged(draw, kind[1])
    if mark == "@":
        return draw(near(kind[1]))
    if mark == "a":
        return draw(st.lists(near(kind[1]), max_size=3))
    if mark == "m":
        key = draw(near(kind[1]))
        usable = isinstance(key, str | int | float) and key == key
        return {key: draw(near(kind[2]))} if usable else {}
    if mark == "r":
        return {name: draw(near(inner)) for name, inner, _ in kind[1]}
    if mark == "rec":
        return {"v": 1, "next": draw(st.one_of(st.none(), near(kind)))}
    return draw(scalars)


def merged(draw: st.DrawFn, members: tuple[Kind, ...]) -> Any:
    parts = [draw(near(member)) for member in members]
    if all(isinstance(part, dict) for part in parts):
        return {key: item for part in parts for key, item in part.items()}
    return parts[0]


# -- the model -------------------------------------------------------------------------


def is_table(value: Any) -> bool:
    return isinstance(value, list | dict)


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(value: Any, literal: Any) -> bool:
    if isinstance(value, bool) or isinstance(literal, bool):
        return value is literal
    return not is_table(value) and value is not None and bool(value == literal)


def primitive(name: str, value: Any) -> bool:
    return {
        "number": number(value),
        "integer": number(value) and math.isfinite(value) and value == int(value),
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "any": True,
        "nil": value is None,
        "table": is_table(value),
        "never": False,
    }[name]


def entries(value: Any) -> list[tuple[Any, Any]]:
    """List the entries of a table that are there."""
    if isinstance(value, list):
        found = list(enumerate(value, 1))
    else:
        found = list(value.items())
    return [(key, item) for key, item in found if item is not None]


def part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def elements(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def accepts(kind: Kind, value: Any) -> bool:
    """Say whether a type accepts a value, by the table of types 2.6."""
    mark = kind[0]
    if mark == "p":
        return primitive(kind[1], value)
    if mark == "l":
        return same(value, kind[1])
    if mark == "?":
        return value is None or accepts(kind[1], value)
    if mark == "|":
        return any(accepts(member, value) for member in kind[1])
    if mark == "&":
        return all(accepts(member, value) for member in kind[1])
    if mark == "a":
        return is_table(value) and all(
            item is None or accepts(kind[1], item) for item in elements(value)
        )
    if mark == "m":
        return is_table(value) and all(
            accepts(kind[1], key) and accepts(kind[2], item)
            for key, item in entries(value)
        )
    if mark == "r":
        return is_table(value) and all(
            (optional and part(value, name) is None)
            or accepts(inner, part(value, name))
            for name, inner, optional in kind[1]
        )
    if mark == "rec":
        return (
            is_table(value)
            and primitive("number", part(value, "v"))
            and (part(value, "next") is None or accepts(kind, part(value, "next")))
        )
    _, inner, validator, bound = kind
    if not accepts(inner, value):
        return False
    if validator == "min":
        return not number(value) or not value < bound
    if validator == "min_len":
        length = len(elements(value)) if is_table(value) else bound
        return bool(length >= bound)
    return not isinstance(value, str) or len(value) <= bound


# -- as source -------------------------------------------------------------------------


def literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def source(kind: Kind) -> str:
    """Write a type; everything composed in parentheses."""
    mark = kind[0]
    if mark == "p":
        return str(kind[1])
    if mark == "rec":
        return "Rec"
    if mark == "l":
        return literal(kind[1])
    if mark == "?":
        return f"({source(kind[1])})?"
    if mark in "|&":
        return "(" + f" {mark} ".join(source(member) for member in kind[1]) + ")"
    if mark == "a":
        return "{" + source(kind[1]) + "}"
    if mark == "m":
        return f"{{[{source(kind[1])}]: {source(kind[2])}}}"
    if mark == "r":
        fields = [
            f"{name}{'?' if optional else ''}: {source(inner)}"
            for name, inner, optional in kind[1]
        ]
        return "{" + ", ".join(fields) + "}"
    _, inner, validator, bound = kind
    return f"{source(inner)} @{validator}({bound})"


def written(value: Any) -> str:
    if value is None:
        return "nil"
    if isinstance(value, list):
        return "{" + ", ".join(map(written, value)) + "}"
    if isinstance(value, dict):
        fields = [f"[{written(key)}] = {written(item)}" for key, item in value.items()]
        return "{" + ", ".join(fields) + "}"
    if isinstance(value, float):
        return "math.huge * 1" if math.isinf(value) else repr(value)
    return literal(value)


def without_holes(value: Any) -> bool:
    """Whether the length of every list in it is the same for everybody."""
    if isinstance(value, list):
        return None not in value and all(map(without_holes, value))
    if isinstance(value, dict):
        return all(map(without_holes, value.values()))
    return True


@st.composite
def questions(draw: st.DrawFn) -> tuple[Kind, list[Any]]:
    kind = draw(kinds)
    drawn = draw(st.lists(near(kind).filter(without_holes), min_size=1, max_size=5))
    return kind, drawn


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(questions(), min_size=4, max_size=8))
def test_the_vm_decides_as_the_model(cases: list[tuple[Kind, list[Any]]]) -> None:
    """Plain tables and tables with a metatable are accepted as the model says.

    A refusal has a text, and the type that crossed a description decides alike.
    """
    types = ["type Rec = {v: number, next: Rec?}"]
    lines = [
        """
local function raw(v)
  if type(v) ~= "table" then return v end
  local t = {}
  for k, x in pairs(v) do t[k] = raw(x) end
  return setmetatable(t, {__index = function() error("asked") end})
end
local out = {}
local function try(T, v)
  local _, e = T:is(v)
  local _, again = T:is(raw(v))
  local same = (e == nil) == (again == nil) and (e == nil or #e:message() > 0)
    and pcall(T, v) == (e == nil)
  out[#out + 1] = (same and "" or "!") .. (e == nil and "y" or "n")
end"""
    ]
    expected = []
    for position, (kind, drawn) in enumerate(cases):
        types.append(f"type T{position} = {source(kind)}")
        for value in drawn:
            lines.append(f"try(T{position}, {written(value)})")
            expected.append("y" if accepts(kind, value) else "n")
    lines.append("return table.concat(out, ',')")
    found = run_program("\n".join(types), "\n".join(lines))
    assert found.split(",") == expected


@settings(max_examples=25, deadline=None)
@given(st.lists(kinds, min_size=4, max_size=10))
def test_equality_and_order_agree(drawn: list[Kind]) -> None:
    """Equality is an equivalence, the order is reflexive and transitive with it.

    And the text of a type is the same however often it is asked for.
    """
    types = ["type Rec = {v: number, next: Rec?}"]
    types += [f"type A{i} = {source(kind)}" for i, kind in enumerate(drawn)]
    types += [f"type B{i} = {source(kind)}" for i, kind in enumerate(drawn)]
    names = [f"{letter}{i}" for letter in "AB" for i in range(len(drawn))]
    body = f"""
local all = {{{", ".join(names)}}}
local problems = {{}}
local function problem(what, ...)
  local texts = {{what}}
  for _, T in ipairs({{...}}) do texts[#texts + 1] = tostring(T) end
  problems[#problems + 1] = table.concat(texts, " ")
end
for i, X in ipairs(all) do
  if not (X == X) or X < X then problem("not itself", X) end
  if not (never <= X) or not (X <= any) then problem("not between", X) end
  if tostring(X) ~= tostring(X) or type(X:kind()) ~= "string" then
    problem("text", X)
  end
  for j, Y in ipairs(all) do
    if (X == Y) ~= (Y == X) then problem("symmetry", X, Y) end
    if X < Y and X == Y then problem("less and equal", X, Y) end
  end
end
for i = 1, #all // 2 do
  if all[i] ~= all[i + #all // 2] then problem("equal spelling", all[i]) end
  if not (all[i] <= all[i + #all // 2]) and all[i]:kind() ~= "unknown" then
    problem("equal but not below", all[i])
  end
end
return table.concat(problems, "; ")"""
    assert run_program("\n".join(types), body) == ""

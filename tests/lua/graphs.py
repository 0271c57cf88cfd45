"""Lua values as graphs, drawn by Hypothesis, and a Lua function that compares two.

A graph is a list of tables; an entry's value is a scalar or a reference to any table,
so sharing and cycles are the rule. Tables as keys carry a number of their own under
``id``, by which the comparison finds the key's counterpart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import strategies as st

__all__ = ["EQUAL", "Graph", "Ref", "graphs", "scalars"]

Scalar = bool | int | float | bytes

scalars: st.SearchStrategy[Scalar] = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-300, 300),
    st.floats(),
    st.sampled_from([-0.0, 0.0, 1.0, 2.0**53, math.nan, math.inf, -math.inf]),
    st.binary(max_size=8),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([31, 32, 255, 256, 65535, 65536]).map(lambda n: b"x" * n),
)


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to the table of that number."""

    index: int


Value = Scalar | Ref


@dataclass(frozen=True, slots=True)
class Graph:
    """Tables by number, each a list of entries; the first is the root."""

    tables: tuple[tuple[tuple[Value, Value], ...], ...]

    def source(self) -> str:
        """Write the Lua text that builds the graph and gives its root."""
        lines = [f"local t = {{}} for i = 1, {len(self.tables)} do t[i] = {{}} end"]
        numbers = []
        for number, entries in enumerate(self.tables, 1):
            for key, value in entries:
                if isinstance(key, Ref):
                    numbers.append(f"t[{key.index + 1}].id = {key.index}")
                lines.append(f"t[{number}][{literal(key)}] = {literal(value)}")
        lines += numbers  # last, since a drawn entry may be named ``id`` too
        return "\n".join(lines) + "\nreturn t[1]\n"


def literal(value: Value) -> str:
    """Write a value as Lua text, whatever its bytes and bits."""
    if isinstance(value, Ref):
        return f"t[{value.index + 1}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return "math.mininteger" if value == -(2**63) else f"({value})"
    if isinstance(value, float):
        if math.isnan(value):
            return "(0/0)"
        if math.isinf(value):
            return "math.huge" if value > 0 else "-math.huge"
        return value.hex() if value >= 0 and not is_minus_zero(value) else minus(value)
    return '"' + "".join(f"\\x{byte:02x}" for byte in value) + '"'


def minus(value: float) -> str:
    """Write a negative float."""
    return f"(-{(-value).hex()})"


def is_minus_zero(value: float) -> bool:
    """Tell -0.0 from 0.0."""
    return value == 0 and math.copysign(1, value) < 0


@st.composite
def graphs(draw: st.DrawFn, *, table_keys: bool = True) -> Graph:
    """Draw a graph of up to six tables."""
    count = draw(st.integers(1, 6))
    refs = st.integers(0, count - 1).map(Ref)
    values = st.one_of(scalars, refs)
    keys: st.SearchStrategy[Value] = st.one_of(
        st.sampled_from([b"id", b"name", b"kind", b"x"]),
        st.integers(-2, 5),
        scalars.filter(lambda key: not (isinstance(key, float) and math.isnan(key))),
    )
    if table_keys:
        keys = st.one_of(keys, refs)
    entries = st.one_of(
        st.lists(st.tuples(keys, values), max_size=7),
        st.lists(values, max_size=6).map(
            lambda items: [(i, item) for i, item in enumerate(items, 1)]
        ),
    )
    return Graph(tuple(tuple(draw(entries)) for _ in range(count)))


EQUAL = r"""
local function equal_scalar(a, b)
  if type(a) ~= type(b) or math.type(a) ~= math.type(b) then return false end
  if a ~= a then return b ~= b end
  if a == 0 and math.type(a) == "float" then return 1 / a == 1 / b end
  return a == b
end

-- Is `b` the same graph as `a`, made of other tables? An error text if not.
local function equal(a, b, there, back)
  if type(a) ~= "table" then
    return equal_scalar(a, b) or error(tostring(a) .. " became " .. tostring(b))
  end
  if type(b) ~= "table" then error("a table became " .. type(b)) end
  if a == b then error("not copied") end
  if there[a] or back[b] then
    return there[a] == b and back[b] == a or error("sharing differs")
  end
  there[a], back[b] = b, a
  local n, m = 0, 0
  local by_id = {}
  for k in next, b do
    m = m + 1
    if type(k) == "table" then by_id[rawget(k, "id")] = k end
  end
  for k, v in next, a do
    n = n + 1
    local other = k
    if type(k) == "table" then
      other = by_id[rawget(k, "id")]
      if other == nil then error("key missing") end
      equal(k, other, there, back)
    end
    local w = rawget(b, other)
    if w == nil then error("entry missing: " .. tostring(k)) end
    equal(v, w, there, back)
  end
  if n ~= m then error(n .. " entries became " .. m) end
  return true
end
return function(a, b) return equal(a, b, {}, {}) end
"""

"""The quick ways of `json` give what the slow ones give, for any value and any text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.modules.application import run_function
from wippy_trio.errors import Error
from wippy_trio.modules.json import codec

if TYPE_CHECKING:
    from pathlib import Path

NAMES = st.one_of(
    st.sampled_from(["a", "b", ":", 'x"', "back\\", "<&>", "\u2028", "ü"]),
    st.text(max_size=5),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | NAMES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)
    ),
    max_leaves=12,
)


def members(value: Any) -> int:
    """Count the members of all objects."""
    if isinstance(value, list):
        return sum(map(members, value))
    if isinstance(value, dict):
        return len(value) + sum(map(members, value.values()))
    return 0


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Draw JSON, now and then with blanks, equal keys, or damage."""
    spaced = draw(st.booleans())
    text = json.dumps(
        draw(VALUES),
        ensure_ascii=draw(st.booleans()),
        separators=(", ", draw(st.sampled_from([" : ", ": "]))) if spaced else None,
    )
    if draw(st.integers(0, 5)) == 0:
        text = text.replace("b", "a")
    if draw(st.integers(0, 5)) == 0 and text:
        at = draw(st.integers(0, len(text) - 1))
        text = text[:at] + draw(st.sampled_from(["", ",", '"', "1", "}"])) + text[at:]
    return text.encode("utf-8", "replace")


@given(texts())
def test_the_count_of_members_is_never_too_small(text: bytes) -> None:
    """A text with equal keys never passes for one without (modules-data 1.2)."""
    quick = codec.transcode(text)
    if quick is None:
        return
    colons = int(quick.partition(b" ")[0])
    import msgspec  # noqa: PLC0415

    total = members(msgspec.json.decode(text))
    try:
        codec.decode(text)
    except Error:
        assert total not in {colons, codec.members(text)}
    else:
        assert colons >= total


SOURCE = """
local json = require("json")
local function main(texts)
  local results = {}
  for i, text in ipairs(texts) do
    local value, err = json.decode(text)
    if err then
      results[i] = { "error", tostring(err) }
    else
      local back, problem = json.encode(value)
      local many = {} -- a list of that length goes the way of much
      for k = 1, value ~= nil and 9 or 0 do many[k] = value end
      local text, fault = json.encode(many)
      results[i] = { back or "error", problem and tostring(problem) or "",
        text or "error", fault and tostring(fault) or "" }
    end
  end
  return results
end
return { main = main }
"""


def expected(text: bytes) -> list[str]:
    """Do the same by the slow ways, null and holes as Lua has them."""
    try:
        value = codec.decode(text)
    except Error as error:
        return ["error", str(error)]
    value = as_lua(value)
    return [*written(value), *written([value] * 9 if value is not None else [])]


def written(value: Any) -> list[str]:
    """Write a value by the slow way."""
    try:
        return [codec.encode(value), ""]
    except Error as error:
        return ["error", str(error)]


def as_lua(value: Any) -> Any:
    """Make of a list with nulls what Lua has; it does not know of trailing ones."""
    if isinstance(value, dict):
        return {k: as_lua(v) for k, v in value.items()}
    if isinstance(value, list):
        while value and value[-1] is None:
            value = value[:-1]
        if None not in value:
            return [as_lua(v) for v in value]
        return {i: as_lua(v) for i, v in enumerate(value, 1) if v is not None} or []
    return value


def test_both_ways_agree(tmp_path: Path) -> None:
    """Decode, then encode: the same text or the same error."""
    drawn: list[bytes] = []

    @settings(max_examples=400, deadline=None, database=None)
    @given(texts())
    def draw(text: bytes) -> None:
        drawn.append(text)

    draw()
    results = run_function(tmp_path, SOURCE, drawn, modules="json")
    for text, got in zip(drawn, results, strict=True):
        assert got == expected(text), text


def test_edges_of_the_quick_ways(tmp_path: Path) -> None:
    """Each of these leaves the quick way, or stays on it by a hair."""
    deep = b"[" * 129 + b"]" * 129
    cases: list[bytes] = [
        b'{"a":1,"a":2}',
        b'{"a" :1,"a":1}',
        b'{"a":":","b":2}',
        b'{"back\\\\":1,"back\\\\":2}',
        b"[18446744073709551615,9223372036854775808]",
        b"[-9223372036854775808]",
        b'{"a":null}',
        b"{}",
        b"[null,1]",
        b'[1] "rest"',
        b'"\\ud800"',
        b"[1e-7,1e21,0.1,-0.0,1.0]",
        b'{"u":"\xe2\x80\xa8<&>\\u0001"}',
        deep,
        b"[" + deep + b"]",
    ]
    results = run_function(tmp_path, SOURCE, cases, modules="json")
    for text, got in zip(cases, results, strict=True):
        assert got == expected(text), text
    assert len(results[0]) == 2
    assert results[0][0] == "error"
    assert results[6][0] == results[7][0] == "{}"


WRITTEN = """
local json = require("json")
local function main()
  local letters, numbers, long = {}, {}, {}
  for i = 0, 127 do letters[#letters + 1] = string.char(i) end
  for _, i in ipairs({ 128, 255, 0x7ff, 0x2027, 0x2028, 0x2029, 0x202a, 0xfffd }) do
    letters[#letters + 1] = json.decode(string.format('"\\\\u%04x"', i))
  end
  for e = -30, 30 do
    for _, m in ipairs({ 1, 1.5, 9.999999999999999, 1 / 3 }) do
      numbers[#numbers + 1] = m * 10.0 ^ e
      numbers[#numbers + 1] = -m * 10.0 ^ e
    end
  end
  for _, v in ipairs({ math.maxinteger, math.mininteger, 127, 128, -32, -33, 65536,
      0.0, -0.0, 1 / 0, -1 / 0, 0 / 0, 2.0 ^ 53, 2.0 ^ 63 }) do
    numbers[#numbers + 1] = v
  end
  for _, size in ipairs({ 0, 1, 31, 32, 255, 256, 65535, 65536 }) do
    long[#long + 1] = { [("k"):rep(size)] = ("v"):rep(size), [1] = nil }
  end
  long[#long + 1] = { a = {}, b = json.decode("{}"), c = print, d = errors.new("e") }
  local map = {}
  for i = 1, 70000 do map[i] = i end
  local results = {}
  local odd = { "\\xff", 2, 3, 4, 5, 6, 7, 8, 9 }
  for i, list in ipairs({ letters, numbers, long, map, odd }) do
    local one = {} -- each by itself: as text
    for k = 1, #list do one[k] = json.encode({ list[k] }):sub(2, -2) end
    results[i] = json.encode(list) == "[" .. table.concat(one, ",") .. "]"
  end
  for _, number in ipairs(numbers) do -- one odd number makes the list go the slow way
    local nine = json.encode({ number, 1, 2, 3, 4, 5, 6, 7, 8 })
    if nine:match("^%[(.-),") ~= json.encode({ number }):sub(2, -2) then
      results[#results + 1] = number
    end
  end
  return results
end
return { main = main }
"""


def test_much_is_written_as_little_is(tmp_path: Path) -> None:
    """Every letter, every size of number and text: the same by both quick ways."""
    results = run_function(tmp_path, WRITTEN, modules="json")
    assert results == [True] * 5

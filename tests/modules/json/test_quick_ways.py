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
    counted, _, wire = quick.partition(b" ")
    import msgspec  # noqa: PLC0415

    value = msgspec.msgpack.decode(wire, strict=False)
    try:
        slow = codec.decode(text)
    except Error:
        assert int(counted) != members(value)
    else:
        assert (
            without_nulls(value) == slow
            or "inf" in repr(slow)
            or biggest(value) > 2**63
        )


def without_nulls(value: Any) -> Any:
    """Leave members out that are null, as Lua does."""
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return value


def biggest(value: Any) -> int:
    """Find the largest integer."""
    if isinstance(value, list):
        return max(map(biggest, value), default=0)
    if isinstance(value, dict):
        return max(map(biggest, value.values()), default=0)
    return value if isinstance(value, int) else 0


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
      results[i] = { back or "error", problem and tostring(problem) or "" }
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
    try:
        return [codec.encode(as_lua(value)), ""]
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
    assert results[0][0] == "error"
    assert results[6][0] == results[7][0] == "{}"

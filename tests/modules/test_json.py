"""The module `json`: modules-data 1.1 and 1.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.modules.application import run_function
from wippy_trio.errors import Error
from wippy_trio.modules.json.codec import decode, encode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (3, "3"),
        ([3.0, 0.1, 1e-7, 1e21], "[3,0.1,0.0000001,1000000000000000000000]"),
        (1e-7, "1e-07"),
        (float("nan"), "null"),
        ('a<b>&\u2028\x01"\n', '"a\\u003cb\\u003e\\u0026\\u2028\\u0001\\"\\n"'),
        ([], "[]"),
        ({"b": 1, "a": [True, {}]}, '{"a":[true,{}],"b":1}'),
        ({0: "x", -1: "y"}, '{"-1":"y","0":"x"}'),
    ],
)
def test_values_are_written_as_the_reference_does(value: Any, text: str) -> None:
    """Sorted keys, no spaces, no exponent inside tables (modules-data 1.1)."""
    assert encode(value) == text.replace("1e-07", "1e-07")


@pytest.mark.parametrize("value", [{1: 1, 3: 3}, {1: 1, "a": 2}])
def test_gaps_and_mixed_keys_are_refused(value: Any) -> None:
    """A gap in a sequence and mixed keys are errors."""
    with pytest.raises(Error, match="cannot encode"):
        encode(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"[1] x", [1]),
        (b"01", 0),
        (b"1.0", 1.0),
        (b"99999999999999999999", 2**63 - 1),
        (b'{"a":null,"b":2}', {"b": 2}),
    ],
)
def test_texts_are_read_as_the_reference_does(text: bytes, value: Any) -> None:
    """What follows the first value is ignored (modules-data 1.2)."""
    assert decode(text) == value


@pytest.mark.parametrize(
    "text", [b"", b" ", b"NaN", b"{'a':1}", b'{"a":1,"a":2}', b"[" * 200 + b"]" * 200]
)
def test_malformed_texts_are_errors(text: bytes) -> None:
    """Every malformed text ends in an error of ours."""
    with pytest.raises(Error):
        decode(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(), inner.filter(lambda v: v is not None), max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_what_is_written_reads_back(value: Any) -> None:
    """Encode and decode are inverse, up to null."""
    assert decode(encode(value).encode()) == value


def test_a_program_writes_and_reads(tmp_path: Path) -> None:
    """Integers stay integers; errors come as a pair."""
    source = """
    return { main = function()
      local v = json.decode('{"n":5,"list":[1,2]}')
      local _, err = json.decode("{")
      local _, invalid = json.decode(5)
      return { string.format("%d", v.n), json.encode(v), json.encode({}), err:kind(),
        invalid:kind() }
    end }
    """
    got = run_function(tmp_path, source, modules="json")
    assert got == ["5", '{"list":[1,2],"n":5}', "[]", "Internal", "Invalid"]

"""The module `json`: modules-data 1.1 and 1.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.modules.application import run_function
from wippy_trio.errors import Error, InternalError
from wippy_trio.modules.json.codec import decode, encode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (3, "3"),
        ([3.0, 0.1, 1e-7, 1e21], "[3,0.1,0.0000001,1000000000000000000000]"),
        (1e-7, "1e-7"),
        (float("nan"), "null"),
        ('a<b>&\u2028\x01"\n', '"a\\u003cb\\u003e\\u0026\\u2028\\u0001\\"\\n"'),
        ([], "[]"),
        ({"b": 1, "a": [True, {}]}, '{"a":[true,{}],"b":1}'),
        ({0: "x", -1: "y"}, '{"-1":"y","0":"x"}'),
    ],
)
def test_values_are_written_as_the_reference_does(value: Any, text: str) -> None:
    """Sorted keys, no spaces, no exponent inside tables (modules-data 1.1)."""
    assert encode(value) == text


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


def test_escapes_of_half_a_character_are_refused() -> None:
    """A lone surrogate is an error, a pair a character (modules-data 1.2)."""
    with pytest.raises(InternalError, match="lone surrogate"):
        decode(b'["\\ud800"]')
    assert decode(b'{"a":"\\ud83d\\ude00"}') == {"a": "\U0001f600"}
    assert decode(b'"\\\\ud800"') == "\\ud800"


def test_tables_that_hold_each_other_do_not_grow_without_end(tmp_path: Path) -> None:
    """A cycle, and sharing that doubles forty times, are errors."""
    source = """
    return { main = function()
      local ring = {}
      ring.a = { ring }
      local _, cycle = json.encode(ring)
      local tree = {}
      for _ = 1, 40 do tree = { tree, tree } end
      local _, doubled = json.encode(tree)
      local _, invalid = json.validate({ type = "array" }, ring)
      local pair = { 1 }
      return { tostring(cycle), doubled:kind(), invalid:kind(),
        json.encode({ pair, pair }) }
    end }
    """
    assert run_function(tmp_path, source, modules="json") == [
        "cannot encode recursively nested tables to JSON",
        "Internal",
        "Invalid",
        "[[1],[1]]",
    ]


def test_an_object_that_was_read_stays_one(tmp_path: Path) -> None:
    """Empty objects are told from empty lists (modules-data 1.1)."""
    source = """
    return { main = function()
      local read = json.decode('{"o":{},"l":[]}')
      local emptied = {}
      emptied.x = true
      emptied.x = nil
      return { json.encode(read), json.encode(emptied), json.encode({}),
        json.encode({ f = print, 1 and nil }) }
    end }
    """
    got = run_function(tmp_path, source, modules="json")
    assert got == ['{"l":[],"o":{}}', "{}", "[]", '{"f":null}']


VALIDATION = """
return { main = function(case)
  local schema = { type = "object", properties = {}, required = { "n" } }
  local cases = {
    function() return json.validate(nil, 1) end,
    function() return json.validate(5, 1) end,
    function() return json.validate(schema, nil) end,
    function() return json.validate({ type = "nonsense" }, 1) end,
    function() return json.validate("{", 1) end,
    function() return json.validate(schema, {}) end,
    function() return json.validate({ type = "string" }, "\\255") end,
    function() return json.validate({ ["$ref"] = "http://x.invalid/s" }, 1) end,
    function() return json.validate_string({ type = "null" }, 5) end,
    function() return json.validate_string({ type = "null" }, "null 1") end,
    function() return json.validate_string({ type = "null" }, "1") end,
  }
  local ok, err = cases[case]()
  return { ok, err:kind(), err:message(), err:retryable(), err:details() or {} }
end }
"""


@pytest.mark.parametrize(
    ("case", "text"),
    [
        (1, "schema is required"),
        (2, "schema must be a string or table"),
        (3, "data is required"),
        (4, "nonsense"),
        (5, "schema is not JSON"),
        (6, '#: "n" is a required property'),
        (7, "not UTF-8"),
        (8, "remote references are not followed"),
        (9, "data must be a JSON string"),
        (10, "data is not JSON"),
        (11, "#: "),
    ],
)
def test_what_does_not_fit_gives_false_and_the_reason(
    tmp_path: Path, case: int, text: str
) -> None:
    """Every failure of a validation is Invalid, behind ``false`` (modules-data 1.3)."""
    ok, kind, message, retryable, details = run_function(
        tmp_path, VALIDATION, case, modules="json"
    )
    assert (ok, kind, retryable) == (False, "Invalid", False)
    assert text in message
    if case == 6:
        assert details == {"path": "", "keyword": "required"}


def test_what_fits_gives_true_alone(tmp_path: Path) -> None:
    """Whole floats are integers, empty tables objects, and text may say null."""
    source = """
    return { main = function()
      local schema = json.encode({ type = "integer" })
      return { select("#", json.validate(schema, 30.0)), (json.validate(schema, 30.0)),
        json.validate({ type = "object" }, {}),
        json.validate({ type = "string", format = "email" }, "nobody"),
        json.validate_string({ type = "null" }, "null") }
    end }
    """
    got = run_function(tmp_path, source, modules="json")
    assert got == [1, True, True, True, True]


def test_large_texts_do_not_stop_the_others(tmp_path: Path) -> None:
    """Large work runs in a thread where its caller may wait, else in place."""
    source = """
    return { main = function()
      local beats = 0
      coroutine.spawn(function()
        while true do beats = beats + 1; coroutine.yield() end
      end)
      local text = json.encode(string.rep("x", 600000))
      local waited = beats > 0
      beats = 0
      local shown = ("x"):gsub("x", function()
        return tostring(#json.encode(string.rep("y", 600000)))
      end)
      return { #text, waited, beats, shown }
    end }
    """
    got = run_function(tmp_path, source, modules="json")
    assert got == [600002, True, 0, "600002"]

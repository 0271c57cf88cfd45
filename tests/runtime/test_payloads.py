"""Payloads of formats outside Lua: the rules of the modules hold (modules-data 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.modules.application import run_function
from wippy_trio.errors import InternalError
from wippy_trio.runtime.payloads import _Unpacker, read_payload, write_payload

if TYPE_CHECKING:
    from pathlib import Path

MSGPACK = "application/msgpack"


def written(folder: Path, expression: str, kind: str) -> Any:
    """Transcode a payload: give its JSON before and after, or the error."""
    source = f"""
    return {{ main = function()
      local p, err = payload.new({expression}):transcode("{kind}")
      if err then
        return {{ err:kind(), err:message(), err:stack():match("^[^\\n]*"),
          err:retryable() }}
      end
      local same = json.encode({expression})
      local back = p:data()
      return {{ same, json.encode(back) }}
    end }}
    """
    return run_function(folder, source, modules="json")


@pytest.mark.parametrize(
    "expression",
    [
        "{}",
        "{ a = {}, b = { 1, 2 } }",
        "{ o = json.decode('{}') }",
        "3.0",
        "1e-7",
        "{ 1e15, 1e-7, 2^53 }",
        "'<&>\\u{2028}'",
        "{ [0] = 1, [-1] = 2 }",
        "{ true, false }",
        "'\\255'",
    ],
)
def test_json_is_what_the_module_writes(tmp_path: Path, expression: str) -> None:
    """What comes back is encoded alike, empty objects too (core PAY-8)."""
    same, again = written(tmp_path, expression, "json/plain")
    assert again == same


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("{ 1, 2, x = 3 }", "cannot encode mixed-key table"),
        ("{ [1] = 1, [3] = 3 }", "cannot encode sparse array"),
        ("{ print }", "no data"),
        ("print", "no data"),
    ],
)
def test_json_refuses_what_the_module_refuses(
    tmp_path: Path, expression: str, text: str
) -> None:
    """And functions besides (core PAY-8); the context shows in the stack."""
    kind, message, stack, retryable = written(tmp_path, expression, "json/plain")
    assert kind == "Internal"
    assert text in message
    assert stack == f"transcode failed: {message}"
    assert retryable is False


def test_json_text_behind_the_value_is_ignored() -> None:
    """As `json.decode` does; errors have the same text."""
    assert read_payload("json/plain", b"[1] x") == [1]
    assert read_payload("json/plain", b"18446744073709551615") == 2**63 - 1
    with pytest.raises(InternalError, match="duplicate key"):
        read_payload("json/plain", b'{"a": 1, "a": 2}')


def test_an_unknown_format_has_no_path(tmp_path: Path) -> None:
    """It is INTERNAL, with the context of transcoding (modules-data 3)."""
    assert written(tmp_path, "1", "no/such") == [
        "Internal",
        "no transcoding path from lua/any to no/such",
        "transcode failed: no transcoding path from lua/any to no/such",
        False,
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (1e6, "1e+06"),
        (0.1, "0.1"),
        ([1, "a", None], "[1 a <nil>]"),
        ({"b": 2, "a": [1]}, "map[a:[1] b:2]"),
        ([], "map[]"),
        ({1: "x", 3: "y", "z": 1}, "[x <nil> y]"),
        (b"\xff", "\udcff"),
    ],
)
def test_text_is_what_go_prints(value: Any, text: str) -> None:
    """Of plain data (core PAY-7, modules-data 0.5, 0.6)."""
    expected = text.encode("utf-8", "surrogateescape")
    assert write_payload("text/plain", value) == expected
    assert write_payload("application/octet-stream", value) == expected


@pytest.mark.parametrize(
    ("value", "packed"),
    [
        (1, b"\x01"),
        (-33, b"\xd0\xdf"),
        (300, b"\xcd\x01\x2c"),
        (1.0, b"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"),
        ("x" * 40, b"\xda\x00\x28" + b"x" * 40),
        (b"\xff", b"\xa1\xff"),
        ([], b"\x80"),
        ({"a": None}, b"\x81\xa1a\xc0"),
        ({1: "x", 3: "y", "z": 1}, b"\x93\xa1x\xc0\xa1y"),
        ({1.5: True}, b"\x81\xa31.5\xc3"),
    ],
)
def test_messagepack_is_written_in_its_old_form(value: Any, packed: bytes) -> None:
    """Raw strings without str 8 and bin, smallest integers, text keys."""
    assert write_payload(MSGPACK, value) == packed


@pytest.mark.parametrize(
    ("packed", "value"),
    [
        (b"\xa2\xff\x00", b"\xff\x00"),
        (b"\xda\x00\x02\xff\x00", b"\xff\x00"),
        (b"\x92\xa1\xff\xa1a", [b"\xff", "a"]),
        (b"\x81\xa1\xff\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", {b"\xff": 1.0}),
        (b"\xc4\x01\xff", b"\xff"),
        (b"\xde\x00\x01\xa1\xff\xd1\xff\x00", {b"\xff": -256}),
        (b"\xdc\x00\x02\xa1\xff\xc0", [b"\xff", None]),
    ],
)
def test_raw_strings_of_any_bytes_are_read(packed: bytes, value: Any) -> None:
    """They are Lua strings."""
    assert read_payload(MSGPACK, packed) == value


@pytest.mark.parametrize(
    "packed", [b"", b"\xa2\xff", b"\xc1", b"\x91", b"\xa1\xff\x01", b"\x91" * 1000]
)
def test_damaged_messagepack_is_refused(packed: bytes) -> None:
    """By a clear error."""
    with pytest.raises(InternalError):
        read_payload(MSGPACK, packed)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
    | st.binary(max_size=4).filter(lambda b: not is_text(b)),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4)
        | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=10,
)


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(PLAIN)
def test_messagepack_comes_back(value: Any) -> None:
    """Whatever plain data it is."""
    assert read_payload(MSGPACK, write_payload(MSGPACK, value)) == value


@given(st.binary(max_size=30))
def test_our_reader_agrees_with_the_library(data: bytes) -> None:
    """Where the library reads it, the value is the same, bytes that are text aside."""
    try:
        expected = msgspec.msgpack.decode(data)
    except (ValueError, TypeError):
        return
    if "Ext" in repr(expected) or "datetime" in repr(expected):
        return  # they are left to the library
    assert repr(_Unpacker(data).whole()) == repr(as_text(expected))


def as_text(value: Any) -> Any:
    if isinstance(value, list):
        return [as_text(item) for item in value]
    if isinstance(value, dict):
        return {as_text(key): as_text(item) for key, item in value.items()}
    if isinstance(value, bytes) and is_text(value):
        return value.decode()
    return value

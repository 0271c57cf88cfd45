"""The wire as Python writes and reads it."""

from __future__ import annotations

import datetime as dt
import enum
import math
import types
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.lua.data_prelude import VERSIONS, shared_vm
from tests.lua.graphs import EQUAL, Graph, graphs
from wippy_trio.errors import ConflictError, Error, InvalidError, NotFoundError
from wippy_trio.kernel import Pid
from wippy_trio.lua.codec import _Reader, _Writer, decode, encode

SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=40),
    st.binary(max_size=8).map(lambda data: data + b"\xff"),
)
KEYS = st.one_of(
    st.text(max_size=8), st.integers(-3, 9), st.just(b"\xff"), st.just(1.5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(KEYS, inner, max_size=5),
    ),
    max_leaves=12,
)


def through_lua(data: bytes, version: str = "lua54") -> bytes:
    """Let a VM read a message and write it again."""
    result: bytes = shared_vm(version).run("return P.pack(P.unpack_wire(...))", data)
    return result


def as_lua_sees(value: Any) -> Any:
    """Give the value that comes back: lists for tuples and for the keys 1..n."""
    if isinstance(value, list | tuple):
        return [as_lua_sees(item) for item in value]
    if isinstance(value, dict):
        items = {key: as_lua_sees(item) for key, item in value.items()}
        if set(items) == set(range(1, len(items) + 1)):
            return [items[key] for key in range(1, len(items) + 1)]
        return items
    return value


def written_long(values: tuple[Any, ...]) -> bytes:
    return _Writer(None, mark_objects=False, drop=False).write(values)


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=60, deadline=None)
@given(values=st.lists(VALUES, max_size=3).map(tuple))
def test_plain_values_come_back_from_lua(version: str, values: tuple[Any, ...]) -> None:
    """And the short way and the long way are one format."""
    data = encode(values)
    assert _Reader(written_long(values), None).read() == decode(data)
    assert _Reader(data, None).read() == decode(data)
    back = decode(through_lua(data, version))
    assert back == tuple(as_lua_sees(value) for value in values)  # core M-40, M-41
    assert [type(item) for item in back] == [type(as_lua_sees(item)) for item in values]


@settings(max_examples=100, deadline=None)
@given(graph=graphs(table_keys=False))
def test_a_graph_keeps_its_sharing_through_python(graph: Graph) -> None:
    """VM to wire to Python to wire to VM: equal, cycles and sharing included."""
    vm = shared_vm()
    data: bytes = vm.run(
        f"local function build() {graph.source()} end return P.pack(1, build())"
    )
    assume(not collides(data))
    again = encode(decode(data))
    assert vm.run(
        f"""
        local equal = (function() {EQUAL} end)()
        local function build() {graph.source()} end
        local _, c = P.unpack_wire(...)
        return equal(build(), c)
        """,
        again,
    )  # core M-42


def collides(data: bytes) -> bool:
    """Tell whether keys that differ in Lua are one in Python: 1 and true."""
    reader = _Reader(data, None)
    reader.read()
    return any(
        isinstance(one, dict)
        and len(one) < 20
        and any(isinstance(key, bool | float) or key in (0, 1) for key in one)
        for one in reader.objects
    )


def test_numbers_keep_their_kind_and_bits() -> None:
    values = (1, 1.0, -0.0, math.inf, -math.inf, 2**63 - 1, -(2**63), math.nan, True)
    back = decode(through_lua(encode(values)))
    assert [repr(value) for value in back] == [repr(value) for value in values]  # M-40


def test_strings_are_text_if_they_are_utf8() -> None:
    values = ("\u00e9", b"\xff", b"text", bytearray(b"\xfe"), "", b"", "\udcff")
    assert decode(through_lua(encode(values))) == (
        "\u00e9",
        b"\xff",
        "text",
        b"\xfe",
        "",
        "",
        b"\xff",
    )
    with pytest.raises(InvalidError, match="lone surrogate, at value 1"):
        encode(["\ud800"])


def test_none_in_lists_and_mappings() -> None:
    assert decode(encode((None, [1, None, 3], {"a": None}))) == (
        None,
        [1, None, 3],
        {"a": None},
    )
    assert decode(through_lua(encode((None, [1, None, 3], {"a": None}, None)))) == (
        None,
        {1: 1, 3: 3},
        [],
        None,
    )


def test_sharing_and_cycles_of_python_objects_survive() -> None:
    leaf: dict[str, Any] = {"n": 1}
    root: dict[str, Any] = {"a": leaf, "b": [leaf, leaf]}
    root["me"] = root
    for back, other in (
        decode(encode((root, leaf))),
        decode(through_lua(encode((root, leaf)))),
    ):
        assert back["me"] is back
        assert back["a"] is back["b"][0] is back["b"][1]
        assert back["a"] == other == {"n": 1}
        assert other is not back["a"]  # core M-42


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass(frozen=True)
class Point:
    x: int
    y: list[int]


def test_other_python_values_have_a_form() -> None:
    identity = uuid.UUID(int=5)
    values = [
        Point(1, [2]),
        OrderedDict(a=1),
        types.MappingProxyType({"b": 2}),
        range(3),
        Colour.RED,
        Level.HIGH,
        Pid("app:host", 26),
        identity,
        dt.datetime(2026, 11, 25, tzinfo=dt.UTC),
        dt.datetime(1970, 1, 1, 0, 0, 0, 500000, tzinfo=dt.UTC),
        memoryview(b"\x80"),
    ]
    assert decode(through_lua(encode([values])))[0] == [
        {"x": 1, "y": [2]},
        {"a": 1},
        {"b": 2},
        [0, 1, 2],
        "red",
        3,
        "{app:host|0x0001a}",  # core M-51
        str(identity),
        1795564800,
        0.5,
        b"\x80",
    ]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "object has no form in Lua, at value 2"),
        ({"a": [1, {2}]}, r"set has no form in Lua, at value 2\.a\[2\]"),
        ({"a": {"b": print}}, r"builtin_function_or_method has no .* value 2\.a\.b"),
        ([2**63], r"integer of 64 bits does not fit, at value 2\[1\]"),
        (-(2**63) - 1, "does not fit, at value 2"),
        ({None: 1}, "NoneType as a key, at value 2"),
        ({math.nan: 1}, "NaN as a key, at value 2"),
        ({"x": ValueError("no")}, r"ValueError has no form in Lua, at value 2\.x"),
        (Point, "type has no form in Lua, at value 2"),
    ],
)
def test_what_has_no_form_is_refused_by_name_and_path(
    value: object, message: str
) -> None:
    with pytest.raises(InvalidError, match=message):
        encode([1, value])


def test_or_it_is_dropped_on_demand() -> None:
    values = [print, {"a": object(), "b": 1, None: 2}, [2**64]]
    assert decode(encode(values, drop=True)) == (None, {"a": None, "b": 1}, [None])


def test_huge_integers_are_refused_before_their_digits_are_made() -> None:
    with pytest.raises(InvalidError, match="integer of 16610 bits does not fit"):
        encode([10**5000])


def test_errors_cross_with_kind_message_flag_details_and_stack() -> None:
    error = ConflictError("m", retryable=False, details={"n": [1, 2]}, stack="s:1")
    odd = Error("o", kind="Odd")
    for wire in (encode([error]), written_long((error,))):
        (back,) = decode(through_lua(wire))
        assert type(back) is ConflictError
        assert (back.message, back.retryable, back.details, back.stack) == (
            "m",
            False,
            {"n": [1, 2]},
            "s:1",
        )  # core M-44
    first, second, third = decode(through_lua(encode([[odd, odd, error]])))[0]
    assert first is second
    assert (first.kind, first.retryable, first.details) == ("Odd", None, None)
    assert third.kind == "Conflict"


def test_the_context_of_an_error_crosses() -> None:
    error = NotFoundError("gone", context="open entry")
    for wire in (encode([error]), written_long((error,))):
        (back,) = decode(through_lua(wire))
        assert (back.message, back.context, str(back)) == (
            "gone",
            "open entry",
            "open entry: gone",
        )  # modules-data E-a


def test_lua_errors_arrive_as_the_class_of_their_kind() -> None:
    (error,) = decode(
        shared_vm().run("""
          local e = errors.new { message = "m", kind = errors.CONFLICT,
            details = { n = 1 } }
          return P.pack(1, e)
        """)
    )
    assert type(error) is ConflictError
    assert error.details == {"n": 1}
    assert "app:main:" in error.stack


class Socket:
    def __init__(self, number: int) -> None:
        self.number = number


def test_handles_cross_through_the_hooks() -> None:
    one, two = Socket(1), Socket(2)
    data = encode(
        [one, {"s": [two, [], one]}],
        handles=lambda value: (
            ("socket", value.number) if isinstance(value, Socket) else None
        ),
    )

    def find(kind: str, number: int) -> Socket | None:
        return {("socket", 1): one, ("socket", 2): two}.get((kind, number))

    assert decode(data, handles=find) == (one, {"s": [two, [], one]})
    assert _Reader(data, find).read() == (one, {"s": [two, [], one]})
    assert decode(data) == (None, {"s": [None, [], None]})
    with pytest.raises(InvalidError, match="Socket has no form"):
        encode([one])


def test_empty_mappings_are_objects_to_json_only_on_demand() -> None:
    source = "local _, t = P.unpack_wire(...) return P.objects[t.o], P.objects[t.l]"
    vm = shared_vm()
    value: list[Any] = [{"o": {}, "l": []}]
    assert vm.run(source, encode(value, mark_objects=True)) == (True, None)
    assert vm.run(source, encode(value)) == (None, None)  # modules-data 1.1
    assert decode(encode(value, mark_objects=True)) == ({"o": {}, "l": []},)


def test_keys_that_python_cannot_have() -> None:
    """A list as a key becomes a tuple; any other table goes with its entry."""
    vm = shared_vm()
    data = vm.run("return P.pack(1, { [{ 1, 'a' }] = 1, [{ x = 1 }] = 2, y = 3 })")
    assert decode(data) == ({(1, "a"): 1, "y": 3},)
    assert decode(vm.run("return P.pack(1, { [{ 1 }] = 1 })")) == ({(1,): 1},)
    assert decode(encode([{(1, 2): 3}])) == ({(1, 2): 3},)


def test_a_nesting_of_a_thousand_crosses_and_more_is_refused() -> None:
    value: list[Any] = []
    for _ in range(999):
        value = [value]
    back = decode(through_lua(encode([value])))[0]
    depth = 0
    while back:
        back, depth = back[0], depth + 1
    assert depth == 999
    with pytest.raises(InvalidError, match="nested too deep"):
        encode([[[value]]])
    with pytest.raises(InvalidError, match="nested too deep"):
        decode(b"\x91" * 3000 + b"\x01")


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\x01",
        b"\x91",
        b"\x91\xa5abc",
        b"\x91\xa1\xff",
        b"\x91\x82\xa1a\x01",
        b"\x91\xdd\xff\xff\xff\xff\x01",
        b"\x91\xc1",
        b"\x91\xd4\x01\x00",
        b"\x91\x91\xd4\x01\x05",
        b"\x91\xd4\x09\x00",
        b"\x91\xc7\x00\x02",
        b"\x91\xc7\x06\x02\xc0\xc0\xc0\xc0\xc0\xc0",
        b"\x91\xc7\x07\x02\xa0\xa0\xc0\xc0\xa0\xc0\xc0",
        b"\x91\x01\x02",
    ],
)
def test_damaged_bytes_are_refused(wire: bytes) -> None:
    with pytest.raises(InvalidError, match="malformed wire data"):
        decode(wire)


@settings(max_examples=300, deadline=None)
@given(
    values=st.lists(VALUES, min_size=1, max_size=3).map(tuple),
    at=st.integers(0, 300),
    byte=st.integers(0, 255),
    noise=st.binary(max_size=40),
)
def test_no_bytes_break_the_reader(
    values: tuple[Any, ...], at: int, byte: int, noise: bytes
) -> None:
    wire = encode(values)
    changed = bytearray(wire)
    changed[at % len(wire)] = byte
    for data in (wire[: at % len(wire)], bytes(changed), b"\x91" + noise):
        for read in (decode, lambda data: _Reader(data, None).read()):
            try:
                result = read(data)
            except InvalidError:
                continue
            assert isinstance(result, tuple)

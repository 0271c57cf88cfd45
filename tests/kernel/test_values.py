"""What may leave a process: core section 5.5 for Python values."""

from __future__ import annotations

import datetime as dt
import enum
import math
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy_trio.errors import Error, InvalidError, NotFoundError
from wippy_trio.kernel.channel import Channel
from wippy_trio.kernel.events import Parcel
from wippy_trio.kernel.pid import Pid
from wippy_trio.kernel.values import Copies, copied


class Colour(enum.Enum):
    RED = 1


class Point(NamedTuple):
    x: int
    y: list[int]


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        -0.0,
        math.inf,
        "text",
        b"\x00\xff",
        Pid("app:host", 3),
        Colour.RED,
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        dt.timedelta(seconds=1),
    ],
)
def test_what_never_changes_is_itself(value: object) -> None:
    assert copied(value) is value  # core M-40


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
        | st.tuples(inner, inner)
        | st.frozensets(st.integers(), max_size=3)
    ),
    max_leaves=12,
)


def mutables(value: Any) -> set[int]:
    """Collect the identities of all that could be changed in a value."""
    found: set[int] = set()
    if isinstance(value, list | dict | set):
        found.add(id(value))
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        for item in value:
            found |= mutables(item)
    return found


@given(plain)
def test_a_copy_is_equal_and_shares_nothing_that_changes(value: Any) -> None:
    copy = copied(value)
    assert copy == value  # core M-41
    assert type(copy) is type(value)
    assert mutables(copy).isdisjoint(mutables(value))


def test_sharing_and_cycles_are_rebuilt() -> None:
    shared: list[Any] = []
    value = {"a": shared, "b": shared}
    shared.append(value)
    copy = copied(value)
    assert copy["a"] is copy["b"]  # core M-42
    assert copy["a"][0] is copy
    assert copy is not value


def test_a_cycle_through_a_tuple_is_rebuilt() -> None:
    inner: list[Any] = []
    value = (inner,)
    inner.append(value)
    copy = copied(value)
    assert copy[0][0] is copy  # core M-42
    assert copy[0] is not inner


def test_other_containers_keep_their_kind() -> None:
    point = copied(Point(1, [2]))
    assert isinstance(point, Point)
    assert point == Point(1, [2])
    assert copied({1, 2}) == {1, 2}
    assert copied(bytearray(b"x")) == b"x"
    assert isinstance(copied(bytearray(b"x")), bytes)


def test_an_error_becomes_an_equal_error() -> None:
    error = NotFoundError("gone", retryable=True, details={"ids": [1]}, stack="s")
    copy = copied([error])[0]
    assert isinstance(copy, NotFoundError)  # core M-44
    assert copy is not error
    assert (copy.message, copy.kind, copy.retryable) == ("gone", "NotFound", True)
    assert (copy.details, copy.stack) == ({"ids": [1]}, "s")
    assert copied(Error("x", kind="Odd")).kind == "Odd"


def test_a_channel_passes_as_itself_and_copies_what_it_carries_from_then_on() -> None:
    """More than core M-46, which has nil here; see docs/explanation/channels.md."""
    channel = Channel[list[int]](1)
    assert copied({"replies": channel})["replies"] is channel
    sent = [1]
    channel.send_nowait(sent)
    sent.append(2)
    assert channel.receive_nowait() == ([1], True)


@pytest.mark.parametrize(
    "value",
    [Channel[int](source=lambda: 1), print, object(), Colour, (n for n in [1])],
)
def test_what_cannot_be_copied_is_none_and_never_raises(value: object) -> None:
    assert copied(value) is None  # core M-45, M-46, M-47
    assert copied([1, value]) == [1, None]
    assert copied((value,)) == (None,)
    assert copied({"a": value, "b": 1}) == {"b": 1}
    assert copied({value: 1, "b": 2}) == {"b": 2}  # core M-48
    assert copied({value, 1}) == {1}


def test_a_bottomless_value_is_refused_by_name() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(InvalidError, match="list: it is nested too deeply"):
        copied(value)
    while value:  # taken apart gently: the interpreter would recurse
        value = value.pop()


def test_every_reader_of_a_parcel_gets_a_copy_of_its_own() -> None:
    original = [1]
    parcel = Copies(original)
    assert isinstance(parcel, Parcel)
    original.append(2)
    (first,), (second,) = parcel.open(), parcel.open()
    assert first == second == [1]  # core EVT-7
    assert first is not second

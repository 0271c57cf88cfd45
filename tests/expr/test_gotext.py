"""Go text of values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy_trio.errors import InvalidError
from wippy_trio.expr import float_text, go_text, plain_float_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "<nil>"),
        (True, "true"),
        ("a b", "a b"),
        (b"a\xff", "a\udcff"),
        (-12, "-12"),
        (3.0, "3"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (123456.0, "123456"),
        (123456.5, "123456.5"),
        (1e6, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (0.0001, "0.0001"),
        (1e-5, "1e-05"),
        (1.5e-7, "1.5e-07"),
        (1e21, "1e+21"),
        (1e100, "1e+100"),
        (5e-324, "5e-324"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
        ([1, "a", None], "[1 a <nil>]"),
        ((1, [2.0]), "[1 [2]]"),
        ({"b": 2, "a": [1]}, "map[a:[1] b:2]"),
        ({}, "map[]"),
        ([], "[]"),
    ],
)
def test_values(value: object, text: str) -> None:
    assert go_text(value) == text  # modules-data 0.6.4


def test_a_plain_float_has_no_exponent() -> None:
    assert plain_float_text(1e21) == "1" + "0" * 21
    assert plain_float_text(1e-7) == "0.0000001"
    assert plain_float_text(123.456) == "123.456"
    assert plain_float_text(-0.0) == "-0"


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=300)
def test_floats_read_back(number: float) -> None:
    assert float(float_text(number)) == number
    assert float(plain_float_text(number)) == number
    assert "e" not in plain_float_text(number)


def test_a_list_that_contains_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(InvalidError, match="at most 200 levels"):
        go_text(loop)

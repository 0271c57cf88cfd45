"""Durations as text, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy_trio.duration import (
    format_nanoseconds,
    parse_nanoseconds,
    parse_seconds,
    to_nanoseconds,
)
from wippy_trio.errors import InvalidError


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1h30m", 5_400_000_000_000),
        ("500ms", 500_000_000),
        ("1.5s", 1_500_000_000),
        ("-2s", -2_000_000_000),
        ("+2s", 2_000_000_000),
        ("0", 0),
        ("-0", 0),
        ("0s", 0),
        ("7ns", 7),
        ("7us", 7_000),
        ("7\u00b5s", 7_000),
        ("7\u03bcs", 7_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("1.9ns", 1),
        ("1h2m3s4ms5us6ns", 3_723_004_005_006),
        ("9223372036854775807ns", 2**63 - 1),
        ("-9223372036854775808ns", -(2**63)),
    ],
)
def test_every_documented_form_is_read(text: str, nanoseconds: int) -> None:
    assert parse_nanoseconds(text) == nanoseconds  # core T-1


@pytest.mark.parametrize(
    "text",
    ["", "-", "5", "1.5", "s", ".s", "1x", "1S", "1s5", "1 s", "--1s", "1-s", "7d"],
)
def test_text_that_is_no_duration_is_invalid_and_named(text: str) -> None:
    with pytest.raises(InvalidError) as caught:  # core T-3
        parse_nanoseconds(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["9223372036854775808ns", "3000000h", "9" * 40 + "h"])
def test_what_does_not_fit_into_64_bits_is_invalid(text: str) -> None:
    with pytest.raises(InvalidError, match="64 bits"):
        parse_nanoseconds(text)


def test_the_day_unit_is_read_on_request_only() -> None:
    assert parse_seconds("7d", days=True) == 7 * 86_400  # apps 8.5.4
    assert parse_seconds("1d12h", days=True) == 36 * 3_600
    with pytest.raises(InvalidError, match="unknown unit 'd'"):
        parse_seconds("7d")


def test_seconds_are_floats() -> None:
    assert parse_seconds("250ms") == 0.25


def test_numbers_are_nanoseconds_and_fractions_are_cut() -> None:
    assert to_nanoseconds(5) == 5
    assert to_nanoseconds(0.01) == 0  # core T-1
    assert to_nanoseconds("1s") == 1_000_000_000


@pytest.mark.parametrize(
    "value", [None, True, [], float("nan"), float("inf"), 2**63, 1e30]
)
def test_other_values_are_no_durations(value: object) -> None:
    with pytest.raises(InvalidError):  # core T-3
        to_nanoseconds(value)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (5_445_000_000_000, "1h30m45s"),
        (60_000_000_000, "1m0s"),
        (3_600_000_000_000, "1h0m0s"),
        (1_500_000_000, "1.5s"),
        (500_000_000, "500ms"),
        (1_500_000, "1.5ms"),
        (1_500, "1.5\u00b5s"),
        (1, "1ns"),
        (0, "0s"),
        (-2_000_000_000, "-2s"),
        (90_000_000_001, "1m30.000000001s"),
        (360_000_000_000_000, "100h0m0s"),
    ],
)
def test_durations_are_written_as_go_does(nanoseconds: int, text: str) -> None:
    assert format_nanoseconds(nanoseconds) == text  # core T-42


@given(st.integers(-(2**63), 2**63 - 1))
def test_what_is_written_reads_back(nanoseconds: int) -> None:
    assert parse_nanoseconds(format_nanoseconds(nanoseconds)) == nanoseconds

"""`os.date` and `os.time`."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy_trio.modules.time.layout import FixedZone, Moment, load_zone, moment_of
from wippy_trio.modules.time.osdate import format_date, read_time

PARIS = load_zone("Europe/Paris")
SAMPLE = moment_of(2024, 6, 1, 14, 30, 45, zone=PARIS)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("%c", "Sat Jun  1 14:30:45 2024"),  # core OS-5
        ("%x", "06/01/24"),
        ("%X", "14:30:45"),
        ("%p %I", "PM 02"),
        ("%z %Z", "+0200 CEST"),
        ("%j %w", "153 6"),
        ("%a %A %b %B", "Sat Saturday Jun June"),
        ("%d %H %m %M %S %y %Y", "01 14 06 30 45 24 2024"),
        ("%U %W", "22 22"),  # core OS-6
        ("100%%", "100%"),
        ("%Q %", "%Q %"),  # core OS-7
        ("!%H:%M %Z", "12:30 UTC"),  # core OS-2
        ("plain 2006", "plain 2006"),
        ("", ""),
        ("%%Y", "%Y"),
        ("é%Y", "é2024"),
    ],
)
def test_specifiers(text: str, wanted: str) -> None:
    assert format_date(text, SAMPLE) == wanted  # core OS-4


@pytest.mark.parametrize(
    ("year", "month", "day", "week"),
    [
        (2021, 1, 3, "53"),
        (2021, 1, 4, "01"),
        (2024, 12, 30, "01"),
        (2020, 12, 31, "53"),
    ],
)
def test_weeks_are_iso_weeks(year: int, month: int, day: int, week: str) -> None:
    assert format_date("%U", moment_of(year, month, day)) == week  # core OS-6


def test_fields() -> None:
    assert format_date("*t", SAMPLE) == {
        "year": 2024,
        "month": 6,
        "day": 1,
        "hour": 14,
        "min": 30,
        "sec": 45,
        "wday": 7,
        "yday": 153,
        "isdst": True,
    }  # core OS-3
    winter = format_date("*t", moment_of(2024, 1, 7, zone=PARIS))
    assert isinstance(winter, dict)
    assert winter["isdst"] is False  # core OS-3: follow D
    assert winter["wday"] == 1
    in_utc = format_date("!*t", SAMPLE)
    assert isinstance(in_utc, dict)
    assert (in_utc["hour"], in_utc["isdst"]) == (12, False)
    fixed = format_date("*t", Moment(0, 0, FixedZone("X", 3600)))
    assert isinstance(fixed, dict)
    assert fixed["isdst"] is False


def test_missing_fields_are_today_at_midnight() -> None:
    assert read_time({}, SAMPLE) == moment_of(2024, 6, 1, zone=PARIS).seconds
    assert (
        read_time({"year": 2000}, SAMPLE) == moment_of(2000, 6, 1, zone=PARIS).seconds
    )
    wanted = moment_of(2024, 6, 1, 5, zone=PARIS).seconds
    assert read_time({"hour": 5, "zone": "x"}, SAMPLE) == wanted  # core OS-1


def test_fields_out_of_range_are_carried_over() -> None:
    fields = {"year": 2024, "month": 13, "day": 1}
    assert read_time(fields, SAMPLE) == moment_of(2025, 1, 1, zone=PARIS).seconds
    fields = {"year": 2024, "month": 3, "day": 0, "sec": -1}
    wanted = moment_of(2024, 2, 28, 23, 59, 59, zone=PARIS).seconds
    assert read_time(fields, SAMPLE) == wanted  # core OS-1


@pytest.mark.parametrize("value", [2000, 2000.9, "2000", " 2000 ", b"2000", "0x7d0"])
def test_numbers_come_in_several_forms(value: object) -> None:
    wanted = moment_of(2000, 6, 1, zone=PARIS).seconds
    assert read_time({"year": value}, SAMPLE) == wanted


@pytest.mark.parametrize("value", [None, True, "soon", "", {}, float("nan"), 1e300])
def test_what_is_no_number_is_not_read(value: object) -> None:
    assert read_time({"day": value}, SAMPLE) == read_time({}, SAMPLE)


@given(st.integers(-60_000_000_000, 200_000_000_000))
@settings(max_examples=150)
def test_fields_lead_back_to_the_moment(seconds: int) -> None:
    moment = Moment(seconds)
    fields = format_date("*t", moment)
    assert isinstance(fields, dict)
    assert read_time(fields, moment) == seconds


@given(st.text(max_size=12))
@settings(max_examples=100)
def test_any_format_is_written(text: str) -> None:
    assert format_date("x" + text, SAMPLE)

"""Named layouts and constants of the `time` module."""

from __future__ import annotations

import pytest

from wippy_trio.modules.time.layout import (
    LAYOUTS,
    MONTH_CONSTANTS,
    WEEKDAY_CONSTANTS,
    FixedZone,
    format_moment,
    format_rfc3339,
    load_zone,
    moment_from_unix,
    moment_of,
    parse_moment,
)

PARIS = load_zone("Europe/Paris")
SAMPLE = moment_of(2024, 6, 1, 14, 5, 9, 123_456_789, PARIS)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("RFC3339", "2024-06-01T14:05:09+02:00"),
        ("RFC3339NANO", "2024-06-01T14:05:09.123456789+02:00"),
        ("RFC822", "01 Jun 24 14:05 CEST"),
        ("RFC822Z", "01 Jun 24 14:05 +0200"),
        ("RFC850", "Saturday, 01-Jun-24 14:05:09 CEST"),
        ("RFC1123", "Sat, 01 Jun 2024 14:05:09 CEST"),
        ("RFC1123Z", "Sat, 01 Jun 2024 14:05:09 +0200"),
        ("KITCHEN", "2:05PM"),
        ("STAMP", "Jun  1 14:05:09"),
        ("STAMP_MILLI", "Jun  1 14:05:09.123"),
        ("STAMP_MICRO", "Jun  1 14:05:09.123456"),
        ("STAMP_NANO", "Jun  1 14:05:09.123456789"),
        ("DATE_TIME", "2024-06-01 14:05:09"),
        ("DATE_ONLY", "2024-06-01"),
        ("TIME_ONLY", "14:05:09"),
    ],
)
def test_named_layouts_write_and_read(name: str, wanted: str) -> None:
    layout = LAYOUTS[name]
    assert format_moment(SAMPLE, layout) == wanted  # core T-62
    again = parse_moment(layout, wanted, PARIS)
    assert format_moment(again, layout) == wanted  # core T-33


def test_every_layout_of_the_page_is_there() -> None:
    assert len(LAYOUTS) == 15


def test_constants() -> None:
    assert MONTH_CONSTANTS["JANUARY"] == 1  # core T-64
    assert MONTH_CONSTANTS["DECEMBER"] == 12
    assert WEEKDAY_CONSTANTS["SUNDAY"] == 0
    assert WEEKDAY_CONSTANTS["SATURDAY"] == 6


def test_rfc3339() -> None:
    assert format_rfc3339(SAMPLE) == "2024-06-01T14:05:09+02:00"  # core T-34


def test_unix_time_carries_nanoseconds_over() -> None:
    moment = moment_from_unix(1, 2_500_000_000, FixedZone("X", 60))
    assert moment == (3, 500_000_000, FixedZone("X", 60))  # core T-32
    assert moment_from_unix(0, -1).instant == (-1, 999_999_999)

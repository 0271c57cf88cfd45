"""Blocks put together, and how wide they are (modules-data 22)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy_trio.modules.tty.cells import height, size, text_of, width
from wippy_trio.modules.tty.layout import (
    join_horizontal,
    join_vertical,
    place_horizontal,
    place_vertical,
)


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("", 0),
        ("abc", 3),
        ("a\nabcd\n", 4),
        ("\x1b[1;31mred\x1b[0m", 3),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x07", 4),
        ("日本", 4),
        ("e\u0301", 1),
        ("👩\u200d👩\u200d👧", 2),
        ("🇩🇪", 2),
        ("\x01", 0),
        (text_of(b"\xff\xfe"), 2),
    ],
)
def test_width_counts_cells(text: str, cells: int) -> None:
    """Of the widest line, without escape sequences."""
    assert width(text) == cells


def test_height_counts_lines() -> None:
    """One more than line ends."""
    assert [height(text) for text in ("", "a", "a\n", "a\nb\nc")] == [1, 1, 2, 3]
    assert size(["abc", "a\nb"]) == (3, 2)
    assert size([]) == (0, 0)


@pytest.mark.parametrize(
    ("position", "joined"),
    [(0.0, "a1\nb \nc "), (0.5, "a \nb1\nc "), (1.0, "a \nb \nc1")],
)
def test_side_by_side(position: float, joined: str) -> None:
    """The lower block is filled up above or below."""
    assert join_horizontal(position, ["a\nb\nc", "1"]) == joined


def test_half_a_cell_goes_before_in_a_join() -> None:
    """It is split at ``round(n * pos)``."""
    assert join_vertical(0.5, ["abcd", "x"]) == "abcd\n  x "
    assert join_horizontal(0.5, ["a\nb", "1"]) == "a \nb1"


@pytest.mark.parametrize(
    ("position", "joined"), [(0.0, "abc\nx  "), (0.5, "abc\n x "), (1.0, "abc\n  x")]
)
def test_one_below_the_other(position: float, joined: str) -> None:
    """Narrow lines are filled up."""
    assert join_vertical(position, ["abc", "x"]) == joined


def test_one_block_or_none_stays_what_it_is() -> None:
    """There is nothing to join."""
    assert join_vertical(1.0, ["abc\nx"]) == "abc\nx"
    assert join_horizontal(1.0, []) == ""


def test_a_box_takes_a_text() -> None:
    """A line that is not the widest is filled up too; half a cell goes behind."""
    assert place_horizontal(6, 0.5, "ab\nx") == "  ab  \n  x   "
    assert place_horizontal(5, 1.0, "ab\nx") == "   ab\n    x"
    assert place_vertical(4, 0.5, "ab") == "  \nab\n  \n  "
    assert place_vertical(2, 1.0, "ab") == "  \nab"


def test_too_small_a_box_changes_nothing() -> None:
    """The text comes back as it is."""
    assert place_horizontal(2, 0.5, "abc\nx") == "abc\nx"
    assert place_vertical(2, 0.5, "a\nb\nc") == "a\nb\nc"


BLOCKS = st.lists(st.text("ab日\n", max_size=12), min_size=2, max_size=4)
POSITIONS = st.floats(0, 1)


@given(POSITIONS, BLOCKS)
def test_a_join_is_a_rectangle_with_everything_in_it(
    position: float, blocks: list[str]
) -> None:
    """Widths or heights add up, and no character is lost."""
    row = join_horizontal(position, blocks)
    column = join_vertical(position, blocks)
    assert width(row) == sum(map(width, blocks))
    assert height(row) == max(map(height, blocks))
    assert width(column) == max(map(width, blocks))
    assert height(column) == sum(map(height, blocks))
    for joined in (row, column):
        assert len(set(map(width, joined.split("\n")))) == 1
        for letter in "ab日":
            assert joined.count(letter) == sum(block.count(letter) for block in blocks)

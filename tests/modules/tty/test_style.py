"""Styles of `tty`, drawn (modules-data 22, "Rendering order")."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy_trio.modules.tty.cells import take, width, wrap
from wippy_trio.modules.tty.style import (
    Look,
    Sides,
    read_colour,
    render,
    sides_of,
)

RED = "\x1b[31m{}\x1b[0m"


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#ff8000", "38;2;255;128;0"),
        ("#f80", "38;2;255;136;0"),
        ("0", "30"),
        ("7", "37"),
        ("8", "90"),
        ("15", "97"),
        ("16", "38;5;16"),
        ("255", "38;5;255"),
        ("256", ""),
        ("-1", ""),
        ("red", ""),
        ("#12", ""),
        ("", ""),
        ("²", ""),
    ],
)
def test_a_colour_has_three_depths(text: str, colour: str) -> None:
    """By its form; anything else is no colour (modules-data 22)."""
    assert read_colour(text) == colour


def test_sides_come_in_the_order_of_css() -> None:
    """One to four numbers; more than four say nothing."""
    assert sides_of((1,)) == (1, 1, 1, 1)
    assert sides_of((1, 2)) == (1, 2, 1, 2)
    assert sides_of((1, 2, 3)) == (1, 2, 3, 2)
    assert sides_of((1, 2, 3, 4)) == (1, 2, 3, 4)
    assert sides_of((1, 2, 3, 4, 5)) == (0, 0, 0, 0)


def test_a_plain_style_only_expands_tabs() -> None:
    """Line ends stay as they are."""
    assert render(Look(), "a\tb\r\nc") == "a    b\r\nc"
    assert render(Look(bold=True), "a\r\n\tb") == (
        "\x1b[1ma\x1b[0m    \n\x1b[1m    b\x1b[0m"
    )


def test_letters_take_all_codes_in_order() -> None:
    """Bold, italic, reverse, blink, faint, foreground, background."""
    look = Look(
        bold=True,
        italic=True,
        reverse=True,
        blink=True,
        faint=True,
        foreground="31",
        background="38;5;20",
    )
    assert render(look, "x") == "\x1b[1;3;7;5;2;31;48;5;20mx\x1b[0m"


def test_lines_under_letters_go_letter_by_letter() -> None:
    """A grapheme is one letter, and a space has its own code."""
    look = Look(bold=True, underline=True, strikethrough=True)
    assert render(look, "e\u0301 b") == (
        "\x1b[1;4;9me\u0301\x1b[0m\x1b[4;9m \x1b[0m\x1b[1;4;9mb\x1b[0m"
    )


def test_width_counts_padding_but_not_border_and_margin() -> None:
    """Words are broken at what is left."""
    look = Look(
        width=10,
        padding=Sides(0, 2, 0, 1),
        margin=Sides(1, 0, 0, 3),
        border="normal",
        border_sides=Sides(1, 1, 1, 1),
    )
    assert render(look, "one two three") == "\n".join(
        [
            " " * 15,
            "   ┌──────────┐",
            "   │ one two  │",
            "   │ three    │",
            "   └──────────┘",
        ]
    )


@pytest.mark.parametrize(
    ("sides", "drawn"),
    [
        (Sides(1, 0, 1, 0), "─\nx\n─"),
        (Sides(0, 1, 0, 1), "│x│"),
        (Sides(1, 0, 0, 1), "┌─\n│x"),
        (Sides(0, 0, 0, 0), "x"),
    ],
)
def test_a_border_may_lack_sides(sides: Sides, drawn: str) -> None:
    """A corner needs both of its sides."""
    assert render(Look(border="normal", border_sides=sides), "x") == drawn


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("rounded", "╭─╮"),
        ("thick", "┏━┓"),
        ("double", "╔═╗"),
        ("hidden", "   "),
        ("wavy", "x"),
    ],
)
def test_borders_by_name(name: str, first: str) -> None:
    """An unknown name is no border."""
    look = Look(border=name, border_sides=Sides(1, 1, 1, 1))
    assert render(look, "x").split("\n")[0] == first


def test_a_border_has_its_own_colours() -> None:
    """One for each side."""
    look = Look(
        border="normal",
        border_sides=Sides(1, 1, 1, 1),
        border_foreground=("31", "", "", "32"),
    )
    assert render(look, "x") == "\x1b[31m┌─┐\x1b[0m\n\x1b[32m│\x1b[0mx│\n└─┘"


def test_alignment_fills_up_to_the_widest_line() -> None:
    """The odd cell goes to the right; a background shows behind blank cells."""
    assert render(Look(align=0.5, width=4), "x") == " x  "
    assert render(Look(align=1.0, italic=True), "ab\nc") == (
        "\x1b[3mab\x1b[0m\n \x1b[3mc\x1b[0m"
    )
    assert render(Look(width=3, background="34"), "x") == (
        "\x1b[44mx\x1b[0m\x1b[44m  \x1b[0m"
    )
    assert render(Look(height=4, align_vertical=0.5), "x") == " \nx\n \n "


def test_inline_is_one_line_without_a_frame() -> None:
    """Line ends go; padding, border and margin do not show."""
    look = Look(
        inline=True,
        padding=Sides(1, 1, 1, 1),
        margin=Sides(1, 1, 1, 1),
        border="normal",
        border_sides=Sides(1, 1, 1, 1),
    )
    assert render(look, "a\nb") == "ab"


def test_the_largest_size_cuts_last() -> None:
    """Also the frame; escape sequences stay whole."""
    look = Look(max_width=2, max_height=1, foreground="31")
    assert render(look, "abcd\nef") == RED.format("ab")
    assert take("\x1b[1mabc\x1b[0m", 1) == "\x1b[1ma\x1b[0m"


@pytest.mark.parametrize(
    ("text", "limit", "wrapped"),
    [
        ("one two three", 7, "one two\nthree"),
        ("one  two", 4, "one\ntwo"),
        ("  indented text", 10, "  indented\ntext"),
        ("abcdefgh", 3, "abc\ndef\ngh"),
        ("ab cdefgh", 4, "ab\ncdef\ngh"),
        ("well-known", 6, "well-\nknown"),
        ("日本語", 4, "日本\n語"),
        ("\x1b[1mone two\x1b[0m", 4, "\x1b[1mone\ntwo\x1b[0m"),
        ("a\n\nb", 1, "a\n\nb"),
        ("word", 0, "w\no\nr\nd"),
    ],
)
def test_words_are_kept_whole_where_they_fit(
    text: str, limit: int, wrapped: str
) -> None:
    """Cells count, not characters, and escape sequences take none."""
    assert wrap(text, limit) == wrapped


@given(st.text("ab -é日\n", max_size=40), st.integers(2, 12))
def test_no_line_is_wider_than_the_limit(text: str, limit: int) -> None:
    """And nothing but spaces is lost."""
    wrapped = wrap(text, limit)
    assert width(wrapped) <= limit
    for blank in " \n":
        text, wrapped = text.replace(blank, ""), wrapped.replace(blank, "")
    assert wrapped == text


@given(
    st.text("ab -é日\n\t", max_size=30),
    st.builds(
        Look,
        bold=st.booleans(),
        underline=st.booleans(),
        background=st.sampled_from(["", "31"]),
        padding=st.builds(Sides, *[st.integers(0, 2)] * 4),
        margin=st.builds(Sides, *[st.integers(0, 2)] * 4),
        border=st.sampled_from(["", "double"]),
        border_sides=st.builds(Sides, *[st.integers(0, 1)] * 4),
        width=st.integers(1, 20),
        height=st.integers(0, 5),
        align=st.sampled_from([0.0, 0.5, 1.0]),
        align_vertical=st.sampled_from([0.0, 0.5, 1.0]),
    ),
)
def test_a_style_with_a_width_draws_a_rectangle(text: str, look: Look) -> None:
    """Every line is as wide as every other one."""
    lines = render(look, text).split("\n")
    assert len({width(line) for line in lines}) == 1

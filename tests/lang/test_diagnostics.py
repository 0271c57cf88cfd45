"""A finding tells where it is, in lines and characters, and prints as a block."""

from __future__ import annotations

import pytest

from wippy_trio.lang import Diagnostic, Lines, LuaSyntaxError, render
from wippy_trio.lang.diagnostics import position


@pytest.mark.parametrize("newline", ["\n", "\r", "\r\n", "\n\r"])
def test_every_kind_of_line_end_counts_once(newline: str) -> None:
    text = newline.join(("ab", "", "c"))
    lines = Lines(text)
    assert lines.position(0) == (1, 1)
    assert lines.position(1) == (1, 2)
    assert lines.position(text.index("c")) == (3, 1)
    assert lines.position(len(text)) == (3, 2)
    assert position(text, text.index("c")) == (3, 1)
    assert [lines.content(n) for n in (1, 2, 3)] == ["ab", "", "c"]


def test_column_counts_characters_of_the_utf8_text() -> None:
    text = 'x = "é→" y'.encode().decode("latin-1")
    assert Lines(text).position(text.index("y")) == (1, 10)  # types 3.8
    assert position(text, text.index("y")) == (1, 10)


def test_tab_is_one_column_and_widens_when_printed() -> None:
    found = Diagnostic("E0000", "error", "wrong", 4, 3, (4, 5))
    assert render(found, "a:b", "\t x = 1") == (
        "error[E0000]: wrong\n"
        "  --> a:b:4:3\n"
        "   |\n"
        " 4 |          x = 1\n"
        "   |          ^^"
    )  # types 3.8


def test_block_shows_notes_and_help() -> None:
    found = Diagnostic(
        "E0000",
        "error",
        "cannot assign string to number",
        4,
        23,
        (4, 26),
        ("declared here",),
        "use tonumber() and check the result",
    )
    shown = render(found, "app.users:handler", '    local n: number = "4"')
    assert shown == (
        "error[E0000]: cannot assign string to number\n"
        "  --> app.users:handler:4:23\n"
        "   |\n"
        ' 4 |     local n: number = "4"\n'
        "   |                       ^^^\n"
        "   = note: declared here\n"
        "   = help: use tonumber() and check the result"
    )  # types 3.8


def test_margin_grows_with_the_line_number() -> None:
    found = Diagnostic("P0001", "error", "wrong", 1234, 1, (1240, 2))
    assert render(found, "a", "abc").split("\n")[1:] == [
        "     --> a:1234:1",
        "      |",
        " 1234 | abc",
        "      | ^^^",
    ]


def test_without_source_there_is_one_line() -> None:
    found = Diagnostic("P0001", "error", "wrong", 3, 7, (3, 8))
    assert render(found, "a:b") == "a:b:3:7: wrong"  # types 1.12
    assert str(LuaSyntaxError(found, "a:b")) == "a:b:3:7: wrong"


def test_long_line_is_cut_around_the_mark() -> None:
    found = Diagnostic("P0001", "error", "wrong", 1, 5001, (1, 5004))
    shown = render(found, "a", "x" * 5000 + "yyy" + "z" * 5000)
    source, mark = shown.split("\n")[-2:]
    assert len(source) < 160
    assert source.index("yyy") == mark.index("^^^")
    assert source.endswith("...")


def test_mark_has_a_width_even_at_the_end_of_the_line() -> None:
    found = Diagnostic("P0001", "error", "wrong", 1, 4, (1, 4))
    assert render(found, "a", "abc").endswith("|    ^")


def test_message_shows_an_odd_byte_somehow() -> None:
    lines = Lines("x = \xff")
    found = lines.diagnostic("P0001", "error", "wrong", 4, 5)
    assert (found.line, found.column, found.end) == (1, 5, (1, 6))
    assert lines.content(1) == "x = \ufffd"

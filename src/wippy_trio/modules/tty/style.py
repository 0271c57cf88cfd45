"""What a style is and how it is applied to a text (modules-data 22)."""

from __future__ import annotations

import re
from typing import NamedTuple

import attrs

from wippy_trio.modules.tty.cells import pieces, take, width, wrap

__all__ = ["BORDERS", "Colour", "Look", "Sides", "read_colour", "render", "sides_of"]

MOST_CELLS = 10_000
"""More than this is no screen: paddings, margins and sizes end here."""

BORDERS = {
    "normal": "─│┌┐└┘",
    "rounded": "─│╭╮╰╯",
    "thick": "━┃┏┓┗┛",
    "double": "═║╔╗╚╝",
    "hidden": "      ",
}
"""The lines, level and upright, and the four corners of a border, by its name."""

_HEX = re.compile("#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")

Colour = str
"""The SGR parameters of a colour in the foreground; empty for none."""


def read_colour(text: str) -> Colour:
    """Read a colour: ``#rgb``, ``#rrggbb``, or a number up to 255."""
    if _HEX.fullmatch(text):
        digits = text[1:] if len(text) == 7 else "".join(c * 2 for c in text[1:])
        red, green, blue = bytes.fromhex(digits)
        return f"38;2;{red};{green};{blue}"
    if not (text.isascii() and text.isdecimal()) or len(text) > 3 or int(text) > 255:
        return ""
    number = int(text)
    if number < 8:
        return str(30 + number)
    if number < 16:
        return str(90 + number - 8)
    return f"38;5;{number}"


def _behind(colour: Colour) -> str:
    """Give the parameters of the same colour in the background."""
    if not colour:
        return ""
    first, separator, rest = colour.partition(";")
    return f"{int(first) + 10}{separator}{rest}"


class Sides(NamedTuple):
    """One value for each side."""

    top: int = 0
    right: int = 0
    bottom: int = 0
    left: int = 0


def sides_of(values: tuple[int, ...]) -> Sides:
    """Spread one to four values over the sides, as CSS does; other counts are none."""
    clipped = [min(max(value, 0), MOST_CELLS) for value in values]
    match clipped:
        case [each]:
            return Sides(each, each, each, each)
        case [upright, level]:
            return Sides(upright, level, upright, level)
        case [top, level, bottom]:
            return Sides(top, level, bottom, level)
        case [top, right, bottom, left]:
            return Sides(top, right, bottom, left)
    return Sides()


_NO_SIDES = Sides()
_NO_COLOURS = ("", "", "", "")


@attrs.frozen(slots=True)
class Look:
    """All properties of a style; `None`, zero and nothing are "not set"."""

    bold: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False
    blink: bool = False
    faint: bool = False
    strikethrough: bool = False
    inline: bool = False
    foreground: Colour = ""
    background: Colour = ""
    padding: Sides = _NO_SIDES
    margin: Sides = _NO_SIDES
    border: str = ""
    border_sides: Sides = _NO_SIDES
    border_foreground: tuple[Colour, Colour, Colour, Colour] = _NO_COLOURS
    border_background: tuple[Colour, Colour, Colour, Colour] = _NO_COLOURS
    width: int = 0
    height: int = 0
    max_width: int = 0
    max_height: int = 0
    align: float = 0.0
    align_vertical: float = 0.0


_PLAIN = Look()


def _painted(codes: list[str], text: str) -> str:
    parameters = ";".join(filter(None, codes))
    return f"\x1b[{parameters}m{text}\x1b[0m" if parameters and text else text


def render(look: Look, text: str) -> str:
    """Apply a style."""
    text = text.replace("\t", "    ")
    if look == _PLAIN:
        return text
    text = text.replace("\r\n", "\n")
    if look.inline:
        text = text.replace("\n", "")
    elif look.width > 0:
        text = wrap(text, look.width - look.padding.left - look.padding.right)
    lines = [_lettered(look, line) for line in text.split("\n")]
    if not look.inline:
        lines = _padded(look, lines)
    lines = _aligned(look, _raised(look, lines))
    if not look.inline:
        lines = _with_margin(look.margin, _bordered(look, lines))
    if look.max_width > 0:
        lines = [take(line, look.max_width) for line in lines]
    if look.max_height > 0:
        lines = lines[: look.max_height]
    return "\n".join(lines)


def _lettered(look: Look, line: str) -> str:
    """Paint one line; lines under and through the letters go cell by cell."""
    codes = [
        *(
            code
            for on, code in (
                (look.bold, "1"),
                (look.italic, "3"),
                (look.underline, "4"),
                (look.reverse, "7"),
                (look.blink, "5"),
                (look.faint, "2"),
            )
            if on
        ),
        look.foreground,
        _behind(look.background),
        "9" if look.strikethrough else "",
    ]
    if not look.underline and not look.strikethrough:
        return _painted(codes, line)
    blank = [
        look.foreground,
        _behind(look.background),
        "4" if look.underline else "",
        "9" if look.strikethrough else "",
    ]
    painted = []
    for piece, _ in pieces(line):
        if piece[0] == "\x1b":
            painted.append(piece)
        else:
            painted.append(_painted(blank if piece.isspace() else codes, piece))
    return "".join(painted)


def _blank(look: Look, cells: int) -> str:
    """Make cells without letters: the background shows through."""
    reverse = ["7", look.foreground] if look.reverse else []
    return _painted([*reverse, _behind(look.background)], " " * cells)


def _padded(look: Look, lines: list[str]) -> list[str]:
    around = look.padding
    left, right = _blank(look, around.left), _blank(look, around.right)
    within = [left + line + right for line in lines]
    return [""] * around.top + within + [""] * around.bottom


def _raised(look: Look, lines: list[str]) -> list[str]:
    spare = look.height - len(lines)
    if spare <= 0:
        return lines
    above = int(spare * look.align_vertical)
    return [""] * above + lines + [""] * (spare - above)


def _aligned(look: Look, lines: list[str]) -> list[str]:
    if len(lines) == 1 and look.width == 0:
        return lines
    widest = max(look.width, *map(width, lines), 0)
    aligned = []
    for line in lines:
        spare = widest - width(line)
        left = int(spare * look.align)
        aligned.append(_blank(look, left) + line + _blank(look, spare - left))
    return aligned


def _bordered(look: Look, lines: list[str]) -> list[str]:
    drawn = BORDERS.get(look.border)
    sides = look.border_sides
    if drawn is None or not any(sides):
        return lines
    level, upright, corners = drawn[0], drawn[1], drawn[2:]
    cells = max(map(width, lines))
    paint = [
        [colour, _behind(behind)]
        for colour, behind in zip(
            look.border_foreground, look.border_background, strict=True
        )
    ]

    def edge(left: str, right: str, side: int) -> str:
        text = left * bool(sides.left) + level * cells + right * bool(sides.right)
        return _painted(paint[side], text)

    before = _painted(paint[3], upright) if sides.left else ""
    behind = _painted(paint[1], upright) if sides.right else ""
    framed = [before + line + behind for line in lines]
    if sides.top:
        framed.insert(0, edge(corners[0], corners[1], 0))
    if sides.bottom:
        framed.append(edge(corners[2], corners[3], 2))
    return framed


def _with_margin(margin: Sides, lines: list[str]) -> list[str]:
    left, right = " " * margin.left, " " * margin.right
    lines = [left + line + right for line in lines]
    empty = " " * max(map(width, lines))
    return [empty] * margin.top + lines + [empty] * margin.bottom

"""Blocks of text beside, above and inside each other (modules-data 22).

Positions go from 0, left or top, to 1, right or bottom.
"""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import TYPE_CHECKING

from wippy_trio.modules.tty.cells import size, width

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "join_horizontal",
    "join_vertical",
    "place_horizontal",
    "place_vertical",
    "share",
]

MOST_CELLS = 10_000
"""More than this is no screen: a box is never made larger."""


def share(spare: int, position: float) -> int:
    """Tell how many of the spare cells go before, in a join: half a cell counts."""
    where = min(max(position, 0.0), 1.0) if position == position else 0.0
    return min(max(math.floor(spare * where + 0.5), 0), spare)


def _before(spare: int, position: float) -> int:
    """Tell the same for a box: half a cell goes behind."""
    return spare - share(spare, 1 - position)


def join_horizontal(position: float, blocks: Sequence[str]) -> str:
    """Put blocks side by side; lower ones are filled up with empty lines."""
    if len(blocks) < 2:
        return blocks[0] if blocks else ""
    _, tallest = size(blocks)
    columns = []
    for block in blocks:
        lines, cells = block.split("\n"), width(block)
        spare = tallest - len(lines)
        above = share(spare, position)
        lines = [""] * above + lines + [""] * (spare - above)
        columns.append([line + " " * (cells - width(line)) for line in lines])
    return "\n".join(map("".join, zip_longest(*columns, fillvalue="")))


def join_vertical(position: float, blocks: Sequence[str]) -> str:
    """Put blocks one below the other; narrow lines are filled up with spaces."""
    if len(blocks) < 2:
        return blocks[0] if blocks else ""
    widest, _ = size(blocks)
    lines = []
    for line in "\n".join(blocks).split("\n"):
        spare = widest - width(line)
        left = share(spare, position)
        lines.append(" " * left + line + " " * (spare - left))
    return "\n".join(lines)


def place_horizontal(cells: int, position: float, text: str) -> str:
    """Put a text into a box of a width; too small a one changes nothing."""
    cells = min(cells, MOST_CELLS)
    if cells <= width(text):
        return text
    lines = []
    for line in text.split("\n"):
        spare = cells - width(line)
        left = _before(spare, position)
        lines.append(" " * left + line + " " * (spare - left))
    return "\n".join(lines)


def place_vertical(rows: int, position: float, text: str) -> str:
    """Put a text into a box of a height; too small a one changes nothing."""
    lines = text.split("\n")
    spare = min(rows, MOST_CELLS) - len(lines)
    if spare <= 0:
        return text
    empty = " " * width(text)
    above = _before(spare, position)
    return "\n".join([empty] * above + lines + [empty] * (spare - above))

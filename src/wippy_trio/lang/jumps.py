"""Where a ``goto`` goes, and which ones may not.

Labels are looked up as Lua 5.4 does: in the block of the ``goto`` and the blocks around
it, within the function. A jump may not enter the scope of a local, except to a label
with only empty statements between it and the end of its block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang.diagnostics import Lines, syntax_error
from wippy_trio.lang.syntax import (
    Block,
    Do,
    GenericFor,
    Goto,
    If,
    Interface,
    Label,
    Local,
    LocalFunction,
    NumericFor,
    Repeat,
    TypeAlias,
    While,
)

if TYPE_CHECKING:
    from wippy_trio.lang.parser import Chunk

__all__ = ["Jumps", "resolve_jumps"]

_EMPTY = (Label, TypeAlias, Interface)


class Jumps:
    """The jumps of a chunk.

    Attributes:
      backward: Where each ``goto`` begins whose label stands above it.
      names: All labels and gotos, for a translator that renames.
    """

    __slots__ = ("backward", "faults", "names")

    def __init__(self) -> None:
        self.backward: list[int] = []
        self.names: list[Label | Goto] = []
        self.faults: list[tuple[int, int, str]] = []


class _Level:
    """A block on the way from the function to where we are, and the place in it."""

    __slots__ = ("at", "block", "labels", "until")

    def __init__(self, block: Block, until: bool) -> None:
        self.block = block
        self.at = 0
        self.until = until
        self.labels: dict[str, int] = {}
        for index, statement in enumerate(block.statements):
            if isinstance(statement, Label):
                self.labels.setdefault(statement.name, index)


def resolve_jumps(chunk: Chunk) -> Jumps:
    """Find the label of every ``goto`` of a chunk.

    Raises:
      LuaSyntaxError: A label is missing or there twice, or a jump enters the scope of a
        local; the first in the source is told.

    Source: types 4.8.
    """
    jumps = Jumps()
    for function in chunk.notes.functions:
        if function.jumps:
            _walk(function.body, False, [], jumps)
    if jumps.faults:
        start, end, message = min(jumps.faults)
        raise syntax_error(Lines(chunk.text), chunk.name, message, start, end)
    return jumps


def _walk(block: Block, until: bool, outer: list[_Level], jumps: Jumps) -> None:
    level = _Level(block, until)
    levels = [*outer, level]
    for index, statement in enumerate(block.statements):
        level.at = index
        if isinstance(statement, Goto):
            jumps.names.append(statement)
            _find(statement, levels, jumps)
        elif isinstance(statement, Label):
            jumps.names.append(statement)
            name = statement.name
            if any(each.labels.get(name, each.at) < each.at for each in levels):
                message = f"duplicate label '{name}'"
                jumps.faults.append((statement.start, statement.end, message))
        elif isinstance(statement, If):
            for _, inner in statement.branches:
                _walk(inner, False, levels, jumps)
            if statement.otherwise is not None:
                _walk(statement.otherwise, False, levels, jumps)
        elif isinstance(statement, Repeat):
            _walk(statement.body, True, levels, jumps)
        elif isinstance(statement, (Do, While, NumericFor, GenericFor)):
            _walk(statement.body, False, levels, jumps)


def _find(goto: Goto, levels: list[_Level], jumps: Jumps) -> None:
    for level in reversed(levels):
        target = level.labels.get(goto.name)
        if target is None:
            continue
        if target <= level.at:
            jumps.backward.append(goto.start)
            return
        statements = level.block.statements
        last = not level.until and all(
            isinstance(statement, _EMPTY) for statement in statements[target:]
        )
        for statement in statements[level.at + 1 : target]:
            if not last and isinstance(statement, (Local, LocalFunction)):
                name = (
                    statement.names[0].name
                    if isinstance(statement, Local)
                    else statement.name.name
                )
                message = f"goto '{goto.name}' jumps into the scope of local '{name}'"
                jumps.faults.append((goto.start, goto.end, message))
                return
        return
    message = f"undefined label '{goto.name}'"
    jumps.faults.append((goto.start, goto.end, message))

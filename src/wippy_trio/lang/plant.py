"""Where the budget checks go.

A check counts down and, at zero, calls the engine, which ends the process or sets it
aside. It stands where a program can spend time: once in an activation that calls or
that metamethods may answer, once in a turn of a loop, before a jump backwards. It never
stands at the end of a body, where it would break ``goto continue`` and ``repeat ...
until``, and always ends in ``;``, because the next statement may begin with a
parenthesis.

The entry check counts on a variable of the chunk. It stands before the first statement
of the body that has a call in it, or the second operation that a metamethod may answer:
an activation that returns earlier has called at most once, so it makes a chain, never a
tree. (A body without any call needs this too: an ``__index`` function of two indexings
makes 2^n activations.)

The checks of loops count on one local for each function, so that an inner loop goes on
where the outer one is. That local begins with a few free turns: a short loop in a
function that is called often then costs one subtraction a turn and no call.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Literal

from wippy_trio.lang.syntax import (
    Constant,
    Expression,
    Function,
    GenericFor,
    Loop,
    LoopVariable,
    NumericFor,
    TypedName,
    Unary,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Planter"]

FREE_TURNS = 64
BATCH = 256

_ENTRY = " if __n==0 then __n=__w() end __n=__n-1;"
_TURN = " if __c==0 then __c=__w() end __c=__c-1;"
_COUNTER = f" local __c={FREE_TURNS};"
_SMALL = 1 << 53


class Planter:
    """Plants the checks of one chunk.

    Args:
      text: The source.
      backward: Where each ``goto`` begins that jumps backwards.
      version: Of the virtual machine; 5.5 has constant loop variables.
      fresh: The names that some of the author's variables get.
    """

    __slots__ = ("_backward", "_fresh", "_labels", "_text", "_version")

    def __init__(
        self, text: str, backward: list[int], version: str, fresh: dict[str, str]
    ) -> None:
        self._text = text
        self._backward = sorted(backward)
        self._version = version
        self._fresh = fresh
        self._labels = 0

    def plant(
        self,
        functions: Iterable[Function],
        budget: Literal["full", "loops", "off"],
        edits: list[tuple[int, int, str]],
    ) -> bool:
        """Add the edits of all functions.

        Returns:
          Whether any of them counts on the variable of the chunk.
        """
        if budget == "off":
            for function in functions if self._version == "5.5" else ():
                for loop in function.loops:
                    self._copy_variables(loop, edits)
            return False
        entries = False
        claimed: set[int] = set()
        for function in functions:
            if budget == "full" and function.check >= 0:
                edits.append((function.check, function.check, _ENTRY))
                entries = True
            counts = False
            for loop in function.loops:
                counts = self._loop(loop, edits) or counts
            if function.jumps and self._backward:
                for jump in self._within(function):
                    if jump not in claimed:
                        claimed.add(jump)
                        edits.append((jump, jump, _TURN))
                        counts = True
            if counts:
                edits.append((function.body_start, function.body_start, _COUNTER))
        return entries

    def _within(self, node: Function | Loop) -> list[int]:
        jumps = self._backward
        return jumps[bisect_left(jumps, node.start) : bisect_left(jumps, node.end)]

    def _loop(self, loop: Loop, edits: list[tuple[int, int, str]]) -> bool:
        """Plant the check of a loop and tell whether it has one."""
        start = loop.body.start
        if isinstance(loop, NumericFor):
            if self._is_short(loop):
                self._copy_variables(loop, edits)
                return False
            if self._is_plain(loop):
                self._batch(loop, edits)
                self._copy_variables(loop, edits)
                return True
        edits.append((start, start, _TURN))
        self._copy_variables(loop, edits)
        return True

    def _is_short(self, loop: NumericFor) -> bool:
        """Tell whether a loop turns a few times only and has none within."""
        if loop.inner or self._within(loop):
            return False
        first = _integer(loop.first)
        limit = _integer(loop.limit)
        step = 1 if loop.step is None else _integer(loop.step)
        if first is None or limit is None or not step:
            return False
        return (limit - first) // step < FREE_TURNS

    def _is_plain(self, loop: NumericFor) -> bool:
        """Tell whether a loop can turn in batches."""
        if loop.calls or loop.step is not None or not isinstance(loop.first, Constant):
            return False
        if _integer(loop.first) is None:
            return False
        header = self._text[loop.start : loop.body.start]
        return not ("\n" in header or "\r" in header or "--" in header)

    def _batch(self, loop: NumericFor, edits: list[tuple[int, int, str]]) -> None:
        """Rewrite a loop as one over batches with one over turns in each.

        The limit may be a numeric string, hence ``+0``.
        """
        text = self._text
        first = text[loop.first.start : loop.first.end]
        name = self._name(loop.variable)
        limit = loop.limit
        edits.append((loop.start, limit.start, "do local __l="))
        turns = f" for __i={first},__l,{BATCH} do{_TURN} local __j=__i+{BATCH - 1}"
        turns += f" if __j>__l+0 then __j=__l end for {name}=__i,__j "
        edits.append((limit.end, limit.end, turns))
        label = ""
        if loop.breaks:
            self._labels += 1
            label = f" ::__k{self._labels}::"
            leave = f"goto __k{self._labels}"
            edits.extend((at, at + len("break"), leave) for at in loop.breaks)
        edits.append((loop.end, loop.end, f" end{label} end"))

    def _copy_variables(self, loop: Loop, edits: list[tuple[int, int, str]]) -> None:
        """Give an assigned loop variable a copy where loop variables are constant."""
        if self._version != "5.5":
            return
        names: list[TypedName] = []
        if isinstance(loop, NumericFor):
            names = [loop.variable]
        elif isinstance(loop, GenericFor):
            names = loop.names
        for typed in names:
            binding = typed.binding
            if isinstance(binding, LoopVariable) and binding.assigned:
                at = loop.body.start
                name = self._name(typed)
                edits.append((at, at, f" local {name}={name};"))

    def _name(self, typed: TypedName) -> str:
        """Return the name that a variable has in the translated text."""
        return self._fresh.get(typed.name, typed.name)


def _integer(node: Expression) -> int | None:
    """Return the value of an integer literal, with a minus or without."""
    sign = 1
    if isinstance(node, Unary) and node.operator == "-":
        sign = -1
        node = node.operand
    if not isinstance(node, Constant) or node.kind != "number":
        return None
    try:
        value = int(node.text, 0 if node.text[:2].lower() == "0x" else 10)
    except ValueError:
        return None
    return sign * value if value < _SMALL else None

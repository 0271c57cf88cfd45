"""What one run of an expression may use: steps and room.

Without closures a run evaluates each node at most once, so only the turns of closures,
and work over whole collections, are charged.

Source: modules-data 11.3 (1 000 000 steps).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.expr.failure import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_ITEMS", "Budget"]

MAX_ITEMS = 1_000_000
"""Items of one collection, and of a range, at most."""

_MAX_STEPS = 1_000_000
_MAX_ROOM = 32_000_000
_ITEM = 8

LONG = 20_000
"""Steps after which a run is a long one: some ten milliseconds."""


class Budget:
    """Count down what a run has left.

    ``steps`` are node evaluations; ``room`` is characters of text that was made, an
    item of a new list or map counting for eight. ``long`` is called once when the run
    turns out to be a long one.
    """

    __slots__ = ("_long", "_mark", "room", "steps")

    def __init__(self, long: Callable[[], None] | None = None) -> None:
        self.steps = _MAX_STEPS
        self.room = _MAX_ROOM
        self._long = long
        self._mark = 0 if long is None else _MAX_STEPS - LONG

    def work(self, steps: int) -> None:
        """Charge steps.

        Raises:
          Fault: None are left.
        """
        self.steps -= steps
        if self.steps < self._mark:
            self._passed_mark()

    def _passed_mark(self) -> None:
        self._mark = 0
        if self.steps < 0:
            raise Fault(f"step budget exceeded: more than {_MAX_STEPS} steps")
        if self._long is not None:
            self._long()

    def items(self, count: int) -> None:
        """Charge the items of a collection that is made now.

        Raises:
          Fault: It is too large, or no room is left.
        """
        if count > MAX_ITEMS:
            raise Fault(f"collection too large: {count} items, {MAX_ITEMS} allowed")
        self.text(count * _ITEM)

    def text(self, characters: int) -> None:
        """Charge the characters of a text that is made now.

        Raises:
          Fault: No room is left.
        """
        self.room -= characters
        if self.room < 0:
            raise Fault(f"memory budget exceeded: more than {_MAX_ROOM} characters")

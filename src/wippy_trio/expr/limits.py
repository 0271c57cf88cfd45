"""What one run of an expression may use: steps and room.

Without closures a run evaluates each node at most once, so only the turns of closures,
and work over whole collections, are charged.

Source: modules-data 11.3 (1 000 000 steps).
"""

from __future__ import annotations

from wippy_trio.expr.failure import Fault

__all__ = ["MAX_ITEMS", "Budget"]

MAX_ITEMS = 1_000_000
"""Items of one collection, and of a range, at most."""

_MAX_STEPS = 1_000_000
_MAX_ROOM = 32_000_000
_ITEM = 8


class Budget:
    """Count down what a run has left.

    ``steps`` are node evaluations; ``room`` is characters of text that was made, an
    item of a new list or map counting for eight.
    """

    __slots__ = ("room", "steps")

    def __init__(self) -> None:
        self.steps = _MAX_STEPS
        self.room = _MAX_ROOM

    def work(self, steps: int) -> None:
        """Charge steps.

        Raises:
          Fault: None are left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise Fault(f"step budget exceeded: more than {_MAX_STEPS} steps")

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

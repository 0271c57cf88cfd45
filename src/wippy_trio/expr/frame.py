"""The state of one run, and the shape of a built-in function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.expr.limits import Budget

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Builtin", "Frame"]


class Frame:
    """The state of one run.

    ``item``, ``index`` and ``acc`` are what ``#``, ``#index`` and ``#acc`` read in the
    innermost closure; ``slots`` hold the variables of ``let``.
    """

    __slots__ = ("acc", "budget", "env", "index", "item", "names", "now", "slots")

    def __init__(
        self,
        env: Any,
        slots: int,
        now: Callable[[], int],
        long: Callable[[], None] | None = None,
    ) -> None:
        self.env = env
        self.names: dict[str, Any] = env if isinstance(env, dict) else {}
        self.slots: list[Any] = [None] * slots
        self.now = now
        self.budget = Budget(long)
        self.item: Any = None
        self.index = 0
        self.acc: Any = None


class Builtin(NamedTuple):
    """A built-in function.

    Attributes:
      call: Takes the frame, then the arguments; raises ``Fault``.
      low: Arguments at least.
      high: Arguments at most; ``None`` for any number.
      kinds: What each argument must be, a set of kinds by position; empty for any.
        The last one counts for all arguments after it.
      result: The kind of the result; ``any`` if it depends.
    """

    call: Callable[..., Any]
    low: int
    high: int | None
    kinds: tuple[frozenset[str], ...] = ()
    result: str = "any"


STRING = frozenset({"string"})
INT = frozenset({"int"})
NUMBER = frozenset({"int", "float"})
LIST = frozenset({"array", "map"})  # an empty map stands for an empty list
MAP = frozenset({"map"})
ANYTHING: frozenset[str] = frozenset()

"""The built-in functions that take a closure.

Each rule gets the frame, the items and the turns of the closure over them. The frame's
pointers are saved and restored by :func:`apply`, so rules may stop early.

Source: modules-data 11.3, group predicates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from wippy_trio.expr.arguments import as_items
from wippy_trio.expr.failure import Fault
from wippy_trio.expr.gotext import go_text
from wippy_trio.expr.lists import descending, ordered
from wippy_trio.expr.numbers import total
from wippy_trio.expr.values import type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wippy_trio.expr.frame import Frame

__all__ = ["CLOSURES", "Closure", "apply"]

Run: TypeAlias = "Callable[[Frame], Any]"


class Closure(NamedTuple):
    """A function over a list and a closure.

    Attributes:
      rule: Does the work.
      result: The kind of the result; ``any`` if it depends.
      tests: Whether the closure must answer a boolean.
      extra: Whether a third argument may follow.
    """

    rule: Callable[[Frame, list[Any], _Turns, list[Any]], Any]
    result: str
    tests: bool
    extra: bool = False


class _Turns:
    """The closure of one call: run it over items, charging each turn."""

    __slots__ = ("body", "cost", "frame", "name")

    def __init__(self, frame: Frame, name: str, body: Run | None, cost: int) -> None:
        self.frame = frame
        self.name = name
        self.body = body
        self.cost = cost

    def one(self, index: int, item: Any) -> Any:
        frame = self.frame
        frame.budget.work(self.cost)
        if self.body is None:
            return item
        frame.item, frame.index = item, index
        return self.body(frame)

    def values(self, items: list[Any]) -> Iterator[Any]:
        for index, item in enumerate(items):
            yield self.one(index, item)

    def test(self, index: int, item: Any) -> bool:
        answer = self.one(index, item)
        if answer is True or answer is False:
            return bool(answer)
        raise Fault(
            f"{self.name}: closure must answer a boolean, got {type_name(answer)}"
        )

    def tests(self, items: list[Any]) -> Iterator[bool]:
        for index, item in enumerate(items):
            yield self.test(index, item)


def apply(
    frame: Frame, name: str, source: Any, body: Run | None, cost: int, extra: list[Any]
) -> Any:
    """Run a closure function over a list.

    Args:
      frame: The run.
      name: Which function.
      source: The list; an empty map stands for an empty one.
      body: The closure, if there is one.
      cost: Steps that one turn of it costs.
      extra: The arguments after it.

    Raises:
      Fault: An argument does not fit, or the closure's answer does not.
    """
    items = as_items(name, source)
    item, index, acc = frame.item, frame.index, frame.acc
    turns = _Turns(frame, name, body, cost)
    result = CLOSURES[name].rule(frame, items, turns, extra)
    frame.item, frame.index, frame.acc = item, index, acc
    return result


def _all(frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]) -> bool:
    return all(turns.tests(items))


def _any(frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]) -> bool:
    return any(turns.tests(items))


def _none(frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]) -> bool:
    return not any(turns.tests(items))


def _one(frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]) -> bool:
    return sum(turns.tests(items)) == 1


def _count(frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]) -> int:
    return sum(turns.tests(items))


def _filter(frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]) -> Any:
    kept = [item for item, keep in zip(items, turns.tests(items), strict=True) if keep]
    frame.budget.items(len(kept))
    return kept


def _map(frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]) -> Any:
    frame.budget.items(len(items))
    return list(turns.values(items))


def _sum(frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]) -> Any:
    return total(list(turns.values(items)))


def _found(items: list[Any], turns: _Turns, *, backwards: bool) -> int | None:
    order = range(len(items))
    for index in reversed(order) if backwards else order:
        if turns.test(index, items[index]):
            return index
    return None


def _find(frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]) -> Any:
    index = _found(items, turns, backwards=False)
    return None if index is None else items[index]


def _find_last(frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]) -> Any:
    index = _found(items, turns, backwards=True)
    return None if index is None else items[index]


def _find_index(frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]) -> Any:
    return _found(items, turns, backwards=False)


def _find_last_index(
    frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]
) -> Any:
    return _found(items, turns, backwards=True)


def _group_by(frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]) -> Any:
    groups: dict[Any, list[Any]] = {}
    frame.budget.items(len(items))
    for item, key in zip(items, turns.values(items), strict=True):
        if isinstance(key, (list, dict)):
            raise Fault(f"groupBy: invalid key {go_text(key)}")
        groups.setdefault(key, []).append(item)
    return groups


def _sort_by(frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]) -> Any:
    backwards = descending("sortBy", extra[0] if extra else "asc")
    keys = ordered("sortBy", list(turns.values(items)))
    frame.budget.items(len(items))
    positions = sorted(range(len(items)), key=keys.__getitem__, reverse=backwards)
    return [items[position] for position in positions]


def _reduce(frame: Frame, items: list[Any], turns: _Turns, extra: list[Any]) -> Any:
    if extra:
        acc, start = extra[0], 0
    elif items:
        acc, start = items[0], 1
    else:
        raise Fault("reduce of empty array with no initial value")
    for index in range(start, len(items)):
        frame.acc = acc
        acc = turns.one(index, items[index])
    return acc


CLOSURES: dict[str, Closure] = {
    "all": Closure(_all, "bool", tests=True),
    "any": Closure(_any, "bool", tests=True),
    "none": Closure(_none, "bool", tests=True),
    "one": Closure(_one, "bool", tests=True),
    "filter": Closure(_filter, "array", tests=True),
    "map": Closure(_map, "array", tests=False),
    "find": Closure(_find, "any", tests=True),
    "findIndex": Closure(_find_index, "any", tests=True),
    "findLast": Closure(_find_last, "any", tests=True),
    "findLastIndex": Closure(_find_last_index, "any", tests=True),
    "count": Closure(_count, "int", tests=True),
    "sum": Closure(_sum, "any", tests=False),
    "groupBy": Closure(_group_by, "map", tests=False),
    "sortBy": Closure(_sort_by, "array", tests=False, extra=True),
    "reduce": Closure(_reduce, "any", tests=False, extra=True),
}
"""By name."""

"""The built-in functions of lists and maps that take no closure.

Source: modules-data 11.3, groups lists and maps.
"""

from __future__ import annotations

from typing import Any

from wippy_trio.expr.arguments import as_int, as_items, as_map, as_text, invalid
from wippy_trio.expr.failure import Fault
from wippy_trio.expr.frame import ANYTHING, INT, LIST, MAP, STRING, Builtin, Frame
from wippy_trio.expr.gotext import go_text
from wippy_trio.expr.gotime import Moment
from wippy_trio.expr.values import Duration, encoded, fetch, type_name

__all__ = ["LIST_FUNCTIONS", "descending", "ordered"]


def _first(frame: Frame, items: object) -> Any:
    items = as_items("first", items)
    return items[0] if items else None


def _last(frame: Frame, items: object) -> Any:
    items = as_items("last", items)
    return items[-1] if items else None


def _take(frame: Frame, items: object, count: object) -> list[Any]:
    items, count = as_items("take", items), as_int("take", count)
    if count < 0:
        raise Fault(f"cannot take {count} elements")
    taken = items[:count]
    frame.budget.items(len(taken))
    return taken


def _get(frame: Frame, container: object, key: object) -> Any:
    if container is None:
        return None
    if not isinstance(container, (list, dict, str)):
        raise invalid("get", container)
    try:
        return fetch(container, key)
    except Fault:
        return None


def _reverse(frame: Frame, items: object) -> list[Any]:
    items = as_items("reverse", items)
    frame.budget.items(len(items))
    return items[::-1]


def _concat(frame: Frame, *lists: object) -> list[Any]:
    joined: list[Any] = []
    for items in lists:
        joined.extend(as_items("concat", items))
        frame.budget.items(len(joined))
    return joined


def _flatten(frame: Frame, items: object) -> list[Any]:
    flat: list[Any] = []

    def collect(nested: list[Any]) -> None:
        frame.budget.items(len(nested))
        for item in nested:
            if isinstance(item, list):
                collect(item)
            else:
                flat.append(item)

    collect(as_items("flatten", items))
    return flat


def _uniq(frame: Frame, items: object) -> list[Any]:
    items = as_items("uniq", items)
    frame.budget.items(len(items))
    found: dict[tuple[Any, ...], Any] = {}
    identities = _Identities()
    for item in items:
        found.setdefault(identities.of(item, strict=False), item)
    return list(found.values())


class _Identities:
    """Keys that two values share if and only if they are equal.

    Equal lists and maps get the same number, so that a key is no deeper than one level
    and one list in many places is looked at once.
    """

    __slots__ = ("_known", "_numbers")

    def __init__(self) -> None:
        self._known: dict[tuple[int, bool], tuple[Any, ...]] = {}
        self._numbers: dict[tuple[Any, ...], int] = {}

    def of(self, value: Any, *, strict: bool) -> tuple[Any, ...]:
        if not isinstance(value, (list, dict)):
            return _identity(value, strict=strict)
        place = (id(value), strict)
        found = self._known.get(place)
        if found is not None:
            return found
        parts: tuple[Any, ...]
        if isinstance(value, list):
            parts = ("list", *(self.of(item, strict=strict) for item in value))
        else:
            pairs = ((go_text(k), self.of(v, strict=True)) for k, v in value.items())
            parts = ("map", *sorted(pairs, key=lambda pair: pair[0]))
        number = self._numbers.setdefault(parts, len(self._numbers))
        found = self._known[place] = ("#", number)
        return found


def _identity(value: Any, *, strict: bool) -> tuple[Any, ...]:
    if isinstance(value, Moment):
        return ("moment", value.instant)
    if not strict and type(value) in {int, float}:
        return ("number", value)
    return (type(value).__name__, value)


def ordered(name: str, keys: list[Any]) -> list[Any]:
    """Turn values into keys that Python can sort.

    Raises:
      Fault: They are not all numbers, all texts, all moments or all durations.
    """
    if all(type(key) is int or type(key) is float for key in keys):
        return keys
    if all(isinstance(key, str) for key in keys):
        return [encoded(key) for key in keys]
    if all(isinstance(key, Moment) for key in keys):
        return [key.instant for key in keys]
    if all(isinstance(key, Duration) for key in keys):
        return keys
    odd = next((k for k in keys if type(k) is not type(keys[0])), keys[0])
    raise Fault(
        f"{name}: cannot order {type_name(keys[0])} with {type_name(odd)};"
        " wanted numbers or strings"
    )


def descending(name: str, order: Any) -> bool:
    """Read ``asc`` or ``desc``.

    Raises:
      Fault: It is neither.
    """
    if order not in ("asc", "desc"):
        raise Fault(f"{name}: invalid order {go_text(order)}, wanted asc or desc")
    return bool(order == "desc")


def _sort(frame: Frame, items: object, order: object = "asc") -> list[Any]:
    items = as_items("sort", items)
    backwards = descending("sort", as_text("sort", order))
    frame.budget.items(len(items))
    frame.budget.work(len(items))
    keys = ordered("sort", items)
    positions = sorted(range(len(items)), key=keys.__getitem__, reverse=backwards)
    return [items[position] for position in positions]


# Maps


def _sorted_pairs(frame: Frame, name: str, value: object) -> list[tuple[Any, Any]]:
    mapping = as_map(name, value)
    frame.budget.items(len(mapping))
    return sorted(mapping.items(), key=lambda pair: _key_order(pair[0]))


def _key_order(key: Any) -> tuple[int, Any]:
    if isinstance(key, str):
        return 1, encoded(key)
    return (0, key) if type(key) in {int, float} else (2, go_text(key))


def _keys(frame: Frame, mapping: object) -> list[Any]:
    return [key for key, _ in _sorted_pairs(frame, "keys", mapping)]


def _values(frame: Frame, mapping: object) -> list[Any]:
    return [value for _, value in _sorted_pairs(frame, "values", mapping)]


def _to_pairs(frame: Frame, mapping: object) -> list[Any]:
    return [list(pair) for pair in _sorted_pairs(frame, "toPairs", mapping)]


def _from_pairs(frame: Frame, pairs: object) -> dict[Any, Any]:
    mapping: dict[Any, Any] = {}
    items = as_items("fromPairs", pairs)
    frame.budget.items(len(items))
    for pair in items:
        if not isinstance(pair, list) or len(pair) != 2:
            raise Fault(f"fromPairs: invalid pair {go_text(pair)}")
        key = pair[0]
        if isinstance(key, (list, dict)):
            raise Fault(f"fromPairs: invalid key {go_text(key)}")
        mapping[key] = pair[1]
    return mapping


LIST_FUNCTIONS: dict[str, Builtin] = {
    "first": Builtin(_first, 1, 1, (LIST,)),
    "last": Builtin(_last, 1, 1, (LIST,)),
    "take": Builtin(_take, 2, 2, (LIST, INT), "array"),
    "get": Builtin(_get, 2, 2, (ANYTHING, ANYTHING)),
    "reverse": Builtin(_reverse, 1, 1, (LIST,), "array"),
    "sort": Builtin(_sort, 1, 2, (LIST, STRING), "array"),
    "concat": Builtin(_concat, 1, None, (LIST,), "array"),
    "flatten": Builtin(_flatten, 1, 1, (LIST,), "array"),
    "uniq": Builtin(_uniq, 1, 1, (LIST,), "array"),
    "keys": Builtin(_keys, 1, 1, (MAP,), "array"),
    "values": Builtin(_values, 1, 1, (MAP,), "array"),
    "toPairs": Builtin(_to_pairs, 1, 1, (MAP,), "array"),
    "fromPairs": Builtin(_from_pairs, 1, 1, (LIST,), "map"),
}
"""By name."""

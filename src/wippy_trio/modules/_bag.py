"""The "bag" conversion: Lua values as templates, expressions and others read them.

Source: modules-data 0.5.
"""

from __future__ import annotations

from typing import Any

from wippy_trio.sdk import Error, MisuseError

__all__ = ["bag", "with_holes"]

_MOST_DEPTH = 200
_MOST_HOLES = 100_000


def with_holes(value: dict[Any, Any]) -> list[Any] | None:
    """Read a table with positive integer keys as a list; its other keys are dropped.

    Returns:
      ``None`` if it has no such key.

    Raises:
      MisuseError: It is nearly all holes: the list would be larger than any use.
    """
    items = {k: v for k, v in value.items() if type(k) is int and k > 0}
    if not items:
        return None
    last = max(items)
    if last > _MOST_HOLES and last > 100 * len(items):
        raise MisuseError(f"bad argument (a list of {last} items, nearly all holes)")
    return [items.get(index) for index in range(1, last + 1)]


def bag(value: Any) -> Any:
    """Convert a value that crossed with ``opaque="text"``.

    Tables with items are lists, all others maps with text keys, also empty ones. What
    is shared stays shared.

    Raises:
      MisuseError: A table contains itself, or is nested too deep.
    """
    return _bag(value, {}, 0)


_OPEN = object()


def _bag(value: Any, known: dict[int, Any], depth: int) -> Any:
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    if not isinstance(value, (list, dict)):
        return value if isinstance(value, Error) else str(value)
    number = id(value)
    done = known.get(number)
    if done is _OPEN:
        raise MisuseError("bad argument (cyclic table)")
    if done is not None:
        return done
    if depth > _MOST_DEPTH:
        raise MisuseError("bad argument (table nested too deep)")
    known[number] = _OPEN
    items = value if isinstance(value, list) else with_holes(value)
    made: Any
    if items:
        made = [_bag(item, known, depth + 1) for item in items]
    else:
        made = {
            _key(key): _bag(item, known, depth + 1)
            for key, item in (value.items() if isinstance(value, dict) else ())
        }
    known[number] = made
    return made


def _key(key: Any) -> Any:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, float) and key.is_integer():
        return str(int(key))
    return key if isinstance(key, (str, bytes)) else str(key)

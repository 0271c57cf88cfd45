"""Writing into nested values: the path is copied, the rest shared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from wippy_trio.errors import InvalidError
from wippy_trio.registry.entry import same_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wippy_trio.registry.entry import Entry

__all__ = ["EntryPath", "append_at", "parse_path", "put", "set_at"]


class EntryPath(NamedTuple):
    """Where in an entry: its kind, its meta or its payload, and the steps inside."""

    part: Literal["kind", "meta", "data"]
    steps: tuple[str, ...]


def parse_path(text: str, *, kind: bool = False) -> EntryPath:
    """Read ``.host``, ``data.pool.size`` or ``meta.router``.

    Blanks around and one leading dot are ignored; a first step ``meta`` or ``data``
    chooses the part, anything else is inside ``data``.

    Args:
      text: The path.
      kind: Whether the path ``kind`` means the kind of the entry.

    Raises:
      InvalidError: The path or one of its steps is empty.

    Source: apps 1.9, 1.10.4.
    """
    stripped = text.strip().removeprefix(".")
    steps = tuple(stripped.split("."))
    if not all(steps):
        raise InvalidError(
            f"path {text!r}: wanted steps between dots, found an empty one"
        )
    if kind and steps == ("kind",):
        return EntryPath("kind", ())
    if steps[0] == "meta" and len(steps) > 1:
        return EntryPath("meta", steps[1:])
    if steps[0] == "data" and len(steps) > 1:
        return EntryPath("data", steps[1:])
    return EntryPath("data", steps)


def put(entry: Entry, path: EntryPath, value: Any, *, append: bool = False) -> Entry:
    """Return the entry with a value set, or appended to a list, at a path.

    A meta key that holds dots (``graph.rule``) is found under its whole name.

    Raises:
      InvalidError: Something on the way is neither a map nor a list, or what is to be
        appended to is no list.
    """
    write = append_at if append else set_at
    try:
        if path.part == "meta":
            meta = dict(entry.meta)
            whole = ".".join(path.steps)
            steps = (whole,) if whole in meta else path.steps
            return entry._replace(meta=write(meta, steps, value))
        return entry._replace(data=write(entry.data, path.steps, value))
    except InvalidError as error:
        raise InvalidError(f"entry {entry.id}: {error}") from error


def set_at(root: Any, steps: Sequence[str], value: Any) -> Any:
    """Return ``root`` with ``value`` at the end of the steps, making missing maps.

    Raises:
      InvalidError: Something on the way is neither a map nor a list.
    """
    return _write(root, steps, 0, value, append=False)


def append_at(root: Any, steps: Sequence[str], value: Any) -> Any:
    """Return ``root`` with ``value`` in the list at the end of the steps.

    A missing list is made, a value the list already has is not added again, and a list
    is added item by item.

    Raises:
      InvalidError: There is something else than a list.
    """
    return _write(root, steps, 0, value, append=True)


def _write(
    root: Any, steps: Sequence[str], depth: int, value: Any, *, append: bool
) -> Any:
    if depth == len(steps):
        return _appended(root, value, steps) if append else value
    step = steps[depth]
    if root is None:
        root = {}
    if isinstance(root, dict):
        below = _write(root.get(step), steps, depth + 1, value, append=append)
        return {**root, step: below}
    if isinstance(root, list) and step.isdecimal() and int(step) < len(root):
        copy = list(root)
        index = int(step)
        copy[index] = _write(copy[index], steps, depth + 1, value, append=append)
        return copy
    raise InvalidError(
        f"path {'.'.join(steps)!r}: wanted a map above {step!r}, "
        f"found {type(root).__name__}"
    )


def _appended(found: Any, value: Any, steps: Sequence[str]) -> list[Any]:
    if found is None:
        found = []
    if not isinstance(found, list):
        raise InvalidError(
            f"path {'.'.join(steps)!r}: wanted a list to append to, "
            f"found {type(found).__name__}"
        )
    result = list(found)
    for item in value if isinstance(value, list) else [value]:
        if not any(same_value(item, other) for other in result):
            result.append(item)
    return result

"""Entries: what an application is made of, and the ids that name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DEPTH = 200
"""How deep meta and payload may be nested."""

__all__ = ["Entry", "EntryId", "complete_id", "make_entry", "same_value"]


class EntryId(NamedTuple):
    """A namespace and a name; ``str(id)`` is the text form ``ns:name``."""

    ns: str
    name: str

    @staticmethod
    def parse(text: str) -> EntryId:
        """Split an id at its first colon; without one the namespace is empty.

        Source: apps 1.8.1.
        """
        ns, colon, name = text.partition(":")
        return EntryId(ns, name) if colon else EntryId("", text)

    def __str__(self) -> str:
        return f"{self.ns}:{self.name}" if self.ns else self.name


def complete_id(text: str, ns: str) -> str:
    """Complete a bare name with the namespace of the entry that refers to it.

    Source: apps 1.8.2, 13.3.
    """
    return text if ":" in text or not text else f"{ns}:{text}"


class Entry(NamedTuple):
    """One definition: id, kind, meta and payload.

    A value: nobody changes ``meta`` or ``data`` in place, so entries, snapshots and
    histories share them freely. ``data`` is None only where no payload was given.

    Source: apps 1.5, 7.1.
    """

    id: str
    kind: str
    meta: Mapping[str, Any]
    data: Any = None

    @property
    def ns(self) -> str:
        """The namespace: what stands before the first colon."""
        return EntryId.parse(self.id).ns

    @property
    def name(self) -> str:
        """The name: what stands after the first colon."""
        return EntryId.parse(self.id).name


def make_entry(
    id_: object, kind: object, meta: object = None, data: object = None
) -> Entry:
    """Build an entry from values whose shape nobody has looked at yet.

    Args:
      id_: Text ``ns:name``, or a mapping with ``ns`` and ``name``.
      kind: Text that is not blank.
      meta: A mapping, of which the text keys are kept; None stands for an empty one.
      data: The payload.

    Raises:
      InvalidError: The id or the kind is missing or of the wrong shape, or the meta or
        the payload is nested too deep, as what contains itself is.

    Source: apps 7.2.
    """
    text = read_id(id_)
    for part, value in (("meta", meta), ("data", data)):
        if _too_deep(value):
            raise InvalidError(
                f"entry {text}: {part}: nested deeper than {MAX_DEPTH} levels"
            )
    if not isinstance(kind, str) or not kind.strip():
        raise InvalidError(f"entry {text}: kind: wanted text, got {_shown(kind)}")
    kept = (
        {key: value for key, value in meta.items() if isinstance(key, str)}
        if isinstance(meta, dict)
        else {}
    )
    return Entry(text, kind, kept, data)


def read_id(id_: object) -> str:
    """Read an id given as text or as a mapping of ``ns`` and ``name``.

    Raises:
      InvalidError: It is neither, or the namespace or the name is empty.
    """
    if isinstance(id_, dict):
        ns, name = id_.get("ns"), id_.get("name")
        if isinstance(ns, str) and isinstance(name, str) and ns and name:
            return f"{ns}:{name}"
    elif isinstance(id_, str):
        ns, _, name = id_.partition(":")
        if ns and name:
            return id_
    raise InvalidError(
        f'entry id: wanted text "namespace:name" or {{ns, name}}, got {_shown(id_)}'
    )


def same_value(one: object, other: object) -> bool:
    """Tell whether two plain values are the same, types included.

    ``True``, ``1`` and ``1.0`` are three values here; Python's ``==`` sees one.
    """
    if one is other:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            same_value(value, other[key]) for key, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            same_value(a, b) for a, b in zip(one, other, strict=True)
        )
    return type(one) is type(other) and one == other


def same_entry(one: Entry | None, other: Entry | None) -> bool:
    """Tell whether two entries have the same id, kind, meta and payload."""
    if one is other:
        return True
    if one is None or other is None:
        return False
    return (
        one.id == other.id
        and one.kind == other.kind
        and same_value(dict(one.meta), dict(other.meta))
        and same_value(one.data, other.data)
    )


def _too_deep(value: object) -> bool:
    todo = [(value, 0)]
    while todo:
        item, depth = todo.pop()
        if isinstance(item, (dict, list)):
            if depth > MAX_DEPTH:
                return True
            below = item.values() if isinstance(item, dict) else item
            todo.extend((child, depth + 1) for child in below)
    return False


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."

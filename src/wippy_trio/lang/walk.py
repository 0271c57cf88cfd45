"""All nodes below a node, in the order of the source, without recursion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang.syntax import Node

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["children", "walk"]

_FACTS = frozenset(("binding", "breaks", "loops", "start", "end"))
_slots: dict[type, tuple[str, ...]] = {}


def walk(root: Node) -> Iterator[Node]:
    """Yield a node and all nodes below it, parents first.

    However deep or long the tree is, this uses no stack of Python's.
    """
    pending: list[Node] = [root]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(children(node)))


def children(node: Node) -> list[Node]:
    """Return the nodes right below a node, in the order of the source."""
    below: list[Node] = []
    for name in _parts(node.__class__):
        _collect(getattr(node, name), below)
    below.sort(key=_place)
    return below


def _parts(kind: type) -> tuple[str, ...]:
    names = _slots.get(kind)
    if names is None:
        names = tuple(
            name for name in getattr(kind, "__slots__", ()) if name not in _FACTS
        )
        _slots[kind] = names
    return names


def _collect(value: object, into: list[Node]) -> None:
    if isinstance(value, Node):
        into.append(value)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _collect(each, into)


def _place(node: Node) -> tuple[int, int]:
    return node.start, -node.end

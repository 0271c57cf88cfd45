"""Which entry refers to which, and the order that follows.

References are read through *dependency patterns*: paths into an entry at which ids may
stand. An edge counts only between entries that exist, so a pattern may be generous: a
``host: localhost`` names no entry and adds nothing.

Cycles are no failure: the members of a cycle share one level, and within a level the
order is by id.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from wippy_trio.registry.changeset import Operation, OperationKind
from wippy_trio.registry.entry import complete_id
from wippy_trio.registry.kinds import INTERNAL_KINDS, lua_kind
from wippy_trio.registry.placeholders import placeholder_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from wippy_trio.registry.changeset import Change
    from wippy_trio.registry.entry import Entry

__all__ = ["PATTERNS", "References", "levels", "order_changes"]

PATTERNS = (
    # generic
    "meta.parent",
    "meta.depends_on",
    "meta.groups",
    "data.groups",
    "data.config",
    "data.*.depends_on",
    # code
    "data.imports.*",
    # services
    "data.lifecycle.requires",
    "data.lifecycle.depends_on",
    "data.lifecycle.security.policies",
    "data.lifecycle.security.groups",
    "data.security.policies",
    "data.security.groups",
    "data.security.token_store",
    "data.process",
    "data.host",
    # HTTP
    "meta.server",
    "meta.router",
    "data.server",
    "data.middleware",
    "data.post_middleware",
    "data.func",
    "data.fs",
    "data.token_store",
    "data.network",
    "data.tls.*_env",
    # queues and stores
    "data.queue",
    "data.driver",
    "data.dead_letter.queue",
    "data.store",
    "data.bucket",
    "data.database",
    # environment
    "data.storage",
    "data.storages",
    "data.env",
    "data.*_env",
    "meta.*_env",
    # templates, contracts, temporal
    "data.set",
    "data.contracts.*.contract",
    "data.contracts.*.methods.*",
    "data.client",
    "meta.temporal.activity.worker",
    "meta.temporal.workflow.worker",
)
"""Where ids may stand (apps 3.2); ``*`` is any key or index, ``*_env`` any such key."""

_COMPILED = [tuple(pattern.split(".")) for pattern in PATTERNS]
# The first step below data or meta tells nearly always that a pattern does not apply.
_BY_KEY: dict[tuple[str, str], list[tuple[str, ...]]] = {}
_BY_WILDCARD: list[tuple[str, ...]] = []
for _pattern in _COMPILED:
    if "*" in _pattern[1]:
        _BY_WILDCARD.append(_pattern)
    else:
        _BY_KEY.setdefault((_pattern[0], _pattern[1]), []).append(_pattern)


class References:
    """The references of a set of entries, found on demand.

    Args:
      entries: The entries by id; they may be replaced by other sets, not changed.

    Source: apps 3.2, 1.11.4.
    """

    __slots__ = ("_entries", "_groups", "_namespaces", "_of", "_variables")

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        self._of: dict[str, frozenset[str]] = {}
        self._groups: dict[str, list[str]] | None = None
        self._namespaces: dict[str, list[str]] | None = None
        self._variables: dict[str, str] | None = None

    def of(self, id_: str) -> frozenset[str]:
        """Return the ids of existing entries that an entry refers to."""
        found = self._of.get(id_)
        if found is None:
            entry = self._entries[id_]
            found = frozenset(self._find(entry)) - {id_}
            self._of[id_] = found
        return found

    def _find(self, entry: Entry) -> Iterator[str]:
        ns = entry.id.partition(":")[0]
        for pattern, value in _values(entry):
            if pattern[1] == "imports":
                # A bare name is a built-in module here (apps 2.1).
                if value in self._entries:
                    yield value
                continue
            target = complete_id(value, ns)
            if target in self._entries:
                yield target
            elif pattern[-1].endswith("_env") or pattern[1] == "env":
                yield from self._variable(value)
            if pattern[:2] == ("meta", "depends_on"):
                yield from self._selected(value)
        if entry.kind not in INTERNAL_KINDS:
            for name in placeholder_names(_wiring(entry)):
                target = complete_id(name, ns)
                if target in self._entries:
                    yield target
                else:
                    yield from self._variable(name)

    def _variable(self, name: str) -> Iterator[str]:
        if self._variables is None:
            self._variables = {
                entry.data["variable"]: entry.id
                for entry in self._entries.values()
                if entry.kind == "env.variable"
                and isinstance(entry.data, dict)
                and isinstance(entry.data.get("variable"), str)
            }
        if name in self._variables:
            yield self._variables[name]

    def _selected(self, selector: str) -> Iterator[str]:
        word, _, name = selector.partition(":")
        if word == "group":
            if self._groups is None:
                self._groups = {}
                for entry in self._entries.values():
                    for group in _texts(entry.meta.get("groups")):
                        self._groups.setdefault(group, []).append(entry.id)
            yield from self._groups.get(name, ())
        elif word == "ns":
            if self._namespaces is None:
                self._namespaces = {}
                for id_ in self._entries:
                    self._namespaces.setdefault(id_.partition(":")[0], []).append(id_)
            yield from self._namespaces.get(name, ())


def levels(ids: Iterable[str], edges: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Sort ids into levels: what one refers to stands in an earlier level.

    Args:
      ids: What to sort.
      edges: What each refers to; ids that are not sorted here are skipped.

    Returns:
      The levels, each sorted. The members of a cycle share a level.

    Source: apps 3.1.
    """
    depths = _depths(ids, edges)
    result: list[list[str]] = [[] for _ in range(max(depths.values(), default=-1) + 1)]
    for id_ in sorted(depths):
        result[depths[id_]].append(id_)
    return result


def order_changes(
    changes: Mapping[str, Change],
    old: Mapping[str, Entry] | References,
    new: Mapping[str, Entry] | References,
) -> list[Operation]:
    """Turn changes into operations, in the order in which they can be carried out.

    What is referred to is created and updated first. What refers is deleted first, or
    updated first if it stays. Apart from that deletes come first, since what is created
    may want the name, path or address of what goes.

    Args:
      changes: The changes by id.
      old: The state, or its references, before.
      new: The state, or its references, after.

    Source: apps 3.1.
    """
    before = old if isinstance(old, References) else References(old)
    after = new if isinstance(new, References) else References(new)
    deletes: dict[str, Operation] = {}
    writes: dict[str, Operation] = {}
    for id_, change in changes.items():
        for operation in change.operations():
            kind = operation.kind
            (deletes if kind is OperationKind.DELETE else writes)[id_] = operation

    needs: dict[str, set[str]] = {id_: set() for id_ in deletes}
    waits: dict[tuple[bool, str], set[tuple[bool, str]]] = {}
    for id_, change in changes.items():
        if change.before is None:
            continue
        for target in before.of(id_):
            if target not in deletes:
                continue
            if id_ in deletes:
                needs[target].add(id_)
            else:  # an update: it lets go of what is deleted
                waits.setdefault((False, target), set()).add((True, id_))
    references = {id_: after.of(id_) & writes.keys() for id_ in writes}
    delete_depth, write_depth = _depths(deletes, needs), _depths(writes, references)

    for id_, targets in needs.items():
        waits.setdefault((False, id_), set()).update(
            (False, other)
            for other in targets
            if delete_depth[other] < delete_depth[id_]
        )
    for id_, targets_after in references.items():
        waits.setdefault((True, id_), set()).update(
            (True, other)
            for other in targets_after
            if write_depth[other] < write_depth[id_]
        )
        if id_ in deletes:
            waits[(True, id_)].add((False, id_))
    rank = {(False, id_): (delete_depth[id_], id_) for id_ in deletes}
    rank |= {(True, id_): (write_depth[id_], id_) for id_ in writes}
    return [
        (writes if is_write else deletes)[id_]
        for is_write, id_ in _schedule(waits, rank)
    ]


def _schedule(
    waits: Mapping[tuple[bool, str], set[tuple[bool, str]]],
    rank: Mapping[tuple[bool, str], tuple[int, str]],
) -> Iterator[tuple[bool, str]]:
    """Yield nodes so that each comes after what it waits for, else by rank."""
    open_waits = {node: len(waits.get(node, ())) for node in rank}
    followers: dict[tuple[bool, str], list[tuple[bool, str]]] = {}
    for node, others in waits.items():
        for other in others:
            followers.setdefault(other, []).append(node)
    ready = [(node[0], *rank[node]) for node in rank if not open_waits[node]]
    heapq.heapify(ready)
    left = dict.fromkeys(sorted(rank, key=lambda node: (node[0], *rank[node])))
    while left:
        if ready:
            is_write, _, id_ = heapq.heappop(ready)
            node = (is_write, id_)
        else:  # deletes and writes wait for each other: the first of the rest goes
            node = next(iter(left))
        if node not in left:
            continue
        del left[node]
        yield node
        for follower in followers.get(node, ()):
            open_waits[follower] -= 1
            if open_waits[follower] == 0:
                heapq.heappush(ready, (follower[0], *rank[follower]))


def _depths(ids: Iterable[str], edges: Mapping[str, Collection[str]]) -> dict[str, int]:
    """Give each id the length of the longest way below it, cycles taken as one.

    Tarjan's algorithm without recursion: components come out with everything they refer
    to before them, so depths can be counted as they come.
    """
    nodes = sorted(set(ids))
    known = set(nodes)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    depth: dict[str, int] = {}
    stack: list[str] = []
    for root in nodes:
        if root in index:
            continue
        work = [(root, iter(edges.get(root, ())))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in known:
                    continue
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    work.append((target, iter(edges.get(target, ()))))
                    break
                if target not in depth:  # still on the stack
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == index[node]:
                    _close(node, stack, edges, depth)
    return depth


def _close(
    root: str,
    stack: list[str],
    edges: Mapping[str, Collection[str]],
    depth: dict[str, int],
) -> None:
    start = len(stack) - 1
    while stack[start] != root:
        start -= 1
    members = stack[start:]
    del stack[start:]
    below = (
        depth[target]
        for member in members
        for target in edges.get(member, ())
        if target in depth
    )
    level = max(below, default=-1) + 1
    for member in members:
        depth[member] = level


def _values(entry: Entry) -> Iterator[tuple[tuple[str, ...], str]]:
    for part, root in (("meta", entry.meta), ("data", entry.data)):
        if not isinstance(root, dict) or not root:
            continue
        for key, value in root.items():
            for pattern in _BY_KEY.get((part, key), ()):
                for text in _walk(value, pattern, 2):
                    yield pattern, text
            if part == "meta" and key.startswith("temporal."):
                # a flat key: meta keys may hold dots (apps 1.5.4)
                yield from _flat(key, value)
        for pattern in _BY_WILDCARD:
            if pattern[0] == part:
                for text in _walk(root, pattern, 1):
                    yield pattern, text


def _flat(key: str, value: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    pattern = ("meta", *key.split("."))
    if pattern in _BY_KEY[("meta", "temporal")]:
        for text in _texts(value):
            yield pattern, text


def _walk(value: Any, pattern: tuple[str, ...], depth: int) -> Iterator[str]:
    if depth == len(pattern):
        yield from _texts(value)
        return
    step = pattern[depth]
    if isinstance(value, dict):
        if step == "*":
            for item in value.values():
                yield from _walk(item, pattern, depth + 1)
        elif step.startswith("*"):
            for key, item in value.items():
                if isinstance(key, str) and key.endswith(step[1:]):
                    yield from _walk(item, pattern, depth + 1)
        elif step in value:
            yield from _walk(value[step], pattern, depth + 1)
    elif step == "*" and isinstance(value, list):
        for item in value:
            yield from _walk(item, pattern, depth + 1)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, str):
                yield item


def _wiring(entry: Entry) -> Any:
    """Leave out what is program text, where ``${`` means something else."""
    data = entry.data
    if not isinstance(data, dict) or "source" not in data:
        return data
    if lua_kind(entry.kind) or entry.kind in {"template.jet", "function.wat"}:
        return {key: item for key, item in data.items() if key != "source"}
    return data

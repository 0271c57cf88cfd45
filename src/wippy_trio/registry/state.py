"""The registry: what exists now, and what it takes to change that.

It does nothing itself. It says what has to be done (:class:`Plan`); its owner does it,
entry by entry, with a :class:`~wippy_trio.registry.transaction.Transaction`, and then
commits. States are never changed in place: a commit makes a new one, so a snapshot is
a reference and costs nothing.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.errors import ConflictError, InvalidError, NotFoundError
from wippy_trio.registry.changeset import Change, Operation, diff, resolve
from wippy_trio.registry.graph import References, order_changes
from wippy_trio.registry.history import MemoryHistory
from wippy_trio.registry.query import Found, find

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wippy_trio.registry.entry import Entry
    from wippy_trio.registry.history import History
    from wippy_trio.registry.version import Version

__all__ = ["Plan", "Registry", "Snapshot", "build_delta"]


class Plan(NamedTuple):
    """What has to be done to change the registry, in order.

    ``base`` is the version it was made against. ``target`` is the version it makes
    current, None where it makes a new one.
    """

    base: int
    target: int | None
    changes: Mapping[str, Change]
    operations: tuple[Operation, ...]


class Snapshot:
    """The entries of one version; later changes do not reach it.

    Source: apps 7.2.
    """

    __slots__ = ("_entries", "version")

    def __init__(self, version: Version, entries: Mapping[str, Entry]) -> None:
        self.version = version
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._entries

    @property
    def state(self) -> Mapping[str, Entry]:
        """The entries by id, as a view that cannot be written to."""
        return MappingProxyType(self._entries)

    def entries(self) -> list[Entry]:
        """List the entries by id."""
        return [self._entries[id_] for id_ in sorted(self._entries)]

    def get(self, id_: str) -> Entry:
        """Find an entry.

        Raises:
          NotFoundError: There is none of that id.
        """
        return _get(self._entries, id_)

    def find(self, criteria: Mapping[str, Any]) -> Found:
        """Find the entries a filter means."""
        return find(self._entries.values(), criteria)

    def namespace(self, ns: str) -> list[Entry]:
        """List the entries of exactly that namespace by id."""
        prefix = ns + ":"
        ids = sorted(id_ for id_ in self._entries if id_.startswith(prefix))
        return [self._entries[id_] for id_ in ids]


class Registry:
    """What exists, its versions, and the plans that lead from one to the next.

    Args:
      history: Where versions are kept; in memory if left out.

    Source: apps 7.
    """

    __slots__ = ("_baseline", "_history", "_references", "_state", "_version")

    def __init__(self, history: History | None = None) -> None:
        self._history: History = MemoryHistory() if history is None else history
        self._baseline: Mapping[str, Entry] = {}
        self._state: Mapping[str, Entry] = {}
        self._references = References(self._state)
        self._version = self._history.tree.all()[0]

    @property
    def version(self) -> Version:
        """The current version."""
        return self._version

    @property
    def state(self) -> Mapping[str, Entry]:
        """The live entries by id, as a view that cannot be written to."""
        return MappingProxyType(self._state)

    @property
    def references(self) -> References:
        """The references between the live entries."""
        return self._references

    def get(self, id_: str) -> Entry:
        """Find a live entry.

        Raises:
          NotFoundError: There is none of that id.
        """
        return _get(self._state, id_)

    def find(self, criteria: Mapping[str, Any]) -> Found:
        """Find the live entries a filter means."""
        return find(self._state.values(), criteria)

    def snapshot(self) -> Snapshot:
        """Freeze the current version."""
        return Snapshot(self._version, self._state)

    def snapshot_at(self, number: int) -> Snapshot:
        """Freeze the version of a number.

        Raises:
          InvalidError: The number is not above zero.
          NotFoundError: There is no such version.

        Source: apps 7.2.
        """
        if number <= 0:
            raise InvalidError(f"snapshot: wanted a version above 0, got {number}")
        return self.snapshot_of(self.get_version(number))

    def snapshot_of(self, version: Version) -> Snapshot:
        """Freeze a version, the baseline included.

        Raises:
          NotFoundError: There is no such version.
        """
        known = self.get_version(version.number)
        if known == self._version:
            return self.snapshot()
        return Snapshot(known, _applied(self._state, self._way_to(known.number)))

    def versions(self) -> list[Version]:
        """List all versions by number, those left behind by going back included."""
        return self._history.tree.all()

    def get_version(self, number: int) -> Version:
        """Find a version by its number.

        Raises:
          NotFoundError: There is none of that number.
        """
        return self._history.tree.get(number)

    def previous(self, version: Version) -> Version | None:
        """Return the version one grew from, None at the first."""
        return self._history.tree.previous(version)

    def next(self, version: Version) -> Version | None:
        """Return the version made last from this one, None where there is none."""
        return self._history.tree.next(version)

    def plan_baseline(self, entries: Iterable[Entry]) -> Plan:
        """Plan what the files say, as v0.

        Raises:
          ConflictError: The registry is not empty any more.
        """
        if self._state or self._version.number:
            raise ConflictError(
                f"baseline: wanted an empty registry, found {self._version} with "
                f"{len(self._state)} entries"
            )
        changes = {entry.id: Change(None, entry) for entry in entries}
        return self._plan(changes, 0)

    def plan_restore(self) -> Plan | None:
        """Plan the way from the baseline to where a kept history stood.

        Returns:
          None where there is nothing to restore.

        Source: apps 7.6, 1.12.4.
        """
        head = self._history.head
        return None if head == self._version.number else self.plan_version(head)

    def plan(self, operations: Iterable[Operation]) -> Plan:
        """Plan a new version, against the live state.

        Args:
          operations: In the order they were asked for; a changeset is such.

        Raises:
          InvalidError: There are no operations, or they come to nothing, or one
            updates an entry to another kind.
          AlreadyExistsError: A create of something that exists.
          NotFoundError: An update or delete of something that does not.

        Source: apps 7.2.
        """
        changes = resolve(operations, self._state)
        if not changes:
            raise InvalidError("no changes to apply")
        return self._plan(changes, None)

    def plan_version(self, number: int) -> Plan:
        """Plan the way to another version, over the common ancestor, as one changeset.

        Raises:
          NotFoundError: There is no such version.

        Source: apps 7.1.3, 7.2.
        """
        return self._plan(self._way_to(number), number)

    def commit(self, plan: Plan) -> Version:
        """Make a plan that has been carried out the state of the registry.

        Returns:
          The version that is current now.

        Raises:
          ConflictError: The version moved since the plan was made.
          InternalError: The history could not be written; then nothing changed.
        """
        if plan.base != self._version.number:
            raise ConflictError(
                f"registry changed during apply: the plan was made for v{plan.base}, "
                f"the registry is at {self._version}"
            )
        state = _applied(self._state, plan.changes)
        if plan.target is None:
            version = self._history.tree.successor(self._version.number)
            written = {id_: change.after for id_, change in plan.changes.items()}
            self._history.record(version, written)
        elif plan.target == plan.base:
            version = self._version
            if version.number == 0 and not self._state:
                self._baseline = state
        else:
            version = self.get_version(plan.target)
            self._history.move(version.number)
        self._version = version
        self._state = state
        self._references = References(state)
        return version

    def _plan(self, changes: dict[str, Change], target: int | None) -> Plan:
        after = References(_applied(self._state, changes))
        operations = order_changes(changes, self._references, after)
        return Plan(self._version.number, target, changes, tuple(operations))

    def _way_to(self, number: int) -> dict[str, Change]:
        tree, history = self._history.tree, self._history
        undo, redo = tree.path(self._version.number, number)
        touched = {id_ for step in (*undo, *redo) for id_ in history.written(step)}
        target: dict[str, Entry | None] = {}
        open_ids = set(touched)
        for step in tree.lineage(number):
            if not open_ids:
                break
            written = history.written(step)
            for id_ in open_ids & written.keys():
                target[id_] = written[id_]
            open_ids -= written.keys()
        for id_ in open_ids:
            target[id_] = self._baseline.get(id_)
        reached = {id_: entry for id_, entry in target.items() if entry is not None}
        return diff(self._state, reached, touched)


def build_delta(old: Iterable[Entry], new: Iterable[Entry]) -> list[Operation]:
    """Find the fewest operations that lead from one list of entries to another.

    Source: apps 7.2.
    """
    before = {entry.id: entry for entry in old}
    after = {entry.id: entry for entry in new}
    return order_changes(diff(before, after), before, after)


def _applied(
    state: Mapping[str, Entry], changes: Mapping[str, Change]
) -> dict[str, Entry]:
    result = {**state}
    for id_, change in changes.items():
        if change.after is None:
            result.pop(id_, None)
        else:
            result[id_] = change.after
    return result


def _get(entries: Mapping[str, Entry], id_: str) -> Entry:
    entry = entries.get(id_)
    if entry is None:
        raise NotFoundError(f"entry not found: {id_}")
    return entry

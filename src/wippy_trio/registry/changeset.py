"""Changesets: operations as they were asked for, and changes as they come out.

An :class:`Operation` is what a program asks for, or what a handler is given. A
:class:`Change` says what one id was and what it becomes; all operations on an id are
squashed into one. The inverse of a change swaps the two, so going back needs no other
knowledge.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.errors import AlreadyExistsError, InvalidError, NotFoundError
from wippy_trio.registry.entry import Entry, make_entry, read_id, same_entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "Change",
    "Changeset",
    "Operation",
    "OperationKind",
    "diff",
    "inverse",
    "resolve",
]


class OperationKind(StrEnum):
    """What is done to an entry; the text is also the kind of the bus event."""

    CREATE = "entry.create"
    UPDATE = "entry.update"
    DELETE = "entry.delete"


class Operation(NamedTuple):
    """One operation on one entry; a delete needs nothing of the entry but its id."""

    kind: OperationKind
    entry: Entry


class Change(NamedTuple):
    """What one id was and what it becomes; None stands for: does not exist."""

    before: Entry | None
    after: Entry | None

    def operations(self) -> tuple[Operation, ...]:
        """Say it as operations: one, or delete and create where the kind differs."""
        before, after = self.before, self.after
        if before is None:
            return () if after is None else (Operation(OperationKind.CREATE, after),)
        if after is None:
            return (Operation(OperationKind.DELETE, before),)
        if before.kind == after.kind:
            return (Operation(OperationKind.UPDATE, after),)
        return (
            Operation(OperationKind.DELETE, before),
            Operation(OperationKind.CREATE, after),
        )

    def inverse(self) -> Change:
        """Return the change that takes this one back."""
        return Change(self.after, self.before)


class Changeset:
    """Collect operations in the order of the calls; nothing is applied here.

    Only the shape is checked: whether an entry exists matters when it is applied, and
    then to the live state, not to the one it was written against.

    Source: apps 7.2.
    """

    __slots__ = ("_operations",)

    def __init__(self, operations: Iterable[Operation] = ()) -> None:
        self._operations = list(operations)

    def create(self, entry: Entry) -> Changeset:
        """Ask for a new entry.

        Raises:
          InvalidError: The entry lacks its id or its kind.
        """
        return self._add(OperationKind.CREATE, entry)

    def update(self, entry: Entry) -> Changeset:
        """Ask for other contents of an entry.

        Raises:
          InvalidError: The entry lacks its id or its kind.
        """
        return self._add(OperationKind.UPDATE, entry)

    def delete(self, id_: object) -> Changeset:
        """Ask for the end of an entry, named by text or by ``{ns, name}``.

        Raises:
          InvalidError: It is neither.
        """
        entry = Entry(read_id(id_), "", {})
        self._operations.append(Operation(OperationKind.DELETE, entry))
        return self

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations, in the order of the calls."""
        return tuple(self._operations)

    def __len__(self) -> int:
        return len(self._operations)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations)

    def _add(self, kind: OperationKind, entry: Entry) -> Changeset:
        checked = make_entry(entry.id, entry.kind, entry.meta, entry.data)
        self._operations.append(Operation(kind, checked))
        return self


def resolve(
    operations: Iterable[Operation], state: Mapping[str, Entry]
) -> dict[str, Change]:
    """Squash operations and hold them against the state they are applied to.

    Create and update is create, create and delete is nothing, update and delete is
    delete, delete and create is update. A create after a delete may change the kind; an
    update may not.

    Returns:
      The changes by id; a pair that came to nothing is left out.

    Raises:
      AlreadyExistsError: A create of something that exists at that point.
      NotFoundError: An update or delete of something that does not.
      InvalidError: An update to another kind.

    Source: apps 7.2, 7.4.3.
    """
    after: dict[str, Entry | None] = {}
    for kind, entry in operations:
        id_ = entry.id
        current = after[id_] if id_ in after else state.get(id_)
        if kind is OperationKind.CREATE:
            if current is not None:
                raise AlreadyExistsError(
                    f"create {id_}: the entry exists already, of kind {current.kind}"
                )
            after[id_] = entry
            continue
        verb = "update" if kind is OperationKind.UPDATE else "delete"
        if current is None:
            raise NotFoundError(f"{verb} {id_}: wanted an existing entry, found none")
        if kind is OperationKind.DELETE:
            after[id_] = None
        elif current.kind != entry.kind:
            raise InvalidError(
                f"update {id_}: wanted kind {current.kind}, got {entry.kind}; "
                "a kind changes by delete and create"
            )
        else:
            after[id_] = entry
    changes = {id_: Change(state.get(id_), entry) for id_, entry in after.items()}
    return {
        id_: change
        for id_, change in changes.items()
        if change.before is not None or change.after is not None
    }


def inverse(changes: Mapping[str, Change]) -> dict[str, Change]:
    """Return the changes that take these back."""
    return {id_: change.inverse() for id_, change in changes.items()}


def diff(
    old: Mapping[str, Entry], new: Mapping[str, Entry], ids: Iterable[str] | None = None
) -> dict[str, Change]:
    """Find what has to change to get from one state to another.

    Args:
      old: The state to start from.
      new: The state to reach.
      ids: Where to look; everywhere if left out.
    """
    if ids is None:
        ids = old.keys() | new.keys()
    changes = {}
    for id_ in ids:
        before, after = old.get(id_), new.get(id_)
        if not same_entry(before, after):
            changes[id_] = Change(before, after)
    return changes

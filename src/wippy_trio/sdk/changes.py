"""Sources of changes in databases, as the module `cdc` reaches them (modules-io 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from wippy_trio.kernel import Channel

__all__ = ["OPERATIONS", "Change", "ChangeSource", "Subscription"]

OPERATIONS = ("insert", "update", "delete", "truncate", "r")
"""What a change can be; ``r`` is a row of the snapshot."""


class Change(NamedTuple):
    """One row that changed, with its values as the database writes them.

    ``before`` and ``after`` have the columns by name; NULL is ``None``.
    """

    op: str
    schema: str
    table: str
    before: dict[str, str | None] | None
    after: dict[str, str | None] | None
    lsn: int
    commit_lsn: int = 0
    xid: int = 0


class Subscription:
    """Who wants to hear of which changes, in a channel of so many."""

    def __init__(
        self,
        channel: Channel[Any],
        *,
        tables: frozenset[str],
        ops: frozenset[str],
    ) -> None:
        """Describe one; no tables are all tables, no ops all ops."""
        self.channel = channel
        self.tables = tables
        self.ops = ops

    def wants(self, change: Change) -> bool:
        """Tell whether a change is for it; a table may be named with its schema."""
        if self.ops and change.op not in self.ops:
            return False
        return (
            not self.tables
            or change.table in self.tables
            or f"{change.schema}.{change.table}" in self.tables
        )


@runtime_checkable
class ChangeSource(Protocol):
    """A source, known by the id of its entry."""

    id: str

    def describe_source(self) -> dict[str, Any]:
        """Tell about it, by the names that programs use."""
        ...

    def subscribe_changes(self, subscription: Subscription) -> None:
        """Tell a subscription of all changes from now on."""
        ...

    def unsubscribe_changes(self, subscription: Subscription) -> None:
        """Tell it no more, once or again; its channel is closed."""
        ...

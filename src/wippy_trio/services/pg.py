"""``pg.scope``: the process groups of an application (apps 2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from wippy_trio.modules.pg.scope import GroupScope
from wippy_trio.sdk import EntryKind, InvalidError
from wippy_trio.sdk.fields import Fields

if TYPE_CHECKING:
    from wippy_trio.registry import Entry

__all__ = ["GroupScopes"]

DURATIONS = (
    "protocol_timeout",
    "broadcast_timeout",
    "anti_entropy_interval",
    "circuit_breaker_reset_time",
    "retry_base_delay",
    "retry_max_delay",
)
NUMBERS = (
    "circuit_breaker_failures",
    "max_retries",
    "action_queue_size",
    "action_queue_max_size",
    "monitor_buffer",
    "max_groups",
    "max_members_per_group",
)


class GroupScopes(EntryKind):
    """Handle ``pg.scope`` entries. What is said about a cluster is checked and kept."""

    kinds = ("pg.scope",)

    async def create(self, entry: Entry) -> None:
        """Make a scope, usable at once."""
        fields = Fields(entry)
        for name in DURATIONS:
            fields.seconds(name)
        numbers = {name: fields.integer(name) for name in NUMBERS}
        for name, value in numbers.items():
            if value < 0:
                raise InvalidError(f"{name}: wanted a number of 0 or more, got {value}")
        scope = GroupScope(
            max_groups=numbers["max_groups"],
            max_members=numbers["max_members_per_group"],
        )
        self.runtime.resources.put(entry.id, scope)
        await trio.lowlevel.checkpoint()

    async def delete(self, entry: Entry) -> None:
        """Forget the scope and its groups."""
        self.runtime.resources.remove(entry.id)
        await trio.lowlevel.checkpoint()

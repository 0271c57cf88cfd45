"""``contract.definition`` and ``contract.binding``: what can be done, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from wippy_trio.modules.contract.table import (
    read_binding,
    read_definition,
    table_of,
)
from wippy_trio.sdk import EntryKind

if TYPE_CHECKING:
    from wippy_trio.registry import Entry

__all__ = ["Bindings", "Definitions"]


class Definitions(EntryKind):
    """Handle contracts (apps 2.8)."""

    kinds = ("contract.definition",)

    async def create(self, entry: Entry) -> None:
        """Make a contract known."""
        table_of(self.runtime).define(read_definition(entry))
        await trio.lowlevel.checkpoint()

    async def update(self, old: Entry, new: Entry) -> None:
        """Change a contract; its bindings must still fit."""
        del old
        await self.create(new)

    async def delete(self, entry: Entry) -> None:
        """Forget a contract that nothing is bound to."""
        table_of(self.runtime).undefine(entry.id)
        await trio.lowlevel.checkpoint()


class Bindings(EntryKind):
    """Handle bindings (apps 2.8)."""

    kinds = ("contract.binding",)

    async def create(self, entry: Entry) -> None:
        """Make a binding known; its functions are looked for when they are called."""
        table_of(self.runtime).bind(read_binding(entry))
        await trio.lowlevel.checkpoint()

    async def update(self, old: Entry, new: Entry) -> None:
        """Change a binding; open instances keep what they have."""
        del old
        await self.create(new)

    async def delete(self, entry: Entry) -> None:
        """Forget a binding."""
        table_of(self.runtime).unbind(entry.id)
        await trio.lowlevel.checkpoint()

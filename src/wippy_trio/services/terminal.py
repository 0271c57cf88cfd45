"""``terminal.host``: where the launched program of the command line runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.sdk import EntryKind, read_lifecycle
from wippy_trio.services.process_host import HostService, read_host_options

if TYPE_CHECKING:
    from wippy_trio.registry import Entry

__all__ = ["TerminalHost"]


class TerminalHost(EntryKind):
    """Handle ``terminal.host`` entries (apps 5.3)."""

    kinds = ("terminal.host",)

    async def create(self, entry: Entry) -> None:
        """Register the host as a service."""
        lifecycle = read_lifecycle(entry)
        self.runtime.host_options[entry.id] = read_host_options(entry)
        self.runtime.node.host(entry.id)
        service = HostService(self.runtime, entry.id, lifecycle.stop_timeout)
        self.runtime.supervisor.register(entry.id, service, lifecycle)

    async def delete(self, entry: Entry) -> None:
        """Stop the host and forget it."""
        await self.runtime.supervisor.unregister(entry.id)
        self.runtime.node.hosts.pop(entry.id, None)
        self.runtime.host_options.pop(entry.id, None)

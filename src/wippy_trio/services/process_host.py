"""``process.host``: where processes run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.sdk import (
    EntryKind,
    InvalidError,
    read_lifecycle,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.kernel import Host
    from wippy_trio.registry import Entry
    from wippy_trio.sdk import Runtime, ServiceReport

__all__ = ["HostService", "ProcessHost", "read_host_options"]


class HostService:
    """Run one kernel host as a service: passive, running until it is stopped."""

    def __init__(self, runtime: Runtime, id: str, stop_timeout: float) -> None:  # noqa: A002
        self.runtime = runtime
        self.id = id
        self._grace = max(stop_timeout - 0.05, 0.0)

    async def start(self, report: Callable[[ServiceReport], None]) -> str:
        """Open the host's nursery."""
        host: Host = self.runtime.node.fresh_host(self.id)
        await self.runtime.nursery.start(host.run)
        return ""

    async def stop(self) -> None:
        """Ask all processes to finish, end the rest (core P-60 to P-62)."""
        host = self.runtime.node.hosts.get(self.id)
        if host is not None:
            await host.stop(self._grace)


class ProcessHost(EntryKind):
    """Handle ``process.host`` entries (apps 2.2, 5.2)."""

    kinds = ("process.host",)

    async def create(self, entry: Entry) -> None:
        """Register the host as a service."""
        options = read_host_options(entry)
        lifecycle = read_lifecycle(entry)
        self.runtime.node.host(entry.id)
        self.runtime.host_options[entry.id] = options
        service = HostService(self.runtime, entry.id, lifecycle.stop_timeout)
        self.runtime.supervisor.register(entry.id, service, lifecycle)

    async def update(self, old: Entry, new: Entry) -> None:
        """Rescale in place; other changes are refused (apps 13.21)."""
        options = read_host_options(new)
        before, after = _rest(old), _rest(new)
        if before != after:
            raise InvalidError(
                f"host {new.id}: only host.workers can change while it runs"
            )
        self.runtime.host_options[new.id] = options
        await trio.lowlevel.checkpoint()

    async def delete(self, entry: Entry) -> None:
        """Stop the host and forget it."""
        await self.runtime.supervisor.unregister(entry.id)
        self.runtime.node.hosts.pop(entry.id, None)
        self.runtime.host_options.pop(entry.id, None)


def _rest(entry: Entry) -> Any:
    data = dict(entry.data) if isinstance(entry.data, dict) else {}
    host = data.pop("host", None)
    if isinstance(host, dict):
        host = {k: v for k, v in host.items() if k != "workers"}
    return data, host or {}


_SIZE = re.compile(r"(\d+)(?:([KMGT])(?:i?B)?|B)?", re.IGNORECASE)
_LEAST_MEMORY = 8 << 20
"""A VM with its libraries takes one to two megabytes before any program is loaded."""


def _memory_limit(host: dict[str, Any]) -> int:
    """Read ``memory_limit``, in bytes or with a suffix."""
    given = host.get("memory_limit", "64M")
    found = _SIZE.fullmatch(str(given).strip())
    if found is None or isinstance(given, bool):
        raise InvalidError(
            f"host.memory_limit: wanted a size such as 64M, got {given!r}"
        )
    limit = int(found[1]) << (10 * " KMGT".index((found[2] or " ").upper()))
    if 0 < limit < _LEAST_MEMORY:
        raise InvalidError(
            f"host.memory_limit: wanted 8M or more, or 0 for none, got {given!r}"
        )
    return limit


def read_host_options(entry: Entry) -> dict[str, Any]:
    """Read the options of a process host.

    ``workers``, ``queue_size`` and ``local_queue_size`` are hints. Ours are
    ``budget`` (``full``, ``loops``, ``off``), ``nursery`` (``eager``, ``on_demand``),
    ``channels`` (``vm``, ``kernel``) and ``isolation`` (``shared``, ``vm``). With
    ``isolation: vm`` each process has a VM of its own, of at most ``memory_limit``
    bytes (``64M``; 0 for no limit).

    Raises:
      InvalidError: A value of the wrong type or range.
    """
    data = entry.data if isinstance(entry.data, dict) else {}
    host = data.get("host")
    if host is None:
        host = {}
    if not isinstance(host, dict):
        raise InvalidError(f"host: wanted a map, got {host!r}")
    for field in ("workers", "queue_size", "local_queue_size"):
        value = host.get(field, 0)
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise InvalidError(
                f"host.{field}: wanted a number above 0, got {host[field]!r}"
            )
    options: dict[str, Any] = {"memory_limit": _memory_limit(host)}
    for field, allowed in (
        ("isolation", ("shared", "vm")),
        ("channels", ("vm", "kernel")),
        ("budget", ("full", "loops", "off")),
        ("nursery", ("eager", "on_demand")),
    ):
        value = host.get(field, allowed[0])
        if value not in allowed:
            raise InvalidError(
                f"host.{field}: wanted one of {', '.join(allowed)}, got {value!r}"
            )
        options[field] = value
    return options

"""``store.memory``: values in this process, with versions, conditions and lifetimes."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.sdk import EntryKind, InvalidError, read_lifecycle, stores
from wippy_trio.sdk.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.registry import Entry
    from wippy_trio.sdk import Runtime, ServiceReport
    from wippy_trio.sdk.stores import PutOptions, StoreEntry, StorePage

__all__ = ["MemoryStore", "MemoryStores"]

FACTS = stores.StoreFacts("memory", "local", False, True, True)
DEFAULT_SIZE = 10_000


class MemoryStore:
    """Keep values in a dictionary and their keys in order.

    Time is Trio's. What has expired is absent at once; it is taken out before each
    write, and by `purge`.

    Source: modules-data 24, modules-io 4.3.
    """

    local = True
    facts = FACTS

    def __init__(self, max_size: int = DEFAULT_SIZE) -> None:
        """Make an empty one.

        Args:
          max_size: Of keys; more of them are refused.
        """
        self.max_size = max_size
        self.closed = False
        self._entries: dict[str, tuple[Any, int, float]] = {}  # value, version, end
        self._keys: list[bytes] = []
        self._ends: list[tuple[float, str]] = []
        self._version = 0

    def _found(self, key: str) -> tuple[Any, int, float]:
        if self.closed:
            raise stores.closed()
        found = self._entries.get(key)
        if found is None or found[2] <= trio.current_time():
            raise stores.missing()
        return found

    def entry(self, key: str) -> StoreEntry:
        """Read an entry."""
        value, version, _ = self._found(key)
        return stores.StoreEntry(key, value, version)

    def put(self, key: str, value: Any, options: PutOptions) -> StoreEntry:
        """Keep a value, if the condition holds."""
        if self.closed:
            raise stores.closed()
        self.purge()
        found = self._entries.get(key)
        if options.only_if_absent and found is not None:
            raise stores.exists()
        if options.if_version:
            if found is None:
                raise stores.missing()
            if found[1] != options.if_version:
                raise stores.version_mismatch()
        if found is None:
            if len(self._entries) >= self.max_size:
                raise stores.full()
            insort(self._keys, _octets(key))
        end = math.inf
        if options.ttl > 0:
            end = trio.current_time() + options.ttl
            heapq.heappush(self._ends, (end, key))
        self._version += 1
        self._entries[key] = (value, self._version, end)
        return stores.StoreEntry(key, value, self._version)

    def delete(self, key: str) -> bool:
        """Forget a value."""
        if self.closed:
            raise stores.closed()
        self.purge()
        if key not in self._entries:
            return False
        self._forget(key)
        return True

    def list(self, prefixes: tuple[str, ...], after: str, limit: int) -> StorePage:
        """Read entries in the order of their keys' bytes."""
        if self.closed:
            raise stores.closed()
        self.purge()
        begins = tuple(map(_octets, prefixes))
        start = bisect_left(self._keys, min(begins))
        if after:
            start = max(start, bisect_right(self._keys, _octets(after)))
        items: list[StoreEntry] = []
        last = max(begins)
        for octets in self._keys[start:]:
            if octets.startswith(begins):
                if len(items) == limit:
                    return stores.StorePage(items, has_more=True)
                key = octets.decode("utf-8", "surrogateescape")
                value, version, _ = self._entries[key]
                items.append(stores.StoreEntry(key, value, version))
            elif octets > last:
                break
        return stores.StorePage(items, has_more=False)

    def purge(self) -> None:
        """Take out what has expired."""
        now = trio.current_time()
        while self._ends and self._ends[0][0] <= now:
            end, key = heapq.heappop(self._ends)
            found = self._entries.get(key)
            if found is not None and found[2] == end:
                self._forget(key)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._keys.clear()
        self._ends.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def _forget(self, key: str) -> None:
        del self._entries[key]
        octets = _octets(key)
        del self._keys[bisect_left(self._keys, octets)]


def _octets(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")


class _Service:
    """Purge a store from time to time while it is started; close it at the end."""

    def __init__(self, runtime: Runtime, store: MemoryStore, interval: float) -> None:
        self.runtime = runtime
        self.store = store
        self.interval = interval
        self._scope = trio.CancelScope()

    async def start(self, report: Callable[[ServiceReport], None]) -> str:
        self.store.closed = False
        self._scope = trio.CancelScope()
        self.runtime.nursery.start_soon(self._purge, self._scope)
        await trio.lowlevel.checkpoint()
        return "memory store started"

    async def _purge(self, scope: trio.CancelScope) -> None:
        with scope:
            while True:
                await trio.sleep(self.interval)
                self.store.purge()

    async def stop(self) -> None:
        self._scope.cancel()
        self.store.closed = True
        self.store.clear()
        await trio.lowlevel.checkpoint()


class MemoryStores(EntryKind):
    """Handle ``store.memory`` entries (apps 2.4)."""

    kinds = ("store.memory",)

    async def create(self, entry: Entry) -> None:
        """Make the store, usable at once, and its service."""
        fields = Fields(entry)
        size = fields.integer("max_size", DEFAULT_SIZE) or DEFAULT_SIZE
        if size < 0:
            raise InvalidError(f"max_size: wanted a number of 0 or more, got {size}")
        interval = fields.seconds("cleanup_interval", 300.0) or 300.0
        store = MemoryStore(size)
        self.runtime.resources.put(entry.id, store)
        self.runtime.supervisor.register(
            entry.id, _Service(self.runtime, store, interval), read_lifecycle(entry)
        )
        await trio.lowlevel.checkpoint()

    async def delete(self, entry: Entry) -> None:
        """Close the store and forget it."""
        await self.runtime.supervisor.unregister(entry.id)
        store = self.runtime.resources.get(entry.id)
        store.closed = True
        store.clear()
        self.runtime.resources.remove(entry.id)

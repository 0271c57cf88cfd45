"""What a key-value store promises, whoever keeps its values (modules-data 24).

A `LocalStore` answers at once, its methods are plain; a `Store` may have to ask
somebody, its methods are coroutine functions of the same names. `awaited` makes the
second of either, for those who do not mind.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import trio

from wippy_trio.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)

__all__ = [
    "LocalStore",
    "PutOptions",
    "Store",
    "StoreEntry",
    "StoreFacts",
    "StorePage",
    "awaited",
    "closed",
    "exists",
    "full",
    "missing",
    "unsupported",
    "version_mismatch",
]


class StoreEntry(NamedTuple):
    """One value with its key; the version is 0 where the store counts none."""

    key: str
    value: Any
    version: int


class StorePage(NamedTuple):
    """Some entries in the order of their keys' bytes, and whether there are more."""

    items: list[StoreEntry]
    has_more: bool


class StoreFacts(NamedTuple):
    """What a store is and can do."""

    backend: str
    consistency: str
    durable: bool
    versioned: bool
    conditional_put: bool


class PutOptions(NamedTuple):
    """How a value is put: seconds to live, 0 for ever, and on what condition."""

    ttl: float = 0.0
    only_if_absent: bool = False
    if_version: int = 0


class _Named(Protocol):
    @property
    def facts(self) -> StoreFacts:
        """What it is and can do."""
        ...


@runtime_checkable
class LocalStore(_Named, Protocol):
    """A store in this process. Keys are ids; values are plain data."""

    local: bool

    def entry(self, key: str) -> StoreEntry:
        """Read an entry; `NotFoundError` if it is absent or expired."""
        ...

    def put(self, key: str, value: Any, options: PutOptions) -> StoreEntry:
        """Keep a value."""
        ...

    def delete(self, key: str) -> bool:
        """Forget a value; tells whether there was one."""
        ...

    def list(self, prefixes: tuple[str, ...], after: str, limit: int) -> StorePage:
        """Read entries whose keys begin so, behind a key."""
        ...


@runtime_checkable
class Store(_Named, Protocol):
    """A store that may have to ask somebody; see `LocalStore` for the methods."""

    async def entry(self, key: str) -> StoreEntry:
        """Read an entry; `NotFoundError` if it is absent or expired."""
        ...

    async def put(self, key: str, value: Any, options: PutOptions) -> StoreEntry:
        """Keep a value."""
        ...

    async def delete(self, key: str) -> bool:
        """Forget a value; tells whether there was one."""
        ...

    async def list(
        self, prefixes: tuple[str, ...], after: str, limit: int
    ) -> StorePage:
        """Read entries whose keys begin so, behind a key."""
        ...


class _Awaited:
    """A local store behind coroutine functions; each one checkpoints."""

    def __init__(self, store: LocalStore) -> None:
        self._store = store

    @property
    def facts(self) -> StoreFacts:
        return self._store.facts

    async def entry(self, key: str) -> StoreEntry:
        await trio.lowlevel.checkpoint()
        return self._store.entry(key)

    async def put(self, key: str, value: Any, options: PutOptions) -> StoreEntry:
        await trio.lowlevel.checkpoint()
        return self._store.put(key, value, options)

    async def delete(self, key: str) -> bool:
        await trio.lowlevel.checkpoint()
        return self._store.delete(key)

    async def list(
        self, prefixes: tuple[str, ...], after: str, limit: int
    ) -> StorePage:
        await trio.lowlevel.checkpoint()
        return self._store.list(prefixes, after, limit)


def awaited(store: LocalStore | Store) -> Store:
    """Give a store whose methods are coroutine functions."""
    return _Awaited(store) if is_local(store) else store  # type: ignore[return-value,arg-type]


def is_local(store: object) -> bool:
    """Tell whether a store answers at once."""
    return getattr(store, "local", False) is True


def missing() -> NotFoundError:
    """Say that a key is absent or expired."""
    return NotFoundError("key not found", retryable=False)


def exists() -> AlreadyExistsError:
    """Say that a key is there already."""
    return AlreadyExistsError("key already exists", retryable=False)


def version_mismatch() -> ConflictError:
    """Say that an entry has changed meanwhile."""
    return ConflictError("version mismatch", retryable=True)


def unsupported() -> InvalidError:
    """Say that a store cannot put on condition."""
    return InvalidError("operation not supported by this store", retryable=False)


def full() -> UnavailableError:
    """Say that there is no room for a new key."""
    return UnavailableError("store is full", retryable=True)


def closed() -> UnavailableError:
    """Say that a store was stopped."""
    return UnavailableError("store is closed", retryable=False)

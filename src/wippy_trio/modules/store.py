"""`store`: key-value stores with lifetimes, versions and conditions (modules-data 24).

A handle of a store in this process answers in place; one whose store has to ask a
database suspends its coroutine. Both are the same to a program.
"""

from __future__ import annotations

from typing import Any

from wippy_trio.sdk import (
    Bag,
    Error,
    InternalError,
    InvalidError,
    LuaModule,
    NotFoundError,
    PermissionDeniedError,
    check_permission,
    current_runtime,
    method,
)
from wippy_trio.sdk.stores import PutOptions, StoreEntry, StoreFacts, is_local

MODULE = LuaModule(
    "store",
    classes=("storage", "io", "nondeterministic"),
    declares="""
    type Store = {
      get: (self: Store, key: string) -> (any, Error?),
      set: (self: Store, key: string, value: any, ttl: number?) -> (boolean?, Error?),
      has: (self: Store, key: string) -> (boolean, Error?),
      delete: (self: Store, key: string) -> (boolean?, Error?),
      entry: (self: Store, key: string) -> (table?, Error?),
      put: (self: Store, key: string, value: any, options: table?) -> (table?, Error?),
      list: (self: Store, options: table?) -> (table?, Error?),
      info: (self: Store) -> (table?, Error?),
      release: (self: Store) -> boolean
    }
    get: (id: string) -> (Store?, Error?)
    backend: {[string]: string}
    consistency: {[string]: string}
    """,
)

BACKEND = MODULE.table("backend")
for name, text in (
    ("KV_RAFT", "kv.raft"),
    ("KV_CRDT", "kv.crdt"),
    ("MEMORY", "memory"),
    ("SQL", "sql"),
    ("UNKNOWN", "unknown"),
):
    BACKEND.constant(name, text)
CONSISTENCY = MODULE.table("consistency")
for name in ("LINEARIZABLE", "EVENTUAL", "LOCAL", "UNKNOWN"):
    CONSISTENCY.constant(name, name.lower())

DEFAULT_LIMIT = 100
MOST_ITEMS = 1000
_OPTIONS = PutOptions()


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _put_options(options: Any) -> PutOptions:
    if options is None or options == []:
        return _OPTIONS
    if not isinstance(options, dict):
        raise InvalidError("options must be a table")
    ttl, only = options.get("ttl"), options.get("only_if_absent")
    version = options.get("if_version")
    if ttl is not None and not (_number(ttl) and ttl >= 0):
        raise InvalidError("ttl must be a non-negative number")
    if only is not None and not isinstance(only, bool):
        raise InvalidError("only_if_absent must be a boolean")
    number = 0
    if version is not None:
        number = _version(version)
        if number <= 0:
            raise InvalidError("if_version must be a positive version")
        if only:
            raise InvalidError("only_if_absent and if_version are mutually exclusive")
    return PutOptions(float(ttl or 0), bool(only), number)


def _version(value: Any) -> int:
    """Read a version, a text or a whole number; 0 if it is neither."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() else 0
    return int(value) if _number(value) and value == value // 1 else 0


class _Listing:
    """What a page is asked for."""

    __slots__ = ("after", "limit", "prefix", "prefixes")

    def __init__(self, options: Any) -> None:
        if options is None or options == []:
            options = {}
        if not isinstance(options, dict):
            raise InvalidError("options must be a table")
        prefix, after = options.get("prefix"), options.get("after")
        limit = options.get("limit")
        if prefix is not None and not isinstance(prefix, str):
            raise InvalidError("prefix must be a string")
        if after is not None and not isinstance(after, str):
            raise InvalidError("after must be a string")
        if limit is not None and not (_number(limit) and limit >= 1):
            raise InvalidError("limit must be a positive number")
        self.prefix = prefix or ""
        # A key without a namespace is kept with a colon before it.
        both = {self.prefix, f":{self.prefix}"} if ":" not in self.prefix else None
        self.prefixes = ("",) if not prefix else tuple(sorted(both or {self.prefix}))
        self.after = _id(after) if after else ""
        self.limit = int(min(limit or DEFAULT_LIMIT, MOST_ITEMS))


def _id(key: str) -> str:
    """Read a key as an id; one without a namespace has a colon before it."""
    return key if ":" in key else f":{key}"


def _row(entry: StoreEntry) -> dict[str, Any]:
    return {"key": entry.key, "value": entry.value, "version": str(entry.version)}


class _Handle:
    """What both kinds of handle share: the checks before a store is asked."""

    def __init__(self, id: str, store: Any) -> None:  # noqa: A002 - its name
        self._id = id
        self._store = store
        self._released = False

    def __str__(self) -> str:
        return "store.Store{released}" if self._released else "store.Store{}"

    def _open(self) -> Any:
        if self._released:
            raise InvalidError("store is released")
        return self._store

    def _key(
        self, key: str, action: str, message: str, *, returned: bool = False
    ) -> str:
        self._open()
        if not key:
            raise InvalidError("key is required")
        try:
            check_permission(action, self._id, f"{message}: {key}", meta={"key": key})
        except PermissionDeniedError as error:
            if returned:
                raise
            raise _DeniedError(error.message) from error
        return _id(key)

    def _listing(self, options: Any) -> _Listing:
        self._open()
        listing = _Listing(options)
        check_permission(
            "store.key.list",
            self._id,
            f"not allowed to list store: {self._id}",
            meta={"prefix": listing.prefix},
        )
        return listing

    @staticmethod
    def _page(page: Any) -> dict[str, Any]:
        rows = [_row(item) for item in page.items]
        cursor = rows[-1]["key"] if rows else ""
        return {"items": rows, "cursor": cursor, "has_more": page.has_more}

    def info(self) -> dict[str, Any]:
        """Say what the store is and can do."""
        facts: StoreFacts = self._open().facts
        check_permission(
            "store.info", self._id, f"not allowed to inspect store: {self._id}"
        )
        return {
            "id": self._id,
            "backend": facts.backend,
            "consistency": facts.consistency,
            "durable": facts.durable,
            "list": True,
            "versioned": facts.versioned,
            "conditional_put": facts.conditional_put,
            "ttl": True,
        }

    @method(pair=False)
    def release(self) -> bool:
        """Give the store back; nothing happens the second time."""
        self._released = True
        return True


class _DeniedError(PermissionDeniedError):
    """A denial that is raised in Lua."""


def _ttl(ttl: float | None) -> PutOptions:
    return PutOptions(ttl) if ttl is not None and ttl > 0 else _OPTIONS


_READ = ("store.key.get", "not allowed to read key")
_WRITE = ("store.key.set", "not allowed to write key")
_CHECK = ("store.key.has", "not allowed to check key existence")
_DELETE = ("store.key.delete", "not allowed to delete key")


def _value(value: Any) -> Any:
    if value is None:
        raise InvalidError("value is required")
    return value


@MODULE.handle
class Local(_Handle):
    """A store that answers at once."""

    lua_name = "store.Store"

    @method(raises=_DeniedError)
    def get(self, key: str) -> Any:
        """Read a value."""
        return self._store.entry(self._key(key, *_READ)).value

    @method(name="set", raises=_DeniedError)
    def set_(self, key: str, value: Bag, ttl: float | None) -> bool:
        """Keep a value, for so many seconds or for ever."""
        self._store.put(self._key(key, *_WRITE), _value(value), _ttl(ttl))
        return True

    @method(raises=_DeniedError)
    def has(self, key: str) -> tuple[Any, ...]:
        """Tell whether there is a value."""
        try:
            self._store.entry(self._key(key, *_CHECK))
        except _DeniedError:
            raise
        except NotFoundError:
            return False, None
        except Error as error:
            return False, error
        return True, None

    @method(raises=_DeniedError)
    def delete(self, key: str) -> bool:
        """Forget a value; tells whether there was one."""
        return bool(self._store.delete(self._key(key, *_DELETE)))

    def entry(self, key: str) -> dict[str, Any]:
        """Read a value with its version."""
        return _row(self._store.entry(self._key(key, *_READ, returned=True)))

    def put(self, key: str, value: Bag, options: Any) -> dict[str, Any]:
        """Keep a value on condition."""
        id_ = self._key(key, *_WRITE, returned=True)
        return _row(self._store.put(id_, _value(value), _put_options(options)))

    def list(self, options: Any) -> dict[str, Any]:
        """Read a page of entries."""
        asked = self._listing(options)
        return self._page(self._store.list(asked.prefixes, asked.after, asked.limit))


@MODULE.handle
class Remote(_Handle):
    """A store that has to ask somebody."""

    lua_name = "store.RemoteStore"

    @method(raises=_DeniedError)
    async def get(self, key: str) -> Any:
        """Read a value."""
        return (await self._store.entry(self._key(key, *_READ))).value

    @method(name="set", raises=_DeniedError)
    async def set_(self, key: str, value: Bag, ttl: float | None) -> bool:
        """Keep a value, for so many seconds or for ever."""
        await self._store.put(self._key(key, *_WRITE), _value(value), _ttl(ttl))
        return True

    @method(raises=_DeniedError)
    async def has(self, key: str) -> tuple[Any, ...]:
        """Tell whether there is a value."""
        try:
            await self._store.entry(self._key(key, *_CHECK))
        except _DeniedError:
            raise
        except NotFoundError:
            return False, None
        except Error as error:
            return False, error
        return True, None

    @method(raises=_DeniedError)
    async def delete(self, key: str) -> bool:
        """Forget a value; tells whether there was one."""
        return bool(await self._store.delete(self._key(key, *_DELETE)))

    async def entry(self, key: str) -> dict[str, Any]:
        """Read a value with its version."""
        return _row(await self._store.entry(self._key(key, *_READ, returned=True)))

    async def put(self, key: str, value: Bag, options: Any) -> dict[str, Any]:
        """Keep a value on condition."""
        id_ = self._key(key, *_WRITE, returned=True)
        kept = await self._store.put(id_, _value(value), _put_options(options))
        return _row(kept)

    async def list(self, options: Any) -> dict[str, Any]:
        """Read a page of entries."""
        asked = self._listing(options)
        page = await self._store.list(asked.prefixes, asked.after, asked.limit)
        return self._page(page)


@MODULE.export(pair=False, raises=_DeniedError)
def get(id: str) -> Any:  # noqa: A002 - its name
    """Reach a store by the id of its entry.

    Raises:
      InvalidError: No id, or the entry is no store.
      InternalError: There is no such entry, or it is not running.
    """
    if not id:
        raise InvalidError("resource id is required")
    try:
        check_permission("store.get", id, f"not allowed to access store: {id}")
    except PermissionDeniedError as error:
        raise _DeniedError(error.message) from error
    try:
        found = current_runtime().resources.get(id)
    except NotFoundError as error:
        raise InternalError(str(error), context="failed to acquire resource") from error
    if not isinstance(getattr(found, "facts", None), StoreFacts):
        raise InvalidError(f"resource {id}: wanted a store, found another kind")
    return (Local if is_local(found) else Remote)(id, found)

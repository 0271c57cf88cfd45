"""`cloudstorage`: objects in buckets of a cloud (modules-io 6)."""

from __future__ import annotations

from typing import Any

from wippy_trio.modules._stream import is_readable, is_writable, read_some, write_some
from wippy_trio.sdk import (
    InvalidError,
    LuaModule,
    PermissionDeniedError,
    check_permission,
    current_runtime,
    method,
)
from wippy_trio.sdk.buckets import Bucket

MODULE = LuaModule(
    "cloudstorage",
    classes=("storage", "io", "network", "nondeterministic"),
    declares="""
    type Storage = {
      upload_object: (self: Storage, key: string, content: any, options: table?)
        -> (boolean?, Error?),
      download_object: (self: Storage, key: string, writer: any, options: table?)
        -> (boolean?, Error?),
      head_object: (self: Storage, key: string) -> (table?, Error?),
      list_objects: (self: Storage, options: table?) -> (table?, Error?),
      delete_objects: (self: Storage, keys: {string}) -> (boolean?, Error?),
      presigned_get_url: (self: Storage, key: string, options: table?)
        -> (string?, Error?),
      presigned_put_url: (self: Storage, key: string, options: table?)
        -> (string?, Error?),
      release: (self: Storage) -> boolean
    }
    get: (id: string) -> (Storage?, Error?)
    """,
)


class _DeniedError(PermissionDeniedError):
    """A denial that is raised in Lua."""


def _options(given: Any) -> dict[str, Any]:
    if given is None or given == []:
        return {}
    if not isinstance(given, dict):
        raise InvalidError("options must be a table", retryable=False)
    return given


def _key(key: str) -> str:
    if not key:
        raise InvalidError("key is required", retryable=False)
    return key


@MODULE.handle
class Storage:
    """A bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._released = False

    def __str__(self) -> str:
        state = "{released}" if self._released else "{}"
        return f"cloudstorage.Storage{state}"

    def _open(self) -> Bucket:
        if self._released:
            raise InvalidError("storage is released", retryable=False)
        return self._bucket

    async def upload_object(self, key: str, content: Any, options: Any) -> bool:
        """Keep an object: a string, or what a handle gives."""
        bucket = self._open()
        if isinstance(content, (int, float)) and not isinstance(content, bool):
            content = str(content)
        if isinstance(content, str):
            content = content.encode()
        if isinstance(content, bytes):
            rest = content

            async def read(most: int) -> bytes:
                nonlocal rest
                piece, rest = rest[:most], rest[most:]
                return piece
        elif is_readable(content):

            async def read(most: int) -> bytes:
                return await read_some(content, most)
        else:
            raise InvalidError(
                "content: wanted a string or something to read", retryable=False
            )
        await bucket.upload(_key(key), read, _options(options))
        return True

    async def download_object(self, key: str, writer: Any, options: Any) -> bool:
        """Write an object to a file or a stream."""
        bucket = self._open()
        if not is_writable(writer):
            raise InvalidError(
                "writer: wanted a file or a stream to write to", retryable=False
            )

        async def write(data: bytes) -> None:
            await write_some(writer, data)

        await bucket.download(_key(key), write, _options(options))
        return True

    async def head_object(self, key: str) -> dict[str, Any]:
        """Tell about an object."""
        return await self._open().head(_key(key))

    async def list_objects(self, options: Any) -> dict[str, Any]:
        """Give a page of objects."""
        return await self._open().list(_options(options))

    async def delete_objects(self, keys: Any) -> bool:
        """Delete objects."""
        bucket = self._open()
        if keys == {}:
            keys = []
        if not isinstance(keys, list) or not all(
            isinstance(key, str) and key for key in keys
        ):
            raise InvalidError("keys: wanted a list of keys", retryable=False)
        await bucket.delete(keys)
        return True

    async def presigned_get_url(self, key: str, options: Any) -> str:
        """Make a URL to read an object without credentials."""
        return await self._open().presign("get", _key(key), _options(options))

    async def presigned_put_url(self, key: str, options: Any) -> str:
        """Make a URL to write an object without credentials."""
        return await self._open().presign("put", _key(key), _options(options))

    @method(pair=False)
    def release(self) -> bool:
        """Give the bucket back; nothing happens the second time."""
        self._released = True
        return True


@MODULE.export(raises=_DeniedError)
def get(id: str) -> Any:  # noqa: A002 - its name
    """Reach a bucket by the id of its entry.

    Raises:
      InvalidError: No id, or the entry is no bucket.
      NotFoundError: There is no such entry.
    """
    if not id:
        raise InvalidError("resource id is required", retryable=False)
    try:
        check_permission(
            "cloudstorage.get", id, f"not allowed to access cloud storage: {id}"
        )
    except PermissionDeniedError as error:
        raise _DeniedError(error.message) from error  # modules-io D2
    found = current_runtime().resources.get(id)
    if not isinstance(found, Bucket):
        raise InvalidError(
            f"resource {id}: wanted a cloud storage, found another kind",
            retryable=False,
        )
    return Storage(found)

"""`loader`: read definition files of a file system as entries (modules-io 13).

The files are read as at the start of the application, but the registry is left alone:
what to do with the entries is the program's affair.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from wippy_trio.loading import SUFFIXES, UnreadableError, read_definition
from wippy_trio.logs import get_logger
from wippy_trio.modules.registry import shown
from wippy_trio.sdk import (
    Error,
    InternalError,
    InvalidError,
    LuaModule,
    NotFoundError,
    current_runtime,
    method,
)
from wippy_trio.sdk.volumes import Volume, resolve

MODULE = LuaModule(
    "loader",
    classes=("storage", "io", "nondeterministic"),
    declares="""
    type Loader = {
      load_directory: (self: Loader, path: string) -> ({any}?, Error?),
      load_file: (self: Loader, path: string) -> ({any}?, Error?)
    }
    new: (fs_id: string) -> (Loader?, Error?)
    """,
)

log = get_logger("loader")

_NEVER = "node_modules"
CHUNK = 1 << 18


def _read(volume: Volume, path: str) -> bytes:
    with volume.open(path, "r") as file:
        return b"".join(iter(lambda: file.read(CHUNK), b""))


def _inline(volume: Volume, definition: str, target: str) -> str:
    """Read what stands after ``file://``, relative to the file or to the root."""
    folder = definition.rpartition("/")[0] or "."
    if not target.strip("/"):
        raise UnreadableError("file://: wanted a path, found none")
    try:
        return _read(volume, resolve(folder, target)).decode("utf-8", "surrogateescape")
    except (Error, OSError) as error:
        raise UnreadableError(f"file://{target}: {error}") from error


def _entries(volume: Volume, path: str) -> list[dict[str, Any]]:
    try:
        found = read_definition(
            _read(volume, path), path, partial(_inline, volume, path)
        )
    except (UnreadableError, OSError) as error:
        raise InvalidError(f"{path}: {error}") from error
    return [shown(located.entry) for located in found]


def _walk(volume: Volume, folder: str) -> list[dict[str, Any]]:
    """Read a folder's files, then its sub-folders, each in byte order (apps 1.3)."""
    rows: list[dict[str, Any]] = []
    names = sorted(volume.list(folder), key=lambda item: os.fsencode(item[0]))
    for name, is_dir in names:
        path = name if folder == "." else f"{folder}/{name}"
        if is_dir or not name.endswith(SUFFIXES):
            continue
        try:
            rows += _entries(volume, path)
        except Error as error:
            log.warning("process file", path=path, error=str(error))
    for name, is_dir in names:
        if is_dir and name != _NEVER and not name.startswith("."):
            rows += _walk(volume, name if folder == "." else f"{folder}/{name}")
    return rows


@MODULE.handle
class Loader:
    """Reads the definition files of one file system."""

    def __init__(self, id: str, volume: Volume) -> None:  # noqa: A002 - its name
        self._id = id
        self._volume = volume

    def __str__(self) -> str:
        return f"loader.Loader{{{self._id}}}"

    @method(offload=0)
    def load_directory(self, path: Any, *_rest: Any) -> list[dict[str, Any]]:
        """Read all definition files of a folder; broken ones are skipped."""
        place = self._place(path, "directory path required")
        try:
            return _walk(self._volume, place)
        except Error as error:
            raise InternalError(f"load directory {path}: {error}") from error

    @method(offload=0)
    def load_file(self, path: Any, *_rest: Any) -> list[dict[str, Any]]:
        """Read one definition file."""
        place = self._place(path, "file path required")
        try:
            return _entries(self._volume, place)
        except Error as error:
            raise InternalError(f"load file {path}: {error}") from error

    @staticmethod
    def _place(path: Any, message: str) -> str:
        if not isinstance(path, str) or not path:
            raise InvalidError(message, retryable=False)
        return resolve(".", path)


@MODULE.export
def new(fs_id: str) -> Any:
    """Make a loader for a file system."""
    if not fs_id:
        raise InvalidError("filesystem name required", retryable=False)
    try:
        found = current_runtime().resources.get(fs_id)
    except NotFoundError:
        found = None
    if not isinstance(found, Volume):
        raise NotFoundError(f"filesystem '{fs_id}' not found", retryable=False)
    return Loader(fs_id, found)

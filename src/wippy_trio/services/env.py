"""``env.storage.*`` and ``env.variable``: the environment of the application."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import trio

from wippy_trio.sdk import EntryKind, InvalidError, NotFoundError, run_in_thread
from wippy_trio.services.env_storages import (
    FileStorage,
    MemoryStorage,
    OsStorage,
    RouterStorage,
    StaticStorage,
    Storage,
)

if TYPE_CHECKING:
    from pathlib import Path

    from wippy_trio.registry import Entry

__all__ = ["EnvStorages", "EnvVariables", "Variable"]

_NAME = re.compile(r"[A-Za-z0-9_]+")


class Variable(NamedTuple):
    """One registered variable.

    Attributes:
      id: Of its entry.
      name: Public name; ``None`` makes it reachable by id only.
      storage: Id of the storage that has its value.
      default: Stands in for a missing or empty value.
      readonly: Whether programs may not set it.
    """

    id: str
    name: str | None
    storage: str
    default: str = ""
    readonly: bool = False

    @property
    def key(self) -> str:
        """What its value is called inside the storage (apps 2.7.2)."""
        return self.name or self.id


class EnvStorages(EntryKind):
    """Handle the storages of environment variables (apps 2.7)."""

    kinds = (
        "env.storage.memory",
        "env.storage.file",
        "env.storage.os",
        "env.storage.static",
        "env.storage.router",
    )

    async def create(self, entry: Entry) -> None:
        """Open a storage."""
        self.runtime.env.add_storage(entry.id, await self._open(entry))

    async def update(self, old: Entry, new: Entry) -> None:
        """Open it anew; a memory storage keeps what it has."""
        if old.kind == new.kind == "env.storage.memory":
            await trio.lowlevel.checkpoint()
            return
        storage = await self._open(new)
        self.runtime.env.remove_storage(old.id)
        self.runtime.env.add_storage(new.id, storage)

    async def delete(self, entry: Entry) -> None:
        """Forget a storage."""
        self.runtime.env.remove_storage(entry.id)
        await trio.lowlevel.checkpoint()

    async def _open(self, entry: Entry) -> Storage:
        data = entry.data if isinstance(entry.data, dict) else {}
        if entry.kind == "env.storage.file":
            folder = self.runtime.project.folder
            return await run_in_thread(_open_file, folder, data)
        await trio.lowlevel.checkpoint()
        if entry.kind == "env.storage.memory":
            return MemoryStorage()
        if entry.kind == "env.storage.os":
            return OsStorage()
        if entry.kind == "env.storage.static":
            values = data.get("values")
            if not isinstance(values, dict):
                raise InvalidError(f"values: wanted a map, got {values!r}")
            return StaticStorage({str(k): as_text(v) for k, v in values.items()})
        return self._router(entry, data)

    def _router(self, entry: Entry, data: dict[str, Any]) -> Storage:
        ids = data.get("storages")
        if not isinstance(ids, list) or not ids:
            raise InvalidError(f"storages: wanted a list of storages, got {ids!r}")
        complete = [complete_id(id_, entry, "storages") for id_ in ids]
        find = self.runtime.env.find_storage
        for id_ in complete:
            if id_ == entry.id:
                raise InvalidError("storages: a router cannot route to itself")
            if find(id_) is None:
                raise NotFoundError(f"env storage {id_} not found")
        return RouterStorage(complete, find)


class EnvVariables(EntryKind):
    """Handle ``env.variable`` entries (apps 2.7)."""

    kinds = ("env.variable",)

    async def create(self, entry: Entry) -> None:
        """Register a variable."""
        self.runtime.env.add_variable(self._read(entry))
        await trio.lowlevel.checkpoint()

    async def update(self, old: Entry, new: Entry) -> None:
        """Register it anew; when that is refused, it stays as it was."""
        del old
        self.runtime.env.replace_variable(self._read(new))
        await trio.lowlevel.checkpoint()

    async def delete(self, entry: Entry) -> None:
        """Forget a variable; its value stays in the storage."""
        self.runtime.env.remove_variable(entry.id)
        await trio.lowlevel.checkpoint()

    def _read(self, entry: Entry) -> Variable:
        data = entry.data if isinstance(entry.data, dict) else {}
        name = data.get("variable")
        if name in (None, ""):
            name = None
        elif not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidError(
                f"variable: wanted a name of letters, digits and _, got {name!r}"
            )
        storage = complete_id(data.get("storage"), entry, "storage")
        if self.runtime.env.find_storage(storage) is None:
            raise NotFoundError(f"env storage {storage} not found")
        default = data.get("default")
        return Variable(
            entry.id,
            name,
            storage,
            "" if default is None else as_text(default),
            _flag(data, "readonly"),
        )


def complete_id(value: Any, entry: Entry, field: str) -> str:
    """Read a reference; a bare name is of the entry's namespace (apps 13.3)."""
    if not isinstance(value, str) or not value:
        raise InvalidError(f"{field}: wanted an id, got {value!r}")
    if ":" in value:
        return value
    return f"{entry.id.partition(':')[0]}:{value}"


def as_text(value: Any) -> str:
    """Write a scalar of an entry as the text of a variable."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        raise InvalidError(f"wanted a text, got {value!r}")
    return "" if value is None else str(value)


def _flag(data: dict[str, Any], field: str) -> bool:
    value = data.get(field, False)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise InvalidError(f"{field}: wanted true or false, got {value!r}")
    return value


def _mode(data: dict[str, Any], field: str, default: int) -> int:
    value = data.get(field, default)
    try:
        mode = int(value, 8) if isinstance(value, str) else value
    except ValueError:
        mode = -1
    if not isinstance(mode, int) or isinstance(mode, bool) or not 0 <= mode <= 0o7777:
        raise InvalidError(f"{field}: wanted an octal mode such as 0644, got {value!r}")
    return mode


def _open_file(folder: Path, data: dict[str, Any]) -> Storage:
    path = data.get("file_path")
    if not isinstance(path, str) or not path or "\0" in path:
        raise InvalidError(f"file_path: wanted a path, got {path!r}")
    mode = functools.partial(_mode, data)
    return FileStorage(
        folder / path,
        auto_create=_flag(data, "auto_create"),
        file_mode=mode("file_mode", 0o644),
        dir_mode=mode("dir_mode", 0o755),
    )

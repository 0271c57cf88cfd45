"""What a program holds of an archive whose entries it can open in any order."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Protocol

from wippy_trio.modules._stream import Stream
from wippy_trio.modules.archive.files import (
    PIECE,
    EntrySource,
    directions_of,
    extract,
    folder_of,
    make_folders,
    place_of,
)
from wippy_trio.modules.archive.formats import Item, Limits, safe_path
from wippy_trio.sdk import (
    InternalError,
    InvalidError,
    NotFoundError,
    current_process,
    during,
    method,
    run_in_thread,
)

if TYPE_CHECKING:
    from wippy_trio.modules.archive.reading import EntryReader
    from wippy_trio.modules.fs import FS

__all__ = ["Reader"]


class Archive(Protocol):
    """An archive whose entries can be opened in any order."""

    items: list[Item]

    def open(self, index: int) -> EntryReader:
        """Open an entry."""
        ...

    def is_file(self, index: int) -> bool:
        """Tell whether an entry is a plain file."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Reader:
    """An open archive."""

    lua_name = "archive.Reader"

    def __init__(
        self, archive: Archive, limits: Limits, file: IO[bytes] | None
    ) -> None:
        """Hold an archive.

        Args:
          archive: What is read.
          limits: What it may hold.
          file: Closed with it, if it is its own.
        """
        self._archive = archive
        self._limits = limits
        self._file = file
        self._closed = False
        self._by_name: dict[str, int] = {}
        for index, item in enumerate(archive.items):
            self._by_name.setdefault(item.name, index)
        self._withdraw = current_process().on_end(self._let_go)

    def _let_go(self) -> None:
        if not self._closed:
            self._closed = True
            self._archive.close()
            if self._file is not None:
                self._file.close()

    def _check(self) -> None:
        if self._closed:
            raise InternalError("archive is closed", retryable=False)

    def _find(self, name: str) -> int:
        self._check()
        index = self._by_name.get(name)
        if index is None:
            raise NotFoundError(f"entry not found: {name}", retryable=False)
        return index

    def _opened(self, index: int) -> EntryReader:
        item = self._archive.items[index]
        if item.is_dir:
            raise InternalError(
                f"entry {item.name}: it is a directory",
                retryable=False,
                context="open entry",
            )
        with during("open entry"):
            self._limits.check_size(item.name, item.size)
            return self._archive.open(index)

    @method(name="_rows")
    def rows(self) -> list[dict[str, Any]]:
        """List the entries."""
        self._check()
        return [item.row() for item in self._archive.items]

    def stat(self, name: str) -> dict[str, Any]:
        """Tell about an entry."""
        return self._archive.items[self._find(name)].row()

    async def read(self, name: str) -> bytes:
        """Read a whole entry, if it is not too large for that."""
        index = self._find(name)
        most = self._limits.inline_bytes
        if self._archive.items[index].size > most:
            raise InvalidError(
                "entry too large for read(); use stream() or extract()",
                retryable=False,
            )
        reader = self._opened(index)
        try:
            with during("read entry"):
                return await run_in_thread(_whole, reader, most)
        finally:
            reader.close()

    async def stream(self, name: str) -> Stream:
        """Read an entry piece by piece."""
        index = self._find(name)
        reader = await run_in_thread(self._opened, index)
        size = self._archive.items[index].size

        def over() -> str | None:
            return "archive is closed" if self._closed else None

        return Stream(EntrySource(reader, size, over))

    async def extract(self, name: str, fs: Any, dest: str | None) -> bool:
        """Write an entry to a file system, under its own name or another."""
        index = self._find(name)
        folder = folder_of(fs)
        path = folder._path(safe_path(name if dest is None else dest))
        if self._archive.items[index].is_dir:
            await run_in_thread(make_folders, folder._volume, f"{path}/x")
            return True
        await self._extract(index, folder, path)
        return True

    async def _extract(self, index: int, folder: FS, path: str) -> None:
        reader = await run_in_thread(self._opened, index)
        try:
            with during("extract entry"):
                await extract(reader, folder._volume, path, self._limits.buffer_bytes)
        finally:
            reader.close()

    @method(name="_extract_all")
    async def extract_some(self, fs: Any, prefix: Any, strip: Any, chosen: Any) -> int:
        """Write all entries, or those chosen, to a file system."""
        self._check()
        folder = folder_of(fs)
        before, off = directions_of(prefix, strip)
        indexes: Any = range(len(self._archive.items))
        if isinstance(chosen, list):
            indexes = [number - 1 for number in chosen]
        count = 0
        for index in indexes:
            item = self._archive.items[index]
            path = place_of(folder, item.name, before, off)
            if path is None:
                continue
            if item.is_dir:
                await run_in_thread(make_folders, folder._volume, f"{path}/x")
            elif self._archive.is_file(index):
                await self._extract(index, folder, path)
                count += 1
        return count

    def close(self) -> bool:
        """Close it; nothing happens the second time."""
        if not self._closed:
            self._withdraw()
            self._let_go()
        return True


def _whole(reader: EntryReader, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while data := reader.read(PIECE):
        size += len(data)
        if size > most:
            raise InvalidError(
                "entry too large for read(); use stream() or extract()",
                retryable=False,
            )
        parts.append(data)
    return b"".join(parts)

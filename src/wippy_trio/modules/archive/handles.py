"""What a program holds of archives: readers, walkers, writers.

Everything that takes time is done piece by piece in worker threads, so that whoever is
cancelled stops between two pieces; files that were begun are then closed.

Source: modules-data 6.
"""

from __future__ import annotations

import io
import tempfile
from typing import IO, TYPE_CHECKING, Any, Protocol

from wippy_trio.modules._arguments import octets
from wippy_trio.modules._stream import Source, Stream, read_some
from wippy_trio.modules._texts import whole_number
from wippy_trio.modules.archive.formats import Item, Limits, safe_path, strip_path
from wippy_trio.modules.fs import FS, write_all
from wippy_trio.modules.fs.files import File
from wippy_trio.sdk import (
    AlreadyExistsError,
    Error,
    InternalError,
    InvalidError,
    NotFoundError,
    current_process,
    method,
    run_in_thread,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wippy_trio.modules.archive.reading import EntryReader
    from wippy_trio.modules.archive.writing import Packer
    from wippy_trio.sdk.volumes import Volume

__all__ = ["Reader", "Target", "Walker", "Writer", "make_folders", "spooled"]

_PIECE = 1 << 20
_LONGEST_NAME = 65_535  # what a ZIP can say
_NO_FS = "destination must be an fs handle"


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


# -- files -----------------------------------------------------------------------------


def make_folders(volume: Volume, path: str) -> None:
    """Make the folders that lead to a path."""
    parts = path.split("/")[:-1]
    for count in range(1, len(parts) + 1):
        try:
            volume.mkdir("/".join(parts[:count]))
        except AlreadyExistsError:
            continue


def _begin(volume: Volume, path: str) -> IO[bytes]:
    make_folders(volume, path)
    return volume.open(path, "w")


def _pump(reader: EntryReader, target: IO[bytes], buffer: int) -> bool:
    """Copy about a megabyte; tells whether there may be more."""
    copied = 0
    while copied < _PIECE:
        data = reader.read(buffer)
        if not data:
            return False
        write_all(target, data)  # type: ignore[arg-type]
        copied += len(data)
    return True


async def extract(reader: EntryReader, volume: Volume, path: str, buffer: int) -> None:
    """Write an entry to a file; one that fails leaves nothing behind.

    Raises:
      Error: The entry cannot be read, or the file not be written.
    """
    target = await run_in_thread(_begin, volume, path)
    done = False
    try:
        while await run_in_thread(_pump, reader, target, buffer):
            pass
        done = True
    except OSError as error:
        raise InternalError(f"{path}: {error.strerror}", retryable=False) from error
    finally:
        target.close()
        if not done:
            volume.remove(path)


def _folder(fs: Any) -> FS:
    if not isinstance(fs, FS):
        raise InvalidError(_NO_FS, retryable=False)
    return fs


def _place(fs: FS, name: str, prefix: str, strip: int) -> str | None:
    """Tell where an entry goes; ``None`` for a name that is not safe."""
    inner = strip_path(name, strip) if strip else name
    try:
        return fs._path(safe_path(f"{prefix}/{safe_path(inner)}" if prefix else inner))
    except InvalidError:
        return None


def _directions(prefix: Any, strip: Any) -> tuple[str, int]:
    text = prefix.strip("/") if isinstance(prefix, str) else ""
    return text, whole_number(strip, 0, 0, 1000)


def _check_total(size: int, limit: int) -> None:
    if size > limit:
        raise InvalidError(f"archive is larger than {limit} bytes", retryable=False)


async def spooled(stream: Stream, limit: int) -> IO[bytes]:
    """Put all that a stream gives into a temporary file."""
    file = tempfile.SpooledTemporaryFile(max_size=_PIECE)  # noqa: SIM115
    size = 0
    try:
        while data := await read_some(stream, _PIECE):
            size += len(data)
            _check_total(size, limit)
            await run_in_thread(file.write, data)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


class EntrySource(Source):
    """What an entry holds, as a stream."""

    readable = True

    def __init__(
        self, reader: EntryReader, size: int, over: Callable[[], str | None]
    ) -> None:
        self.size = size
        self._reader = reader
        self._over = over

    async def read(self, most: int) -> bytes:
        """Give up to so many bytes."""
        reason = self._over()
        if reason is not None:
            raise InternalError(reason, retryable=False)
        return await run_in_thread(self._reader.read, most)

    async def close(self) -> None:
        """Let go of it."""
        self._reader.close()


# -- reading ---------------------------------------------------------------------------


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
                f"entry {item.name}: it is a directory", retryable=False
            )
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
        folder = _folder(fs)
        path = folder._path(safe_path(name if dest is None else dest))
        if self._archive.items[index].is_dir:
            await run_in_thread(make_folders, folder._volume, f"{path}/x")
            return True
        await self._extract(index, folder, path)
        return True

    async def _extract(self, index: int, folder: FS, path: str) -> None:
        reader = await run_in_thread(self._opened, index)
        try:
            await extract(reader, folder._volume, path, self._limits.buffer_bytes)
        finally:
            reader.close()

    @method(name="_extract_all")
    async def extract_some(self, fs: Any, prefix: Any, strip: Any, chosen: Any) -> int:
        """Write all entries, or those chosen, to a file system."""
        self._check()
        folder = _folder(fs)
        before, off = _directions(prefix, strip)
        indexes: Any = range(len(self._archive.items))
        if isinstance(chosen, list):
            indexes = [number - 1 for number in chosen]
        count = 0
        for index in indexes:
            item = self._archive.items[index]
            path = _place(folder, item.name, before, off)
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
    while data := reader.read(_PIECE):
        size += len(data)
        if size > most:
            raise InvalidError(
                "entry too large for read(); use stream() or extract()",
                retryable=False,
            )
        parts.append(data)
    return b"".join(parts)


# -- walking ---------------------------------------------------------------------------


class Walker:
    """An archive that is read from the front to the back, once."""

    lua_name = "archive.Walker"

    def __init__(
        self,
        steps: Iterator[tuple[Item, EntryReader | None]],
        limits: Limits,
        file: IO[bytes] | None,
    ) -> None:
        self._steps = steps
        self._limits = limits
        self._file = file
        self._turn = 0
        self._busy = self._closed = False
        self._current: tuple[Item, EntryReader | None] | None = None
        self._withdraw = current_process().on_end(self._let_go)

    def _let_go(self) -> None:
        if not self._closed:
            self._closed = True
            if self._file is not None:
                self._file.close()

    async def _advance(self) -> None:
        if self._closed:
            raise InternalError("archive is closed", retryable=False)
        if self._busy:
            raise InternalError(
                "another coroutine is walking this archive", retryable=False
            )
        self._turn += 1
        self._busy = True
        try:
            self._current = await run_in_thread(next, self._steps, None)
        finally:
            self._busy = False

    @method(name="_step", raises=True)
    async def step(self) -> tuple[Any, ...]:
        """Go to the next entry: what it is, and its stream."""
        try:
            await self._advance()
        except Error as error:
            raise type(error)(
                f"archive walk: {error.message}", retryable=False
            ) from error
        if self._current is None:
            return None, None
        item, reader = self._current
        stream = None
        if reader is not None:
            turn = self._turn

            def over() -> str | None:
                if self._closed:
                    return "archive is closed"
                return None if self._turn == turn else "the walk has gone on"

            stream = Stream(EntrySource(reader, item.size or -1, over))
        return item.row(), stream

    @method(name="_next")
    async def next_row(self) -> dict[str, Any] | None:
        """Go to the next entry, for extraction."""
        await self._advance()
        return None if self._current is None else self._current[0].row()

    @method(name="_take")
    async def take(self, fs: Any, prefix: Any, strip: Any) -> int:
        """Write the entry reached to a file system: how many files that made."""
        folder = _folder(fs)
        if self._current is None:
            return 0
        item, reader = self._current
        path = _place(folder, item.name, *_directions(prefix, strip))
        if path is None:
            return 0
        if item.is_dir:
            await run_in_thread(make_folders, folder._volume, f"{path}/x")
            return 0
        if reader is None:
            return 0
        await extract(reader, folder._volume, path, self._limits.buffer_bytes)
        return 1

    def close(self) -> bool:
        """Close it; nothing happens the second time."""
        if not self._closed:
            self._withdraw()
            self._let_go()
        return True


# -- writing ---------------------------------------------------------------------------


class Collector:
    """Bytes of an archive on their way to a file or stream."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Take all of some bytes."""
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing."""

    def taken(self) -> bytes:
        """Give what has come, and forget it."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


class Target:
    """Where an archive goes: a file, its own or a program's, or a stream."""

    def __init__(
        self, file: IO[bytes] | None, stream: Stream | None, *, own: bool
    ) -> None:
        self._file = file
        self._stream = stream
        self._own = own

    async def put(self, data: bytes) -> None:
        """Write bytes."""
        if not data:
            return
        if self._file is not None:
            await run_in_thread(self.put_now, data)
        elif self._stream is not None:
            _count, error = await self._stream.write(data)
            if error is not None:
                raise error

    def put_now(self, data: bytes) -> None:
        """Write bytes to a file, in place."""
        if self._file is not None:
            try:
                write_all(self._file, data)  # type: ignore[arg-type]
            except (OSError, ValueError) as error:
                raise InternalError(
                    f"write archive: {error}", retryable=False
                ) from None

    def close(self) -> None:
        """Close the file if it is its own."""
        if self._own and self._file is not None:
            self._file.close()


class Writer:
    """An archive that is being written."""

    lua_name = "archive.Writer"

    def __init__(self, packer: Packer, collector: Collector, target: Target) -> None:
        self._packer = packer
        self._collector = collector
        self._target = target
        self._busy = self._closed = False
        self._broken = ""
        self._withdraw = current_process().on_end(self._ended)

    def _ended(self) -> None:
        """End the archive with its process, as far as that can be done in place."""
        if self._closed:
            return
        self._closed = True
        try:
            if not self._broken and not self._busy:
                self._packer.finish()
                self._target.put_now(self._collector.taken())
        finally:
            self._target.close()

    def _begin(self) -> None:
        if self._closed:
            raise InternalError("archive is closed", retryable=False)
        if self._broken:
            raise InternalError(f"archive is broken: {self._broken}", retryable=False)
        if self._busy:
            raise InternalError(
                "another coroutine is writing this archive", retryable=False
            )

    @staticmethod
    async def _piece(data: Any) -> bytes:
        """Give the next piece of a stream or file; none at the end."""
        if isinstance(data, Stream):
            return await read_some(data, _PIECE)
        piece: bytes = await run_in_thread(data.read, _PIECE)
        return piece

    async def _write(
        self, name: str, data: Any, size: int | None, options: dict[Any, Any], mode: int
    ) -> None:
        self._begin()
        if not name or "\0" in name:
            raise InvalidError("entry name is required", retryable=False)
        if len(name.encode("utf-8", "surrogateescape")) > _LONGEST_NAME:
            raise InvalidError(
                f"entry name: wanted at most {_LONGEST_NAME} bytes", retryable=False
            )
        now = int(current_process().host.node.clock.unix())
        modified = whole_number(options.get("modified"), now, 0, 1 << 40)
        store = options.get("method") == "store"
        self._busy = True
        begun = False
        try:
            self._packer.begin(
                name,
                size,
                whole_number(options.get("mode"), mode, 0, 0o7777),
                modified,
                store=store,
            )
            begun = True
            while piece := await self._piece(data):
                await run_in_thread(self._packer.write, piece)
                await self._target.put(self._collector.taken())
            await run_in_thread(self._packer.end)
            await self._target.put(self._collector.taken())
        except (ValueError, OSError) as error:
            self._broken = str(error)
            raise InternalError(
                f"write entry {name}: {error}", retryable=False
            ) from None
        except BaseException as error:
            if begun:
                self._broken = str(error) or "it was cancelled"
            raise
        finally:
            self._busy = False

    async def add(self, name: str, data: Any, options: Any = None) -> bool:
        """Add an entry: a string, or what a stream or a file gives."""
        given = options if isinstance(options, dict) else {}
        size: int | None = None
        source = data
        if isinstance(data, (str, bytes)):
            raw = octets(data, "")
            size, source = len(raw), io.BytesIO(raw)
        elif isinstance(data, File):
            source = data._open()
            size = data.stat()["size"] - source.tell()
        elif isinstance(data, Stream):
            said = whole_number(given.get("size"), -1, 0, 1 << 50)
            size = None if said < 0 else said
        else:
            raise InvalidError(
                "data must be a string, a stream, or an fs file", retryable=False
            )
        await self._write(name, source, size, given, 0o644)
        return True

    async def add_file(
        self, name: str, fs: Any, path: str, options: Any = None
    ) -> bool:
        """Add a file of a file system, with its mode."""
        if not isinstance(fs, FS):
            raise InvalidError("source must be an fs handle", retryable=False)
        self._begin()
        place = fs._path(path)
        info = await run_in_thread(fs._volume.stat, place)
        given = options if isinstance(options, dict) else {}
        given = {"modified": info.modified, **given}
        with await run_in_thread(fs._volume.open, place, "r") as file:
            await self._write(name, file, info.size, given, info.mode & 0o7777)
        return True

    async def add_dir(self, name: str) -> bool:
        """Add a folder."""
        path = name.rstrip("/")
        if not path:
            raise InvalidError("entry name is required", retryable=False)
        await self._write(f"{path}/", io.BytesIO(), 0, {}, 0o755)
        return True

    async def close(self) -> bool:
        """End the archive; nothing happens the second time."""
        if self._closed:
            return True
        self._begin()
        self._closed = True
        self._withdraw()
        try:
            await run_in_thread(self._packer.finish)
            await self._target.put(self._collector.taken())
        except (ValueError, OSError) as error:
            raise InternalError(f"write archive: {error}", retryable=False) from None
        finally:
            self._target.close()
        return True

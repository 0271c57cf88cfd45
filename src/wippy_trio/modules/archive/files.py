"""Entries on their way to files and streams, piece by piece.

Everything that takes time is done in worker threads, so that whoever is cancelled stops
between two pieces; files that were begun are then closed.

Source: modules-data 6.
"""

from __future__ import annotations

import tempfile
from typing import IO, TYPE_CHECKING, Any

from wippy_trio.modules._stream import Source, Stream, read_some
from wippy_trio.modules._texts import whole_number
from wippy_trio.modules.archive.formats import safe_path, strip_path
from wippy_trio.modules.fs import FS, write_all
from wippy_trio.sdk import (
    AlreadyExistsError,
    InternalError,
    InvalidError,
    run_in_thread,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.modules.archive.reading import EntryReader
    from wippy_trio.sdk.volumes import Volume

__all__ = [
    "PIECE",
    "EntrySource",
    "directions_of",
    "extract",
    "folder_of",
    "make_folders",
    "place_of",
    "spooled",
]

PIECE = 1 << 20
_NO_FS = "destination must be an fs handle"


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
    while copied < PIECE:
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


def folder_of(fs: Any) -> FS:
    """Take an argument that has to be a file system.

    Raises:
      InvalidError: It is none.
    """
    if not isinstance(fs, FS):
        raise InvalidError(_NO_FS, retryable=False)
    return fs


def place_of(fs: FS, name: str, prefix: str, strip: int) -> str | None:
    """Tell where an entry goes; ``None`` for a name that is not safe."""
    inner = strip_path(name, strip) if strip else name
    try:
        return fs._path(safe_path(f"{prefix}/{safe_path(inner)}" if prefix else inner))
    except InvalidError:
        return None


def directions_of(prefix: Any, strip: Any) -> tuple[str, int]:
    """Read where entries go and how many folders are taken off their names."""
    text = prefix.strip("/") if isinstance(prefix, str) else ""
    return text, whole_number(strip, 0, 0, 1000)


def _check_total(size: int, limit: int) -> None:
    if size > limit:
        raise InvalidError(f"archive is larger than {limit} bytes", retryable=False)


async def spooled(stream: Stream, limit: int) -> IO[bytes]:
    """Put all that a stream gives into a temporary file."""
    file = tempfile.SpooledTemporaryFile(max_size=PIECE)  # noqa: SIM115
    size = 0
    try:
        while data := await read_some(stream, PIECE):
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

"""What a program holds of an archive that it writes."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any

from wippy_trio.modules._arguments import octets
from wippy_trio.modules._stream import Stream, read_some
from wippy_trio.modules._texts import whole_number
from wippy_trio.modules.archive.files import PIECE
from wippy_trio.modules.fs import FS, write_all
from wippy_trio.modules.fs.files import File
from wippy_trio.sdk import (
    InternalError,
    InvalidError,
    current_process,
    run_in_thread,
)

if TYPE_CHECKING:
    from wippy_trio.modules.archive.writing import Packer

__all__ = ["Collector", "Target", "Writer"]

_LONGEST_NAME = 65_535  # what a ZIP can say


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
                    str(error), retryable=False, context="write archive"
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
            if self._broken:
                self._packer.abandon()
            elif not self._busy:  # else whoever writes abandons it
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
            return await read_some(data, PIECE)
        piece: bytes = await run_in_thread(data.read, PIECE)
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
                str(error), retryable=False, context=f"write entry {name}"
            ) from None
        except BaseException as error:
            if begun:
                self._broken = str(error) or "it was cancelled"
            raise
        finally:
            self._busy = False
            if self._closed:  # the process has ended meanwhile
                self._packer.abandon()

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
            raise InternalError(
                str(error), retryable=False, context="write archive"
            ) from None
        finally:
            self._target.close()
        return True

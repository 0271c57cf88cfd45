"""Open files and scanners, as a program holds them (modules-io 5.2)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from wippy_trio.sdk import (
    Error,
    InternalError,
    InvalidError,
    NotFoundError,
    current_process,
    method,
    run_in_thread,
)
from wippy_trio.sdk.scanning import Splitter
from wippy_trio.sdk.volumes import error_of

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["File", "Scanner"]

DEFAULT_READ = 4096
SCAN_CHUNK = 4096
LARGE = 1 << 18
_WHENCE = {"set": os.SEEK_SET, "cur": os.SEEK_CUR, "end": os.SEEK_END}


class File:
    """An open file; it is closed with its process."""

    def __init__(self, file: BinaryIO, path: str) -> None:
        self._file = file
        self._path = path
        self._withdraw = current_process().on_end(file.close)

    def __str__(self) -> str:
        return "fs.File{closed}" if self._file.closed else "fs.File{}"

    def _open(self) -> BinaryIO:
        """Give the file behind it.

        Raises:
          InternalError: It is closed.
        """
        if self._file.closed:
            raise InternalError(f"{self._path}: already closed", retryable=False)
        return self._file

    def _failed(self, raised: OSError | ValueError) -> Error:
        if isinstance(raised, OSError) and raised.errno:
            text = error_of(raised, self._path).message
        else:
            text = f"{self._path}: {raised}"
        return InternalError(text, retryable=False)

    def read(self, size: int | None) -> bytes:
        """Read up to so many bytes; at the end it fails with ``EOF``."""
        wanted = DEFAULT_READ if size is None else size
        if wanted <= 0:
            raise InvalidError(f"size: wanted more than 0, got {wanted}")
        try:
            data = self._open().read(wanted)
        except (OSError, ValueError) as error:
            raise self._failed(error) from error
        if not data:
            raise NotFoundError("EOF", retryable=False)
        return data

    async def _take(self, most: int) -> bytes:
        """Read as streams are read: none at the end."""
        try:
            return await run_in_thread(self.read, most)
        except NotFoundError:
            return b""

    async def _put(self, data: bytes) -> None:
        """Write as streams are written to."""
        _, error = await run_in_thread(self.write, data)
        if error is not None:
            raise error

    @method(offload=LARGE)
    def write(self, data: bytes) -> tuple[Any, ...]:
        """Write all of a string."""
        if not data:
            return False, InvalidError("data is required", retryable=False)
        try:
            file = self._open()
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
        except (OSError, ValueError) as error:
            return False, self._failed(error)
        except Error as error:
            return False, error
        return True, None

    def seek(self, whence: str, offset: int) -> int:
        """Move; gives the new position from the start."""
        how = _WHENCE.get(whence)
        if how is None:
            raise InvalidError(
                f"whence: wanted set, cur or end, got {whence!r}", retryable=False
            )
        try:
            return self._open().seek(offset, how)
        except (OSError, ValueError) as error:
            raise self._failed(error) from error

    def stat(self) -> dict[str, Any]:
        """Tell about the file."""
        found = os.fstat(self._open().fileno())
        return {
            "name": self._path.rpartition("/")[2],
            "size": found.st_size,
            "mode": found.st_mode & 0o7777,
            "modified": int(found.st_mtime),
            "is_dir": False,
            "type": "file",
        }

    @method(offload=0)
    def sync(self) -> bool:
        """Have everything on the disk."""
        try:
            os.fsync(self._open().fileno())
        except (OSError, ValueError) as error:
            raise self._failed(error) from error
        return True

    @method(pair=False)
    def close(self) -> bool:
        """Close it; nothing happens the second time."""
        if not self._file.closed:
            self._withdraw()
            self._file.close()
        return True

    def scanner(self, split: str | None) -> Any:
        """Read it token by token."""
        if self._file.closed:
            raise InvalidError(f"{self._path}: already closed", retryable=False)
        return Scanner(self, Splitter("lines" if split is None else split))


class Scanner:
    """Reads a file token by token."""

    def __init__(self, file: File, splitter: Splitter) -> None:
        self._file = file
        self._splitter = splitter
        self._text = b""
        self._error: Error | None = None

    @method(pair=False)
    def scan(self) -> bool:
        """Go to the next token; tells whether there is one."""
        if self._error is not None:
            return False
        try:
            while True:
                token = self._splitter.take()
                if token is not None:
                    self._text = token
                    return True
                if self._splitter.ended:
                    break
                self._splitter.push(self._read())
        except Error as error:
            self._error = error
        self._text = b""
        return False

    def _read(self) -> bytes:
        try:
            return self._file.read(SCAN_CHUNK)
        except NotFoundError:
            return b""

    @method(pair=False)
    def text(self) -> bytes:
        """Give the token."""
        return self._text

    @method(pair=False)
    def err(self) -> Any:
        """Give what ended the scan, unless it was the end of the file."""
        return self._error

"""Streams of bytes, as a program holds them (modules-io 11).

A `Stream` is one class for bodies of requests and responses, uploaded files and the
pipes of other programs; a `Source` behind it says what it can. Whoever makes a stream
closes its source with what it belongs to.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO

from wippy_trio.sdk import Error, InternalError, InvalidError, method
from wippy_trio.sdk.module import handle_class
from wippy_trio.sdk.scanning import Splitter

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FileSource",
    "Scanner",
    "Source",
    "Stream",
    "is_readable",
    "is_writable",
    "read_some",
    "write_some",
]

MOST_AT_ONCE = 32 * 1024


class Source:
    """What is behind a stream; a subclass overrides what it can.

    Attributes:
      size: In bytes, -1 if it is not known.
    """

    readable = False
    writable = False
    seekable = False
    size = -1

    async def read(self, most: int) -> bytes:
        """Give up to so many bytes; none at the end."""
        raise NotImplementedError

    async def write(self, data: bytes) -> None:
        """Take all of some bytes."""
        raise NotImplementedError

    async def flush(self) -> None:
        """Have what was written leave."""

    async def seek(self, whence: int, offset: int) -> int:
        """Move; give the new position."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of it; not called twice."""


class FileSource(Source):
    """A file that is open already, in memory or of the system's temporary ones."""

    readable = True
    seekable = True

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size

    async def read(self, most: int) -> bytes:
        """Read in place: such files are in memory, or were written a moment ago."""
        try:
            return self._file.read(most)
        except ValueError as error:
            raise InternalError("the file is closed", retryable=False) from error

    async def seek(self, whence: int, offset: int) -> int:
        """Move."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError) as error:
            raise InternalError(str(error), retryable=False, context="seek") from error


_WHENCE = {"set": io.SEEK_SET, "cur": io.SEEK_CUR, "end": io.SEEK_END}


def is_readable(value: Any) -> bool:
    """Tell whether a handle gives bytes: a stream, an open file."""
    return hasattr(value, "_take")


async def read_some(value: Any, most: int = MOST_AT_ONCE) -> bytes:
    """Read up to so many bytes from a handle that `is_readable`; none at the end.

    Raises:
      InternalError: It is closed, cannot be read, or another coroutine reads it.
    """
    data: bytes = await value._take(most)
    return data


def is_writable(value: Any) -> bool:
    """Tell whether a handle takes bytes: a stream one can write to, an open file."""
    return hasattr(value, "_put") and (
        not isinstance(value, Stream) or value._source.writable
    )


async def write_some(value: Any, data: bytes) -> None:
    """Write all of some bytes to a handle that `is_writable`.

    Raises:
      InternalError: It is closed, or the write failed.
    """
    await value._put(data)


class Stream:
    """A stream of bytes."""

    lua_name = "stream.Stream"

    def __init__(
        self, source: Source, *, closed: Callable[[], bool] | None = None
    ) -> None:
        """Make one.

        Args:
          source: What is behind it.
          closed: Tells whether what it belongs to is over.
        """
        self._source = source
        self._over = closed
        self._closed = False
        self._busy = False
        self._at = 0

    def __str__(self) -> str:
        return "stream.Stream{closed}" if self._is_closed() else "stream.Stream{}"

    def _is_closed(self) -> bool:
        return self._closed or (self._over is not None and self._over())

    def _check(self, able: bool, doing: str) -> None:
        if self._is_closed():
            raise InternalError("the stream is closed", retryable=False)
        if not able:
            raise InternalError(f"the stream is not {doing}", retryable=False)

    async def _take(self, most: int) -> bytes:
        """Read for Python: the bytes, none at the end.

        Raises:
          InternalError: Closed, not readable, or another coroutine is reading.
        """
        self._check(self._source.readable, "readable")
        if self._busy:
            raise InternalError(
                "another coroutine is reading this stream", retryable=False
            )
        self._busy = True
        try:
            data = await self._source.read(most)
        except Error as error:
            raise InternalError(error.message, retryable=False) from error
        finally:
            self._busy = False
        self._at += len(data)
        return data

    async def _put(self, data: bytes) -> None:
        """Write for Python."""
        self._check(self._source.writable, "writable")
        await self._source.write(data)
        self._at += len(data)

    async def read(self, size: int | None) -> bytes | None:
        """Read up to so many bytes, up to 32 KiB by default; nil at the end."""
        wanted = size or 0
        if wanted < 0:
            raise InvalidError(f"read: size: wanted 0 or more, got {wanted}")
        return await self._take(wanted or MOST_AT_ONCE) or None

    async def write(self, data: bytes) -> tuple[Any, ...]:
        """Write all of a string: how many bytes, or 0 and an error."""
        try:
            self._check(self._source.writable, "writable")
            await self._source.write(data)
        except Error as error:
            return 0, InternalError(error.message, retryable=False)
        self._at += len(data)
        return len(data), None

    async def flush(self) -> tuple[Any, ...]:
        """Have what was written leave."""
        try:
            self._check(self._source.writable, "writable")
            await self._source.flush()
        except Error as error:
            return False, InternalError(error.message, retryable=False)
        return True, None

    @method(raises=InvalidError)
    async def seek(self, whence: str | None, offset: int | None) -> tuple[Any, ...]:
        """Move: the new position, or -1 and an error."""
        how = _WHENCE.get("set" if whence is None else whence)
        if how is None:
            raise InvalidError(f"seek: wanted set, cur or end, got {whence!r}")
        try:
            self._check(self._source.seekable, "seekable")
            self._at = await self._source.seek(how, offset or 0)
        except Error as error:
            return -1, InternalError(error.message, retryable=False)
        return self._at, None

    def stat(self) -> dict[str, Any]:
        """Tell size and position, and what it can."""
        self._check(True, "")
        source = self._source
        return {
            "size": source.size,
            "position": self._at,
            "readable": source.readable,
            "writable": source.writable,
            "seekable": source.seekable,
        }

    async def close(self) -> bool:
        """Close it; nothing happens the second time."""
        if not self._closed:
            self._closed = True
            await self._source.close()
        return True

    @method(raises=InvalidError)
    def scanner(self, split: str | None) -> Any:
        """Read it token by token: lines, words, bytes or runes."""
        splitter = Splitter("lines" if split is None else split)
        self._check(self._source.readable, "readable")
        return Scanner(self, splitter)


class Scanner:
    """Reads a stream token by token."""

    lua_name = "stream.Scanner"

    def __init__(self, stream: Stream, splitter: Splitter) -> None:
        self._stream = stream
        self._splitter = splitter
        self._text = b""
        self._error: str | None = None

    async def scan(self) -> tuple[Any, ...]:
        """Go to the next token: whether there is one, and what went wrong."""
        if self._error is not None:
            return False, InternalError(self._error, retryable=False)
        try:
            while True:
                token = self._splitter.take()
                if token is not None:
                    self._text = token
                    return True, None
                if self._splitter.ended:
                    self._text = b""
                    return False, None
                self._splitter.push(await self._stream._take(MOST_AT_ONCE))
        except Error as error:
            self._text, self._error = b"", error.message
            return False, InternalError(error.message, retryable=False)

    @method(pair=False)
    def text(self) -> bytes:
        """Give the token."""
        return self._text

    @method(pair=False)
    def err(self) -> str | None:
        """Give the text of what ended the scan, unless it was the end."""
        return self._error


handle_class(Stream, Stream.lua_name)
handle_class(Scanner, Scanner.lua_name)

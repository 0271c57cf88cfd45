"""The terminal of the launched program: the standard streams of this process."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import InternalError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

__all__ = ["Terminal"]


class Terminal:
    """Read and write the standard streams; a cancelled read loses no byte.

    One thread at a time reads; what it brings after its reader was cancelled waits in
    the buffer for the next one.
    """

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self.arguments = tuple(arguments)
        self._buffer = b""
        self._ended = False
        self._lock = trio.Lock()
        self._raw = 0
        self._saved: list[Any] | None = None

    def write(self, data: bytes) -> None:
        """Write to standard output, and flush it.

        Raises:
          InternalError: It could not be written.
        """
        _write(sys.stdout, data, "stdout")

    def write_error(self, data: bytes) -> None:
        """Write to standard error, and flush it.

        Raises:
          InternalError: It could not be written.
        """
        _write(sys.stderr, data, "stderr")

    async def raw(self) -> None:
        """Give every key at once and show none; output is as before. It is counted.

        Raises:
          UnavailableError: Standard input is no terminal, or it cannot be had raw.
        """
        await trio.lowlevel.checkpoint()
        if self._raw == 0:
            refused = UnavailableError(
                "raw terminal control unavailable", retryable=False
            )
            try:
                import termios  # noqa: PLC0415 - not on every system
                import tty  # noqa: PLC0415
            except ImportError:
                raise refused from None
            try:
                self._saved = termios.tcgetattr(0)
                tty.setraw(0, termios.TCSADRAIN)
                changed = termios.tcgetattr(0)
                changed[1] |= termios.OPOST
                termios.tcsetattr(0, termios.TCSADRAIN, changed)
            except (OSError, termios.error):
                raise refused from None
        self._raw += 1

    def cooked(self) -> None:
        """Take one request for raw input back; the last one restores the terminal."""
        if self._raw == 0:
            return
        self._raw -= 1
        if self._raw == 0 and self._saved is not None:
            import termios  # noqa: PLC0415 - it was there for `raw`

            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(0, termios.TCSADRAIN, self._saved)
            self._saved = None

    async def _fill(self) -> None:
        def read() -> None:
            try:
                data = os.read(0, 65536)
            except OSError:
                data = b""
            if data:
                self._buffer += data
            else:
                self._ended = True

        await trio.to_thread.run_sync(read, abandon_on_cancel=True)

    async def read(self, most: int) -> bytes:
        """Read what is there, at most so many bytes.

        Raises:
          InternalError: The input has ended.
        """
        async with self._lock:
            if not self._buffer and not self._ended:
                await self._fill()
            return self._take(most)

    async def read_line(self) -> bytes:
        """Read a line without its end.

        Raises:
          InternalError: The input has ended.
        """
        async with self._lock:
            while b"\n" not in self._buffer and not self._ended:
                await self._fill()
            end = self._buffer.find(b"\n")
            if end < 0:
                return self._take(len(self._buffer))
            return self._take(end + 1)[:-1].removesuffix(b"\r")

    def _take(self, most: int) -> bytes:
        if not self._buffer:
            raise InternalError("EOF", retryable=False)
        data, self._buffer = self._buffer[:most], self._buffer[most:]
        return data


def _write(stream: TextIO, data: bytes, name: str) -> None:
    try:
        stream.buffer.write(data)
        stream.buffer.flush()
    except OSError as error:
        text = f"write {name}: {error.strerror or error}"
        raise InternalError(text, retryable=False) from error

"""The terminal of the launched program: the standard streams of this process."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import InternalError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

__all__ = ["Terminal"]


_SWITCH = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")

_RESTORED = frozenset(
    b"47 1047 1049 "  # the other screen
    b"1000 1002 1003 1005 1006 1015 "  # the mouse
    b"1004 2004".split()  # focus, pastes
)
"""The modes that a program switches on and a shell does not expect."""


class Terminal:
    """Read and write the standard streams; a cancelled read loses no byte.

    What a program switches on at the terminal is noticed as it is written, so that it
    can be switched off again whatever becomes of the program.
    """

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self.arguments = tuple(arguments)
        self._buffer = b""
        self._ended = False
        self._lock = trio.Lock()
        self._raw = 0
        self._saved: list[Any] | None = None
        self._modes: dict[bytes, None] = {}
        self._touched = False
        self._waitable = True

    def write(self, data: bytes) -> None:
        """Write to standard output, and flush it.

        Raises:
          InternalError: It could not be written.
        """
        if b"\x1b[?" in data:
            self._note_modes(data)
        _write(sys.stdout, data, "stdout")

    def _note_modes(self, data: bytes) -> None:
        for numbers, switched in _SWITCH.findall(data):
            for mode in _RESTORED.intersection(numbers.split(b";")):
                if switched == b"h":
                    self._modes[mode] = None
                else:
                    self._modes.pop(mode, None)

    def switch(self, modes: Sequence[bytes], *, on: bool) -> None:
        """Switch private modes of the terminal on or off.

        Raises:
          InternalError: It could not be written.
        """
        self._restore_at_exit()
        end = b"h" if on else b"l"
        self.write(b"".join(b"\x1b[?%s%s" % (mode, end) for mode in modes))

    def restore_modes(self) -> None:
        """Switch off what was switched on, and show the cursor.

        Nothing happens if nobody took the terminal by `switch`, or since then.
        """
        if not self._touched:
            return
        self._touched = False
        off = [b"\x1b[?%sl" % mode for mode in reversed(self._modes)]
        self._modes.clear()
        with contextlib.suppress(InternalError):
            _write(sys.stdout, b"".join([*off, b"\x1b[?25h"]), "stdout")

    def restore(self) -> None:
        """Leave the terminal as it was found, whoever still uses it."""
        self.restore_modes()
        self._raw = min(self._raw, 1)
        self.cooked()

    def _restore_at_exit(self) -> None:
        """See to it that even a fault of ours leaves a usable terminal."""
        if not self._touched:
            self._touched = True
            atexit.unregister(self.restore)
            atexit.register(self.restore)

    def size(self) -> tuple[int, int]:
        """Give its columns and lines.

        Raises:
          UnavailableError: Neither output nor input is a terminal.
        """
        for stream in (1, 0):
            with contextlib.suppress(OSError):
                found = os.get_terminal_size(stream)
                return found.columns, found.lines
        raise UnavailableError("screen size unavailable", retryable=False)

    async def watch_size(self, report: Callable[[], None]) -> None:
        """Call a plain function whenever the size has changed, until cancelled."""
        changed = getattr(signal, "SIGWINCH", None)
        if changed is None or threading.current_thread() != threading.main_thread():
            await trio.sleep_forever()
        last = self._size_now()
        with trio.open_signal_receiver(changed) as signals:
            async for _ in signals:
                now = self._size_now()
                if now != last:
                    last = now
                    report()

    def _size_now(self) -> tuple[int, int] | None:
        try:
            return self.size()
        except UnavailableError:
            return None

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
        if self._waitable:
            try:
                await trio.lowlevel.wait_readable(0)
            except OSError:  # a file, which never keeps its reader waiting, or Windows
                self._waitable = False
            else:
                self._read()
                return
        await trio.to_thread.run_sync(self._read, abandon_on_cancel=True)

    def _read(self) -> None:
        try:
            data = os.read(0, 65536)
        except OSError:  # closed, or its terminal is gone
            data = b""
        if data:
            self._buffer += data
        else:
            self._ended = True

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
        raise InternalError(
            error.strerror or str(error), retryable=False, context=f"write {name}"
        ) from error

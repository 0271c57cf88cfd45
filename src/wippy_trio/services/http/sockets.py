"""TCP streams for the server: a socket, tried first and waited for when it must be.

Trio's own streams guard every call against misuse, for any kind of socket; a server
that reads and writes from known places can do without: a fifth of a small request.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import trio
from trio.lowlevel import notify_closing, wait_readable, wait_writable

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["PlainStream"]


class PlainStream(trio.abc.HalfCloseableStream):
    """A connected TCP socket; one task may read while one writes."""

    __slots__ = ("_closed", "socket")

    def __init__(self, raw: socket.socket) -> None:
        self.socket = raw
        self._closed = False
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for bytes; none are the end. Waits at least one turn of the loop."""
        size = max_bytes or 65536
        while True:
            if self._closed:
                raise trio.ClosedResourceError("this stream was closed")
            await wait_readable(self.socket)
            try:
                return self.socket.recv(size)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error

    async def send_all(self, data: Buffer) -> None:
        """Send everything; waits only if the socket is full."""
        view: Buffer = data
        while True:
            if self._closed:
                raise trio.ClosedResourceError("this stream was closed")
            try:
                sent = self.socket.send(view)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error
            rest = memoryview(view)[sent:]
            if not rest:
                return
            view = rest
            await wait_writable(self.socket)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room."""
        await wait_writable(self.socket)

    async def send_eof(self) -> None:
        """End our half."""
        await trio.lowlevel.checkpoint()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    async def aclose(self) -> None:
        """Close it."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close it now; who waits for it is told."""
        if not self._closed:
            self._closed = True
            notify_closing(self.socket)
            self.socket.close()

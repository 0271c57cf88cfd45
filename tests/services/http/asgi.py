"""The server by itself, around an ASGI application of a test."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.services.http.server import Server, listen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wippy_trio.services.http.limits import Limits


class OpenServer(Server):
    """A server that knows its port."""

    @property
    def port(self) -> int:
        port: int = self.listeners[0].socket.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def open_server(
    application: Any, *, limits: Limits | None = None, tls: Any = None
) -> AsyncIterator[OpenServer]:
    """Serve on a loopback port for the length of the block."""
    server = OpenServer(application, limits=limits, tls=tls)
    listeners = await listen("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, listeners)
        yield server
        nursery.cancel_scope.cancel()

"""``sendfile``: a handler names a file, and that is the response (modules-io 8.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wippy_trio.errors import Error, NotFoundError
from wippy_trio.registry import complete_id
from wippy_trio.sdk import run_in_thread
from wippy_trio.sdk.volumes import resolve
from wippy_trio.services.http.files import send_file
from wippy_trio.services.http.middleware import Middleware, Options
from wippy_trio.services.http.site import answer_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.modules.http.exchange import Exchange
    from wippy_trio.sdk import Runtime

    Handler = Callable[[Exchange], Awaitable[None]]

__all__ = ["SendFile"]


class SendFile(Middleware):
    """Serve the file that ``X-Sendfile`` names, with ranges."""

    name = "sendfile"
    place = "before"

    def __init__(self, runtime: Runtime, options: Options, place: str) -> None:
        super().__init__(runtime, options, place)
        fs = options.text("sendfile.fs", "", "fs")
        self._fs = complete_id(fs, options.namespace) if fs else ""

    def around(self, handler: Handler, endpoint: Any) -> Handler:
        """Look at the response after the handler."""
        del endpoint

        async def sendfile(exchange: Exchange) -> None:
            await handler(exchange)
            path = exchange.field(b"x-sendfile")
            if path is None:
                path = exchange.field(b"x-file-path")
            if path is None or exchange.started:
                return
            name = exchange.field(b"x-file-name")
            for field in (b"x-sendfile", b"x-file-path", b"x-file-name"):
                exchange.drop_field(field)
            await self._send(exchange, path.decode("utf-8", "replace"), name)

        return sendfile

    async def _send(self, exchange: Exchange, path: str, name: bytes | None) -> None:
        if not self._fs:
            answer_text(exchange, 500, "no file system is configured for files")
            return
        try:
            volume = self.runtime.resources.get(self._fs)
            place = resolve(".", "/" + path)
            info = await run_in_thread(volume.stat, place)
            if info.is_dir:
                raise NotFoundError(f"{path} is a folder")
        except Error:
            answer_text(exchange, 404, "file not found")
            return
        if name is not None:
            exchange.set_field(b"content-disposition", attachment(name.decode()))
        await send_file(exchange, volume, place, info)


def attachment(name: str) -> bytes:
    """Write a Content-Disposition that any browser reads (RFC 6266 4.3)."""
    plain = "".join(
        c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name
    )
    text = f'attachment; filename="{plain}"'
    if plain != name:
        text += f"; filename*=UTF-8''{quote(name, safe='')}"
    return text.encode("ascii")

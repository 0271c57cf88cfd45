"""``compress``: gzip for who takes it (modules-io 8.5)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from wippy_trio.errors import InvalidError
from wippy_trio.modules.http.headers import accepts_coding
from wippy_trio.services.http.middleware import Middleware, Options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.modules.http.exchange import Exchange
    from wippy_trio.sdk import Runtime

    Handler = Callable[[Exchange], Awaitable[None]]

__all__ = ["Compress"]

_LEVELS = {"fastest": 1, "default": 6, "best": 9}
_PACKED = ("image/", "video/", "audio/", "font/woff")
_NOT_PACKED = ("image/svg", "image/bmp", "audio/wav")


class Compress(Middleware):
    """Compress what is worth it and not compressed already."""

    name = "compress"
    place = "before"

    def __init__(self, runtime: Runtime, options: Options, place: str) -> None:
        super().__init__(runtime, options, place)
        level = options.text("compress.level", "default")
        if level not in _LEVELS:
            raise InvalidError(
                f"{options.where}: compress.level: wanted one of"
                f" {', '.join(_LEVELS)}, got {level!r}"
            )
        self._level = _LEVELS[level]
        self._least = int(options.text("compress.min.length", "1024"))

    def around(self, handler: Handler, endpoint: Any) -> Handler:
        """Look at the response when its head is about to leave."""
        del endpoint

        async def compress(exchange: Exchange) -> None:
            hooks = exchange.before_start
            if hooks is None:
                hooks = exchange.before_start = []
            hooks.append(self._decide)
            await handler(exchange)

        return compress

    def _decide(self, exchange: Exchange) -> None:
        kind = (exchange.field(b"content-type") or b"").decode("latin-1").lower()
        if (
            exchange.status in (204, 206, 304)
            or exchange.field(b"content-encoding") is not None
            or exchange.field(b"content-range") is not None
            or kind.startswith("text/event-stream")
            or (kind.startswith(_PACKED) and not kind.startswith(_NOT_PACKED))
        ):
            return
        exchange.vary("Accept-Encoding")
        known = exchange.field(b"content-length")
        # The whole response is here, or more comes: then it is long enough.
        size = int(known) if known is not None else exchange.buffered
        whole = known is not None or exchange.finished
        if whole and size < self._least:
            return
        if exchange.method == "HEAD" or not accepts_coding(exchange.headers, "gzip"):
            return
        exchange.drop_field(b"content-length")
        tag = exchange.field(b"etag")
        if tag is not None and not tag.startswith(b"W/"):
            exchange.set_field(b"etag", b"W/" + tag)
        exchange.set_field(b"content-encoding", b"gzip")
        # 16 more than the window size makes it gzip instead of zlib.
        exchange.encoder = zlib.compressobj(self._level, zlib.DEFLATED, 16 + 15)

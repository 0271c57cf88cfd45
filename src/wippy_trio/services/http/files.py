"""Files as responses: type, validators, ranges (RFC 9110; modules-io 8.7)."""

from __future__ import annotations

import mimetypes
import secrets
from typing import TYPE_CHECKING, Any, BinaryIO

from wippy_trio.errors import Error
from wippy_trio.modules.http.headers import first_of
from wippy_trio.sdk import run_in_thread
from wippy_trio.services.http.ranges import (
    Range,
    http_date,
    not_modified,
    parse_ranges,
    read_date,
)
from wippy_trio.services.http.site import answer_text

if TYPE_CHECKING:
    from wippy_trio.modules.http.exchange import Exchange
    from wippy_trio.sdk.volumes import FileInfo, Volume

__all__ = ["content_type_of", "send_file"]

PIECE = 128 * 1024

# The registry of the machine is not asked: an application serves the same types
# everywhere (and Windows knows .js as text/plain).
_TYPES = mimetypes.MimeTypes(filenames=())
for _type, _suffix in (
    ("text/javascript", ".js"),
    ("text/javascript", ".mjs"),
    ("application/json", ".map"),
    ("application/manifest+json", ".webmanifest"),
    ("application/wasm", ".wasm"),
    ("font/woff", ".woff"),
    ("font/woff2", ".woff2"),
    ("font/ttf", ".ttf"),
    ("font/otf", ".otf"),
    ("image/avif", ".avif"),
    ("image/webp", ".webp"),
    ("image/svg+xml", ".svg"),
    ("image/x-icon", ".ico"),
    ("text/markdown", ".md"),
    ("text/x-lua", ".lua"),
    ("application/yaml", ".yaml"),
    ("application/yaml", ".yml"),
):
    _TYPES.add_type(_type, _suffix)


def content_type_of(name: str) -> str:
    """Tell the content type of a file by its name."""
    kind, coding = _TYPES.guess_type(name)
    if coding is not None:
        return {"gzip": "application/gzip", "bzip2": "application/x-bzip2"}.get(
            coding, "application/octet-stream"
        )
    if kind is None:
        return "application/octet-stream"
    textual = kind.startswith("text/") or kind in ("application/json", "image/svg+xml")
    return f"{kind}; charset=utf-8" if textual else kind


async def send_file(
    exchange: Exchange, volume: Volume, path: str, info: FileInfo
) -> None:
    """Make a file the response; what waits of another one is forgotten.

    It is read in pieces in worker threads, and only as fast as the client takes it.
    """
    exchange.discard()
    exchange.touched = True
    exchange.status = 200
    exchange.drop_field(b"content-length")
    if exchange.field(b"content-type") is None:
        exchange.set_field(b"content-type", content_type_of(info.name).encode())
    tag = f'W/"{info.modified:x}-{info.size:x}"'
    exchange.set_field(b"last-modified", http_date(info.modified).encode())
    exchange.set_field(b"etag", tag.encode())
    exchange.set_field(b"accept-ranges", b"bytes")
    if not_modified(
        _header(exchange, b"if-none-match"),
        _header(exchange, b"if-modified-since"),
        tag,
        info.modified,
    ):
        exchange.status = 304
        exchange.drop_field(b"content-type")
        return
    ranges = _ranges(exchange, info)
    if ranges == []:
        exchange.set_field(b"content-range", b"bytes */%d" % info.size)
        answer_text(exchange, 416, "invalid range")
        return
    try:
        file = await run_in_thread(volume.open, path, "r")
    except Error:
        answer_text(exchange, 404, "file not found")
        return
    try:
        await _send(exchange, file, info, ranges)
    finally:
        file.close()


def _header(exchange: Exchange, name: bytes) -> str | None:
    value = first_of(exchange.headers, name)
    return None if value is None else value.decode("latin-1")


def _ranges(exchange: Exchange, info: FileInfo) -> list[Range] | None:
    """Tell what is asked for; a Range that does not hold any more asks for all."""
    header = _header(exchange, b"range")
    if header is None or exchange.method != "GET":
        return None
    condition = _header(exchange, b"if-range")
    if condition is not None and read_date(condition) != info.modified:
        return None  # our tags are weak, and a weak one never holds here
    return parse_ranges(header, info.size)


async def _send(
    exchange: Exchange, file: BinaryIO, info: FileInfo, ranges: list[Range] | None
) -> None:
    if ranges is None:
        exchange.set_field(b"content-length", b"%d" % info.size)
        await _copy(exchange, file, Range(0, info.size))
    elif len(ranges) == 1:
        (one,) = ranges
        exchange.status = 206
        exchange.set_field(b"content-range", _content_range(one, info.size))
        exchange.set_field(b"content-length", b"%d" % (one.end - one.start))
        await _copy(exchange, file, one)
    else:
        await _send_parts(exchange, file, info, ranges)


def _content_range(part: Range, size: int) -> bytes:
    return b"bytes %d-%d/%d" % (part.start, part.end - 1, size)


async def _send_parts(
    exchange: Exchange, file: BinaryIO, info: FileInfo, ranges: list[Range]
) -> None:
    """Send several ranges as one multipart body (RFC 9110 14.6)."""
    kind = exchange.field(b"content-type") or b"application/octet-stream"
    boundary = secrets.token_hex(16).encode()
    heads = [
        b"\r\n--%b\r\ncontent-type: %b\r\ncontent-range: %b\r\n\r\n"
        % (boundary, kind, _content_range(part, info.size))
        for part in ranges
    ]
    tail = b"\r\n--%b--\r\n" % boundary
    total = sum(map(len, heads)) + len(tail) + sum(r.end - r.start for r in ranges)
    exchange.status = 206
    exchange.set_field(b"content-type", b"multipart/byteranges; boundary=%b" % boundary)
    exchange.set_field(b"content-length", b"%d" % total)
    for head, part in zip(heads, ranges, strict=True):
        exchange.write(head)
        await _copy(exchange, file, part)
    exchange.write(tail)


async def _copy(exchange: Exchange, file: BinaryIO, part: Range) -> None:
    if exchange.method == "HEAD":
        return
    left = part.end - part.start

    def read(size: int, *, begin: bool) -> bytes:
        if begin:
            file.seek(part.start)
        return file.read(size)

    begin = True
    while left:
        data: Any = await run_in_thread(_call, read, min(left, PIECE), begin)
        if not data:
            return  # shorter than it was: the server closes, the client sees it
        begin = False
        left -= len(data)
        if not exchange.write(data) and left:
            await exchange.flush()


def _call(read: Any, size: int, begin: bool) -> bytes:
    data: bytes = read(size, begin=begin)
    return data

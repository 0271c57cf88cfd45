"""Writing a multipart body piece by piece, whatever its files come from."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from wippy_trio.modules._stream import read_some

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wippy_trio.modules.http_client.options import Part

__all__ = ["Multipart"]

CHUNK = 1 << 16


def _quoted(text: str) -> bytes:
    for bad, good in (("\\", "\\\\"), ('"', '\\"'), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(bad, good)
    return f'"{text}"'.encode()


class Multipart:
    """A ``multipart/form-data`` body of fields and files."""

    def __init__(self, form: dict[str, str], files: list[Part]) -> None:
        self._form = form
        self._files = files
        self.boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={self.boundary}"

    @property
    def size(self) -> int | None:
        """How long it is, if that is known before it was read."""
        total = len(self._end())
        for name, value in self._form.items():
            total += len(self._field(name, value))
        for part in self._files:
            if not isinstance(part.content, bytes):
                return None
            total += len(self._head(part)) + len(part.content) + 2
        return total

    def _field(self, name: str, value: str) -> bytes:
        head = b"--%b\r\nContent-Disposition: form-data; name=%b\r\n\r\n"
        start = head % (self.boundary.encode(), _quoted(name))
        return start + value.encode() + b"\r\n"

    def _head(self, part: Part) -> bytes:
        head = (
            b"--%b\r\nContent-Disposition: form-data; name=%b; filename=%b\r\n"
            b"Content-Type: application/octet-stream\r\n\r\n"
        )
        return head % (
            self.boundary.encode(),
            _quoted(part.name),
            _quoted(part.filename),
        )

    def _end(self) -> bytes:
        return f"--{self.boundary}--\r\n".encode()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for name, value in self._form.items():
            yield self._field(name, value)
        for part in self._files:
            yield self._head(part)
            if isinstance(part.content, bytes):
                yield part.content
            else:
                while piece := await read_some(part.content, CHUNK):
                    yield piece
            yield b"\r\n"
        yield self._end()

"""``multipart/form-data``, read as it arrives (RFC 7578, RFC 2046 5.1).

`Splitter` is pure: bytes in, events out, never more than a delimiter kept back.
`read_form` feeds it from a body and puts large files where they do not take memory.
"""

from __future__ import annotations

import io
import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from wippy_trio.errors import InternalError, InvalidError
from wippy_trio.modules._stream import FileSource, Stream
from wippy_trio.modules.http.headers import parameters_of
from wippy_trio.sdk import method, run_in_thread
from wippy_trio.sdk.module import handle_class

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

__all__ = ["Form", "MultipartFile", "Splitter", "boundary_of", "read_form"]

MOST_PARTS = 1000
MOST_HEADERS = 16 * 1024
MOST_VALUES = 10 * 1024 * 1024
"""Bytes of all values that are no files; they stay in memory whatever was said."""


class Begin(NamedTuple):
    """A part begins, with these headers; names in lower case."""

    headers: Mapping[str, str]


class Data(NamedTuple):
    """Some of the part's content."""

    data: bytes


class End(NamedTuple):
    """The part is complete."""


class Splitter:
    """Cut a body at its boundary.

    Attributes:
      done: Whether the closing delimiter was seen.
    """

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._buffer = b"\r\n"  # the first delimiter may stand at the very beginning
        self._state = "preamble"
        self._parts = 0
        self.done = False

    def push(self, data: bytes) -> Iterator[Begin | Data | End]:
        """Take some of the body.

        Raises:
          InternalError: It is not what RFC 2046 says.
        """
        self._buffer += data
        while not self.done:
            if self._state == "headers":
                end = self._buffer.find(b"\r\n\r\n")
                if end < 0 or end > MOST_HEADERS:
                    if len(self._buffer) > MOST_HEADERS:
                        raise InternalError("multipart: the headers are too long")
                    return
                lines, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
                yield Begin(_headers(lines))
                self._state = "body"
            content, more = self._to_delimiter()
            if content and self._state == "body":
                yield Data(content)
            if not more:
                return
            if self._state == "body":
                yield End()
            if self._state != "preamble" or not self.done:
                self._parts += 1
                if self._parts > MOST_PARTS and not self.done:
                    raise InternalError(f"multipart: more than {MOST_PARTS} parts")
            self._state = "headers"

    def _to_delimiter(self) -> tuple[bytes, bool]:
        """Take what stands before the next delimiter; tell whether that was met."""
        buffer, delimiter = self._buffer, self._delimiter
        start = 0
        while True:
            at = buffer.find(delimiter, start)
            if at < 0:
                keep = max(len(buffer) - len(delimiter) + 1, start)
                self._buffer = buffer[keep:]
                return buffer[:keep], False
            after = at + len(delimiter)
            if buffer.startswith(b"--", after):
                self.done = True
                self._buffer = b""
                return buffer[:at], True
            end = buffer.find(b"\r\n", after)
            line = buffer[after : end if end >= 0 else len(buffer)]
            if end < 0 and len(line) < 256 and not line.strip(b" \t\r-"):
                self._buffer = buffer[at:]  # the rest of its line is not here yet
                return buffer[:at], False
            if end >= 0 and not line.strip(b" \t"):
                # The line break stays: headers may be none at all.
                self._buffer = buffer[end:]
                return buffer[:at], True
            start = at + 1  # the boundary of something else begins like ours


def _headers(lines: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines.split(b"\r\n"):
        if not line:
            continue
        name, colon, value = line.partition(b":")
        if not colon or not name.strip() or name != name.strip():
            raise InternalError(f"multipart: no header: {line[:60]!r}")
        found.setdefault(
            name.decode("latin-1").lower(), value.strip().decode("utf-8", "replace")
        )
    return found


def boundary_of(content_type: str) -> bytes:
    """Find the boundary in the content type of a form.

    Raises:
      InvalidError: It is another type, or has no boundary.
    """
    kind, parameters = parameters_of(content_type)
    if kind != "multipart/form-data":
        raise InvalidError(
            f"content type: wanted multipart/form-data, got {kind or 'none'!r}"
        )
    boundary = parameters.get("boundary", "")
    if not 1 <= len(boundary) <= 70 or not boundary.isascii():
        raise InvalidError("content type: multipart/form-data without a boundary")
    return boundary.encode()


class MultipartFile:
    """An uploaded file."""

    lua_name = "http.MultipartFile"

    def __init__(self, name: str, headers: Mapping[str, str], file: BinaryIO) -> None:
        self._name = name
        self._headers = headers
        self._file = file
        self._size = file.tell()
        file.seek(0)

    @method(pair=False)
    def name(self) -> str:
        """Give the name the client has for it, without folders."""
        return self._name

    @method(pair=False)
    def size(self) -> int:
        """Give its bytes."""
        return self._size

    @method(pair=False)
    def header(self, name: str) -> str | None:
        """Give a header of its part."""
        return self._headers.get(name.lower())

    def stream(self) -> Any:
        """Read it, from its beginning."""
        if self._file.closed:
            raise InternalError("the request is over", retryable=False)
        self._file.seek(0)
        return Stream(
            FileSource(self._file, self._size), closed=lambda: self._file.closed
        )


handle_class(MultipartFile, MultipartFile.lua_name)


class Form(NamedTuple):
    """What a form has: values and files by the names of its fields."""

    values: dict[str, Any]
    files: dict[str, list[MultipartFile]]


async def read_form(
    read: Callable[[], Awaitable[bytes]],
    boundary: bytes,
    memory: int,
    keep: Callable[[BinaryIO], None],
) -> Form:
    """Read a form to its end.

    Args:
      read: Gives some of the body; nothing at its end.
      boundary: Of its parts.
      memory: How many bytes of files may stay in memory.
      keep: Is given every file, to close it when the request is over.

    Raises:
      InternalError: The body is no form, or too many values.
    """
    form = Form({}, {})
    splitter = Splitter(boundary)
    part = _Part({}, memory)
    values = 0
    while not splitter.done:
        piece = await read()
        if not piece:
            raise InternalError("multipart: the body ended before the form did")
        for event in splitter.push(piece):
            if isinstance(event, Begin):
                part = _Part(event.headers, memory)
                if part.is_file:
                    keep(part.file)
            elif isinstance(event, Data):
                if part.is_file:
                    spilled = await part.add(event.data)
                    if spilled is not None:
                        keep(spilled)
                elif part.field is not None:
                    values += len(event.data)
                    if values > MOST_VALUES:
                        raise InternalError("multipart: the values are too large")
                    part.file.write(event.data)
            else:
                memory = part.store(form)
    while await read():  # the epilogue, which means nothing
        pass
    return form


class _Part:
    """One part while it is read."""

    def __init__(self, headers: Mapping[str, str], memory: int) -> None:
        self.headers = headers
        self.memory = memory
        kind, parameters = parameters_of(headers.get("content-disposition", ""))
        self.field = parameters.get("name") if kind == "form-data" else None
        name = parameters.get("filename", "")
        self.name = name.replace("\\", "/").rpartition("/")[2]
        self.is_file = bool(self.field is not None and self.name)
        self.file: BinaryIO = io.BytesIO()
        self._spilled = False

    async def add(self, data: bytes) -> BinaryIO | None:
        """Write some of a file; gives the file it goes on in, once, if it is large."""
        if self._spilled:
            await run_in_thread(self.file.write, data)
            return None
        self.file.write(data)
        if self.file.tell() <= self.memory:
            return None
        assert isinstance(self.file, io.BytesIO)
        content = self.file.getvalue()
        self.file = await run_in_thread(_temporary, content)
        self._spilled = True
        return self.file

    def store(self, form: Form) -> int:
        """Put it into the form; gives what is left of the memory."""
        if self.field is None:
            return self.memory
        if self.is_file:
            size = self.file.tell()
            file = MultipartFile(self.name, self.headers, self.file)
            form.files.setdefault(self.field, []).append(file)
            return self.memory if self._spilled else self.memory - size
        assert isinstance(self.file, io.BytesIO)
        value = self.file.getvalue()
        known = form.values.get(self.field)
        if known is None:
            form.values[self.field] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            form.values[self.field] = [known, value]
        return self.memory


def _temporary(content: bytes) -> BinaryIO:
    file: Any = tempfile.TemporaryFile(prefix="wippy-upload-")  # noqa: SIM115 - kept
    try:
        file.write(content)
    except BaseException:
        file.close()
        raise
    opened: BinaryIO = file
    return opened

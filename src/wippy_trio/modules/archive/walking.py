"""Read archives from the front to the back: what a stream allows.

A zip archive is read by its local headers. They may come before the sizes are known;
then only the compression tells where an entry ends, and sizes and checksum follow it.

Source: modules-data 6.
"""

from __future__ import annotations

import gzip
import struct
import sys
import tarfile
import zlib
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, NoReturn

from wippy_trio.modules.archive.formats import Item, dos_seconds
from wippy_trio.modules.archive.reading import (
    DAMAGE,
    Account,
    EntryReader,
    SafeTarInfo,
    tar_item,
)
from wippy_trio.sdk import InternalError, InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ZSTD", "open_walk", "zstd_library"]

ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
_CHUNK = 64 * 1024
_LOCAL, _DESCRIPTOR = b"PK\x03\x04", b"PK\x07\x08"
_LOCAL_HEADER = struct.Struct("<HHHHHIIIHH")
_WIDE = 0xFFFFFFFF

Step = tuple[Item, "EntryReader | None"]


def zstd_library() -> Any:
    """Import the library for Zstandard."""
    return import_module(ZSTD)


def open_walk(format_: str, file: IO[bytes], account: Account) -> Iterator[Step]:
    """Give the entries in turn, each with a reader for what it holds.

    A reader is good until the next step. Damage is `InvalidError`.
    """
    walk = _zip_steps if format_ == "zip" else _tar_steps
    try:
        for count, step in enumerate(walk(format_, file, account), 1):
            account.limits.check_count(count)
            yield step
    except (*DAMAGE, OSError) as error:
        raise InvalidError(f"damaged archive: {error}", retryable=False) from None


def _tar_steps(format_: str, file: IO[bytes], account: Account) -> Iterator[Step]:
    source: Any = file
    if format_ == "tar.gz":
        source = gzip.GzipFile(fileobj=file, mode="rb")
    elif format_ == "tar.zst":
        source = _Damage(zstd_library().ZstdFile(file, mode="rb"))
    with tarfile.open(fileobj=source, mode="r|", tarinfo=SafeTarInfo) as archive:
        for info in archive:
            reader = None
            if info.isreg():
                reader = EntryReader(info.name, archive.extractfile(info), account)
            yield tar_item(info), reader


class _Damage:
    """A file of Zstandard whose errors are those of damaged archives."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        try:
            data: bytes = self._file.read(size)
        except zstd_library().ZstdError as error:
            raise EOFError(str(error)) from None
        return data


# -- zip -------------------------------------------------------------------------------


class _Feed:
    """Bytes in turn, some of which may be put back."""

    __slots__ = ("_back", "_file")

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._back = b""

    def some(self, most: int) -> bytes:
        if self._back:
            data, self._back = self._back[:most], self._back[most:]
            return data
        return self._file.read(most)

    def exactly(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size > 0:
            data = self.some(min(size, _CHUNK))
            if not data:
                raise EOFError("it ends within an entry")
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def put_back(self, data: bytes) -> None:
        self._back = data + self._back


class _Body:
    """What a zip entry holds, while it is read from the front."""

    def __init__(self, feed: _Feed, header: _Header) -> None:
        self._feed = feed
        self._header = header
        self._left = header.compressed if header.known else -1
        self._inflate = zlib.decompressobj(-15) if header.method == 8 else None
        self._crc = self._size = self._packed = 0
        self.over = False

    def read(self, most: int) -> bytes:
        while not self.over:
            data = self._piece(most)
            self._crc = zlib.crc32(data, self._crc)
            self._size += len(data)
            if self.over:
                self._finish()
            if data:
                return data
        return b""

    def _piece(self, most: int) -> bytes:
        inflate = self._inflate
        if inflate is None:
            data = self._feed.exactly(min(most, self._left)) if self._left else b""
            self._left -= len(data)
            self._packed += len(data)
            self.over = self._left == 0
            return data
        packed = inflate.unconsumed_tail
        if not packed and self._left:
            wanted = _CHUNK if self._left < 0 else min(_CHUNK, self._left)
            packed = self._feed.some(wanted)
            if not packed:
                raise EOFError("it ends within an entry")
            self._packed += len(packed)
            if self._left > 0:
                self._left -= len(packed)
        data = inflate.decompress(packed, most)
        if inflate.eof:
            self.over = True
            self._feed.put_back(inflate.unused_data)
            self._packed -= len(inflate.unused_data)
            if self._left > 0:
                self._feed.exactly(self._left + len(inflate.unused_data))
        elif not data and not inflate.unconsumed_tail and self._left == 0:
            raise EOFError("an entry ends within its compression")
        return data

    def _finish(self) -> None:
        crc = self._header.crc
        if not self._header.known:
            crc = self._descriptor()
        if crc != self._crc:
            raise EOFError(f"entry {self._header.name}: wrong checksum")

    def _descriptor(self) -> int:
        head = self._feed.exactly(4)
        if head == _DESCRIPTOR:
            head = self._feed.exactly(4)
        narrow = self._feed.exactly(8)
        sizes = (self._packed & _WIDE, self._size & _WIDE)
        if struct.unpack("<II", narrow) != sizes:
            wide = narrow + self._feed.exactly(8)
            if struct.unpack("<QQ", wide) != (self._packed, self._size):
                raise EOFError(f"entry {self._header.name}: wrong sizes")
        return int.from_bytes(head, "little")

    def close(self) -> None:
        """Nothing to let go of."""


class _Header:
    """A local header."""

    __slots__ = ("compressed", "crc", "item", "known", "method", "name", "size")

    def __init__(self, feed: _Feed) -> None:
        fields = _LOCAL_HEADER.unpack(feed.exactly(_LOCAL_HEADER.size))
        _version, flags, self.method, clock, date, self.crc = fields[:6]
        self.compressed, self.size, name_size, extra_size = fields[6:]
        raw = feed.exactly(name_size)
        self.name = raw.decode("utf-8" if flags & 0x800 else "cp437", "replace")
        self._wide(feed.exactly(extra_size))
        if flags & 1:
            raise EOFError(f"entry {self.name}: it is encrypted")
        self.known = not flags & 8
        is_dir = self.name.endswith("/")
        if not self.known and is_dir and self.method == 0:
            # A folder with a descriptor: it holds nothing.
            self.compressed = 0
        elif not self.known and self.method == 0:
            raise EOFError(f"entry {self.name}: stored without its size")
        self.item = Item(
            name=self.name,
            size=self.size if self.known else 0,
            compressed_size=0,
            is_dir=is_dir,
            mode=0o644,
            modified=_seconds(date, clock),
            method="store" if self.method == 0 else "deflate",
            crc32=self.crc if self.known else 0,
        )

    def _wide(self, extra: bytes) -> None:
        """Take sizes of 64 bits from the field that holds them."""
        place = 0
        while place + 4 <= len(extra):
            number, size = struct.unpack_from("<HH", extra, place)
            body = extra[place + 4 : place + 4 + size]
            place += 4 + size
            if number != 1:
                continue
            values = [
                int.from_bytes(body[i : i + 8], "little")
                for i in range(0, len(body) - 7, 8)
            ]
            if self.size == _WIDE and values:
                self.size = values.pop(0)
            if self.compressed == _WIDE and values:
                self.compressed = values.pop(0)


def _seconds(date: int, clock: int) -> int:
    return dos_seconds(
        (
            (date >> 9) + 1980,
            date >> 5 & 15,
            date & 31,
            clock >> 11,
            clock >> 5 & 63,
            min((clock & 31) * 2, 59),
        )
    )


def _zip_steps(_format: str, file: IO[bytes], account: Account) -> Iterator[Step]:
    feed = _Feed(file)
    first = True
    while True:
        mark = feed.some(4)
        if 0 < len(mark) < 4:
            mark += feed.exactly(4 - len(mark))
        if mark != _LOCAL:
            if not mark or mark[:2] != b"PK":
                raise EOFError("no zip archive" if first else "something unknown in it")
            return  # the directory: what follows is no entry
        first = False
        header = _Header(feed)
        body = _Body(feed, header)
        if header.item.is_dir:
            if not header.known and header.method == 0:
                body._left = 0
            _drain(EntryReader(header.name, body, account))
            yield header.item, None
            continue
        reader = EntryReader(header.name, body, account)
        if header.method not in (0, 8):
            reader = EntryReader(header.name, _Unknown(header.method), account)
        yield header.item, reader
        if header.method in (0, 8):
            _drain(EntryReader(header.name, body, account))
        elif header.known:
            feed.exactly(header.compressed)
        else:
            raise EOFError(f"entry {header.name}: unknown compression")


class _Unknown:
    """What an entry of an unknown compression holds."""

    def __init__(self, method: int) -> None:
        self._method = method

    def read(self, _most: int) -> NoReturn:
        raise NotImplementedError(f"compression {self._method} is not known")

    def close(self) -> None:
        """Nothing to let go of."""


def _drain(reader: EntryReader) -> None:
    try:
        while reader.read(_CHUNK):
            pass
    except InternalError as error:  # within a walk damage is that of the archive
        raise EOFError(error.message) from None

"""Write archives piece by piece, to what need not be moved about in.

Source: modules-data 6.
"""

from __future__ import annotations

import contextlib
import gzip
import tarfile
import warnings
import zipfile
from typing import Any, Protocol

from wippy_trio.modules.archive.formats import dos_tuple
from wippy_trio.modules.archive.walking import zstd_library
from wippy_trio.sdk import InvalidError

__all__ = ["Packer", "Sink", "open_packer"]

_BLOCK, _RECORD = 512, 10240


class Sink(Protocol):
    """Where the bytes go."""

    def write(self, data: bytes) -> int:
        """Take all of some bytes."""
        ...

    def flush(self) -> None:
        """Do nothing: what was written is written."""
        ...


class Packer(Protocol):
    """An archive that is being written; one entry after the other."""

    def begin(
        self, name: str, size: int | None, mode: int, modified: int, *, store: bool
    ) -> None:
        """Begin an entry; without its size if that is not known yet."""
        ...

    def write(self, data: bytes) -> None:
        """Write a piece of it."""
        ...

    def end(self) -> None:
        """End it."""
        ...

    def finish(self) -> None:
        """End the archive."""
        ...

    def abandon(self) -> None:
        """Let go of an archive that is not going to be whole; never fails."""
        ...


def open_packer(format_: str, sink: Sink) -> Packer:
    """Begin an archive."""
    if format_ == "zip":
        return _ZipPacker(sink)
    if format_ == "tar.gz":
        return _TarPacker(gzip.GzipFile(fileobj=sink, mode="wb", mtime=0))
    if format_ == "tar.zst":
        return _TarPacker(zstd_library().ZstdFile(sink, mode="wb"))
    return _TarPacker(sink, owns=False)


class _ZipPacker:
    def __init__(self, sink: Sink) -> None:
        # Without `tell` and `seek` zipfile writes sizes behind the entries.
        self._zip = zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload]
        self._entry: Any = None

    def begin(
        self, name: str, size: int | None, mode: int, modified: int, *, store: bool
    ) -> None:
        info = zipfile.ZipInfo(name, dos_tuple(modified))
        kind = 0o040000 if name.endswith("/") else 0o100000
        info.external_attr = (kind | mode) << 16
        info.create_system = 3  # so that the mode counts
        if store or name.endswith("/"):
            info.compress_type = zipfile.ZIP_STORED
        else:
            info.compress_type = zipfile.ZIP_DEFLATED
        if size is not None:
            info.file_size = size
        wide = size is None or size >= 1 << 31
        with warnings.catch_warnings():
            # A second entry of a name is the program's affair (modules-data 6).
            warnings.filterwarnings("ignore", "Duplicate name", UserWarning)
            self._entry = self._zip.open(info, "w", force_zip64=wide)

    def write(self, data: bytes) -> None:
        self._entry.write(data)

    def end(self) -> None:
        self._entry.close()
        self._entry = None

    def finish(self) -> None:
        if self._entry is not None:
            self.end()
        self._zip.close()

    def abandon(self) -> None:
        for part in (self._entry, self._zip):
            if part is not None:
                with contextlib.suppress(Exception):
                    part.close()


class _TarPacker:
    def __init__(self, file: Any, *, owns: bool = True) -> None:
        self._file = file
        self._owns = owns
        self._written = 0
        self._left = 0

    def begin(
        self, name: str, size: int | None, mode: int, modified: int, *, store: bool
    ) -> None:
        del store
        if size is None:
            raise InvalidError(
                "size required to stream an entry into a tar archive (pass opts.size)",
                retryable=False,
            )
        info = tarfile.TarInfo(name.rstrip("/") if name.endswith("/") else name)
        info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
        info.size = self._left = size
        info.mode = mode
        info.mtime = modified
        self._put(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._written += len(data)

    def write(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise InvalidError(
                "the entry is larger than opts.size said", retryable=False
            )
        self._put(data)

    def end(self) -> None:
        if self._left:
            raise InvalidError(
                f"the entry is {self._left} bytes smaller than opts.size said",
                retryable=False,
            )
        self._put(bytes(-self._written % _BLOCK))

    def finish(self) -> None:
        self._put(bytes(2 * _BLOCK))
        self._put(bytes(-self._written % _RECORD))
        if self._owns:
            self._file.close()

    def abandon(self) -> None:
        if self._owns:
            with contextlib.suppress(Exception):
                self._file.close()

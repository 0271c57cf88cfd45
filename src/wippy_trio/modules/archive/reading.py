"""Read archives whose parts can be reached in any order: zip and plain tar.

All of it blocks. One lock guards the file, since readers of several entries share it.

Source: modules-data 6.
"""

from __future__ import annotations

import tarfile
import threading
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any

from wippy_trio.modules.archive.formats import Item, Limits, dos_seconds
from wippy_trio.sdk import Error, InternalError, InvalidError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "DAMAGE",
    "Account",
    "EntryReader",
    "SafeTarInfo",
    "TarArchive",
    "ZipArchive",
    "tar_item",
]

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    tarfile.TarError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
)
"""What the libraries raise about archives that are not as they should be."""

_MOST_HEADER = 1 << 20
_NAMING = frozenset(
    {
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)


class SafeTarInfo(tarfile.TarInfo):
    """A header of a tar archive; names of more than a megabyte are damage."""

    def _proc_member(self, tarfile_: Any) -> Any:
        if self.type in _NAMING and self.size > _MOST_HEADER:
            raise tarfile.ReadError("a header is too large")
        return super()._proc_member(tarfile_)  # type: ignore[misc]


class Account:
    """Count what was read of one archive, over all its entries."""

    __slots__ = ("limits", "lock", "total")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.total = 0
        self.lock = threading.Lock()


class EntryReader:
    """Read one entry, as far as the limits allow."""

    def __init__(self, name: str, file: IO[bytes] | Any, account: Account) -> None:
        self._name = name
        self._file = file
        self._account = account
        self._count = 0

    def read(self, most: int) -> bytes:
        """Give up to so many bytes; none at the end.

        Raises:
          InvalidError: A limit is passed.
          InternalError: The entry is damaged, or the file fails.
        """
        account = self._account
        try:
            with account.lock:
                data: bytes = self._file.read(most)
        except Error:
            raise
        except DAMAGE as error:
            raise InternalError(
                f"entry {self._name}: damaged: {error}", retryable=False
            ) from None
        except OSError as error:
            raise InternalError(
                f"entry {self._name}: {error.strerror}", retryable=False
            ) from None
        self._count += len(data)
        account.total += len(data)
        account.limits.check_size(self._name, self._count)
        if account.total > account.limits.total_bytes:
            raise InvalidError(
                f"archive is larger than {account.limits.total_bytes} bytes",
                retryable=False,
            )
        return data

    def close(self) -> None:
        """Let go of it."""
        self._file.close()


class ZipArchive:
    """A zip archive with its directory."""

    def __init__(self, file: IO[bytes], account: Account) -> None:
        """Read the directory.

        Raises:
          InvalidError: It is damaged or has too many entries.
        """
        self._account = account
        try:
            self._zip = zipfile.ZipFile(file)
        except DAMAGE as error:
            raise InvalidError(f"damaged archive: {error}", retryable=False) from None
        rows = self._zip.infolist()
        account.limits.check_count(len(rows))
        self.items = [_zip_item(info) for info in rows]
        self._rows = rows

    def open(self, index: int) -> EntryReader:
        """Open an entry."""
        name = self.items[index].name
        file = _opened(name, lambda: self._zip.open(self._rows[index]))
        return EntryReader(name, file, self._account)

    def is_file(self, index: int) -> bool:
        """Tell whether an entry is a plain file."""
        return not self.items[index].is_dir

    def close(self) -> None:
        """Let go of it."""
        self._zip.close()


def _opened(name: str, open_: Callable[[], Any]) -> Any:
    try:
        return open_()
    except DAMAGE as error:
        raise InternalError(f"entry {name}: {error}", retryable=False) from None
    except OSError as error:
        raise InternalError(
            f"entry {name}: {error.strerror}", retryable=False
        ) from None


def _zip_item(info: zipfile.ZipInfo) -> Item:
    mode = info.external_attr >> 16 & 0o7777
    return Item(
        name=info.filename,
        size=info.file_size,
        compressed_size=info.compress_size,
        is_dir=info.is_dir(),
        mode=mode or (0o755 if info.is_dir() else 0o644),
        modified=dos_seconds(info.date_time),
        method="store" if info.compress_type == zipfile.ZIP_STORED else "deflate",
        crc32=info.CRC,
    )


class TarArchive:
    """A plain tar archive, indexed once."""

    def __init__(self, file: IO[bytes], account: Account) -> None:
        """Read all headers.

        Raises:
          InvalidError: It is damaged or has too many entries.
        """
        self._account = account
        self._rows: list[tarfile.TarInfo] = []
        try:
            self._tar = tarfile.open(fileobj=file, mode="r:", tarinfo=SafeTarInfo)  # noqa: SIM115
            for info in self._tar:
                self._rows.append(info)
                account.limits.check_count(len(self._rows))
        except DAMAGE as error:
            raise InvalidError(f"damaged archive: {error}", retryable=False) from None
        self.items = [tar_item(info) for info in self._rows]

    def open(self, index: int) -> EntryReader:
        """Open an entry."""
        name = self.items[index].name
        if not self._rows[index].isreg():
            raise InternalError(f"entry {name}: not a plain file", retryable=False)
        file = _opened(name, lambda: self._tar.extractfile(self._rows[index]))
        return EntryReader(name, file, self._account)

    def is_file(self, index: int) -> bool:
        """Tell whether an entry is a plain file; links and devices are not."""
        return self._rows[index].isreg()

    def close(self) -> None:
        """Let go of it."""
        self._tar.close()


def tar_item(info: tarfile.TarInfo) -> Item:
    """Tell about an entry of a tar archive."""
    return Item(
        name=info.name,
        size=info.size,
        compressed_size=0,
        is_dir=info.isdir(),
        mode=info.mode & 0o7777,
        modified=int(info.mtime),
        method="store",
        crc32=0,
    )

"""What a file system promises, whoever has the files (modules-io 5).

Paths are relative to the root of the volume, with slashes and without ``.`` or ``..``:
`resolve` makes them of what a program says. The root itself is ``.``. All methods may
block; each error is one of ours, with the kind that D4 of modules-io gives it.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from wippy_trio.errors import (
    AlreadyExistsError,
    Error,
    InternalError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
)

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["FileInfo", "Volume", "error_of", "resolve"]

MODES = ("r", "w", "wx", "a")

_KINDS: dict[int, type[Error]] = {
    errno.ENOENT: NotFoundError,
    errno.EEXIST: AlreadyExistsError,
    errno.EACCES: PermissionDeniedError,
    errno.EPERM: PermissionDeniedError,
    errno.EROFS: PermissionDeniedError,
    errno.EISDIR: InvalidError,
    errno.ENOTDIR: InvalidError,
    errno.ENOTEMPTY: InvalidError,
    errno.ELOOP: InvalidError,
    errno.ENAMETOOLONG: InvalidError,
    errno.EXDEV: InvalidError,  # the path would leave the root
}


class FileInfo(NamedTuple):
    """What is known of a file or folder: bytes, permission bits, Unix seconds."""

    name: str
    size: int
    mode: int
    modified: int
    is_dir: bool


@runtime_checkable
class Volume(Protocol):
    """A tree of files and folders."""

    def open(self, path: str, mode: str) -> BinaryIO:
        """Open a file: ``r`` reads, ``w`` writes anew, ``wx`` only if new, ``a`` adds.

        The file is unbuffered and can be moved about in.
        """
        ...

    def stat(self, path: str) -> FileInfo:
        """Tell about a file or folder."""
        ...

    def list(self, path: str) -> list[tuple[str, bool]]:
        """List a folder: names, and whether each is a folder, in order of names."""
        ...

    def mkdir(self, path: str) -> None:
        """Make one folder."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file or an empty folder."""
        ...


def resolve(folder: str, path: str) -> str:
    """Join a program's path to its working folder.

    Args:
      folder: The working folder, relative to the root; ``.`` is the root.
      path: What the program says; a leading slash means the root.

    Returns:
      A path without empty, ``.`` and ``..`` parts; ``.`` for the root.

    Raises:
      InvalidError: A NUL byte, or it leaves the root.
    """
    if "\0" in path:
        raise InvalidError("path: wanted no NUL byte", retryable=False)
    parts: list[str] = []
    if not path.startswith("/") and folder != ".":
        parts = folder.split("/")
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise InvalidError(
                    f"path {path!r} leads out of the file system", retryable=False
                )
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or "."


def error_of(raised: OSError, path: str) -> Error:
    """Turn a failure of the system into an error with its kind (modules-io D4)."""
    kind = _KINDS.get(raised.errno or 0, InternalError)
    if raised.errno == errno.EXDEV:
        text = f"path {path!r} leads out of the file system"
    else:
        text = f"{path}: {raised.strerror or raised}"
    return kind(text, retryable=False)

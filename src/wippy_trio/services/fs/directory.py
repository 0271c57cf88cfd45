"""``fs.directory``: a folder of the machine as a file system (apps 2.6)."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from wippy_trio.sdk import (
    EntryKind,
    Error,
    InternalError,
    InvalidError,
    PermissionDeniedError,
    run_in_thread,
)
from wippy_trio.sdk.fields import Fields
from wippy_trio.sdk.volumes import FileInfo, error_of
from wippy_trio.services.fs.beneath import Root

if TYPE_CHECKING:
    from typing import BinaryIO

    from wippy_trio.registry import Entry

__all__ = ["Directories", "DirectoryVolume"]

_READ, _WRITE, _EXECUTE = 0o400, 0o200, 0o100
_FLAGS = {
    "r": os.O_RDONLY,
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "wx": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
}
_LOOK = getattr(os, "O_PATH", os.O_RDONLY)


class DirectoryVolume:
    """A folder of the machine; nothing outside of it can be reached."""

    def __init__(self, folder: Path, mode: int = 0o755) -> None:
        """Open the folder.

        Args:
          folder: Where.
          mode: Whose owner bits say what may be done; new files have 0644 of it.

        Raises:
          OSError: It cannot be opened.
        """
        if mode & 0o444 == 0o444 and not mode & 0o111:
            mode |= 0o111
        self.folder = folder
        self.mode = mode
        self._root = Root(os.fspath(folder))

    def close(self) -> None:
        """Let the folder go; open files stay open."""
        self._root.close()

    def _may(self, bit: int, doing: str, path: str) -> None:
        if not self.mode & _EXECUTE or not self.mode & bit:
            raise PermissionDeniedError(
                f"{path}: the mode {self.mode:04o} of the file system forbids {doing}",
                retryable=False,
            )

    def open(self, path: str, mode: str) -> BinaryIO:
        """Open a file."""
        if mode == "r":
            self._may(_READ, "reading", path)
        else:
            self._may(_WRITE, "writing", path)
        try:
            # Without O_NONBLOCK a pipe or a device would hold the caller for ever.
            flags = _FLAGS[mode] | getattr(os, "O_NONBLOCK", 0)
            fd = self._root.open(path, flags, 0o644 & self.mode)
        except OSError as error:
            raise error_of(error, path) from error
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise InvalidError(f"{path}: wanted a file", retryable=False)
        return os.fdopen(fd, {"r": "rb", "a": "ab"}.get(mode, "wb"), buffering=0)  # type: ignore[return-value]

    def stat(self, path: str) -> FileInfo:
        """Tell about a file or folder."""
        self._may(_EXECUTE, "looking", path)
        try:
            fd = self._root.open(path, _LOOK)
        except OSError as error:
            raise error_of(error, path) from error
        try:
            found = os.fstat(fd)
        finally:
            os.close(fd)
        return info_of("/" if path == "." else path.rpartition("/")[2], found)

    def list(self, path: str) -> list[tuple[str, bool]]:
        """List a folder in order of names."""
        self._may(_READ, "reading", path)
        try:
            fd = self._root.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
            try:
                with os.scandir(fd) as entries:
                    return sorted((item.name, item.is_dir()) for item in entries)
            finally:
                os.close(fd)
        except OSError as error:
            raise error_of(error, path) from error

    def mkdir(self, path: str) -> None:
        """Make one folder."""
        self._may(_WRITE, "writing", path)
        folder, _, name = path.rpartition("/")
        try:
            fd = self._parent(folder)
            try:
                os.mkdir(name, 0o755 & self.mode, dir_fd=fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise error_of(error, path) from error

    def remove(self, path: str) -> None:
        """Remove a file or an empty folder; a link is removed, not what it names."""
        self._may(_WRITE, "writing", path)
        if path == ".":
            raise InvalidError("/: the root cannot be removed", retryable=False)
        folder, _, name = path.rpartition("/")
        try:
            fd = self._parent(folder)
            try:
                found = os.stat(name, dir_fd=fd, follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    os.rmdir(name, dir_fd=fd)
                else:
                    os.unlink(name, dir_fd=fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise error_of(error, path) from error

    def _parent(self, folder: str) -> int:
        return self._root.open(
            folder or ".", os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
        )


def info_of(name: str, found: os.stat_result) -> FileInfo:
    """Read what the system says of a file."""
    return FileInfo(
        name,
        found.st_size,
        stat.S_IMODE(found.st_mode),
        int(found.st_mtime),
        stat.S_ISDIR(found.st_mode),
    )


class Directories(EntryKind):
    """Handle ``fs.directory`` entries."""

    kinds = ("fs.directory",)

    async def create(self, entry: Entry) -> None:
        """Open the folder, and make it first if that is wanted."""
        volume = await self._open(entry)
        try:
            self.runtime.resources.put(entry.id, volume)
        except Error:
            volume.close()
            raise

    async def update(self, old: Entry, new: Entry) -> None:
        """Open the new folder, then let the old one go."""
        volume = await self._open(new)
        before = self.runtime.resources.get(old.id)
        self.runtime.resources.remove(old.id)
        self.runtime.resources.put(new.id, volume)
        before.close()

    async def delete(self, entry: Entry) -> None:
        """Let the folder go; open files stay open."""
        volume = self.runtime.resources.get(entry.id)
        self.runtime.resources.remove(entry.id)
        await run_in_thread(volume.close)

    async def _open(self, entry: Entry) -> DirectoryVolume:
        fields = Fields(entry)
        text = fields.required("directory", "directory path is required")
        if "\0" in text:
            raise InvalidError(f"directory: wanted a path, got {text!r}")
        folder = Path(text)
        base = fields.text("base")
        if base not in ("", "project", "module"):
            raise InvalidError(
                f"invalid directory base: wanted project or module, got {base!r}"
            )
        folder = self._base(entry, base) / folder
        mode = _mode(fields)
        make = fields.flag("auto_init")
        return await run_in_thread(_open_folder, folder, mode, make)

    def _base(self, entry: Entry, base: str) -> Path:
        owner = entry.meta.get("module")
        modules = self.runtime.project.modules
        if base == "project" or not isinstance(owner, str) or owner not in modules:
            return Path(self.runtime.project.folder)
        root: Path = modules[owner].root
        return root


def _mode(fields: Fields) -> int:
    value = fields.raw("mode")
    if value is None:
        return 0o755
    try:
        mode = int(value, 8) if isinstance(value, str) else value
    except ValueError:
        mode = None
    if not isinstance(mode, int) or isinstance(mode, bool) or not 0 <= mode <= 0o7777:
        raise InvalidError(f"invalid file mode format: {value!r}")
    return mode


def _open_folder(folder: Path, mode: int, make: bool) -> DirectoryVolume:
    try:
        if make:
            folder.mkdir(mode=mode | 0o700, parents=True, exist_ok=True)
        return DirectoryVolume(folder, mode)
    except OSError as error:
        raise InternalError(
            f"failed to create filesystem: {folder}: {error.strerror}", retryable=False
        ) from error

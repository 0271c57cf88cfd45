"""Walking source roots: folders to definition files to entries."""

from __future__ import annotations

import errno
import os
import stat
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.errors import Error, InvalidError
from wippy_trio.loading.definitions import (
    SUFFIXES,
    Located,
    UnreadableError,
    read_definition,
)
from wippy_trio.registry import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

__all__ = ["Failure", "Scanned", "scan", "skipped_folders"]

_SWITCHES = {
    "SKIP_TEMPORAL_TESTS": ("temporal", "_temporal"),
    "SKIP_CLOUDSTORAGE_TESTS": ("cloudstorage",),
    "SKIP_SQS_TESTS": ("sqs",),
    "SKIP_NETWORK_TESTS": ("network",),
}
_NEVER = frozenset({"node_modules"})


class Failure(NamedTuple):
    """A definition file that was skipped, and why."""

    file: str
    error: Error


class Scanned(NamedTuple):
    """The entries of a root, in load order, and what was skipped."""

    entries: list[Located]
    failures: list[Failure]
    findings: list[Finding]


def skipped_folders(environ: Mapping[str, str]) -> frozenset[str]:
    """Read from the environment which folders are not entered.

    Source: apps 1.3.7.
    """
    names: set[str] = set()
    for switch, folders in _SWITCHES.items():
        if environ.get(switch):
            names.update(folders)
    listed = environ.get("SKIP_TEST_DIRS", "").split(",")
    names.update(name for item in listed if (name := item.strip()))
    return frozenset(names)


def scan(
    root: Path,
    *,
    base: Path,
    skip: Collection[str] = (),
    never: Collection[Path] = (),
    texts: Mapping[str, bytes] | None = None,
) -> Scanned:
    """Read the entries of all definition files below a root.

    A file that fails is skipped as a whole and reported; the rest is read.

    Args:
      root: The folder to walk.
      base: Paths in messages are relative to it.
      skip: Names of folders that are not entered, at any depth.
      never: Folders that are not entered, such as the store of modules.
      texts: What to read in place of files, by absolute path: the unsaved buffers of an
        editor.

    Source: apps 1.3.
    """
    entries: list[Located] = []
    failures: list[Failure] = []
    findings: list[Finding] = []
    reader = _Reader(root, texts or {})
    closed = {os.path.realpath(folder) for folder in never}
    for path in _definition_files(str(root), frozenset(skip), closed, findings):
        shown = os.path.relpath(path, base)
        try:
            raw = reader.read(path)
            found = read_definition(raw, shown, partial(reader.inline, path))
        except UnreadableError as error:
            failure = Failure(shown, InvalidError(f"{shown}: {error}"))
        except Error as error:
            failure = Failure(shown, error)
        else:
            for entry, origin in found:
                if origin.source:
                    place = os.path.relpath(reader.place(path, origin.source), base)
                    origin = origin._replace(source=place)
                entries.append(Located(entry, origin))
            continue
        failures.append(failure)
        fields = {"path": shown, "error": str(failure.error)}
        findings.append(Finding("warning", "process file", fields))
    return Scanned(entries, failures, findings)


def _definition_files(
    folder: str, skip: frozenset[str], closed: set[str], findings: list[Finding]
) -> Iterator[str]:
    """Yield the candidates of a folder, then of its sub-folders, by byte order."""
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder) as found:
            for item in found:
                if item.is_dir(follow_symlinks=False):
                    folders.append(item.name)
                elif item.name.endswith(SUFFIXES):
                    files.append(item.name)
    except OSError as error:
        fields = {"path": folder, "error": str(error)}
        findings.append(Finding("warning", "folder not readable, skipping", fields))
        return
    for name in sorted(files, key=os.fsencode):
        path = os.path.join(folder, name)  # noqa: PTH118 - Path objects cost a third of the walk
        if not os.path.isdir(path):  # noqa: PTH112 - a link to a folder is not followed
            yield path
    for name in sorted(folders, key=os.fsencode):
        if name in _NEVER or name in skip or name.startswith("."):
            continue
        below = os.path.join(folder, name)  # noqa: PTH118 - as above
        if closed and os.path.realpath(below) in closed:
            continue
        yield from _definition_files(below, skip, closed, findings)


class _Reader:
    """Read files of one root, and none outside it."""

    __slots__ = ("_folders", "_real", "_root", "_texts")

    def __init__(self, root: Path, texts: Mapping[str, bytes]) -> None:
        self._texts = texts
        self._root = os.path.abspath(root)  # noqa: PTH100 - links are resolved below
        self._real = os.path.realpath(root)
        self._folders: dict[str, bool] = {}

    def inline(self, definition: str, target: str) -> str:
        """Read the text that a ``file://`` value of a definition file names.

        Bytes that are no UTF-8 are kept (``surrogateescape``).

        Source: apps 1.6.
        """
        shown = f"file://{target}"
        rooted = target.startswith("/")
        relative = target.lstrip("/") if rooted else target
        if not relative:
            raise UnreadableError(f"{shown}: wanted a path, found none")
        if "\0" in relative:
            shown = shown.replace("\0", "\\0")
            raise UnreadableError(f"{shown}: wanted a path, found a zero byte")
        path = self.place(definition, target)
        if not _below(path, self._root):
            raise UnreadableError(f"{shown}: outside the source root {self._root}")
        try:
            return self.read(path).decode("utf-8", "surrogateescape")
        except UnreadableError as error:
            raise UnreadableError(f"{shown}: {error}") from error

    def place(self, definition: str, target: str) -> str:
        """Return the absolute path that a ``file://`` value names."""
        start = self._root if target.startswith("/") else os.path.dirname(definition)  # noqa: PTH120 - text in, text out
        return os.path.abspath(os.path.join(start, target.lstrip("/")))  # noqa: PTH100, PTH118 - as above

    def read(self, path: str) -> bytes:
        """Read a file of the root; links may lead elsewhere within it only."""
        if self._texts:
            text = self._texts.get(os.path.abspath(path))  # noqa: PTH100 - as above
            if text is not None:
                return text
        folder = os.path.dirname(path)  # noqa: PTH120 - as above
        inside = self._folders.get(folder)
        if inside is None:
            real = os.path.realpath(folder)
            inside = self._folders[folder] = _below(real, self._real)
        if not inside:
            raise UnreadableError(f"outside the source root {self._root}")
        try:
            return _read(path, os.O_NOFOLLOW)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise UnreadableError(_reason(error, path)) from error
        target = os.path.realpath(path)
        if not _below(target, self._real):
            raise UnreadableError(
                f"a link that leads outside the source root {self._root}"
            )
        try:
            return _read(target, os.O_NOFOLLOW)
        except OSError as error:
            raise UnreadableError(_reason(error, path)) from error


def _read(path: str, flags: int) -> bytes:
    # O_NONBLOCK: opening a pipe that nobody writes would wait for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - it is a descriptor
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return file.read()


def _reason(error: OSError, path: str) -> str:
    return f"{error.strerror or error} ({path})"


def _below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)

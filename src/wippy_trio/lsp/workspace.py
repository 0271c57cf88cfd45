"""An application as its author sees it: files on disk, and buffers not saved yet.

The workspace checks what a change touches and nothing else: the unit that changed and,
only if what it exports has changed, the units that import it. While a buffer is not in
the language its importers see what it exported last, and questions about it are
answered from a lenient tree.

Source: types 3.14.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.errors import Error
from wippy_trio.lang.check import check_chunk
from wippy_trio.lang.recover import parse_leniently
from wippy_trio.loading import Project, load_config, load_project
from wippy_trio.loading.check_cache import TypeCache, open_type_cache, type_keys
from wippy_trio.loading.checking import (
    CHECKED,
    declares_of,
    program_of,
    reports_undefined,
    unit_of,
)
from wippy_trio.lsp.text import Text
from wippy_trio.registry import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wippy_trio.lang import Checked, Chunk
    from wippy_trio.lang.program import Program

__all__ = ["DEFINITIONS", "View", "Workspace", "absolute", "project_folder"]

DEFINITIONS = (".yaml", ".yml", ".json")
_MARKS = ("wippy.lock", ".wippy.yaml")
_LOOSE = "library.lua"


class View(NamedTuple):
    """One source, ready for questions.

    Attributes:
      id: Its entry, or its path if no entry names the file.
      entry: The entry.
      text: The buffer.
      chunk: The tree.
      checked: What the checker says of it, with the types of all expressions.
      whole: Whether the source is in the language; else the tree is a lenient one.
    """

    id: str
    entry: Entry
    text: Text
    chunk: Chunk
    checked: Checked
    whole: bool


def absolute(path: str | Path) -> str:
    """Return an absolute path without dots; links are left as they are."""
    return os.path.abspath(path)  # noqa: PTH100 - resolving would follow links


def project_folder(path: Path, roots: Iterable[Path]) -> Path:
    """Find the application that a file belongs to.

    The nearest folder above it with a lock or a configuration, else the root of the
    editor that it is in, else its own folder.
    """
    for folder in path.parents:
        if any((folder / mark).is_file() for mark in _MARKS):
            return folder
    inside = [root for root in roots if path.is_relative_to(root)]
    if inside:
        return max(inside, key=lambda root: len(root.parts))
    return path.parent


class Workspace:
    """One application and the buffers of an editor.

    Args:
      folder: Where the application is.
      encoding: See `Text`.

    Attributes:
      project: The application as it was loaded last; None before the first time.
      trouble: Why it could not be loaded; empty if it could.
      entries: The entries by id, with the sources of the buffers.
    """

    def __init__(self, folder: Path, *, encoding: str = "utf-16") -> None:
        self.folder = folder
        self._encoding = encoding
        self.project: Project | None = None
        self.trouble = ""
        self.entries: dict[str, Entry] = {}
        self._buffers: dict[str, Text] = {}
        self._files: dict[str, list[str]] = {}
        self._importers: dict[str, list[str]] = {}
        self._exported: dict[str, Mapping[str, Any]] = {}
        self._views: dict[str, View] = {}
        self._cache: TypeCache | None = None
        self._edited: set[str] = set()
        self._program: Program = program_of(self.entries, interfaces=self._last)
        self.reload()

    # What there is

    def reload(self) -> None:
        """Read the application anew; what cannot be read leaves the old one."""
        texts = {path: text.source for path, text in self._buffers.items()}
        try:
            config = load_config(self.folder, environ=os.environ)
            project = load_project(self.folder, config=config, texts=texts)
        except (Error, OSError) as error:
            self.trouble = str(error)
            if self.project is not None:
                return
            project = None
        else:
            self.trouble = ""
        before = self.entries
        self.project = project
        self.entries = {} if project is None else dict(project.entries)
        self._files = {}
        for id_, origin in {} if project is None else project.origins.items():
            entry = self.entries.get(id_)
            if origin.source and entry is not None and entry.kind in CHECKED:
                path = absolute(self.folder / origin.source)
                self._files.setdefault(path, []).append(id_)
        self._importers = {}
        for id_, entry in self.entries.items():
            unit = unit_of(entry)
            for target in unit.imports.values() if unit is not None else ():
                self._importers.setdefault(target, []).append(id_)
        for path, text in self._buffers.items():
            self._loose(path, text)
        self._start(project)
        gone = before.keys() - self.entries.keys()
        for id_ in gone:
            self._exported.pop(id_, None)

    def _start(self, project: Project | None) -> None:
        """Begin with a new checker; what is on disk may be known from elsewhere."""
        self._views.clear()
        undefined = False
        self._cache = None
        if project is not None:
            undefined = reports_undefined(project.config)
            self._cache = open_type_cache(project.config, self.folder)
            self._cache.keys = type_keys(project.entries, project.config)
        self._edited = set()
        self._program = program_of(
            self.entries, undefined=undefined, interfaces=self._last
        )

    def _last(self, id_: str) -> Mapping[str, Any] | None:
        """Return what a unit exports, if it need not or cannot be checked now."""
        if id_ in self._exported and self._program.chunk(id_) is None:
            return self._exported[id_]
        if self._cache is not None and id_ not in self._edited:
            return self._cache.interface(id_)
        return None

    def ids(self, path: str) -> list[str]:
        """List the entries whose source is a file; the path itself if none is."""
        found = self._files.get(path)
        if found:
            return found
        return [path] if path in self.entries else []

    def path(self, id_: str) -> str | None:
        """Return the file that holds the source of an entry."""
        if id_ in self._buffers:
            return id_
        if self.project is None:
            return None
        origin = self.project.origins.get(id_)
        if origin is None or not origin.source:
            return None
        return absolute(self.folder / origin.source)

    def definition(self, id_: str) -> tuple[str, int] | None:
        """Return the definition file of an entry and the line in it, from 0."""
        origin = None if self.project is None else self.project.origins.get(id_)
        if origin is None:
            return None
        return absolute(self.folder / origin.file), max(origin.line - 1, 0)

    def modules_of(self, id_: str) -> Mapping[str, str]:
        """Return the imports of an entry: alias and target."""
        unit = unit_of(self.entries.get(id_))
        return {} if unit is None else unit.imports

    def is_loose(self, id_: str) -> bool:
        """Tell whether no entry names the file."""
        return id_ in self._buffers and id_ not in self._files

    @property
    def open_paths(self) -> list[str]:
        """The files that the editor has open."""
        return list(self._buffers)

    # What changes

    def put(self, path: str, string: str) -> set[str]:
        """Take the text of a buffer.

        Returns:
          The units that have to be checked again, as far as that is clear already.
        """
        text = Text(string, self._encoding)
        known = self._buffers.get(path)
        self._buffers[path] = text
        if path.endswith(DEFINITIONS):
            return set()
        if known is not None and known.string == string:
            return set(self.ids(path))
        if path not in self.entries:
            self._loose(path, text)
        self._views.pop(path, None)
        return self._replace(path, text)

    def drop(self, path: str) -> set[str]:
        """Forget a buffer: the file counts again."""
        if self._buffers.pop(path, None) is None:
            return set()
        self._views.pop(path, None)
        if path.endswith(DEFINITIONS):
            return set()
        ids = self._files.get(path)
        if not ids:
            self.entries.pop(path, None)
            self._program.forget(path)
            return set()
        return self._replace(path, self._read(path))

    def _loose(self, path: str, text: Text) -> None:
        """Make a unit of a source that no entry names."""
        if path not in self._files and not path.endswith(DEFINITIONS):
            data = {"source": text.source.decode("utf-8", "surrogateescape")}
            self.entries[path] = Entry(path, _LOOSE, {}, data)

    def _replace(self, path: str, text: Text) -> set[str]:
        source = text.source.decode("utf-8", "surrogateescape")
        changed: set[str] = set()
        for id_ in self.ids(path):
            entry = self.entries[id_]
            changed.add(id_)
            if entry.data["source"] == source:
                continue
            self.entries[id_] = entry._replace(data={**entry.data, "source": source})
            self._edited.add(id_)
            self._program.forget(id_)
            self._views.pop(id_, None)
        return changed

    def settle(self, ids: Iterable[str]) -> set[str]:
        """Check units that have changed.

        Returns:
          The units that import them, directly or not, and have to be checked again,
          since what these export has changed.
        """
        touched: set[str] = set()
        pending = list(ids)
        for id_ in pending:
            checked = self._program.check(id_, keep=self._is_open(id_))
            if checked is None:
                continue
            before = self._exported.get(id_)
            self._exported[id_] = checked.interface
            if before != checked.interface and id_ in self._edited:
                touched |= self._users(id_)
        for id_ in touched:
            self._edited.add(id_)
            self._program.recheck(id_)
            self._views.pop(id_, None)
        return touched

    def _users(self, id_: str) -> set[str]:
        found: set[str] = set()
        pending = [id_]
        while pending:
            for user in self._importers.get(pending.pop(), ()):
                if user not in found:
                    found.add(user)
                    pending.append(user)
        return found

    def _is_open(self, id_: str) -> bool:
        return self.path(id_) in self._buffers

    # What is asked

    @property
    def program(self) -> Program:
        """The checker of the application."""
        return self._program

    def text(self, path: str) -> Text:
        """Return the text of a buffer, or else of a file; empty if there is none."""
        return self._buffers.get(path) or self._read(path)

    def source(self, id_: str) -> Text:
        """Return the text of the source of an entry."""
        path = self.path(id_)
        if path is not None and path in self._buffers:
            return self._buffers[path]
        unit = unit_of(self.entries.get(id_))
        raw = b"" if unit is None else unit.source
        return Text(raw.decode("utf-8", "surrogateescape"), self._encoding)

    def view(self, path: str) -> View | None:
        """Return a file ready for questions, None if it is no source."""
        for id_ in self.ids(path):
            return self.view_of(id_)
        return None

    def view_of(self, id_: str) -> View | None:
        """Return the source of an entry ready for questions."""
        found = self._views.get(id_)
        if found is None:
            made = self._view(id_)
            if made is None:
                return None
            found = self._views[id_] = made
        return found

    def chunk(self, id_: str) -> Chunk | None:
        """Return the tree of the source of an entry, a lenient one if need be."""
        chunk = self._program.chunk(id_)
        if chunk is None:
            view = self.view_of(id_)
            return None if view is None else view.chunk
        return chunk

    def _view(self, id_: str) -> View | None:
        entry = self.entries.get(id_)
        if entry is None or unit_of(entry) is None:
            return None
        text = self.source(id_)
        chunk = self._program.chunk(id_)
        if chunk is not None:
            checked = self._program.check(id_, keep=True)
            if checked is not None:
                return View(id_, entry, text, chunk, checked, whole=True)
        return self.probe(id_, text.source)

    def probe(self, id_: str, source: bytes, *, cursor: int = -1) -> View | None:
        """Return a view of other text in place of a source, which need not be whole."""
        entry = self.entries.get(id_)
        unit = unit_of(entry)
        if entry is None or unit is None:
            return None
        chunk = parse_leniently(source, id_, cursor=cursor)
        modules = self._program.modules_of(unit)
        checked = check_chunk(chunk, modules=modules, imports=unit.imports, keep=True)
        text = Text(source.decode("utf-8", "surrogateescape"), self._encoding)
        return View(id_, entry, text, chunk, checked, whole=False)

    def is_host(self, id_: str, name: str) -> bool:
        """Tell whether a name that an entry requires is a module of the host."""
        target = self.modules_of(id_).get(name)
        if target is not None:
            return ":" not in target.removeprefix(":")
        return declares_of(name) is not None

    def _read(self, path: str) -> Text:
        try:
            raw = Path(path).read_bytes()
        except OSError:
            raw = b""
        return Text(raw.decode("utf-8", "surrogateescape"), self._encoding)

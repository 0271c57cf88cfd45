"""What was found the last time, by everything that it depends on.

The key of an entry is a digest of its source, of what it declares, of the keys of what
it imports, of how it was checked, and of the checker itself. So an entry is checked
again when it, or anything it imports, has changed, and never otherwise.

There are two files. ``types.json`` holds for each entry what it exports and what the
checker said of it; lint, the loading of entries and the language server all use it.
``lint.json`` holds what lint reports, so that a second run reads no types at all.

Source: types 3.13.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wippy_trio._version import __version__
from wippy_trio.loading.checking import reports_undefined
from wippy_trio.loading.plugins import MODULES_GROUP, plugins

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wippy_trio.lang import Checked, Diagnostic
    from wippy_trio.loading.config import Config
    from wippy_trio.loading.plugins import Plugin
    from wippy_trio.registry import Entry

__all__ = [
    "Keys",
    "LintCache",
    "TypeCache",
    "open_lint_cache",
    "open_type_cache",
    "type_keys",
]

PACKAGE = Path(__file__).parent.parent
LINT_FILE = "lint.json"
TYPES_FILE = "types.json"


class Keys:
    """The digests of the entries of an application as it stands.

    Args:
      entries: Its entries by id.
      start: How they are checked, and by what.
    """

    __slots__ = ("_entries", "_keys", "_start")

    def __init__(self, entries: Mapping[str, Entry], start: str) -> None:
        self._entries = entries
        self._start = start
        self._keys: dict[str, str] = {}

    def of(self, id_: str) -> str:
        """Digest everything that the findings of an entry depend on."""
        known = self._keys.get(id_)
        if known is not None:
            return known
        self._keys[id_] = f"circle {id_}"  # imports that go round end here
        entry = self._entries.get(id_)
        data = entry.data if entry is not None else None
        if not isinstance(data, dict):
            data = {}
        digest = hashlib.sha256(self._start.encode())
        source, modules = data.get("source"), data.get("modules")
        digest.update(str(source).encode("utf-8", "surrogateescape"))
        digest.update(repr(modules).encode("utf-8", "surrogateescape"))
        imports = data.get("imports")
        if isinstance(imports, dict):
            for alias, target in sorted(imports.items()):
                row = f"\0{alias}\0{target}\0{self.of(str(target))}"
                digest.update(row.encode("utf-8", "surrogateescape"))
        self._keys[id_] = digest.hexdigest()
        return self._keys[id_]


class _Rows:
    """One file of rows by entry; the first item of a row is its key."""

    __slots__ = ("_changed", "_file", "_rows", "_writes", "keys")

    def __init__(self, file: Path | None, *, writes: bool) -> None:
        self._file = file
        self._writes = writes
        self._rows: dict[str, Any] = {} if file is None else _read(file)
        self._changed = False
        self.keys: Keys = Keys({}, "")

    def row(self, id_: str) -> list[Any] | None:
        """Return the row of an entry, if it is still good."""
        row = self._rows.get(id_)
        if not isinstance(row, list) or not row or row[0] != self.keys.of(id_):
            return None
        return row

    def keep(self, id_: str, *items: Any) -> None:
        """Keep a row."""
        self._rows[id_] = [self.keys.of(id_), *items]
        self._changed = True

    def save(self, present: Iterable[str]) -> None:
        """Write what has changed; a folder that cannot be written is no error.

        Args:
          present: The entries there are; rows of others are dropped.
        """
        gone = self._rows.keys() - set(present)
        for id_ in gone:
            del self._rows[id_]
        if self._file is None or not self._writes or not (self._changed or gone):
            return
        self._changed = False
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._file.parent, suffix=".part")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                # Not json.dump: that one does without the encoder written in C.
                file.write(json.dumps(self._rows, separators=(",", ":")))
            Path(name).replace(self._file)
        except (OSError, UnicodeEncodeError):
            return


class LintCache(_Rows):
    """What lint reports, by entry."""

    __slots__ = ()

    def get(self, id_: str) -> list[Diagnostic] | None:
        """Give what is known of an entry, or ``None`` if it has to be checked."""
        row = self.row(id_)
        return None if row is None else _diagnostics(row[1:])

    def put(self, id_: str, findings: list[Diagnostic]) -> None:
        """Keep what was found in an entry."""
        self.keep(id_, *map(list, findings))


class TypeCache(_Rows):
    """What the checker says, by entry: what it exports, what is wrong with it."""

    __slots__ = ()

    def interface(self, id_: str) -> dict[str, Any] | None:
        """Give what an entry exports, as plain data."""
        row = self.row(id_)
        if row is None or len(row) != 3 or not isinstance(row[1], dict):
            return None
        return row[1]

    def findings(self, id_: str) -> list[Diagnostic] | None:
        """Give what the checker found in an entry."""
        row = self.row(id_)
        if row is None or len(row) != 3 or not isinstance(row[2], list):
            return None
        return _diagnostics(row[2])

    def put(self, id_: str, checked: Checked) -> None:
        """Keep what the checker said of an entry."""
        self.keep(id_, checked.interface, [*map(list, checked.findings)])


def _diagnostics(items: list[Any]) -> list[Diagnostic] | None:
    if not items:
        return []
    from wippy_trio.lang import Diagnostic  # noqa: PLC0415 - start-up cost

    try:
        return [Diagnostic._make([*map(_frozen, item)]) for item in items]
    except TypeError:
        return None


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _checker() -> str:
    """Name the checker as it is installed: its version and when it was changed."""
    newest = 0
    for folder in ("lang", "lang/checker", "modules", "loading"):
        with os.scandir(PACKAGE / folder) as items:
            for item in items:
                if item.name.endswith(".py"):
                    newest = max(newest, item.stat().st_mtime_ns)
                elif folder == "modules" and item.is_dir():
                    door = Path(item.path) / "__init__.py"
                    if door.is_file():
                        newest = max(newest, door.stat().st_mtime_ns)
    others = sorted(map(_plugin, plugins(MODULES_GROUP).values()))
    return " ".join((__version__, str(newest), *others))


def _plugin(plugin: Plugin) -> str:
    """Name a module of another package, as it is installed."""
    file = plugin.file()
    changed = 0 if file is None else file.stat().st_mtime_ns
    return f"{plugin.name}={plugin.package} {changed}"


def _read(file: Path) -> dict[str, Any]:
    try:
        rows = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return rows if isinstance(rows, dict) else {}


def _start(config: Config, *how: object) -> str:
    return " ".join(map(str, (_checker(), reports_undefined(config), *how)))


def _place(config: Config, folder: Path, name: str) -> Path | None:
    """Return where a file of the cache is; None if there is to be none."""
    off = config.text("lua.cache.mode") == "off"
    if off or not config.flag("lua.cache.typecheck.enabled"):
        return None
    if config.get("lua.cache.enabled") is not None and not config.flag(
        "lua.cache.enabled"
    ):
        return None
    return (config.path("lua.cache.dir") or folder / ".wippy/cache/lua") / name


def _writes(config: Config) -> bool:
    return config.text("lua.cache.mode") != "readonly"


def open_lint_cache(
    entries: Mapping[str, Entry],
    config: Config,
    folder: Path,
    *,
    rules: bool,
    reset: bool,
) -> LintCache:
    """Open what lint remembers of an application, as its configuration says.

    ``lua.cache.dir`` says where it is; ``lua.cache.mode`` is ``readwrite``,
    ``readonly`` or ``off``; ``lua.cache.enabled`` and ``lua.cache.typecheck.enabled``
    switch it off, too.
    """
    file = _place(config, folder, LINT_FILE)
    if reset and file is not None:
        file.unlink(missing_ok=True)
        (file.parent / TYPES_FILE).unlink(missing_ok=True)
    cache = LintCache(file, writes=_writes(config))
    cache.keys = Keys(entries, _start(config, "lint", rules))
    return cache


def open_type_cache(config: Config, folder: Path) -> TypeCache:
    """Open what the checker remembers of an application; see `open_lint_cache`.

    Its keys are those of no application yet: see `type_keys`.
    """
    file = _place(config, folder, TYPES_FILE)
    return TypeCache(file, writes=_writes(config))


def type_keys(entries: Mapping[str, Entry], config: Config) -> Keys:
    """Return the keys of the cache of types for an application as it stands."""
    return Keys(entries, _start(config, "types"))

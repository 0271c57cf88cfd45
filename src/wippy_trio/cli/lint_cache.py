"""What was found the last time, by everything that it depends on.

The key of an entry is a digest of its source, of what it declares, of the keys of what
it imports, of how it was checked, and of the checker itself. So an entry is checked
again when it, or anything it imports, has changed, and never otherwise.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wippy_trio._version import __version__

if TYPE_CHECKING:
    from wippy_trio.lang import Diagnostic
    from wippy_trio.loading import Project

__all__ = ["LintCache", "open_cache"]

PACKAGE = Path(__file__).parent.parent
FILE = "lint.json"


class LintCache:
    """Findings by entry, each good for one key."""

    def __init__(
        self, project: Project, file: Path | None, *, rules: bool, writes: bool
    ) -> None:
        self._project = project
        self._file = file
        self._writes = writes
        self._keys: dict[str, str] = {}
        self._start = f"{_checker()} {rules}"
        self._rows: dict[str, Any] = {} if file is None else _read(file)
        self._changed = False

    def key(self, id_: str) -> str:
        """Digest everything that the findings of an entry depend on."""
        known = self._keys.get(id_)
        if known is not None:
            return known
        self._keys[id_] = f"circle {id_}"  # imports that go round end here
        entry = self._project.entries.get(id_)
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
                row = f"\0{alias}\0{target}\0{self.key(str(target))}"
                digest.update(row.encode("utf-8", "surrogateescape"))
        self._keys[id_] = digest.hexdigest()
        return self._keys[id_]

    def get(self, id_: str) -> list[Diagnostic] | None:
        """Give what is known of an entry, or ``None`` if it has to be checked."""
        row = self._rows.get(id_)
        if not isinstance(row, list) or not row or row[0] != self.key(id_):
            return None
        if len(row) == 1:
            return []
        from wippy_trio.lang import Diagnostic  # noqa: PLC0415 - start-up cost

        try:
            return [Diagnostic._make([*map(_frozen, item)]) for item in row[1:]]
        except TypeError:
            return None

    def put(self, id_: str, findings: list[Diagnostic]) -> None:
        """Keep what was found in an entry."""
        self._rows[id_] = [self.key(id_), *map(list, findings)]
        self._changed = True

    def close(self) -> None:
        """Write what has changed; a folder that cannot be written is no error."""
        gone = [id_ for id_ in self._rows if id_ not in self._project.entries]
        for id_ in gone:
            del self._rows[id_]
        if self._file is None or not self._writes or not (self._changed or gone):
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._file.parent, suffix=".part")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(self._rows, file, separators=(",", ":"))
            Path(name).replace(self._file)
        except (OSError, UnicodeEncodeError):
            return


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _checker() -> str:
    """Name the checker as it is installed: its version and when it was changed."""
    newest = 0
    for folder in ("lang", "lang/checker", "modules", "cli"):
        with os.scandir(PACKAGE / folder) as items:
            for item in items:
                if item.name.endswith(".py"):
                    newest = max(newest, item.stat().st_mtime_ns)
                elif folder == "modules" and item.is_dir():
                    door = Path(item.path) / "__init__.py"
                    if door.is_file():
                        newest = max(newest, door.stat().st_mtime_ns)
    return f"{__version__} {newest}"


def _read(file: Path) -> dict[str, Any]:
    try:
        rows = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return rows if isinstance(rows, dict) else {}


def open_cache(project: Project, *, rules: bool, reset: bool) -> LintCache:
    """Open the cache of an application as its configuration says.

    ``lua.cache.dir`` says where it is; ``lua.cache.mode`` is ``readwrite``,
    ``readonly`` or ``off``; ``lua.cache.typecheck.enabled`` switches it off, too.
    """
    config = project.config
    mode = config.text("lua.cache.mode")
    if mode == "off" or not config.flag("lua.cache.typecheck.enabled"):
        return LintCache(project, None, rules=rules, writes=False)
    folder = config.path("lua.cache.dir") or project.folder / ".wippy/cache/lua"
    file = folder / FILE
    if reset:
        file.unlink(missing_ok=True)
    return LintCache(project, file, rules=rules, writes=mode != "readonly")

"""The translated sources of the last run, so that a start need not translate again.

A translation depends on the source, the entry's name, the version of Lua, the budget
and the translator itself. One file holds those of one application; what was not asked
for in a run is not kept, so it does not grow. It is as trusted as the application's own
folder, in which it lies.

Source: apps 9.2.
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
    from wippy_trio.loading.config import Config

__all__ = ["CompileCache", "open_compile_cache"]

LANG = Path(__file__).parent.parent / "lang"
FILE = "compiled.json"
WORTH_IT = 20
"""So many translations have to be new for a file to be written."""


class CompileCache:
    """Hold translations by what they depend on.

    Args:
      file: Where they are kept; None to keep none.
      writes: Whether the file may be written.
    """

    __slots__ = ("_asked", "_file", "_new", "_old", "_start", "_writes")

    def __init__(self, file: Path | None, *, writes: bool = True) -> None:
        self._file = file
        self._writes = writes
        self._start = _translator() if file is not None else ""
        self._old = _read(file, self._start) if file is not None else {}
        self._asked: dict[str, str] = {}
        self._new = 0

    def key(self, source: bytes, *facts: str) -> str:
        """Give the key of a translation."""
        head = "\0".join(facts).encode("utf-8", "surrogateescape")
        return hashlib.sha256(head + b"\0\0" + source).hexdigest()

    def get(self, key: str) -> bytes | None:
        """Give a translation, if it is known."""
        text = self._old.get(key)
        if not isinstance(text, str):
            return None
        self._asked[key] = text
        return text.encode("latin-1")

    def put(self, key: str, text: bytes) -> None:
        """Keep a translation."""
        if self._file is not None:
            self._asked[key] = text.decode("latin-1")
            self._new += 1

    def save(self) -> None:
        """Write the file, if enough is new; a folder that refuses is let be."""
        if self._file is None or not self._writes or self._new < WORTH_IT:
            return
        body = json.dumps({"by": self._start, "texts": self._asked})
        try:
            _write(self._file, body)
        except OSError:
            return
        self._new = 0


def open_compile_cache(config: Config, folder: Path) -> CompileCache:
    """Open what is known of an application.

    ``lua.cache.dir`` says where it is; ``lua.cache.mode`` is ``readwrite``,
    ``readonly`` or ``off``; ``lua.cache.enabled`` and ``lua.cache.compile.enabled``
    switch it off, too.
    """
    mode = config.text("lua.cache.mode")
    asked = config.get("lua.cache.enabled")
    if (
        mode == "off"
        or not config.flag("lua.cache.compile.enabled")
        or (asked is not None and not config.flag("lua.cache.enabled"))
    ):
        return CompileCache(None)
    place = config.path("lua.cache.dir") or folder / ".wippy/cache/lua"
    return CompileCache(place / FILE, writes=mode != "readonly")


def _translator() -> str:
    """Name the translator as it is installed: its version and when it was changed."""
    newest = 0
    with os.scandir(LANG) as items:
        for item in items:
            if item.name.endswith(".py"):
                newest = max(newest, item.stat().st_mtime_ns)
    return f"{__version__} {newest}"


def _read(file: Path, start: str) -> dict[str, Any]:
    try:
        body = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(body, dict) or body.get("by") != start:
        return {}
    texts = body.get("texts")
    return texts if isinstance(texts, dict) else {}


def _write(file: Path, body: str) -> None:
    """Write all or nothing, also where two runs end at the same moment."""
    file.parent.mkdir(parents=True, exist_ok=True)
    ignored = file.parent / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n")
    handle, draft = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as opened:
            opened.write(body)
        Path(draft).replace(file)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise

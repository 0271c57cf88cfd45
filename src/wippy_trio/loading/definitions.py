"""Definition files: one document to entries.

Pure: the text comes in, and so does the function that reads ``file://`` values. The
boot loader reads from folders; the Lua module ``loader`` from any file system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.errors import InvalidError
from wippy_trio.loading.yaml import load_document
from wippy_trio.registry import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SUFFIXES", "Located", "Origin", "UnreadableError", "read_definition"]

SUFFIXES = (".yaml", ".yml", ".json")
"""How the name of a definition file ends (apps 1.3.2)."""

_SCHEME = "file://"


class UnreadableError(Exception):
    """A file that a definition names cannot be read, or may not be."""


class Origin(NamedTuple):
    """Where an entry is defined; line 0 where it is not known.

    ``source`` is the file that its ``source`` names: in a definition as it is written
    there, after a scan like ``file``. It is empty if the source stands in the
    definition itself.
    """

    file: str
    line: int
    module: str = ""
    source: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Located(NamedTuple):
    """An entry and where it is defined."""

    entry: Entry
    origin: Origin


def read_definition(
    raw: bytes | str, file: str, read_text: Callable[[str], str]
) -> list[Located]:
    """Read the entries of a definition file.

    Args:
      raw: Its contents.
      file: What to call it in errors; a name ending ``.json`` is read as JSON.
      read_text: Reads what stands after ``file://``; raises ``UnreadableError``.

    Returns:
      The entries in their order; none if the document has no ``namespace``.

    Raises:
      InvalidError: The document is malformed; the message names file and entry.

    Source: apps 1.3, 1.4, 1.5, 1.6.
    """
    document = load_document(raw, file)
    body = document.value
    if not isinstance(body, dict):
        return []
    ns = body.get("namespace")
    if not isinstance(ns, str) or not ns.strip():
        return []
    if ":" in ns:
        raise InvalidError(
            f"{file}: namespace: wanted text without a colon, got {ns!r}"
        )
    lines = document.lines
    marker = _SCHEME.encode() if isinstance(raw, bytes) else _SCHEME
    inline = file.endswith(".json") or marker in raw  # type: ignore[operator]
    reader = _Definition(file, ns, read_text if inline else None)
    if "entries" not in body:
        if "name" not in body and "kind" not in body:
            raise InvalidError(
                f"{file}: namespace {ns}: wanted entries, or name and kind, "
                "found neither"
            )
        origin = Origin(file, lines[0] if lines else 0)
        return [reader.located(_single(body), {}, origin, "entry")]
    items = body["entries"]
    if items is None:
        return []
    if not isinstance(items, list):
        raise InvalidError(
            f"{file}: namespace {ns}: entries: wanted a list, got {_type(items)}"
        )
    meta = reader.meta(body.get("meta"))
    return [
        reader.located(
            item,
            meta,
            Origin(file, lines[n] if n < len(lines) else 0),
            f"entry {n + 1}",
        )
        for n, item in enumerate(items)
    ]


def _single(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a single definition what belongs to the document."""
    outer = {"namespace"}
    if body.get("kind") != "ns.dependency":  # there it is the constraint
        outer.add("version")
    return {key: value for key, value in body.items() if key not in outer}


class _Definition:
    """Reads the entries of one file, whose form is known."""

    __slots__ = ("_file", "_ns", "_read")

    def __init__(self, file: str, ns: str, read: Callable[[str], str] | None) -> None:
        self._file = file
        self._ns = ns
        self._read = read

    def meta(self, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            return {}
        found: dict[str, Any] = self._inlined(value, f"{self._file}: meta")
        return found

    def located(
        self, item: Any, shared: Mapping[str, Any], origin: Origin, which: str
    ) -> Located:
        ns = self._ns
        if not isinstance(item, dict):
            raise InvalidError(
                f"{origin}: {which} of {ns}: wanted a map, got {_type(item)}"
            )
        source = _source(item)
        if source:
            origin = origin._replace(source=source)
        item = self._inlined(item, f"{origin}: entry {ns}:{item.get('name')}")
        name, kind = item.get("name"), item.get("kind")
        if not isinstance(name, str) or not name.strip():
            raise InvalidError(
                f"{origin}: {which} of {ns}: name: wanted text, got {_type(name)}"
            )
        if not isinstance(kind, str) or not kind.strip():
            raise InvalidError(
                f"{origin}: entry {ns}:{name}: kind: wanted text, got {_type(kind)}"
            )
        own = item.get("meta")
        meta = {**shared, **own} if isinstance(own, dict) else dict(shared)
        if "data" in item:
            data = item["data"]
        else:
            data = {
                key: value
                for key, value in item.items()
                if key not in {"name", "kind", "meta"}
            }
        return Located(Entry(f"{ns}:{name}", kind, meta, data), origin)

    def _inlined(self, value: Any, where: str) -> Any:
        if self._read is None:
            return value
        try:
            return _inlined(value, self._read)
        except UnreadableError as error:
            raise InvalidError(f"{where}: {error}") from error


def _source(item: dict[str, Any]) -> str:
    data = item["data"] if isinstance(item.get("data"), dict) else item
    source = data.get("source")
    if isinstance(source, str) and source.startswith(_SCHEME):
        return source.removeprefix(_SCHEME)
    return ""


def _inlined(value: Any, read_text: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        if value.startswith(_SCHEME):
            return read_text(value.removeprefix(_SCHEME))
        return value
    if isinstance(value, dict):
        return {key: _inlined(item, read_text) for key, item in value.items()}
    if isinstance(value, list):
        return [_inlined(item, read_text) for item in value]
    return value


def _type(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return "blank text" if not value.strip() else repr(value)
    return type(value).__name__

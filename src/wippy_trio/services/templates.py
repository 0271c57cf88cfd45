"""``template.set`` and ``template.jet``: templates of the registry (apps 2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.modules.templates.jet import EXTENSIONS, Delimiters
from wippy_trio.modules.templates.library import Engine, Library
from wippy_trio.sdk import EntryKind, InvalidError, NotFoundError

if TYPE_CHECKING:
    from wippy_trio.registry import Entry

__all__ = ["TemplateSets", "Templates"]


class TemplateSets(EntryKind):
    """Handle sets of templates."""

    kinds = ("template.set",)

    async def create(self, entry: Entry) -> None:
        """Make a set known; its templates come as entries of their own."""
        self.runtime.resources.put(entry.id, Library(entry.id, read_engine(entry)))
        await trio.lowlevel.checkpoint()

    async def update(self, old: Entry, new: Entry) -> None:
        """Read the templates in another way; they stay."""
        engine = read_engine(new)
        self.runtime.resources.get(old.id).configure(engine)
        await trio.lowlevel.checkpoint()

    async def delete(self, entry: Entry) -> None:
        """Forget an empty set."""
        if len(self.runtime.resources.get(entry.id)):
            raise InvalidError(f"template set {entry.id}: set is not empty")
        self.runtime.resources.remove(entry.id)
        await trio.lowlevel.checkpoint()


class Templates(EntryKind):
    """Handle templates; they are parsed when they are first rendered."""

    kinds = ("template.jet",)

    async def create(self, entry: Entry) -> None:
        """Put a template into its set."""
        set_id, name, source = _read(entry)
        self._library(set_id).put(entry.id, name, source)
        await trio.lowlevel.checkpoint()

    async def update(self, old: Entry, new: Entry) -> None:
        """Replace a template, also when it moves to another set."""
        set_id, name, source = _read(new)
        self._library(set_id).put(new.id, name, source)
        before = _read(old)[0]
        if before != set_id:
            self._library(before).remove(old.id)
        await trio.lowlevel.checkpoint()

    async def delete(self, entry: Entry) -> None:
        """Take a template out of its set."""
        self._library(_read(entry)[0]).remove(entry.id)
        await trio.lowlevel.checkpoint()

    def _library(self, id: str) -> Library:  # noqa: A002 - its name
        found = self.runtime.resources.get(id)
        if not isinstance(found, Library):
            raise NotFoundError(f"template set {id} not found")
        return found


def _read(entry: Entry) -> tuple[str, str, str]:
    """Give set, name and text of a template."""
    data = entry.data if isinstance(entry.data, dict) else {}
    source, set_id = data.get("source"), data.get("set")
    if not isinstance(source, str):
        raise InvalidError("source is required")
    if not isinstance(set_id, str) or not set_id:
        raise InvalidError("set is required")
    namespace, _, own = entry.id.partition(":")
    name = entry.meta.get("name") if entry.meta else None
    if ":" not in set_id:  # apps 1.8.2
        set_id = f"{namespace}:{set_id}"
    return set_id, name if isinstance(name, str) and name else own, source


def read_engine(entry: Entry) -> Engine:
    """Read how the templates of a set are to be read; every field has a default.

    Raises:
      InvalidError: A field is of a wrong type, or the delimiters cannot be told apart.
    """
    data = entry.data if isinstance(entry.data, dict) else {}
    engine = _map(data, "engine")
    given = {**Delimiters()._asdict(), **_map(engine, "delimiters")}
    marks = {name: given[name] for name in Delimiters._fields}
    for name, mark in marks.items():
        if not isinstance(mark, str) or not mark.strip():
            raise InvalidError(f"engine.delimiters.{name}: wanted a text, got {mark!r}")
    delimiters = Delimiters(**marks)
    if delimiters.left == delimiters.right or (
        delimiters.comment_left == delimiters.comment_right
    ):
        raise InvalidError("engine.delimiters: left and right must differ")
    if delimiters.left == delimiters.comment_left:
        raise InvalidError("engine.delimiters: left and comment_left must differ")
    mode = engine.get("development_mode", False)
    if not isinstance(mode, bool):
        raise InvalidError(
            f"engine.development_mode: wanted true or false, got {mode!r}"
        )
    listed = engine.get("extensions")
    extensions = EXTENSIONS if listed is None else _extensions(listed)
    return Engine(mode, delimiters, extensions, _map(engine, "globals"))


def _map(data: dict[str, Any], field: str) -> dict[str, Any]:
    value = data.get(field)
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise InvalidError(f"{field}: wanted a map, got {value!r}")
    return value


def _extensions(listed: Any) -> tuple[str, ...]:
    if not isinstance(listed, list) or not all(isinstance(e, str) for e in listed):
        raise InvalidError(f"engine.extensions: wanted a list of texts, got {listed!r}")
    return tuple(listed)

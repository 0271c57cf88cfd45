"""Where a name comes from, and where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.bind import bind_chunk
from wippy_trio.lang.strings import string_value
from wippy_trio.lang.typesyntax import TypeName
from wippy_trio.lang.walk import walk
from wippy_trio.loading.checking import CHECKED
from wippy_trio.lsp.places import (
    KEY,
    path_to,
    required_by,
    required_name,
    string_at,
    symbol_at,
    word_at,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wippy_trio.lang.bind import Bindings, Symbol
    from wippy_trio.lang.parser import Chunk
    from wippy_trio.lsp.workspace import View, Workspace

__all__ = ["Location", "definition", "entry_location", "references"]


class Location(NamedTuple):
    """A span of bytes in a file; with ``line`` a line of one that is no source."""

    path: str
    start: int = 0
    end: int = 0
    line: int = -1


class _Member(NamedTuple):
    """A member of what an entry exports, or of a table of one source."""

    id: str
    name: str


def definition(workspace: Workspace, view: View, offset: int) -> list[Location]:
    """Find where what stands at an offset is declared."""
    chunk = view.chunk
    word = word_at(chunk.tokens, offset)
    if word is None:
        return []
    if word.kind == "string":
        found = string_at(chunk, offset)
        if found is None:
            return []
        value, call, _ = found
        if isinstance(call, lua.Call) and required_name(call) == value:
            return _entry(workspace, workspace.modules_of(view.id).get(value, ""))
        return _entry(workspace, value)
    if word.kind not in KEY or not word.text:
        return []
    node = path_to(chunk.main, word.start)[-1]
    if isinstance(node, TypeName):
        return _type(workspace, view, node, word.start)
    symbol = symbol_at(view.checked.bindings, word.start)
    here = workspace.path(view.id)
    if symbol is not None and _names(node, word.start):
        if here is None or not symbol.end > symbol.start:
            return []
        return [Location(here, symbol.start, symbol.end)]
    member = _member(workspace, view, node, word.start)
    if member is None:
        return []
    return list(_declared(workspace, member))


def references(
    workspace: Workspace, view: View, offset: int, *, declaration: bool = True
) -> list[Location]:
    """Find where what stands at an offset is used, in all sources."""
    word = word_at(view.chunk.tokens, offset)
    here = workspace.path(view.id)
    if word is None or here is None:
        return []
    if word.kind == "string":
        found = string_at(view.chunk, offset)
        if found is None or found[0] not in workspace.entries:
            return []
        return list(_mentions(workspace, found[0]))
    if word.kind not in KEY or not word.text:
        return []
    node = path_to(view.chunk.main, word.start)[-1]
    symbol = symbol_at(view.checked.bindings, word.start)
    if symbol is not None and _names(node, word.start):
        places = {*symbol.reads, *symbol.writes, *symbol.mentions}
        if declaration:
            places.add(symbol.start)
        else:
            places.discard(symbol.start)
        size = len(symbol.name)
        return [Location(here, place, place + size) for place in sorted(places)]
    member = _member(workspace, view, node, word.start)
    if member is None:
        return []
    found_at: dict[Location, None] = {}
    declared = dict.fromkeys(_declared(workspace, member))
    if declaration:
        found_at.update(declared)
    for each in _uses(workspace, member):
        if each not in declared:
            found_at[each] = None
    return list(found_at)


def _names(node: lua.Node, start: int) -> bool:
    """Tell whether a node is a variable, and not a member that begins there."""
    if isinstance(node, (lua.Field, lua.MethodCall)):
        return node.name_start != start
    return not isinstance(node, lua.TableField) or node.name is None


# Members


def _member(
    workspace: Workspace, view: View, node: lua.Node, start: int
) -> _Member | None:
    """Say whose member a name is."""
    bindings = view.checked.bindings
    if isinstance(node, lua.TableField):
        return _Member(view.id, node.name) if node.name is not None else None
    if not isinstance(node, (lua.Field, lua.MethodCall)) or node.name_start != start:
        return None
    base = node.base
    if isinstance(base, lua.Name) and bindings is not None:
        symbol = bindings.uses.get(base.start)
        required = required_by(bindings, view.chunk).get(symbol) if symbol else None
        if required is not None:
            target = workspace.modules_of(view.id).get(required, "")
            return _Member(target, node.name) if target in workspace.entries else None
    elif isinstance(base, lua.Call):
        required = required_name(base)
        if required is not None:
            target = workspace.modules_of(view.id).get(required, "")
            return _Member(target, node.name) if target in workspace.entries else None
    return _Member(view.id, node.name)


def _declared(workspace: Workspace, member: _Member) -> Iterator[Location]:
    """Find where a member gets its value: the first place of each kind."""
    chunk, path = workspace.chunk(member.id), workspace.path(member.id)
    if chunk is None or path is None:
        return
    plain: list[Location] = []
    size = len(member.name)
    for node in walk(chunk.main):
        if isinstance(node, lua.FunctionStatement):
            target = node.target
            if isinstance(target, lua.Field) and target.name == member.name:
                yield Location(path, target.name_start, target.end)
        elif isinstance(node, lua.Assign):
            plain += [
                Location(path, target.name_start, target.end)
                for target in node.targets
                if isinstance(target, lua.Field) and target.name == member.name
            ]
        elif isinstance(node, lua.TableField) and node.name == member.name:
            plain.append(Location(path, node.start, node.start + size))
    yield from plain[:1]


def _uses(workspace: Workspace, member: _Member) -> Iterator[Location]:
    """Find where a member is used: in its own source, and through imports."""
    for id_, entry in workspace.entries.items():
        if entry.kind not in CHECKED:
            continue
        own = id_ == member.id
        aliases = [
            alias
            for alias, target in workspace.modules_of(id_).items()
            if target == member.id
        ]
        if not own and not aliases:
            continue
        chunk, path = workspace.chunk(id_), workspace.path(id_)
        if chunk is None or path is None or member.name not in chunk.tokens.words:
            continue
        holders = _holders(chunk, bind_chunk(chunk), aliases)
        for node in walk(chunk.main):
            if not isinstance(node, (lua.Field, lua.MethodCall)):
                continue
            if node.name != member.name:
                continue
            if own or _holds(node.base, holders, aliases):
                begin = node.name_start
                yield Location(path, begin, begin + len(node.name))


def _holders(chunk: Chunk, bindings: Bindings, aliases: list[str]) -> dict[int, Symbol]:
    """Return the uses of locals that hold one of some imports."""
    symbols = {
        symbol
        for symbol, name in required_by(bindings, chunk).items()
        if name in aliases
    }
    return {
        start: symbol for start, symbol in bindings.uses.items() if symbol in symbols
    }


def _holds(base: lua.Node, holders: dict[int, Symbol], aliases: list[str]) -> bool:
    if isinstance(base, lua.Call):
        return required_name(base) in aliases
    return isinstance(base, lua.Name) and base.start in holders


# Types and entries


def _type(
    workspace: Workspace, view: View, node: TypeName, start: int
) -> list[Location]:
    id_ = view.id
    chunk: Chunk | None = view.chunk
    if node.module is not None:
        bindings = view.checked.bindings
        symbols = required_by(bindings, view.chunk) if bindings is not None else {}
        for symbol, required in symbols.items():
            if symbol.name == node.module and symbol.start < node.start:
                if start == node.start:
                    here = workspace.path(view.id)
                    span = symbol.start, symbol.end
                    return [] if here is None else [Location(here, *span)]
                id_ = workspace.modules_of(view.id).get(required, "")
        chunk = workspace.chunk(id_) if id_ in workspace.entries else None
    path = workspace.path(id_)
    if chunk is None or path is None:
        return []
    for alias in chunk.notes.aliases:
        if alias.name == node.name:
            begin = alias.name_start
            return [Location(path, begin, begin + len(alias.name))]
    return []


def entry_location(workspace: Workspace, id_: str) -> Location | None:
    """Return where an entry is: its source, or else its definition."""
    if id_ not in workspace.entries:
        return None
    path = workspace.path(id_)
    if path is not None:
        return Location(path)
    place = workspace.definition(id_)
    return None if place is None else Location(place[0], line=place[1])


def _entry(workspace: Workspace, id_: str) -> list[Location]:
    found = entry_location(workspace, id_)
    return [] if found is None else [found]


def _mentions(workspace: Workspace, wanted: str) -> Iterator[Location]:
    """Find the texts of sources that are the id of an entry."""
    for id_, entry in workspace.entries.items():
        if entry.kind not in CHECKED:
            continue
        chunk, path = workspace.chunk(id_), workspace.path(id_)
        if chunk is None or path is None:
            continue
        tokens = chunk.tokens
        for at, kind in enumerate(tokens.kinds):
            text = tokens.texts[at] if kind == "string" else ""
            if wanted in text and string_value(text) == wanted.encode():
                yield Location(path, tokens.starts[at], tokens.ends[at])

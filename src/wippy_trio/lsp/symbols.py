"""The outline of a source, and what can be found by name in an application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from wippy_trio.lang import syntax as lua

if TYPE_CHECKING:
    from wippy_trio.lang.parser import Chunk
    from wippy_trio.lsp.workspace import Workspace

__all__ = ["Outlined", "entries_named", "outline"]

Kind = Literal["function", "method", "variable", "field", "type", "module"]
_MOST = 200


class Outlined(NamedTuple):
    """Something with a name: where it is, where its name is, what is in it."""

    name: str
    kind: Kind
    start: int
    end: int
    name_start: int
    name_end: int
    inside: list[Outlined]


def outline(chunk: Chunk) -> list[Outlined]:
    """List functions, locals of the source itself, fields that are functions, types."""
    return _block(chunk.main.body, top=True)


def _block(block: lua.Block, *, top: bool) -> list[Outlined]:
    found: list[Outlined] = []
    for node in block.statements:
        found += _statement(node, top=top)
    return found


def _statement(node: lua.Statement, *, top: bool) -> list[Outlined]:
    if isinstance(node, lua.LocalFunction):
        name = node.name
        inside = _block(node.function.body, top=False)
        return [_made(name.name, "function", node, name.start, name.end, inside)]
    if isinstance(node, lua.FunctionStatement):
        target = node.target
        kind: Kind = "method" if node.method else "function"
        inside = _block(node.function.body, top=False)
        shown = _path(target)
        return [_made(shown, kind, node, target.start, target.end, inside)]
    if isinstance(node, (lua.TypeAlias, lua.Interface)):
        start = node.name_start
        return [_made(node.name, "type", node, start, start + len(node.name), [])]
    if isinstance(node, lua.Local):
        return _local(node, top=top)
    if isinstance(node, lua.Assign):
        return [
            _made(_path(target), "function", node, target.start, target.end, [])
            for target, value in zip(node.targets, node.values, strict=False)
            if isinstance(target, (lua.Name, lua.Field))
            and isinstance(value, lua.Function)
        ]
    if isinstance(node, lua.Return) and top:
        return [
            each
            for value in node.values
            if isinstance(value, lua.Table)
            for each in _fields(value)
        ]
    return []


def _local(node: lua.Local, *, top: bool) -> list[Outlined]:
    found: list[Outlined] = []
    for at, typed in enumerate(node.names):
        value = node.values[at] if at < len(node.values) else None
        span = typed.start, typed.end
        if isinstance(value, lua.Function):
            inside = _block(value.body, top=False)
            found.append(_made(typed.name, "function", node, *span, inside))
        elif top:
            inside = _fields(value) if isinstance(value, lua.Table) else []
            found.append(_made(typed.name, "variable", node, *span, inside))
    return found


def _fields(table: lua.Table) -> list[Outlined]:
    found: list[Outlined] = []
    for field in table.fields:
        if field.name is None:
            continue
        kind: Kind = "function" if isinstance(field.value, lua.Function) else "field"
        end = field.start + len(field.name)
        found.append(_made(field.name, kind, field, field.start, end, []))
    return found


def _made(
    name: str,
    kind: Kind,
    node: lua.Node,
    start: int,
    end: int,
    inside: list[Outlined],
) -> Outlined:
    shown = name.encode("latin-1", "replace").decode("utf-8", "replace") or "?"
    begin, stop = min(node.start, start), max(node.end, end)
    return Outlined(shown, kind, begin, stop, start, end, inside)


def _path(target: lua.Expression) -> str:
    names: list[str] = []
    while isinstance(target, lua.Field):
        names.append(target.name)
        target = target.base
    if isinstance(target, lua.Name):
        names.append(target.name)
    return ".".join(reversed(names))


def entries_named(workspace: Workspace, query: str) -> list[str]:
    """List the entries whose id has the characters of a text in this order."""
    found = [
        id_
        for id_ in sorted(workspace.entries)
        if not workspace.is_loose(id_) and _has(id_.lower(), query.lower())
    ]
    return found[:_MOST]


def _has(text: str, wanted: str) -> bool:
    rest = iter(text)
    return all(char in rest for char in wanted)

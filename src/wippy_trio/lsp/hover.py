"""What a name means: its type, the module or entry that a text names."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.members import members_of
from wippy_trio.lang.types import Alias, expand
from wippy_trio.lang.typesyntax import TypeName
from wippy_trio.lang.typetext import show
from wippy_trio.lsp.comments import comment_of, purpose_of
from wippy_trio.lsp.entries import describe_entry
from wippy_trio.lsp.places import KEY, path_to, string_at, word_at
from wippy_trio.lsp.types import base_type, exported_type, member_type, module_of

if TYPE_CHECKING:
    from wippy_trio.lang.types import Type
    from wippy_trio.lsp.workspace import View, Workspace

__all__ = ["Hover", "hover"]

_MOST_MEMBERS = 30


class Hover(NamedTuple):
    """Markdown, and the bytes that it is about."""

    markdown: str
    start: int
    end: int


def hover(workspace: Workspace, view: View, offset: int) -> Hover | None:
    """Say what stands at an offset."""
    chunk = view.chunk
    word = word_at(chunk.tokens, offset)
    if word is None:
        return None
    if word.kind == "string":
        text = _text(workspace, view, offset)
        return None if text is None else Hover(text, word.start, word.end)
    if word.kind not in KEY or not word.text:
        return None
    name = word.text
    nodes = path_to(chunk.main, word.start)
    node = nodes[-1]
    if isinstance(node, TypeName):
        text = _type_name(workspace, view, node, word.start)
        return None if text is None else Hover(text, word.start, word.end)
    type_, label = _value(view, node, word.start, name)
    if type_ is None:
        return None
    shown = f"{label}: {show(type_)}"
    if isinstance(type_, Alias) and not isinstance(expand(type_), Alias):
        shown += f"\n-- {show(type_)} = {show(expand(type_))}"
    parts = [_code(shown), _about(workspace, view, node, word.start, name)]
    return Hover("\n\n".join(filter(None, parts)), word.start, word.end)


def _value(
    view: View, node: lua.Node, start: int, name: str
) -> tuple[Type | None, str]:
    """Return the type of a name, and how it is shown."""
    checked = view.checked
    if isinstance(node, lua.MethodCall) and node.name_start == start:
        return member_type(view, node.base, name), name
    if isinstance(node, lua.Field) and node.name_start == start:
        return base_type(view, node), name
    if isinstance(node, lua.TableField) and node.start == start:
        return checked.type_of(node.value.start, node.value.end), name
    found = checked.type_of(start, start + len(name))
    symbol = checked.symbol_at(start)
    if symbol is None:
        return found, name
    if found is None:
        found = checked.type_of(symbol.start, symbol.end)
    if symbol.kind == "function":
        return found, f"function {name}"
    word = {"parameter": "(parameter)", "loop": "(loop variable)"}.get(
        symbol.kind, "local"
    )
    return found, f"{word} {name}"


def _about(
    workspace: Workspace, view: View, node: lua.Node, start: int, name: str
) -> str:
    """Return what is written about a name."""
    if isinstance(node, (lua.Field, lua.MethodCall)) and node.name_start == start:
        purpose = purpose_of(workspace, view, node.base, name)
        if purpose:
            return purpose
    return comment_of(workspace, view, start)


def _text(workspace: Workspace, view: View, offset: int) -> str | None:
    """Describe what a text names: a module that is required, or an entry."""
    found = string_at(view.chunk, offset)
    if found is None:
        return None
    value, node, _ = found
    function = node.function if isinstance(node, lua.Call) else None
    if isinstance(function, lua.Name) and function.name == "require":
        return _module(workspace, view, value)
    entry = workspace.entries.get(value)
    return None if entry is None else describe_entry(workspace, entry)


def _module(workspace: Workspace, view: View, name: str) -> str | None:
    target = workspace.modules_of(view.id).get(name)
    entry = workspace.entries.get(target or "")
    head = f"module `{name}`" if entry is None else describe_entry(workspace, entry)
    module = module_of(workspace, view, name)
    if module is None:
        return head if entry is not None else None
    members = members_of(module.value)
    lines = [f"{each}: {show(type_)}" for each, type_ in members.items()]
    lines += [f"type {each}" for each in module.types]
    if len(lines) > _MOST_MEMBERS:
        lines[_MOST_MEMBERS:] = [f"-- and {len(lines) - _MOST_MEMBERS} more"]
    return f"{head}\n\n{_code(chr(10).join(lines))}" if lines else head


def _type_name(
    workspace: Workspace, view: View, node: TypeName, start: int
) -> str | None:
    """Show how a type is declared."""
    if node.module is not None:
        if start == node.start:
            return f"module `{node.module}`"
        type_ = exported_type(workspace, view, node.module, node.name)
        return None if type_ is None else _code(f"type {node.name} = {show(type_)}")
    for alias in view.chunk.notes.aliases:
        if alias.name == node.name:
            return _code(view.chunk.text[alias.start : alias.end])
    return _code(f"type {node.name}")


def _code(text: str) -> str:
    """Set a text as Lua; the language reads bytes, the editor characters."""
    shown = text.encode("latin-1", "replace").decode("utf-8", "replace")
    return f"```lua\n{shown}\n```"

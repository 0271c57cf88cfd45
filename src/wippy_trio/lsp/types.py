"""Types behind names: of members, of modules, of what a module exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang.members import members_of
from wippy_trio.lang.shapes import Declaration
from wippy_trio.loading.checking import unit_of
from wippy_trio.lsp.places import required_by

if TYPE_CHECKING:
    from wippy_trio.lang import syntax as lua
    from wippy_trio.lang.declarations import Module
    from wippy_trio.lang.types import Type
    from wippy_trio.lsp.workspace import View, Workspace

__all__ = ["base_type", "exported_type", "member_type", "module_behind", "module_of"]


def base_type(view: View, node: lua.Node) -> Type | None:
    """Return the type of an expression; of one that has none, of what ends there."""
    found = view.checked.type_of(node.start, node.end)
    if found is not None:
        return found
    at = view.checked.type_at(max(node.end - 1, 0))
    return at[2] if at is not None and at[1] == node.end else None


def member_type(view: View, base: lua.Node, name: str) -> Type | None:
    """Return the type of a field or method of an expression."""
    type_ = base_type(view, base)
    return None if type_ is None else members_of(type_).get(name)


def module_of(workspace: Workspace, view: View, name: str) -> Module | None:
    """Return the module that a source requires by a name."""
    unit = unit_of(view.entry)
    return None if unit is None else workspace.program.modules_of(unit)(name)


def module_behind(workspace: Workspace, view: View, name: str) -> Module | None:
    """Return the module that a local of a name holds."""
    bindings = view.checked.bindings
    if bindings is not None:
        for symbol, required in required_by(bindings, view.chunk).items():
            if symbol.name == name:
                return module_of(workspace, view, required)
    return module_of(workspace, view, name)


def exported_type(
    workspace: Workspace, view: View, module: str, name: str
) -> Type | None:
    """Return a type that a module exports."""
    found = module_behind(workspace, view, module)
    type_ = None if found is None else found.types.get(name)
    if isinstance(type_, Declaration):
        return type_.target
    return type_

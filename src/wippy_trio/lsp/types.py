"""Types behind names: of members, of modules, of what a module exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.members import members_of
from wippy_trio.lang.shapes import Declaration
from wippy_trio.lang.types import UNTYPED
from wippy_trio.loading.checking import unit_of
from wippy_trio.lsp.places import path_to, required_by

if TYPE_CHECKING:
    from wippy_trio.lang.declarations import Module
    from wippy_trio.lang.types import Type
    from wippy_trio.lsp.workspace import View, Workspace

__all__ = [
    "base_type",
    "exported_type",
    "member_type",
    "module_behind",
    "module_of",
    "type_before",
]


def base_type(view: View, node: lua.Node) -> Type | None:
    """Return the type of an expression.

    Where the checker trusts nobody, since a field may be assigned out of sight, what
    the field held when it was made is still the best answer for an author.
    """
    found = view.checked.type_of(node.start, node.end)
    if found is None:
        at = view.checked.type_at(max(node.end - 1, 0))
        found = at[2] if at is not None and at[1] == node.end else None
    if (found is None or found in UNTYPED) and isinstance(node, lua.Field):
        return member_type(view, node.base, node.name) or found
    return found


def type_before(view: View, end: int) -> Type | None:
    """Return the type of the expression that ends at an offset."""
    at = view.checked.type_at(max(end - 1, 0))
    if at is None or at[1] != end:
        return None
    if at[2] in UNTYPED:
        for node in path_to(view.chunk.main, max(end - 1, 0)):
            if isinstance(node, lua.Field) and (node.start, node.end) == at[:2]:
                return base_type(view, node)
    return at[2]


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

"""What is written about a name: the comment above it, the purpose of a function."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from wippy_trio.lang import syntax as lua
from wippy_trio.loading.checking import summaries_of
from wippy_trio.lsp.navigation import definition
from wippy_trio.lsp.places import required_by, required_name

if TYPE_CHECKING:
    from wippy_trio.lang.parser import Chunk
    from wippy_trio.lsp.workspace import View, Workspace

__all__ = ["comment_of", "host_module", "purpose_of"]


def comment_of(workspace: Workspace, view: View, offset: int) -> str:
    """Return the comment above the declaration of what stands at an offset."""
    for place in definition(workspace, view, offset):
        if place.line >= 0 or place.start == place.end:
            continue
        for id_ in workspace.ids(place.path):
            chunk = workspace.chunk(id_)
            if chunk is not None:
                return comment_above(chunk, place.start)
    return ""


def comment_above(chunk: Chunk, offset: int) -> str:
    """Return the lines of comment right above the line of an offset."""
    text = chunk.text
    begin = text.rfind("\n", 0, offset) + 1
    first = bisect_left(chunk.tokens.starts, begin)
    above = chunk.tokens.ends[first - 1] if first else 0
    lines = text[above:begin].split("\n")
    if first:
        lines = lines[1:]  # what stands behind the last token is about that one
    found: list[str] = []
    for line in reversed(lines[:-1]):
        stripped = line.strip()
        if not stripped.startswith("--") or stripped.startswith("--["):
            break
        found.append(stripped.lstrip("-").strip())
    shown = "\n".join(reversed(found)).strip()
    return shown.encode("latin-1", "replace").decode("utf-8", "replace")


def purpose_of(workspace: Workspace, view: View, base: lua.Node, name: str) -> str:
    """Return what a function of a host module is for, in a sentence."""
    module = host_module(workspace, view, base)
    return "" if module is None else summaries_of(module).get(name, "")


def host_module(workspace: Workspace, view: View, base: lua.Node) -> str | None:
    """Return the name of the host module that an expression is."""
    required: str | None = None
    if isinstance(base, lua.Call):
        required = required_name(base)
    elif isinstance(base, lua.Name) and view.checked.bindings is not None:
        bindings = view.checked.bindings
        symbol = bindings.uses.get(base.start)
        if symbol is None:
            required = base.name  # one that needs no require
        else:
            required = required_by(bindings, view.chunk).get(symbol)
    if required is None or not workspace.is_host(view.id, required):
        return None
    target = workspace.modules_of(view.id).get(required, required)
    return target.removeprefix(":")

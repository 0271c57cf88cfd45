"""Texts that are ids of entries: which calls take them, and what an entry is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang import syntax as lua

if TYPE_CHECKING:
    from wippy_trio.lsp.workspace import Workspace
    from wippy_trio.registry import Entry

__all__ = ["describe_entry", "ids_of", "wanted_kinds"]

_PROCESS = ("process.lua",)
_HOST = ("process.host", "terminal.host")
_FUNCTION = ("function.",)

_SPAWN = {0: _PROCESS, 1: _HOST}

_ARGUMENTS: dict[str, dict[int, tuple[str, ...]]] = {
    "process.spawn": _SPAWN,
    "process.spawn_linked": _SPAWN,
    "process.spawn_monitored": _SPAWN,
    "process.spawn_linked_monitored": _SPAWN,
    "funcs.call": {0: _FUNCTION},
    "funcs.async": {0: _FUNCTION},
    "registry.get": {0: ("",)},
    "sql.get": {0: ("db.sql.",)},
    "store.get": {0: ("store.",)},
    "fs.get": {0: ("fs.",)},
    "queue.publish": {0: ("queue.queue",)},
    "templates.get": {0: ("template.set",)},
    "contract.get": {0: ("contract.definition",)},
    "contract.open": {0: ("contract.binding",)},
    "security.policy": {0: ("security.policy",)},
    "security.token_store": {0: ("security.token_store",)},
    "exec.get": {0: ("exec.",)},
}
"""The arguments that are ids: by function, by number, the kinds that will do."""

_METHODS: dict[str, dict[int, tuple[str, ...]]] = {
    "call": {0: _FUNCTION},
    "async": {0: _FUNCTION},
    "spawn": _SPAWN,
    "spawn_linked": _SPAWN,
    "spawn_monitored": _SPAWN,
    "spawn_linked_monitored": _SPAWN,
}
"""The same of methods, whatever the object is."""


def wanted_kinds(call: lua.Node, number: int) -> tuple[str, ...] | None:
    """Return the beginnings of the kinds whose ids an argument takes."""
    if isinstance(call, lua.MethodCall):
        return _METHODS.get(call.name, {}).get(number)
    if not isinstance(call, lua.Call):
        return None
    function = call.function
    if isinstance(function, lua.Field) and isinstance(function.base, lua.Name):
        name = f"{function.base.name}.{function.name}"
        return _ARGUMENTS.get(name, {}).get(number)
    return None


def describe_entry(workspace: Workspace, entry: Entry) -> str:
    """Describe an entry in Markdown: its kind, what its author says, where it is."""
    lines = [f"`{entry.id}` ({entry.kind})"]
    for key in ("title", "comment", "description"):
        text = entry.meta.get(key)
        if isinstance(text, str) and text.strip():
            lines.append(text.strip())
            break
    origin = None
    if workspace.project is not None:
        origin = workspace.project.origins.get(entry.id)
    if origin is not None:
        lines.append(f"*{origin.source or origin}*")
    return "\n\n".join(lines)


def ids_of(workspace: Workspace, kinds: tuple[str, ...]) -> list[Entry]:
    """List the entries whose kind begins with one of some texts."""
    return [
        entry
        for id_, entry in sorted(workspace.entries.items())
        if entry.kind.startswith(kinds) and not workspace.is_loose(id_)
    ]

"""What is wrong with a file: a source, or the definitions of entries.

Of a source it is what ``lint --rules`` says of each entry that names the file. Of a
definition file it is why it was skipped, what the loader found in its entries, imports
and modules that do not exist, and what is wrong with the sources that stand in it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple

from wippy_trio.lang.lint import lint_chunk
from wippy_trio.loading.checking import (
    ALWAYS,
    CHECKED,
    findings_of,
    module_names,
    unit_of,
)
from wippy_trio.loading.yaml import YamlError
from wippy_trio.lsp.workspace import DEFINITIONS
from wippy_trio.registry import known_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wippy_trio.lang import Diagnostic
    from wippy_trio.lsp.text import Span, Text
    from wippy_trio.lsp.workspace import Workspace
    from wippy_trio.registry import Entry

__all__ = ["Found", "findings"]

UNUSED = frozenset({"W0004", "W0005", "W0006"})


class Found(NamedTuple):
    """Something wrong, and where; ``unused`` if it is that a name is not used."""

    span: Span
    severity: Literal["error", "warning", "hint"]
    code: str
    message: str
    unused: bool = False


def findings(workspace: Workspace, path: str) -> list[Found]:
    """Say what is wrong with a file."""
    if path.endswith(DEFINITIONS):
        return list(_definitions(workspace, path))
    found: dict[Found, None] = {}
    for id_ in workspace.ids(path):
        text = workspace.source(id_)
        for each in _source(workspace, id_):
            found[_placed(each, text)] = None
    return list(found)


def _source(workspace: Workspace, id_: str) -> list[Diagnostic]:
    entry, program = workspace.entries[id_], workspace.program
    if not workspace.is_loose(id_):
        return findings_of(entry, workspace.entries, program, rules=True)
    unit = unit_of(entry)
    if unit is None:
        return []
    found = lint_chunk(
        unit.source, id_, known=None, rules=True, chunk=program.chunk(id_)
    )
    checked = program.check(id_)
    if checked is not None and not any(each.code == "P0001" for each in found):
        found.extend(checked.findings)
    return found


def _placed(found: Diagnostic, text: Text) -> Found:
    start = text.spot(found.line, found.column)
    end = max(text.spot(*found.end), start)
    message = "\n".join([found.message, *(f"note: {note}" for note in found.notes)])
    if found.help:
        message += f"\nhelp: {found.help}"
    span = text.span(start, end)
    return Found(span, found.severity, found.code, message, found.code in UNUSED)


# Definition files


def _definitions(workspace: Workspace, path: str) -> Iterator[Found]:
    project = workspace.project
    text = workspace.text(path)
    if project is None:
        if workspace.trouble:
            yield Found(_line(text, 1), "error", "load", workspace.trouble)
        return
    shown = os.path.relpath(path, workspace.folder)
    for failure in project.failures:
        if failure.file == shown:
            yield _failure(failure.error, shown, text)
    for finding in project.findings:
        if finding.fields.get("file") == shown and finding.level != "debug":
            rest = {
                key: value
                for key, value in finding.fields.items()
                if key not in ("file", "line", "entry", "id")
            }
            facts = ", ".join(f"{key} {value!r}" for key, value in rest.items())
            message = f"{finding.message}: {facts}" if facts else finding.message
            line = int(finding.fields.get("line") or 1)
            severity: Literal["error", "warning"]
            severity = "error" if finding.level == "error" else "warning"
            yield Found(_line(text, line), severity, "entry", message)
    for id_, origin in project.origins.items():
        if origin.file != shown or id_ not in workspace.entries:
            continue
        span = _line(text, origin.line)
        entry = workspace.entries[id_]
        for message in _declarations(workspace, entry):
            yield Found(span, "error", "entry", f"{id_}: {message}")
        if not origin.source and entry.kind in CHECKED:
            for each in _source(workspace, id_):
                message = f"{id_}, line {each.line} of its source: {each.message}"
                yield Found(span, each.severity, each.code, message)


def _failure(error: Exception, shown: str, text: Text) -> Found:
    if isinstance(error, YamlError):
        start = text.spot(error.line or 1, error.column or 1)
        return Found(text.span(start, start + 1), "error", "load", error.problem)
    message = str(error)
    line = 1
    if message.startswith(f"{shown}:"):
        rest = message[len(shown) + 1 :]
        number, colon, behind = rest.partition(":")
        if colon and number.isdigit():
            line, rest = int(number), behind
        message = rest.strip()
    return Found(_line(text, line), "error", "load", message)


def _declarations(workspace: Workspace, entry: Entry) -> Iterator[str]:
    """Say which modules and imports of an entry do not exist."""
    if entry.kind not in CHECKED or not isinstance(entry.data, dict):
        return
    imports, modules = entry.data.get("imports"), entry.data.get("modules")
    for alias, target in imports.items() if isinstance(imports, dict) else ():
        name = str(target).removeprefix(":")
        if ":" not in name:
            if not _is_module(name):
                yield f"import {alias!r}: wanted a module {name!r}, found none"
        elif name not in workspace.entries:
            yield f"import {alias!r}: wanted a library {name}, found none"
    for name in modules if isinstance(modules, list) else ():
        if not _is_module(str(name)):
            yield f"wanted a module {str(name)!r}, found none"


def _is_module(name: str) -> bool:
    return name in ALWAYS or known_module(name) or name in module_names()


def _line(text: Text, number: int) -> Span:
    start = text.spot(max(number, 1), 1)
    return text.span(start, max(text.spot(number + 1, 1) - 1, start))

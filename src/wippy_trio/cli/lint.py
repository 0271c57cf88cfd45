"""``wippy-trio lint``: mistakes in the Lua sources, found without running them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from wippy_trio.cli.project import add_project_arguments, load

if TYPE_CHECKING:
    import argparse

    from wippy_trio.lang.program import Program
    from wippy_trio.loading import Project
    from wippy_trio.registry import Entry

__all__ = ["add_arguments", "run"]

CHECKED = frozenset({"function.lua", "library.lua", "process.lua", "workflow.lua"})
ALWAYS = frozenset(
    {"process", "channel", "payload", "errors", "os", "table", "math", "string"}
    | {"coroutine", "package"}
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--rules", action="store_true", help="style rules too")
    parser.add_argument("--ns", action="append", default=[], help="only there")
    parser.add_argument("--code", action="append", default=[], help="only those")
    add_project_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Check every Lua entry; 1 if an error was found."""
    from wippy_trio.cli.checking import program_of  # noqa: PLC0415 - start-up cost
    from wippy_trio.lang import render  # noqa: PLC0415 - start-up cost

    project = load(options)
    program = program_of(project)
    rows: list[dict[str, Any]] = []
    blocks: list[str] = []
    checked = 0
    for failure in project.failures:
        rows.append(_row(failure.file, "P0001", "error", str(failure.error), 0, 0))
        blocks.append(f"error: {failure.error}\n --> {failure.file}")
    for id_, entry in sorted(project.entries.items()):
        if entry.kind not in CHECKED or not _selected(entry.ns, options.ns):
            continue
        checked += 1
        source = entry.data.get("source") if isinstance(entry.data, dict) else None
        if not isinstance(source, str):
            continue
        lines = source.split("\n")
        for found in _findings(entry, source, project, program, rules=options.rules):
            if options.code and found.code not in options.code:
                continue
            severity = str(found.severity)
            rows.append(
                _row(id_, found.code, severity, found.message, found.line, found.column)
            )
            line = lines[found.line - 1] if 0 < found.line <= len(lines) else None
            blocks.append(render(found, id_, line))
    errors = sum(row["severity"] == "error" for row in rows)
    warnings = sum(row["severity"] == "warning" for row in rows)
    hints = len(rows) - errors - warnings
    out = sys.stdout.write
    if options.json:
        report = {
            "diagnostics": rows,
            "total_entries": checked,
            "error_count": errors,
            "warning_count": warnings,
            "hint_count": hints,
        }
        out(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    elif not rows:
        out(f"No issues found\nChecked {checked} entries\n")
    else:
        out("\n\n".join(blocks) + "\n\n")
        out(f"Checked {checked} entries: {errors} errors, {warnings} warnings\n")
    if errors:
        sys.stderr.write(f"Error: lint failed: {errors} errors, {warnings} warnings\n")
    return 1 if errors else 0


def _row(
    entry: str, code: str, severity: str, message: str, line: int, column: int
) -> dict[str, Any]:
    return {
        "entry_id": entry,
        "code": code,
        "severity": severity,
        "message": message,
        "line": line,
        "column": column,
    }


def _findings(
    entry: Entry, source: str, project: Project, program: Program, *, rules: bool
) -> list[Any]:
    from wippy_trio.lang import lint_chunk  # noqa: PLC0415 - start-up cost

    found = lint_chunk(
        source.encode("utf-8", "surrogateescape"),
        entry.id,
        known=_names(entry) | ALWAYS,
        closure=_closure(entry, project, set()),
        rules=rules,
        chunk=program.chunk(entry.id),
    )
    checked = program.check(entry.id)
    if checked is not None and not any(each.code == "P0001" for each in found):
        found.extend(checked.findings)
        found.sort(key=lambda each: (each.line, each.column, each.code, each.message))
    return found


def _names(entry: Entry) -> frozenset[str]:
    data = entry.data if isinstance(entry.data, dict) else {}
    modules, imports = data.get("modules"), data.get("imports")
    names = set(modules) if isinstance(modules, list) else set()
    if isinstance(imports, dict):
        names.update(imports)
    return frozenset(str(name) for name in names)


def _closure(entry: Entry, project: Project, seen: set[str]) -> frozenset[str]:
    """Collect the names that imported libraries declare, directly or not."""
    names: set[str] = set()
    data = entry.data if isinstance(entry.data, dict) else {}
    imports = data.get("imports")
    for target in imports.values() if isinstance(imports, dict) else ():
        library = project.entries.get(str(target))
        if library is not None and library.id not in seen:
            seen.add(library.id)
            names |= _names(library) | _closure(library, project, seen)
    return frozenset(names)


def _selected(ns: str, wanted: list[str]) -> bool:
    if not wanted:
        return True
    for item in (part for text in wanted for part in text.split(",")):
        root = item.removesuffix("*").removesuffix("*").removesuffix(".")
        if ns == item or (item != root and (ns == root or ns.startswith(root + "."))):
            return True
    return False

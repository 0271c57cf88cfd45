"""``wippy-trio lint``: mistakes in the Lua sources, found without running them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from wippy_trio.cli.lint_report import Finding, Report
from wippy_trio.cli.project import add_project_arguments, load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from wippy_trio.lang import Diagnostic
    from wippy_trio.lang.program import Program
    from wippy_trio.loading import Project
    from wippy_trio.registry import Entry

__all__ = ["add_arguments", "findings_of", "run"]

CHECKED = frozenset({"function.lua", "library.lua", "process.lua", "workflow.lua"})
ALWAYS = frozenset(
    {"process", "channel", "payload", "errors", "os", "table", "math", "string"}
    | {"coroutine", "package"}
)
LEVELS = ("error", "warning", "hint")
ALIASES = {"E0001": {"E0001", "E0000"}}
"""Codes that the documentation of the reference names otherwise (types 3.8)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument(
        "--level",
        "-l",
        choices=LEVELS,
        default="hint",
        help="the least severity that is shown",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--sarif", action="store_true", help="as SARIF 2.1.0")
    parser.add_argument("--rules", action="store_true", help="style rules too")
    parser.add_argument(
        "--ns", action="append", default=[], help="only there; app.* is all below app"
    )
    parser.add_argument("--code", action="append", default=[], help="only those")
    parser.add_argument(
        "--limit", type=_count, default=0, metavar="N", help="show no more than these"
    )
    parser.add_argument("--summary", action="store_true", help="show numbers only")
    parser.add_argument("--no-color", action="store_true", help="no colours")
    parser.add_argument(
        "--cache-reset", action="store_true", help="check everything anew"
    )
    add_project_arguments(parser)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def run(options: argparse.Namespace) -> int:
    """Check every Lua entry; 1 if an error was found."""
    project = load(options)
    chosen = [
        entry
        for _, entry in sorted(project.entries.items())
        if entry.kind in CHECKED and _selected(entry.ns, options.ns)
    ]
    least = LEVELS.index(options.level)
    codes = _codes(options.code)
    shown = [
        finding
        for finding in _all_findings(project, chosen, options)
        if LEVELS.index(finding.diagnostic.severity) <= least
        and (not codes or finding.diagnostic.code in codes)
    ]
    report = Report(shown, len(chosen), limit=options.limit)
    if options.json:
        text = report.json()
    elif options.sarif:
        text = report.sarif(project)
    elif options.summary:
        text = report.summary()
    else:
        text = report.text(colour=not options.no_color and _colourful())
    sys.stdout.write(text)
    if report.errors:
        sys.stderr.write(
            f"Error: lint failed: {report.errors} errors, {report.warnings} warnings\n"
        )
    return 1 if report.errors else 0


def _colourful() -> bool:
    import os  # noqa: PLC0415

    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _codes(given: list[str]) -> set[str]:
    codes: set[str] = set()
    for text in given:
        for code in text.split(","):
            name = code.strip().upper()
            codes |= ALIASES.get(name, {name})
    return codes


def _all_findings(
    project: Project, chosen: list[Entry], options: argparse.Namespace
) -> Iterator[Finding]:
    """Yield what is wrong with the definition files, then with the sources."""
    from wippy_trio.lang import Diagnostic  # noqa: PLC0415 - start-up cost

    for failure in project.failures:
        diagnostic = Diagnostic("P0001", "error", str(failure.error), 0, 0, (0, 0))
        yield Finding(failure.file, diagnostic, None)
    from wippy_trio.cli.lint_cache import open_cache  # noqa: PLC0415

    cache = open_cache(project, rules=options.rules, reset=options.cache_reset)
    program: Program | None = None
    for entry in chosen:
        found = cache.get(entry.id)
        if found is None:
            if program is None:
                from wippy_trio.cli.checking import program_of  # noqa: PLC0415

                program = program_of(project)
            found = findings_of(entry, project, program, rules=options.rules)
            cache.put(entry.id, found)
        if not found:
            continue
        lines = str(entry.data["source"]).split("\n")
        for diagnostic in found:
            number = diagnostic.line
            inside = 0 < number <= len(lines)
            yield Finding(entry.id, diagnostic, lines[number - 1] if inside else None)
    cache.close()


def findings_of(
    entry: Entry, project: Project, program: Program, *, rules: bool
) -> list[Diagnostic]:
    """Check one entry: syntax, style, ``require``, types; in order of place."""
    from wippy_trio.lang import lint_chunk  # noqa: PLC0415 - start-up cost

    source = entry.data.get("source") if isinstance(entry.data, dict) else None
    if not isinstance(source, str):
        return []
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

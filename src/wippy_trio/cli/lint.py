"""``wippy-trio lint``: mistakes in the Lua sources, found without running them."""

from __future__ import annotations

import contextlib
import gc
import sys
from typing import TYPE_CHECKING

from wippy_trio.cli.lint_report import Finding, Report
from wippy_trio.cli.project import add_project_arguments, load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from wippy_trio.lang import Diagnostic
    from wippy_trio.loading import Project
    from wippy_trio.registry import Entry

__all__ = ["add_arguments", "run"]

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
    from wippy_trio.loading.checking import CHECKED  # noqa: PLC0415 - start-up cost

    project = load(options, logged=True)
    if not project.entries and not project.failures:
        from wippy_trio.cli.failure import warn_left_out  # noqa: PLC0415 - start-up cost

        warn_left_out(project)
    chosen = [
        entry
        for _, entry in sorted(project.entries.items())
        if entry.kind in CHECKED and _selected(entry.ns, options.ns)
    ]
    least = LEVELS.index(options.level)
    codes = _codes(options.code)
    with _no_collector():
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


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Look for no cycles meanwhile: trees have none, and there are many of them.

    Collecting costs two fifths of the time of a first check and frees an eighth of
    what it needs.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


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
    if any(each.level in ("warning", "error") for each in project.findings):
        from wippy_trio.cli.failure import SKIPPED, problems  # noqa: PLC0415 - start-up cost

        spaces = options.ns
        for level, owner, code, text in problems(project.findings):
            if code != SKIPPED and _selected(owner.partition(":")[0], spaces):
                diagnostic = Diagnostic(code, level, text, 0, 0, (0, 0))
                yield Finding(owner, diagnostic, None)
    from wippy_trio.loading.check_cache import open_lint_cache  # noqa: PLC0415

    cache = open_lint_cache(
        project.entries,
        project.config,
        project.folder,
        rules=options.rules,
        reset=options.cache_reset,
    )
    checking: _Checking | None = None
    for entry in chosen:
        found = cache.get(entry.id)
        if found is None:
            if checking is None:
                checking = _Checking(project)
            found = checking.findings(entry, rules=options.rules)
            cache.put(entry.id, found)
        if not found:
            continue
        lines = str(entry.data["source"]).split("\n")
        for diagnostic in found:
            number = diagnostic.line
            inside = 0 < number <= len(lines)
            yield Finding(entry.id, diagnostic, lines[number - 1] if inside else None)
    if checking is not None:
        checking.close()
    cache.save(project.entries)


class _Checking:
    """The checker of an application, with what it remembers of the exports."""

    def __init__(self, project: Project) -> None:
        from wippy_trio.loading import check_cache, checking  # noqa: PLC0415

        config = project.config
        self._entries = project.entries
        self._cache = check_cache.open_type_cache(config, project.folder)
        self._cache.keys = check_cache.type_keys(project.entries, config)
        self._findings_of = checking.findings_of
        self._program = checking.program_of(
            project.entries,
            undefined=checking.reports_undefined(config),
            interfaces=self._cache.interface,
        )

    def findings(self, entry: Entry, *, rules: bool) -> list[Diagnostic]:
        """Check one entry."""
        return self._findings_of(entry, self._entries, self._program, rules=rules)

    def close(self) -> None:
        """Keep what was learned."""
        for id_, checked in self._program.results():
            self._cache.put(id_, checked)
        self._cache.save(self._entries)


def _selected(ns: str, wanted: list[str]) -> bool:
    if not wanted:
        return True
    for item in (part for text in wanted for part in text.split(",")):
        root = item.removesuffix("*").removesuffix("*").removesuffix(".")
        if ns == item or (item != root and (ns == root or ns.startswith(root + "."))):
            return True
    return False

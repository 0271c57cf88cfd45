"""How findings are shown: for people, as numbers, as JSON, as SARIF (apps 10.4)."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio._version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wippy_trio.lang import Diagnostic
    from wippy_trio.loading import Project

__all__ = ["Finding", "Report"]

COLOURS = {"error": "31", "warning": "33", "hint": "36"}
SARIF_LEVELS = {"error": "error", "warning": "warning", "hint": "note"}
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


class Finding(NamedTuple):
    """One diagnostic and the entry, or the file, that it is about."""

    owner: str
    diagnostic: Diagnostic
    line: str | None
    """The text of its line, if the source is at hand."""


class Report:
    """What was found in some entries.

    ``limit`` bounds how many findings are listed, never how many are counted.
    """

    def __init__(
        self, findings: Sequence[Finding], entries: int, *, limit: int = 0
    ) -> None:
        self.findings = findings
        self.entries = entries
        self._listed = findings[:limit] if limit else findings
        counts = Counter(each.diagnostic.severity for each in findings)
        self.errors = counts["error"]
        self.warnings = counts["warning"]
        self.hints = counts["hint"]

    def _conclusion(self) -> str:
        if not self.findings:
            return f"No issues found\nChecked {self.entries} entries\n"
        return (
            f"Checked {self.entries} entries:"
            f" {self.errors} errors, {self.warnings} warnings\n"
        )

    def text(self, *, colour: bool = False) -> str:
        """Show each finding with its line and a caret."""
        from wippy_trio.lang import render  # noqa: PLC0415 - start-up cost

        blocks: list[str] = []
        for owner, found, line in self._listed:
            if not found.line:
                block = f"{found.severity}: {found.message}\n --> {owner}"
            else:
                block = render(found, owner, line)
            if colour:
                head, newline, rest = block.partition("\n")
                label, colon, message = head.partition(":")
                tint = COLOURS[found.severity]
                block = f"\033[{tint};1m{label}\033[0m{colon}{message}{newline}{rest}"
            blocks.append(block)
        hidden = len(self.findings) - len(self._listed)
        if hidden:
            blocks.append(f"... and {hidden} more")
        return "".join(f"{block}\n\n" for block in blocks) + self._conclusion()

    def summary(self) -> str:
        """Show how many findings there are by namespace and by code."""
        if not self.findings:
            return self._conclusion()
        spaces = Counter(each.owner.partition(":")[0] for each in self.findings)
        codes = Counter(each.diagnostic.code for each in self.findings)
        text = ""
        for title, counts in (
            ("By namespace:", spaces),
            ("By error code:", codes),
        ):
            width = max(map(len, counts))
            rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
            text += f"{title}\n"
            text += "".join(f"  {name:<{width}}  {count}\n" for name, count in rows)
            text += "\n"
        return text + self._conclusion()

    def json(self) -> str:
        """Show all as JSON."""
        report = {
            "diagnostics": [
                {
                    "entry_id": owner,
                    "code": found.code,
                    "severity": found.severity,
                    "message": found.message,
                    "line": found.line,
                    "column": found.column,
                }
                for owner, found, _ in self._listed
            ],
            "total_entries": self.entries,
            "error_count": self.errors,
            "warning_count": self.warnings,
            "hint_count": self.hints,
        }
        return json.dumps(report, indent=2, ensure_ascii=False) + "\n"

    def sarif(self, project: Project) -> str:
        """Show all in the format that code hosts and editors read.

        A finding is located in the file of the source, or at the definition of its
        entry if the source stands there; the entry itself is a logical location.
        """
        codes = sorted({each.diagnostic.code for each in self.findings})
        log = {
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {
                        "driver": {
                            "name": "wippy-trio lint",
                            "version": __version__,
                            "rules": [{"id": code} for code in codes],
                        }
                    },
                    "columnKind": "unicodeCodePoints",
                    "results": [_result(each, project) for each in self._listed],
                }
            ],
        }
        return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _result(finding: Finding, project: Project) -> dict[str, Any]:
    owner, found, _ = finding
    origin = project.origins.get(owner)
    file = origin.file if origin is not None else owner
    beside = origin is not None and bool(origin.source) and bool(found.line)
    if origin is not None and beside:
        file = origin.source
    physical: dict[str, Any] = {"artifactLocation": {"uri": file.replace("\\", "/")}}
    result: dict[str, Any] = {
        "ruleId": found.code,
        "level": SARIF_LEVELS[found.severity],
        "message": {"text": found.message},
        "locations": [
            {
                "physicalLocation": physical,
                "logicalLocations": [{"fullyQualifiedName": owner}],
            }
        ],
    }
    if beside:
        physical["region"] = {
            "startLine": found.line,
            "startColumn": found.column,
            "endLine": found.end[0],
            "endColumn": found.end[1],
        }
    elif origin is not None and origin.line:
        physical["region"] = {"startLine": origin.line}
    if found.line and not beside:
        result["properties"] = {
            "sourceLine": found.line,
            "sourceColumn": found.column,
            "sourceEndLine": found.end[0],
            "sourceEndColumn": found.end[1],
        }
    return result

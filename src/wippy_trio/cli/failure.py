"""How failures, and what was left out of an application, are shown on a terminal."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wippy_trio.loading import Project
    from wippy_trio.registry import Finding

__all__ = [
    "MISSPELLED",
    "SKIPPED",
    "Problem",
    "hints",
    "problems",
    "report",
    "slips",
    "warn",
    "warn_left_out",
]

Problem = tuple[Literal["warning", "error"], str, str, str]
"""Its level, what it is about (an entry, or a path), its code and its text."""

SKIPPED = "P0001"
MISSPELLED = "R0005"
_MISSING_MODULE = re.compile(r"module '([\w.]+)'(?: not found|, found none)")
_UNDEFINED = re.compile(r"attempt to \w+ a nil value \(global '(\w+)'\)")
_ID = re.compile(r"[\w.-]+:[\w./-]*\w")


def report(error: BaseException, project: Project | None = None) -> None:
    """Write an error, what each unresolved entry is missing, and what may be the cause.

    Args:
      error: What was raised.
      project: The application; where the entries of the error are defined is written
        too, and what looked wrong while it was loaded.

    Source: apps 10.1, 13.23.
    """
    details = getattr(error, "details", None)
    unresolved = details.get("unresolved") if isinstance(details, dict) else None
    text, more = str(error), []
    if isinstance(unresolved, dict):
        text = f"unresolved dependencies after retry: {', '.join(unresolved)}"
        more = [_cause(id_, str(cause)) for id_, cause in unresolved.items()]
    if project is not None:
        found = [each for each in problems(project.findings) if each[2] != SKIPPED]
        owners = {owner for _, owner, *_ in found}
        named = _ID.findall("\n".join((text, *more)))
        more += [
            f"{id_} is defined in {project.origins[id_]}"
            for id_ in dict.fromkeys(named)
            if id_ in project.origins and id_ not in owners
        ]
        more += [text for *_, text in found]
    more += hints("\n".join((text, *more)))
    rows = [f"Error: {text}", *(f"  {row}" for row in more)]
    sys.stderr.write("\n".join(rows) + "\n")


def hints(text: str) -> list[str]:
    """Say what to do about an error, where it is nearly always the same."""
    if text.startswith("no terminal.host found in registry"):
        return ["to run a program, add an entry: {name: terminal, kind: terminal.host}"]
    found = _MISSING_MODULE.search(text)
    undefined = _UNDEFINED.search(text)
    if found is None and undefined is None:
        return []
    from wippy_trio.registry import MODULES  # noqa: PLC0415 - start-up cost

    if found is None:
        assert undefined is not None
        name = undefined[1]
        if name not in MODULES:
            return []
        return [f"if it is the module, the entry has to declare it: modules: [{name}]"]
    name = found[1]
    if name in MODULES:
        return [f"the entry has to declare it: modules: [{name}]"]
    from difflib import get_close_matches  # noqa: PLC0415 - wanted only here

    close = get_close_matches(name, sorted(MODULES), 1)
    return [f"did you mean {close[0]}?"] if close else []


def slips(project: Project, id_: str) -> list[str]:
    """List what looks misspelled in the definition of an entry."""
    return [
        text
        for _, owner, code, text in problems(project.findings)
        if owner == id_ and code == MISSPELLED
    ]


def _cause(id_: str, text: str) -> str:
    return text if id_ in text else f"{id_}: {text}"


def warn(text: str) -> None:
    """Write a line about something that does not end the command."""
    sys.stderr.write(f"Warning: {text}\n")


def warn_left_out(project: Project) -> None:
    """Tell which definition files were left out, for commands that write no log.

    Whatever such a command then says is about less than the user wrote.
    """
    for failure in project.failures:
        warn(f"definition file left out: {failure.error}")
    if project.entries or project.failures:
        return
    source = project.lock.source
    if source is None:
        warn(f"no application in {project.folder}: no wippy.lock, and no folder src")
    elif not source.is_dir():
        warn(f"no entries: the lock names the folder {source}, which is not there")
    else:
        warn(f"no entries in {source}: wanted YAML files with namespace and entries")


def problems(findings: Sequence[Finding]) -> Iterator[Problem]:
    """Say in a sentence what looks wrong: the place, what was wanted, what came."""
    for finding in findings:
        facts = finding.fields
        if finding.level not in ("warning", "error"):
            continue
        level: Literal["warning", "error"]
        level = "error" if finding.level == "error" else "warning"
        owner = str(facts.get("entry", facts.get("path", "")))
        place = f"{facts['file']}: " if facts.get("file") else ""
        about = f"{place}entry {owner}: " if "entry" in facts else place
        if finding.message == "process file":
            text = f"definition file left out: {facts['error']}"
            yield "error", owner, SKIPPED, text
        elif finding.message == "unsupported entry kind":
            close = facts.get("use_instead")
            hint = f"; did you mean {close}?" if close else ""
            text = f"{about}unsupported entry kind {facts['kind']}{hint}"
            yield level, owner, "R0001", text
        elif finding.message == "reference to a missing entry":
            others: Any = facts.get("found_instead")
            hint = f"; did you mean {' or '.join(others)}?" if others else ""
            text = f"{facts['field']}: wanted the entry {facts['wanted']}, found none"
            yield level, owner, "R0002", f"{about}{text}{hint}"
        elif finding.message == "unknown field":
            text = f"{facts['field']}: no field of {facts['kind']}"
            yield (
                level,
                owner,
                MISSPELLED,
                f"{about}{text}; did you mean {facts['use_instead']}?",
            )
        elif finding.message.startswith("duplicate entries"):
            for id_, places in facts["entries"].items():
                text = f"entry {id_}: defined more than once, the last one counts"
                yield level, id_, "R0003", f"{text}: {', '.join(places)}"
        else:
            shown = ", ".join(
                f"{key} {value}"
                for key, value in facts.items()
                if key not in ("file", "entry") and value is not None
            )
            yield level, owner, "R0004", f"{about}{finding.message}: {shown}"

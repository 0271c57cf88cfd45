"""Checking types when entries are loaded or changed (types 3.1, 3.12).

A plan is checked as a whole before any of it is carried out, against the entries as
they will be: what it changes, and what imports that. In strict mode an error refuses
the plan, so that the old version stays in force and nothing has to be taken back;
else findings are warnings in the log. A source that does not parse is left to the
handler of its kind, which refuses it in every mode.

This file is imported only where ``lua.type_system.enabled`` says so.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.errors import CanceledError
from wippy_trio.lang import type_errors
from wippy_trio.loading.check_cache import open_type_cache, type_keys
from wippy_trio.loading.checking import CHECKED, program_of, reports_undefined
from wippy_trio.logs import get_logger
from wippy_trio.sdk import run_in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wippy_trio.errors import Error
    from wippy_trio.lang import Diagnostic
    from wippy_trio.loading import Project
    from wippy_trio.registry import Entry, Plan

__all__ = ["TypeCheck", "importers", "planned_entries"]

log = get_logger("types")


class _Outcome(NamedTuple):
    """What was found: warnings by entry, and what refuses the plan."""

    findings: list[tuple[str, Diagnostic]]
    error: Error | None


class TypeCheck:
    """The checker of a running application, with what it found before.

    Args:
      project: What was loaded, for its configuration.
      in_thread: Whether a worker thread does the work, so that the application goes on
        meanwhile. A run with a seed checks in place: a thread ends at no certain time.
    """

    def __init__(self, project: Project, *, in_thread: bool) -> None:
        self._in_thread = in_thread
        config = project.config
        self._config = config
        self._strict = config.flag("lua.type_system.strict")
        self._undefined = reports_undefined(config)
        self._cache = open_type_cache(config, project.folder)
        self._seen: Mapping[str, Entry] = {}

    async def check(self, plan: Plan, state: Mapping[str, Entry]) -> None:
        """Check what a plan changes.

        Args:
          plan: What is to be done.
          state: The entries as they are.

        Raises:
          InvalidError: In strict mode, and there are errors.
        """
        self._seen = entries = planned_entries(state, plan)
        stop = threading.Event()
        if self._in_thread:
            outcome = await run_in_thread(
                self._work, plan, entries, stop, interrupt=stop.set
            )
        else:
            outcome = self._work(plan, entries, stop)
        for id_, found in outcome.findings:
            log.warning(
                f"{found.code}: {found.message}",
                entry=id_,
                line=found.line,
                column=found.column,
            )
        if outcome.error is not None:
            raise outcome.error

    async def save(self) -> None:
        """Write what was found to the cache, if there is one."""
        if self._in_thread:
            await run_in_thread(self._cache.save, self._seen)
        else:
            self._cache.save(self._seen)

    def _work(
        self, plan: Plan, entries: Mapping[str, Entry], stop: threading.Event
    ) -> _Outcome:
        self._cache.keys = type_keys(entries, self._config)
        program = program_of(
            entries, undefined=self._undefined, interfaces=self._cache.interface
        )
        findings: list[tuple[str, Diagnostic]] = []
        error: Error | None = None
        for id_ in _targets(plan, entries):
            if stop.is_set():
                raise CanceledError("type check: cancelled")
            found = self._cache.findings(id_)
            if found is None:
                checked = program.check(id_)
                if checked is None:
                    continue
                found = checked.findings
            if self._strict:
                error = type_errors(id_, found)
                if error is not None:
                    findings.clear()  # nothing of a plan that is refused is logged
                    break
            findings.extend((id_, each) for each in found)
        for id_, checked in program.results():
            self._cache.put(id_, checked)
        return _Outcome(findings, error)


def planned_entries(state: Mapping[str, Entry], plan: Plan) -> dict[str, Entry]:
    """Return the entries as they will be."""
    entries = dict(state)
    for id_, change in plan.changes.items():
        if change.after is None:
            entries.pop(id_, None)
        else:
            entries[id_] = change.after
    return entries


def _targets(plan: Plan, entries: Mapping[str, Entry]) -> Iterator[str]:
    """Yield what is to be checked: imports first, what only imports a change last."""
    changed = [operation.entry.id for operation in plan.operations]
    for id_ in changed:
        entry = entries.get(id_)
        if entry is not None and entry.kind in CHECKED:
            yield id_
    if len(changed) < len(entries):
        known = set(changed)
        for id_ in importers(known, entries):
            if entries[id_].kind in CHECKED:
                yield id_


def importers(ids: set[str], entries: Mapping[str, Entry]) -> list[str]:
    """List what imports some entries, directly or not, the nearer ones first."""
    by: dict[str, list[str]] = {}
    for id_, entry in sorted(entries.items()):
        data = entry.data if isinstance(entry.data, dict) else {}
        imports = data.get("imports")
        for target in imports.values() if isinstance(imports, dict) else ():
            by.setdefault(str(target), []).append(id_)
    found: dict[str, None] = {}
    pending = sorted(ids)
    while pending:
        following: list[str] = []
        for id_ in pending:
            for user in by.get(id_, ()):
                if user not in ids and user not in found:
                    found[user] = None
                    following.append(user)
        pending = following
    return list(found)

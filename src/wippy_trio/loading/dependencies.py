"""Modules that come and go while the application runs: changes of ``ns.dependency``.

A changeset that creates, updates or deletes a dependency is widened: the entries of the
module are created, changed or deleted in the same version. There is no network here: a
module is what stands in for it, what the store has, or what comes with us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.errors import Error, InternalError, InvalidError, NotFoundError
from wippy_trio.loading.mounting import available_modules, owned
from wippy_trio.loading.scanning import scan, skipped_folders
from wippy_trio.registry import (
    Operation,
    OperationKind,
    apply_overrides,
    choose_version,
    link,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wippy_trio.loading.bundled import MountedModule
    from wippy_trio.loading.project import Project
    from wippy_trio.registry import Entry, Finding

__all__ = ["Widened", "widen"]

DEPENDENCY = "ns.dependency"
REQUIREMENT = "ns.requirement"


class Widened(NamedTuple):
    """A changeset with all that follows from its dependencies.

    ``mounted`` are the modules that are new, ``findings`` what there is to say.
    """

    operations: list[Operation]
    mounted: list[MountedModule]
    findings: list[Finding]


def widen(
    project: Project,
    state: Mapping[str, Entry],
    operations: Sequence[Operation],
    environ: Mapping[str, str],
) -> Widened:
    """Add what the dependencies of a changeset bring and take away.

    Args:
      project: Says where modules are.
      state: The entries as they are.
      operations: What is asked for.
      environ: The environment, for the folders that are not entered.

    Raises:
      InternalError: A dependency cannot be resolved; nothing has changed.

    Source: apps 1.10.8.
    """
    try:
        return _Widening(project, state, operations, environ).run()
    except Error as error:
        details = error.details if isinstance(error.details, dict) else {}
        if "count" not in details:
            details = {"cause": str(error)}
        raise InternalError(
            f"dependency resolution failed: {error}", retryable=False, details=details
        ) from error


class _Widening:
    def __init__(
        self,
        project: Project,
        state: Mapping[str, Entry],
        operations: Sequence[Operation],
        environ: Mapping[str, str],
    ) -> None:
        self.project = project
        self.environ = environ
        self.state = state
        self.asked = list(operations)
        self.after = dict(state)
        self.touched: dict[str, None] = {}
        self.refreshed: set[str] = set()
        self.mounted: list[MountedModule] = []
        self.findings: list[Finding] = []

    def run(self) -> Widened:
        for operation in self.asked:
            self._follow(operation)
        settled: set[str] = set()
        while waiting := [name for name in self.touched if name not in settled]:
            settled.add(waiting[0])
            self._settle(waiting[0])
        self._fill()
        asked = {operation.entry.id for operation in self.asked}
        extra = [
            operation
            for id_ in sorted({*self.state, *self.after} - asked)
            for operation in _difference(self.state.get(id_), self.after.get(id_))
        ]
        # What was asked for may have been filled, too.
        mine = [
            operation
            if operation.kind is OperationKind.DELETE
            else operation._replace(entry=self.after[operation.entry.id])
            for operation in self.asked
            if operation.kind is OperationKind.DELETE
            or operation.entry.id in self.after
        ]
        return Widened([*mine, *extra], self.mounted, self.findings)

    def _follow(self, operation: Operation) -> None:
        """Carry out what was asked for, and note the modules that it is about."""
        new = operation.entry
        old = self.after.get(new.id)
        before = _component(old)
        if operation.kind is OperationKind.DELETE:
            self.after.pop(new.id, None)
            after = None
        else:
            if new.kind == DEPENDENCY:
                _check(new)
            self.after[new.id] = new
            after = _component(new)
        for component in (before, after):
            if component is not None:
                self.touched[component] = None
        if after is not None and after == before and _version(old) != _version(new):
            self.refreshed.add(after)

    def _settle(self, component: str) -> None:
        """Mount a module, leave it, take it away."""
        wanted = {
            entry.id: _version(entry)
            for entry in self.after.values()
            if _component(entry) == component
        }
        there = [
            entry
            for entry in self.after.values()
            if entry.meta.get("module") == component
        ]
        if not wanted or component in self.refreshed:
            for entry in there:
                self.after.pop(entry.id, None)
                self._touch(entry)
            there = []
        if not wanted:
            return
        if there:
            versions = {str(e.meta["module_version"]) for e in there if _marked(e)}
            if versions:
                choose_version(component, versions, wanted)
            return
        module = self._choose(component, wanted)
        self.mounted.append(module)
        for entry in self._entries(module):
            self.after[entry.id] = entry
            self._touch(entry)

    def _touch(self, entry: Entry) -> None:
        """Note the module that a dependency of a module is about."""
        component = _component(entry)
        if component is not None:
            self.touched.setdefault(component, None)

    def _choose(self, component: str, wanted: Mapping[str, str]) -> MountedModule:
        found = available_modules(self.project.config, self.project.lock, component)
        if not found:
            raise NotFoundError(
                f"module {component}: neither a replacement nor a folder of the store "
                f"{self.project.lock.modules_dir}, and there is no module hub"
            )
        by_version = {module.version: module for module in found if module.version}
        if not by_version:
            return found[0]  # a folder without a version is what it is
        return by_version[choose_version(component, by_version, wanted)]

    def _entries(self, module: MountedModule) -> Iterable[Entry]:
        found = scan(
            module.source,
            base=self.project.folder,
            skip=skipped_folders(self.environ),
            never=[self.project.lock.modules_dir],
        )
        if found.failures:
            raise found.failures[0].error
        self.findings.extend(found.findings)
        entries = {item.entry.id: item.entry for item in owned(found.entries, module)}
        given = [each for each in self.project.config.overrides if each.id in entries]
        entries = apply_overrides(entries, given)
        entries, _ = self.project.config.disable.apply(entries)
        return entries.values()

    def _fill(self) -> None:
        """Fill the requirements of the modules that are touched, and of no others."""
        view = {
            id_: entry
            for id_, entry in self.after.items()
            if entry.kind not in {DEPENDENCY, REQUIREMENT}
            or _component(entry) in self.touched
            or entry.meta.get("module") in self.touched
        }
        linked = link(view)
        self.findings.extend(linked.findings)
        self.after.update(linked.entries)


def _check(entry: Entry) -> None:
    data = entry.data if isinstance(entry.data, dict) else {}
    component = data.get("component")
    parts = component.split("/") if isinstance(component, str) else []
    if len(parts) != 2 or not all(parts) or {".", ".."} & set(parts):
        raise InvalidError(
            f"dependency {entry.id}: component: wanted organization/module, "
            f"got {component!r}"
        )


def _component(entry: Entry | None) -> str | None:
    if entry is None or entry.kind != DEPENDENCY or not isinstance(entry.data, dict):
        return None
    component = entry.data.get("component")
    return component if isinstance(component, str) else None


def _version(entry: Entry | None) -> str:
    data = entry.data if entry is not None else None
    version = data.get("version") if isinstance(data, dict) else None
    return "*" if version is None or version == "" else str(version)


def _marked(entry: Entry) -> bool:
    return bool(entry.meta.get("module_version"))


def _difference(before: Entry | None, after: Entry | None) -> list[Operation]:
    if before == after:
        return []
    if before is None:
        assert after is not None
        return [Operation(OperationKind.CREATE, after)]
    if after is None:
        return [Operation(OperationKind.DELETE, before)]
    if before.kind != after.kind:
        return [
            Operation(OperationKind.DELETE, before),
            Operation(OperationKind.CREATE, after),
        ]
    return [Operation(OperationKind.UPDATE, after)]

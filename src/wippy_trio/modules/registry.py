"""`registry`: what exists, its versions, and changes to it."""

from __future__ import annotations

from typing import Any

from wippy_trio.lang import TypeCheckError
from wippy_trio.modules._arguments import named
from wippy_trio.registry import Changeset, Entry, EntryId, build_delta, make_entry
from wippy_trio.registry import Snapshot as Frozen
from wippy_trio.registry import Version as Number
from wippy_trio.sdk import (
    Error,
    InternalError,
    InvalidError,
    LuaModule,
    NotFoundError,
    check_permission,
    current_process,
    current_runtime,
    method,
    runtime_of,
)

MODULE = LuaModule(
    "registry",
    classes=("storage", "nondeterministic"),
    declares="""
    type Version = {
      id: (self: Version) -> integer,
      string: (self: Version) -> string,
      previous: (self: Version) -> (nil | Version, Error?),
      next: (self: Version) -> (nil | Version, Error?)
    }
    type Changes = {
      create: (self: Changes, entry: table) -> Changes,
      update: (self: Changes, entry: table) -> Changes,
      delete: (self: Changes, id: any) -> Changes,
      ops: (self: Changes) -> {any},
      apply: (self: Changes) -> (Version?, Error?)
    }
    type Snapshot = {
      entries: (self: Snapshot) -> ({Entry}?, Error?),
      get: (self: Snapshot, id: string) -> (Entry?, Error?),
      find: (self: Snapshot, filter: table) -> ({Entry}?, Error?),
      namespace: (self: Snapshot, ns: string) -> ({Entry}?, Error?),
      version: (self: Snapshot) -> Version,
      changes: (self: Snapshot) -> Changes
    }
    type History = {
      versions: (self: History) -> ({Version}?, Error?),
      get_version: (self: History, number: integer) -> (Version?, Error?),
      snapshot_at: (self: History, version: Version) -> (Snapshot?, Error?)
    }
    get: (id: string) -> (Entry?, Error?)
    find: (filter: table) -> ({Entry}?, Error?)
    parse_id: (text: string) -> ID
    snapshot: () -> (Snapshot?, Error?)
    snapshot_at: (number: integer) -> (Snapshot?, Error?)
    current_version: () -> (Version?, Error?)
    versions: () -> ({Version}?, Error?)
    history: () -> (History?, Error?)
    apply_version: (version: Version) -> (boolean?, Error?)
    build_delta: (old: {Entry}, new: {Entry}) -> ({table}?, Error?)
    """,
)


def shown(entry: Entry) -> dict[str, Any]:
    """Write an entry as programs see it (apps 7.2)."""
    table: dict[str, Any] = {
        "id": entry.id,
        "kind": entry.kind,
        "meta": dict(entry.meta),
    }
    if entry.data is not None:
        table["data"] = entry.data
    return table


def _readable(id_: str) -> bool:
    process = current_process()
    return runtime_of(process).allowed(process, "registry.get", id_)


def _get(source: Any, id_: str) -> dict[str, Any]:
    check_permission("registry.get", id_, f"not allowed: {id_}")
    return shown(source.get(id_))


def _find(source: Any, criteria: Any) -> list[dict[str, Any]]:
    if criteria == [] or criteria is None:
        criteria = {}
    if not isinstance(criteria, dict):
        raise InvalidError(f"find: wanted a table of conditions, got {named(criteria)}")
    found = source.find(criteria)
    runtime = current_runtime()
    for finding in found.findings:
        runtime.program_log(
            None, finding.level, finding.message, "", finding.fields, "finder"
        )
    return [shown(entry) for entry in found.entries if _readable(entry.id)]


@MODULE.handle
class Version:
    """One version of the registry."""

    def __init__(self, number: Number) -> None:
        self.value = number

    def __str__(self) -> str:
        return f"registry.Version{{v{self.value.number}}}"

    @method(pair=False)
    def id(self) -> int:
        """Give its number."""
        return self.value.number

    @method(pair=False)
    def string(self) -> str:
        """Give its text."""
        return f"v{self.value.number}"

    @method(pair=False)
    def previous(self) -> Any:
        """Give its parent."""
        return _version(current_runtime().live.state.previous(self.value))

    @method(pair=False)
    def next(self) -> Any:
        """Give the child made last."""
        return _version(current_runtime().live.state.next(self.value))


def _version(number: Number | None) -> Version | None:
    return None if number is None else Version(number)


@MODULE.handle
class Changes:
    """Changes asked for, applied all or none."""

    def __init__(self) -> None:
        self.set = Changeset()

    def __str__(self) -> str:
        return f"registry.Changes{{ops={len(self.set)}}}"

    def create(self, entry: dict[str, Any]) -> Any:
        """Ask for a new entry."""
        self.set.create(_entry(entry))
        return self

    def update(self, entry: dict[str, Any]) -> Any:
        """Ask for another form of an entry."""
        self.set.update(_entry(entry))
        return self

    def delete(self, id: Any) -> Any:  # noqa: A002 - its name
        """Ask for an entry to go."""
        self.set.delete(_id(id))
        return self

    @method(pair=False)
    def ops(self) -> list[Any]:
        """List what was asked for."""
        return [_operation(operation) for operation in self.set.operations]

    async def apply(self) -> Any:
        """Apply everything as one new version (apps 7.2)."""
        check_permission("registry.apply", "", "not allowed to apply changes")
        operations = self.set.operations
        if not operations:
            raise InvalidError("no changes to apply")
        try:
            return Version(await current_runtime().live.apply(operations))
        except TypeCheckError:
            raise  # types 3.12 wants it as it is, where apps 7.2 has Internal always
        except Error as error:
            raise InternalError(
                f"failed to apply changes: {error}",
                retryable=False,
                details=error.details,
            ) from error


def _id(value: Any) -> str:
    if isinstance(value, dict):
        return f"{value.get('ns', '')}:{value.get('name', '')}"
    if not isinstance(value, str) or not value:
        raise InvalidError(f"wanted an id, got {named(value)}")
    return value


def _entry(table: Any) -> Entry:
    if not isinstance(table, dict) or not table.get("id"):
        raise InvalidError("entry: wanted a table with id and kind")
    kind = table.get("kind")
    if not isinstance(kind, str) or not kind:
        raise InvalidError(f"entry {_id(table['id'])}: kind is required")
    meta = table.get("meta")
    meta = {k: v for k, v in meta.items() if isinstance(k, str)} if meta else {}
    return make_entry(_id(table["id"]), kind, meta, table.get("data"))


def _operation(operation: Any) -> dict[str, Any]:
    return {"kind": str(operation.kind), "entry": shown(operation.entry)}


@MODULE.handle
class Snapshot:
    """The entries of one version, frozen."""

    def __init__(self, frozen: Frozen) -> None:
        self.frozen = frozen

    def __str__(self) -> str:
        return f"registry.Snapshot{{version=v{self.frozen.version.number}}}"

    def entries(self) -> list[Any]:
        """List all entries."""
        return [shown(e) for e in self.frozen.entries() if _readable(e.id)]

    def get(self, id: str) -> dict[str, Any]:  # noqa: A002
        """Find one entry."""
        return _get(self.frozen, id)

    def find(self, criteria: Any) -> list[Any]:
        """Find entries by conditions."""
        return _find(self.frozen, criteria)

    def namespace(self, ns: str) -> list[Any]:
        """List the entries of a namespace."""
        return [shown(e) for e in self.frozen.namespace(ns) if _readable(e.id)]

    @method(pair=False)
    def version(self) -> Any:
        """Give the version it was taken at."""
        return Version(self.frozen.version)

    @method(pair=False)
    def changes(self) -> Any:
        """Begin a changeset."""
        return Changes()


@MODULE.handle
class History:
    """All versions."""

    def __str__(self) -> str:
        return "registry.History{}"

    def versions(self) -> list[Any]:
        """List the versions by number."""
        return [Version(v) for v in current_runtime().live.state.versions()]

    def get_version(self, number: int) -> Any:
        """Find a version."""
        return Version(current_runtime().live.state.get_version(number))

    def snapshot_at(self, version: Version) -> Any:
        """Freeze a version."""
        return Snapshot(current_runtime().live.state.snapshot_of(version.value))


@MODULE.export
def get(id: str) -> dict[str, Any]:  # noqa: A002 - its name
    """Find one entry of the live registry."""
    return _get(current_runtime().live.state, id)


@MODULE.export
def find(criteria: Any) -> list[Any]:
    """Find entries of the live registry by conditions (apps 7.3)."""
    return _find(current_runtime().live.state, criteria)


@MODULE.export(pair=False)
def parse_id(text: str) -> dict[str, str]:
    """Take an id apart."""
    parsed = EntryId.parse(text)
    return {"ns": parsed.ns, "name": parsed.name}


@MODULE.export
def snapshot() -> Any:
    """Freeze the current version."""
    return Snapshot(current_runtime().live.state.snapshot())


@MODULE.export
def snapshot_at(number: int) -> Any:
    """Freeze the version of a number."""
    return Snapshot(current_runtime().live.state.snapshot_at(number))


@MODULE.export
def current_version() -> Any:
    """Give the current version."""
    return Version(current_runtime().live.state.version)


@MODULE.export
def versions() -> list[Any]:
    """List the versions by number."""
    return [Version(v) for v in current_runtime().live.state.versions()]


@MODULE.export
def history() -> Any:
    """Give the history."""
    return History()


@MODULE.export
async def apply_version(version: Version) -> bool:
    """Go to another version."""
    check_permission("registry.apply_version", "", "not allowed to apply a version")
    try:
        await current_runtime().live.apply_version(version.value.number)
    except NotFoundError as error:
        raise InternalError(str(error), retryable=False) from error
    return True


@MODULE.export(name="build_delta")
def delta(old: list[Any], new: list[Any]) -> list[Any]:
    """Find the fewest operations from one list of entries to another."""
    before, after = [_entry(e) for e in old], [_entry(e) for e in new]
    return [_operation(operation) for operation in build_delta(before, after)]

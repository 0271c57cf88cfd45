"""What looks wrong in a loaded application, said with file, entry, wanted and found.

These are findings, not errors: whether an entry is accepted is decided by its handler.
But a handler does not know the file, and its answer comes late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.errors import InvalidError
from wippy_trio.loading.plugins import KINDS_GROUP, plugins
from wippy_trio.registry import (
    KINDS,
    Constraint,
    Finding,
    ModuleVersion,
    complete_id,
    known_kind,
    lua_kind,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wippy_trio.loading.bundled import MountedModule
    from wippy_trio.loading.definitions import Origin
    from wippy_trio.registry import Entry

__all__ = ["check_dependencies", "check_kinds", "check_references"]

# Fields in which an id has to stand, by kind; where an opaque text may stand instead
# (the host of a database) there is no row.
_FIELDS: dict[str, tuple[str, ...]] = {
    "process.service": ("data.process", "data.host"),
    "http.router": ("meta.server",),
    "http.endpoint": ("meta.router", "data.func"),
    "http.static": ("meta.server", "data.fs"),
    "template.jet": ("data.set",),
    "queue.queue": ("data.driver",),
    "queue.consumer": ("data.queue", "data.func"),
    "queue.driver.sqs": ("data.config",),
    "security.token_store": ("data.store",),
    "store.sql": ("data.database",),
    "env.variable": ("data.storage",),
    "env.storage.router": ("data.storages",),
    "cloudstorage.s3": ("data.config",),
    "temporal.worker": ("data.client",),
    "function.wasm": ("data.fs",),
    "process.wasm": ("data.fs",),
}


def check_kinds(
    entries: Mapping[str, Entry], origins: Mapping[str, Origin]
) -> Iterator[Finding]:
    """Find entries of a kind that does not exist.

    Source: apps 13.4.
    """
    for entry in entries.values():
        if known_kind(entry.kind) or entry.kind in plugins(KINDS_GROUP):
            continue
        import difflib  # noqa: PLC0415 - wanted only where something is wrong

        fields = {**_place(entry, origins), "kind": entry.kind}
        kinds = sorted({*KINDS, *plugins(KINDS_GROUP)})
        close = difflib.get_close_matches(entry.kind, kinds, 1)
        if close:
            fields["use_instead"] = close[0]
        yield Finding("error", "unsupported entry kind", fields)


def check_references(
    entries: Mapping[str, Entry], origins: Mapping[str, Origin]
) -> Iterator[Finding]:
    """Find references that lead to no entry.

    Source: apps 1.8, 2, 13.3.
    """
    for entry in entries.values():
        for field, text in _references(entry):
            wanted = complete_id(text, entry.ns)
            if wanted not in entries and "${" not in text:
                fields = {
                    **_place(entry, origins),
                    "kind": entry.kind,
                    "field": field,
                    "wanted": wanted,
                }
                bare = text.rpartition(":")[2]
                others = sorted(id_ for id_ in entries if id_.endswith(":" + bare))
                if others:
                    fields["found_instead"] = others
                yield Finding("warning", "reference to a missing entry", fields)


def check_dependencies(
    entries: Mapping[str, Entry],
    origins: Mapping[str, Origin],
    mounted: Mapping[str, MountedModule],
) -> Iterator[Finding]:
    """Find dependencies on modules that are not there, or not in that version.

    Source: apps 1.10.6, 13.22.
    """
    for entry in entries.values():
        if entry.kind != "ns.dependency":
            continue
        data = entry.data if isinstance(entry.data, dict) else {}
        component = data.get("component")
        place = _place(entry, origins)
        if not isinstance(component, str) or component.count("/") != 1:
            fields = {**place, "field": "data.component", "got": component}
            wanted = "dependency: wanted organization/module as component"
            yield Finding("warning", wanted, fields)
        elif component not in mounted:
            fields = {**place, "module": component, "version": data.get("version")}
            yield Finding("warning", "module of dependency not found", fields)
        else:
            yield from _check_version(data.get("version"), component, entries, place)


def _check_version(
    version: Any, component: str, entries: Mapping[str, Entry], place: dict[str, Any]
) -> Iterator[Finding]:
    """Compare a constraint with the version that a module's entries are marked with."""
    if version is None or version == "":
        return
    wanted = str(version)
    try:
        constraint = Constraint.parse(wanted)
    except InvalidError as error:
        fields = {**place, "field": "data.version", "got": wanted, "error": str(error)}
        yield Finding("warning", "dependency: malformed version constraint", fields)
        return
    found = next(
        (
            str(entry.meta["module_version"])
            for entry in entries.values()
            if entry.meta.get("module") == component and "module_version" in entry.meta
        ),
        "",
    )
    try:
        fits = not found or constraint.allows(ModuleVersion.parse(found))
    except InvalidError:  # a folder may call its version whatever it likes
        return
    if not fits:
        fields = {**place, "module": component, "wanted": wanted, "found": found}
        yield Finding("warning", "version of module does not fit", fields)


def _references(entry: Entry) -> Iterator[tuple[str, str]]:
    if lua_kind(entry.kind):
        imports = entry.data.get("imports") if isinstance(entry.data, dict) else None
        if isinstance(imports, dict):
            for alias, target in imports.items():
                # Without a namespace it is a built-in module (apps 2.1).
                if isinstance(target, str) and target.find(":") > 0:
                    yield f"data.imports.{alias}", target
        return
    for field in _FIELDS.get(entry.kind, ()):
        part, _, key = field.partition(".")
        root: Any = entry.meta if part == "meta" else entry.data
        value = root.get(key) if isinstance(root, dict) else None
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and text:
                yield field, text


def _place(entry: Entry, origins: Mapping[str, Origin]) -> dict[str, Any]:
    origin = origins.get(entry.id)
    return {"entry": entry.id, "file": str(origin) if origin else ""}

"""Linking: filling the holes that modules leave for their host.

A module declares ``ns.requirement`` entries, each with targets: places in its entries.
The host mounts the module with an ``ns.dependency`` whose parameters fill them. Here
the values are chosen and written into the targets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.errors import ConflictError, InvalidError, NotFoundError
from wippy_trio.registry.entry import complete_id, same_value
from wippy_trio.registry.finding import Finding
from wippy_trio.registry.paths import EntryPath, parse_path, put

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wippy_trio.registry.entry import Entry

__all__ = ["Linked", "link"]

_MISSING = object()
_DEPENDENCY = "ns.dependency"
_REQUIREMENT = "ns.requirement"


class Linked(NamedTuple):
    """The entries with their holes filled, and what there is to say about it."""

    entries: dict[str, Entry]
    findings: list[Finding]


class _Target(NamedTuple):
    id: str
    path: EntryPath
    append: bool


class _Given(NamedTuple):
    value: Any
    giver: str


def link(entries: Mapping[str, Entry], *, strict: bool = False) -> Linked:
    """Fill every requirement from a parameter or its default.

    Args:
      entries: All entries, those of mounted modules included.
      strict: Whether an unresolved requirement is an error, as when publishing.

    Raises:
      ConflictError: Two dependencies give different values to one requirement.
      InvalidError: A requirement without targets, a malformed target, or a target path
        that leads through something that is no map.
      NotFoundError: In strict mode, a requirement without a value.

    Source: apps 1.10.
    """
    result = {**entries}
    targets = {
        entry.id: _targets(entry)
        for entry in entries.values()
        if entry.kind == _REQUIREMENT
    }
    # A requirement may fill a parameter of a further mount: those go first, as often as
    # the chain of mounts is long. Setting a value twice does no harm.
    chained = [
        id_
        for id_, places in targets.items()
        if any(
            place.id in entries
            and entries[place.id].kind in {_DEPENDENCY, _REQUIREMENT}
            for place in places
        )
    ]
    for _ in chained:
        values, _quiet = _given(result, targets)
        before = dict(result)
        for id_ in chained:
            _inject(result, id_, targets[id_], values, [], strict=False)
        if before == result:
            break
    values, findings = _given(result, targets)
    done = set(chained)
    for id_ in chained:
        _inject(result, id_, targets[id_], values, findings, strict=strict)
    for id_, places in targets.items():
        if id_ not in done:
            _inject(result, id_, places, values, findings, strict=strict)
    return Linked(result, findings)


def _targets(entry: Entry) -> list[_Target]:
    items = entry.data.get("targets") if isinstance(entry.data, dict) else None
    if not isinstance(items, list) or not items:
        raise InvalidError(f"requirement {entry.id}: wanted at least one target")
    return [_target(entry, item) for item in items]


def _target(entry: Entry, item: Any) -> _Target:
    where = f"requirement {entry.id}: target"
    if not isinstance(item, dict):
        raise InvalidError(f"{where}: wanted a map of entry and path, got {item!r}")
    name, path = item.get("entry"), item.get("path")
    if not isinstance(name, str) or not name.strip():
        raise InvalidError(f"{where}: wanted the id of an entry, got {name!r}")
    if not isinstance(path, str) or not path.strip():
        raise InvalidError(f"{where} {name}: wanted a path, got {path!r}")
    text = path.strip()
    append = text.endswith("+=")
    try:
        parsed = parse_path(text.removesuffix("+=") if append else text)
    except InvalidError as error:
        raise InvalidError(f"{where} {name}: {error}") from error
    return _Target(complete_id(name.strip(), entry.ns), parsed, append)


def _given(
    entries: Mapping[str, Entry], requirements: Mapping[str, Any]
) -> tuple[dict[str, _Given], list[Finding]]:
    """Collect what the dependencies give, by requirement."""
    findings: list[Finding] = []
    values: dict[str, _Given] = {}
    for entry in entries.values():
        if entry.kind != _DEPENDENCY or not isinstance(entry.data, dict):
            continue
        component = entry.data.get("component")
        for name, value in _parameters(entry):
            wanted = _matching(name, component, entries, requirements)
            if not wanted:
                fields = {"dependency": entry.id, "parameter": name}
                findings.append(
                    Finding("debug", "parameter matches no requirement", fields)
                )
            for id_ in wanted:
                other = values.setdefault(id_, _Given(value, entry.id))
                if not same_value(other.value, value):
                    raise ConflictError(
                        f"requirement {id_}: {other.giver} gives {other.value!r}, "
                        f"{entry.id} gives {value!r}",
                        details={
                            "requirement": id_,
                            "dependencies": [other.giver, entry.id],
                        },
                    )
    return values, findings


def _parameters(entry: Entry) -> list[tuple[str, Any]]:
    items = entry.data.get("parameters")
    if items is None:
        return []
    if not isinstance(items, list):
        raise InvalidError(
            f"dependency {entry.id}: parameters: wanted a list of name and value, "
            f"got {type(items).__name__}"
        )
    found = []
    for item in items:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or not name.strip():
            raise InvalidError(
                f"dependency {entry.id}: parameter: wanted a name and a value, "
                f"got {item!r}"
            )
        found.append((name.strip(), item.get("value", "")))
    return found


def _matching(
    name: str,
    component: Any,
    entries: Mapping[str, Entry],
    requirements: Mapping[str, Any],
) -> list[str]:
    if ":" in name:
        return [name] if name in requirements else []
    if not isinstance(component, str) or not component:
        return []
    home = component.replace("/", ".")
    return [
        id_
        for id_ in requirements
        if entries[id_].name == name
        and (entries[id_].ns == home or entries[id_].meta.get("module") == component)
    ]


def _inject(
    entries: dict[str, Entry],
    id_: str,
    targets: list[_Target],
    values: Mapping[str, _Given],
    findings: list[Finding],
    *,
    strict: bool,
) -> None:
    data = entries[id_].data
    if id_ in values:
        value = values[id_].value
    else:
        default = data.get("default")
        value = _MISSING if default is None else default
    if value is _MISSING:
        if strict:
            raise NotFoundError(
                f"requirement {id_}: wanted a parameter or a default, found neither"
            )
        findings.append(
            Finding("warning", "unresolved requirement", {"requirement": id_})
        )
        return
    for target in targets:
        entry = entries.get(target.id)
        if entry is None:
            fields = {"requirement": id_, "target": target.id}
            findings.append(
                Finding("warning", "target of requirement not found", fields)
            )
            return
        try:
            entries[target.id] = put(entry, target.path, value, append=target.append)
        except InvalidError as error:
            raise InvalidError(f"requirement {id_}: {error}") from error

"""The order in which services start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.errors import InvalidError
from wippy_trio.registry.entry import complete_id
from wippy_trio.registry.graph import References, levels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wippy_trio.registry.entry import Entry

__all__ = ["StartPlan", "start_plan"]


class StartPlan(NamedTuple):
    """What to start, level by level, and what cannot be.

    ``levels`` holds ids; the services of one level start together, a level waits for
    the required ones of the level before. ``needs`` says which services each waits for.
    ``blocked`` says why a service cannot start. Stopping goes through ``stop_levels``.
    """

    levels: tuple[tuple[str, ...], ...]
    needs: Mapping[str, frozenset[str]]
    blocked: Mapping[str, InvalidError]

    @property
    def stop_levels(self) -> tuple[tuple[str, ...], ...]:
        """The levels in the order of stopping (apps 3.8)."""
        return self.levels[::-1]


def start_plan(
    wanted: Iterable[str],
    entries: Mapping[str, Entry],
    is_service: Callable[[str], bool],
    references: References | None = None,
) -> StartPlan:
    """Find the order in which services start, with all that they need.

    A service needs what its ``lifecycle.requires`` and ``depends_on`` name and what it
    refers to; entries that are no services are followed through until a service is met.
    A required name from which no service is reached blocks the service and all that
    need it.

    Args:
      wanted: The services to start.
      entries: All entries.
      is_service: Whether an id is a service; asked for existing entries only.
      references: The references of ``entries``, if they are known already.

    Source: apps 3.6, 3.7, 3.8.
    """
    known = references or References(entries)
    reached: dict[str, frozenset[str]] = {}
    needs: dict[str, frozenset[str]] = {}
    missing: dict[str, list[str]] = {}
    todo = sorted(set(wanted), reverse=True)
    while todo:
        service = todo.pop()
        if service in needs:
            continue
        entry = entries[service]
        found = set(_through(service, known, is_service, reached))
        for name in _required(entry):
            target = complete_id(name, entry.ns)
            if target not in entries:
                missing.setdefault(service, []).append(target)
            elif is_service(target):
                found.add(target)
            else:
                below = _through(target, known, is_service, reached)
                if below:
                    found |= below
                else:
                    missing.setdefault(service, []).append(target)
        needs[service] = frozenset(found - {service})
        todo.extend(sorted(needs[service], reverse=True))

    blocked = _blocked(needs, missing)
    startable = [service for service in needs if service not in blocked]
    return StartPlan(
        tuple(map(tuple, levels(startable, needs))),
        {service: needs[service] for service in startable},
        blocked,
    )


def _through(
    id_: str,
    references: References,
    is_service: Callable[[str], bool],
    reached: dict[str, frozenset[str]],
) -> frozenset[str]:
    """Find the services met on the ways out of an entry."""
    if id_ in reached:
        return reached[id_]
    found = set()
    seen = {id_}
    todo = list(references.of(id_))
    while todo:
        target = todo.pop()
        if target in seen:
            continue
        seen.add(target)
        if is_service(target):
            found.add(target)
        else:
            todo.extend(references.of(target))
    reached[id_] = frozenset(found)
    return reached[id_]


def _required(entry: Entry) -> list[str]:
    data: Any = entry.data
    lifecycle = data.get("lifecycle") if isinstance(data, dict) else None
    if not isinstance(lifecycle, dict):
        return []
    names: list[str] = []
    for key in ("requires", "depends_on"):
        value = lifecycle.get(key)
        items = value if isinstance(value, list) else [value]
        names.extend(item for item in items if isinstance(item, str) and item)
    return list(dict.fromkeys(names))


def _blocked(
    needs: Mapping[str, frozenset[str]], missing: Mapping[str, list[str]]
) -> dict[str, InvalidError]:
    dependents: dict[str, list[str]] = {}
    for service, targets in needs.items():
        for target in targets:
            dependents.setdefault(target, []).append(service)
    reasons = {
        service: f"{service} requires {', '.join(names)}"
        for service, names in missing.items()
    }
    todo = sorted(reasons)
    while todo:
        service = todo.pop(0)
        for dependent in sorted(dependents.get(service, ())):
            if dependent not in reasons:
                reasons[dependent] = f"{dependent} requires {service}"
                todo.append(dependent)
    return {
        service: InvalidError(
            f"service startup blocked by missing dependencies: {reason}"
        )
        for service, reason in sorted(reasons.items())
    }

"""Rules that take entries out before they reach the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.errors import InvalidError
from wippy_trio.registry.entry import same_value
from wippy_trio.registry.patterns import EntryPattern, match_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wippy_trio.registry.entry import Entry

__all__ = ["DisableRules"]


class DisableRules(NamedTuple):
    """Which entries are taken out: by namespace, by id, by a value of their meta.

    Source: apps 1.9, 1.2.4.
    """

    namespaces: tuple[str, ...] = ()
    entries: tuple[EntryPattern, ...] = ()
    meta: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    @staticmethod
    def read(
        namespaces: object = None,
        entries: object = None,
        meta: object = None,
        *,
        where: str = "disable",
    ) -> DisableRules:
        """Read rules as they stand in a file.

        Args:
          namespaces: A list of patterns for namespaces.
          entries: A list of ``ns-pattern:name-pattern``.
          meta: A map from a field to the values that take an entry out.
          where: What to name in errors.

        Raises:
          InvalidError: A rule has another shape, or a pattern is malformed.
        """
        try:
            patterns = _texts(namespaces, f"{where}.namespaces")
            for pattern in patterns:
                match_name(pattern, "")
            rules = DisableRules(
                patterns,
                tuple(map(EntryPattern.parse, _texts(entries, f"{where}.entries"))),
            )
        except InvalidError as error:
            if str(error).startswith(where):
                raise
            raise InvalidError(f"{where}: {error}") from error
        if meta is None:
            return rules
        if not isinstance(meta, dict):
            raise InvalidError(
                f"{where}.meta: wanted a map from field to values, "
                f"got {type(meta).__name__}"
            )
        fields = tuple(
            (str(field), tuple(values) if isinstance(values, list) else (values,))
            for field, values in meta.items()
        )
        return rules._replace(meta=fields)

    def __bool__(self) -> bool:
        return bool(self.namespaces or self.entries or self.meta)

    def matches(self, entry: Entry) -> bool:
        """Tell whether an entry is taken out."""
        ns, name = entry.ns, entry.name
        return (
            any(match_name(pattern, ns) for pattern in self.namespaces)
            or any(pattern.matches(ns, name) for pattern in self.entries)
            or any(
                field in entry.meta
                and any(same_value(entry.meta[field], value) for value in values)
                for field, values in self.meta
            )
        )

    def apply(
        self, entries: Mapping[str, Entry]
    ) -> tuple[dict[str, Entry], tuple[str, ...]]:
        """Split entries into those that stay and the ids of those that go."""
        if not self:
            return {**entries}, ()
        gone = tuple(id_ for id_, entry in entries.items() if self.matches(entry))
        out = set(gone)
        return {id_: item for id_, item in entries.items() if id_ not in out}, gone


def _texts(value: object, where: str) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [] if value is None else [value]
    for item in items:
        if not isinstance(item, str):
            raise InvalidError(f"{where}: wanted a list of patterns, got {item!r}")
    return tuple(items)

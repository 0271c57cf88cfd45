"""Overrides: single values of single entries, set from outside.

The key is ``namespace:entry:path``, split at the first two colons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.errors import InvalidError, NotFoundError
from wippy_trio.registry.paths import EntryPath, parse_path, put

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wippy_trio.registry.entry import Entry

__all__ = ["Override", "apply_overrides"]


class Override(NamedTuple):
    """A value for a path of an entry."""

    id: str
    path: EntryPath
    value: Any
    key: str

    @staticmethod
    def parse(key: str, value: Any) -> Override:
        """Read the key of an override.

        Raises:
          InvalidError: The namespace, the entry or the path is empty, or the path is
            ``kind`` and the value is no text.

        Source: apps 1.9.
        """
        ns, _, rest = key.partition(":")
        name, _, path = rest.partition(":")
        if not ns.strip() or not name.strip() or not path.strip():
            raise InvalidError(f'override {key!r}: wanted "namespace:entry:path"')
        try:
            parsed = parse_path(path, kind=True)
        except InvalidError as error:
            raise InvalidError(f"override {key!r}: {error}") from error
        if parsed.part == "kind" and not (isinstance(value, str) and value.strip()):
            raise InvalidError(
                f"override {key!r}: wanted a kind as text, got {value!r}"
            )
        return Override(f"{ns.strip()}:{name.strip()}", parsed, value, key)


def apply_overrides(
    entries: Mapping[str, Entry], overrides: Iterable[Override]
) -> dict[str, Entry]:
    """Return the entries with the overrides in force, in the order given.

    Raises:
      NotFoundError: An override names an entry that does not exist.
      InvalidError: Something on the way of a path is no map.

    Source: apps 1.9.
    """
    result = {**entries}
    for override in overrides:
        entry = result.get(override.id)
        if entry is None:
            raise NotFoundError(
                f"override {override.key!r}: wanted the entry {override.id}, found none"
            )
        if override.path.part == "kind":
            result[override.id] = entry._replace(kind=override.value)
            continue
        try:
            result[override.id] = put(entry, override.path, override.value)
        except InvalidError as error:
            raise InvalidError(f"override {override.key!r}: {error}") from error
    return result

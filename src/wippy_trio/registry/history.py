"""Histories: which versions there were and what each of them changed.

A history keeps, per version, the entries it wrote and the ids it deleted. What an entry
was at a version is then found by walking towards the baseline, so a persistent history
stays right when the files below it change: the baseline is always today's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wippy_trio.errors import InvalidError, UnavailableError
from wippy_trio.registry.version import VersionTree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wippy_trio.registry.entry import Entry
    from wippy_trio.registry.version import Version

__all__ = ["History", "MemoryHistory", "NilHistory", "Written", "open_history"]

if TYPE_CHECKING:
    Written = Mapping[str, Entry | None]
    """What a version wrote, by id; None where it deleted."""
else:
    Written = dict


class History(Protocol):
    """What the registry asks of a history."""

    @property
    def tree(self) -> VersionTree:
        """The versions there are."""

    @property
    def head(self) -> int:
        """The version that is current."""

    def record(self, version: Version, written: Written) -> None:
        """Keep what a new version wrote and make it current."""

    def written(self, number: int) -> Written:
        """Say what a version wrote; nothing for the baseline."""

    def move(self, number: int) -> None:
        """Make an existing version current."""


class MemoryHistory:
    """Keep everything for the life of the runtime (``history_type: memory``)."""

    __slots__ = ("_written", "head", "tree")

    def __init__(self) -> None:
        self.tree = VersionTree()
        self.head = 0
        self._written: dict[int, Written] = {0: {}}

    def record(self, version: Version, written: Written) -> None:
        """Keep what a new version wrote and make it current."""
        self._written[version.number] = written
        self.tree.add(version)
        self.head = version.number

    def written(self, number: int) -> Written:
        """Say what a version wrote; nothing for the baseline."""
        self.tree.get(number)
        return self._written[number]

    def move(self, number: int) -> None:
        """Make an existing version current."""
        self.tree.get(number)
        self.head = number


class NilHistory:
    """Keep the current version only: no way back (``enable_history: false``)."""

    __slots__ = ("head", "tree")

    def __init__(self) -> None:
        self.tree = VersionTree()
        self.head = 0

    def record(self, version: Version, written: Written) -> None:
        """Forget the version before and make this one current."""
        self.tree = VersionTree([version])
        self.head = version.number

    def written(self, number: int) -> Written:
        """Say that nothing is known."""
        self.tree.get(number)
        return {}

    def move(self, number: int) -> None:
        """Accept the current version, which is the only one."""
        self.tree.get(number)


def open_history(kind: str, path: str | Path) -> History:
    """Open the history that the configuration names.

    Args:
      kind: ``memory``, ``sqlite`` or ``nil``.
      path: The file of a ``sqlite`` history.

    Raises:
      UnavailableError: The kind exists, but not in this version.
      InvalidError: There is no such kind.
      InternalError: The file cannot be opened.

    Source: apps 7.6.
    """
    if kind == "memory":
        return MemoryHistory()
    if kind == "nil":
        return NilHistory()
    if kind == "sqlite":
        from wippy_trio.registry.sqlite_history import (  # noqa: PLC0415 - takes its time
            SqliteHistory,
        )

        return SqliteHistory(path)
    if kind == "postgres":
        raise UnavailableError(
            "registry.history_type: postgres is not available in this version"
        )
    raise InvalidError(
        f"registry.history_type: wanted memory, sqlite, postgres or nil, got {kind!r}"
    )

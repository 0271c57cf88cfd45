"""Versions: a number and the number it grew from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BASELINE", "Version", "VersionTree"]


class Version(NamedTuple):
    """A state of the registry; ``str(version)`` is ``v3``. The parent of v0 is None."""

    number: int
    parent: int | None

    def __str__(self) -> str:
        return f"v{self.number}"


BASELINE = Version(0, None)
"""What the files said."""


class VersionTree:
    """The versions there are, as a tree below v0.

    Numbers only grow, also after going back: v0, v1, back to v0, then v2 whose parent
    is v0.

    Source: apps 7.1.2, 7.2.
    """

    __slots__ = ("_children", "_versions")

    def __init__(self, versions: Iterable[Version] = (BASELINE,)) -> None:
        self._versions: dict[int, Version] = {}
        self._children: dict[int, list[int]] = {}
        for version in sorted(versions):
            self.add(version)

    def add(self, version: Version) -> None:
        """Add a version whose parent is there already."""
        self._versions[version.number] = version
        if version.parent is not None:
            self._children.setdefault(version.parent, []).append(version.number)

    def all(self) -> list[Version]:
        """List the versions by number."""
        return [self._versions[number] for number in sorted(self._versions)]

    def get(self, number: int) -> Version:
        """Find a version by its number.

        Raises:
          NotFoundError: There is none of that number.
        """
        version = self._versions.get(number)
        if version is None:
            raise NotFoundError(f"version v{number}: wanted one of {self._known()}")
        return version

    def previous(self, version: Version) -> Version | None:
        """Return the parent, None at the baseline."""
        if version.parent is None:
            return None
        return self._versions.get(version.parent)

    def next(self, version: Version) -> Version | None:
        """Return the child made last, None where there is none."""
        children = self._children.get(version.number)
        return self._versions[children[-1]] if children else None

    def successor(self, parent: int) -> Version:
        """Make the version that would come next, grown from ``parent``."""
        return Version(max(self._versions) + 1, parent)

    def path(self, start: int, end: int) -> tuple[list[int], list[int]]:
        """Find the shortest way from one version to another.

        Returns:
          The versions to take back, latest first, and those to apply, earliest first;
          the common ancestor is in neither.

        Raises:
          NotFoundError: One of the two is unknown.
        """
        undo, redo = self.lineage(start), self.lineage(end)
        while undo and redo and undo[-1] == redo[-1]:
            undo.pop()
            redo.pop()
        redo.reverse()
        return undo, redo

    def lineage(self, number: int) -> list[int]:
        """List a version and its ancestors, down to the baseline.

        Raises:
          NotFoundError: There is none of that number.
        """
        version: Version | None = self.get(number)
        numbers = []
        while version is not None:
            numbers.append(version.number)
            version = self.previous(version)
        return numbers

    def _known(self) -> str:
        numbers = sorted(self._versions)
        if len(numbers) == 1:
            return f"v{numbers[0]}"
        return f"v{numbers[0]} to v{numbers[-1]}"

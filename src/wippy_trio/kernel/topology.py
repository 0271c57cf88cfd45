"""Who is told about whose end: links and monitors, as tables of numbers.

Pure: no process, no clock, nothing awaited. A link is symmetric; a monitor has a
watcher and a target. The tables hold an entry only for processes that take part, so
that a hundred thousand processes without links cost nothing here.
"""

from __future__ import annotations

__all__ = ["Topology"]


class Topology:
    """Hold links and monitors of one node."""

    __slots__ = ("_links", "_targets", "_watchers")

    def __init__(self) -> None:
        self._links: dict[int, set[int]] = {}
        self._watchers: dict[int, dict[int, None]] = {}
        self._targets: dict[int, set[int]] = {}

    def link(self, a: int, b: int) -> None:
        """Tie two fates; twice, or to oneself, changes nothing (core L-10)."""
        if a != b:
            self._links.setdefault(a, set()).add(b)
            self._links.setdefault(b, set()).add(a)

    def unlink(self, a: int, b: int) -> None:
        """Untie two fates, whether they were tied or not (core L-12)."""
        for one, other in ((a, b), (b, a)):
            partners = self._links.get(one)
            if partners is not None:
                partners.discard(other)
                if not partners:
                    del self._links[one]

    def monitor(self, watcher: int, target: int) -> bool:
        """Start a watch; ``False`` if there was one already (core L-2)."""
        watchers = self._watchers.get(target)
        if watchers is None:
            self._watchers[target] = {watcher: None}
        elif watcher in watchers:
            return False
        else:
            watchers[watcher] = None
        targets = self._targets.get(watcher)
        if targets is None:
            self._targets[watcher] = {target}
        else:
            targets.add(target)
        return True

    def unmonitor(self, watcher: int, target: int) -> None:
        """Stop a watch, whether there was one or not (core L-4)."""
        watchers = self._watchers.get(target)
        if watchers is not None and watcher in watchers:
            del watchers[watcher]
            if not watchers:
                del self._watchers[target]
        targets = self._targets.get(watcher)
        if targets is not None:
            targets.discard(target)
            if not targets:
                del self._targets[watcher]

    def linked(self, number: int) -> frozenset[int]:
        """Tell the partners of a process."""
        return frozenset(self._links.get(number, ()))

    def forget(self, number: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Take a process out of all tables.

        Returns:
          Its watchers, in the order in which they came, and its linked partners, in
          the order of their numbers. The caller tells watchers first (core L-20).
        """
        found = self._watchers.pop(number, None)
        watchers = () if found is None else tuple(found)
        for watcher in watchers:
            targets = self._targets[watcher]
            targets.discard(number)
            if not targets:
                del self._targets[watcher]
        for target in self._targets.pop(number, ()):
            others = self._watchers[target]
            del others[number]
            if not others:
                del self._watchers[target]
        linked = self._links.pop(number, None)
        if linked is None:
            return watchers, ()
        partners = tuple(sorted(linked))
        for partner in partners:
            rest = self._links[partner]
            rest.discard(number)
            if not rest:
                del self._links[partner]
        return watchers, partners

    def __len__(self) -> int:
        """Count the processes that appear in any table."""
        return len(self._links.keys() | self._watchers.keys() | self._targets.keys())

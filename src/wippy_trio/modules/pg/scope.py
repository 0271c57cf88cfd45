"""Process groups of one scope: who is a member, and who is told of it (core 22)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wippy_trio.sdk import NotFoundError, RateLimitedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wippy_trio.kernel import Process

__all__ = ["GroupScope"]

Tell = Callable[[dict[str, Any]], None]


class GroupScope:
    """The groups of one scope; a process leaves all of them when it ends."""

    def __init__(self, *, max_groups: int = 0, max_members: int = 0) -> None:
        """Make an empty scope.

        Args:
          max_groups: How many groups there may be, 0 for any number.
          max_members: How many members a group may have, 0 for any number.
        """
        self.max_groups = max_groups
        self.max_members = max_members
        self._groups: dict[str, Counter[str]] = {}
        self._joined: dict[int, set[str]] = {}
        self._watchers: dict[int, tuple[str | None, Tell]] = {}
        self._last = 0

    # -- questions ---------------------------------------------------------------------

    def members(self, group: str) -> list[str]:
        """List the pids of a group, each as often as it joined (PG-4)."""
        return list(self._groups.get(group, Counter()).elements())

    def _count(self, group: str, pid: str) -> int:
        counts = self._groups.get(group)
        return 0 if counts is None else counts[pid]

    def groups(self) -> list[str]:
        """List the groups that have members (PG-6)."""
        return sorted(self._groups)

    def all_members(self) -> dict[str, list[str]]:
        """List the pids of every group."""
        return {group: self.members(group) for group in self.groups()}

    # -- changes -----------------------------------------------------------------------

    def join(self, process: Process, groups: Sequence[str]) -> None:
        """Add a process to groups, to all or none.

        Raises:
          RateLimitedError: A limit of the scope (PG-13).
        """
        self._check(groups)
        pid, number = str(process.pid), process.pid.number
        joined = self._joined.get(number)
        if joined is None:
            joined = self._joined[number] = set()
            process.on_end(lambda: self._gone(number, pid))
        for group in groups:
            self._groups.setdefault(group, Counter())[pid] += 1
            joined.add(group)
            self._tell("member.joined", group, [pid])

    def _check(self, groups: Sequence[str]) -> None:
        if self.max_groups:
            new = {group for group in groups if group not in self._groups}
            if len(self._groups) + len(new) > self.max_groups:
                raise RateLimitedError(
                    f"pg: the scope may have {self.max_groups} groups", retryable=True
                )
        if self.max_members:
            for group, more in Counter(groups).items():
                count = sum(self._groups.get(group, Counter()).values())
                if count + more > self.max_members:
                    raise RateLimitedError(
                        f"pg: group {group} may have {self.max_members} members",
                        retryable=True,
                    )

    def leave(self, process: Process, groups: Sequence[str]) -> None:
        """Take a process out of those groups that it joined, once each.

        Raises:
          NotFoundError: It joined none of them (PG-5).
        """
        pid = str(process.pid)
        left = [group for group in groups if self._count(group, pid)]
        if not left:
            raise NotFoundError("pg: process not joined in group", retryable=False)
        for group in left:
            if self._count(group, pid):
                self._take(process.pid.number, pid, group, 1)

    def _take(self, number: int, pid: str, group: str, times: int) -> None:
        counts = self._groups[group]
        counts[pid] -= times
        if counts[pid] <= 0:
            del counts[pid]
            self._joined.get(number, set()).discard(group)
        if not counts:
            del self._groups[group]
        self._tell("member.left", group, [pid] * times)

    def _gone(self, number: int, pid: str) -> None:
        for group in sorted(self._joined.pop(number, ())):
            self._take(number, pid, group, self._groups[group][pid])

    # -- who is told -------------------------------------------------------------------

    def watch(self, group: str | None, tell: Tell) -> Callable[[], None]:
        """Have changes of a group, or of all, told to a plain function.

        Returns:
          A function that ends it.
        """
        self._last += 1
        number = self._last
        self._watchers[number] = (group, tell)

        def end() -> None:
            self._watchers.pop(number, None)

        return end

    def _tell(self, kind: str, group: str, pids: list[str]) -> None:
        if not self._watchers:
            return
        event = {
            "system": "pg",
            "kind": kind,
            "path": group,
            "data": {"Group": group, "PIDs": pids},
        }
        for wanted, tell in list(self._watchers.values()):
            if wanted is None or wanted == group:
                tell(event)

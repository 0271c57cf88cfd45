"""Registered names of one node: text to pid, and back for the release at an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.errors import AlreadyExistsError

if TYPE_CHECKING:
    from wippy_trio.kernel.pid import Pid

__all__ = ["Names"]


class Names:
    """Hold the local names (core 3.2)."""

    __slots__ = ("_by_name", "_by_pid")

    def __init__(self) -> None:
        self._by_name: dict[str, Pid] = {}
        self._by_pid: dict[Pid, set[str]] = {}

    def register(self, name: str, pid: Pid) -> None:
        """Give a name to a pid, which need not be alive (core N-13, N-14).

        Raises:
          AlreadyExistsError: Another pid has it.
        """
        owner = self._by_name.get(name)
        if owner is not None and owner != pid:
            raise AlreadyExistsError("name already registered", details={"name": name})
        self._by_name[name] = pid
        self._by_pid.setdefault(pid, set()).add(name)

    def lookup(self, name: str) -> Pid | None:
        """Tell who has a name."""
        return self._by_name.get(name)

    def unregister(self, name: str) -> bool:
        """Take a name away from whoever has it; tell whether it was taken (N-17)."""
        pid = self._by_name.pop(name, None)
        if pid is None:
            return False
        names = self._by_pid[pid]
        names.discard(name)
        if not names:
            del self._by_pid[pid]
        return True

    def release(self, pid: Pid) -> None:
        """Take all names of an ended process back (core N-19, P-70)."""
        for name in self._by_pid.pop(pid, ()):
            del self._by_name[name]

    def of(self, pid: Pid) -> frozenset[str]:
        """Tell the names of a pid."""
        return frozenset(self._by_pid.get(pid, ()))

    def __len__(self) -> int:
        return len(self._by_name)

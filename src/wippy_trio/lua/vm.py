"""One Lua VM and its two queues; `VM.step` is the only way in.

Entries cross as five values each. What concerns the VM is appended to `inbound` at any
time, and the driver is woken; the VM itself is entered by the driver alone, never while
a step is running.
"""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Any

import attrs

from wippy_trio.lua.codec import encode
from wippy_trio.lua.sandbox import make_runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wippy_trio.lua.crossing import LuaValues

__all__ = ["VM", "Statistics", "VmValue"]

# Inbound entries; prelude/step.lua has the other side.
ANSWER, MESSAGE, EXIT_VALUE, EXIT_KEPT, EXIT_WIRE, EXIT_ERROR = 1, 2, 3, 4, 5, 6
LINK_DOWN, CANCEL, DROP, BIRTH, TOPIC, RELEASE = 7, 8, 9, 10, 11, 12
CALL, CANCEL_CALL, REMOTE_ANSWER, FORGET, OPTIONS = 13, 14, 15, 16, 17
CHANNEL, START = 18, 19

MOST_ENTRIES = 8000
MOST_BIRTHS = 200


@attrs.frozen(slots=True)
class Statistics:
    """Count what a VM holds; exact for freed things only after `VM.collect`.

    Attributes:
      processes: Alive, by the prelude's table.
      tasks: Coroutines the scheduler resumes.
      environments: Globals of processes that the collector has not freed.
      timers: Armed timers whose waiter still exists.
      bytes: Of the Lua heap.
    """

    processes: int
    tasks: int
    environments: int
    timers: int
    bytes: int


class VmValue:
    """Stand for a result that stays in its VM until somebody outside wants it."""

    __slots__ = ("_key", "_sealed", "_vm")

    def __init__(self, vm: VM, key: int) -> None:
        self._vm = vm
        self._key = key
        self._sealed: LuaValues | None = None

    def key_for(self, vm: VM) -> int | None:
        """Give the key, if the value lives in that VM."""
        return self._key if vm is self._vm else None

    def _fetched(self) -> LuaValues:
        if self._sealed is None:
            self._sealed = self._vm.sealed(self._vm.fetch(self._key))
        return self._sealed

    def wire(self, vm: int) -> bytes:
        """Give the value in the wire format, for a VM."""
        return self._fetched().wire(vm)

    def open(self) -> tuple[Any, ...]:
        """Give the value as a Python value, in a tuple."""
        return self._fetched().open()

    def leave(self) -> LuaValues:
        """Give the value without its VM."""
        return self._fetched()

    def __del__(self) -> None:
        vm = self._vm
        if get_ident() == vm.thread:
            vm.post(RELEASE, self._key)
        else:
            # The collector calls this in any thread. Nobody can be woken from there:
            # the wake-up would be lost, and the driver. The next step takes it along.
            vm.released.append(self._key)


MEMORY_RESERVE = 8 << 20
"""Over its limit a VM may be by what is handed to it: nothing that crosses may fail.

Lua is entered with its arguments pushed, and a Python function gives its result back,
where no error can be caught: to run out of memory there ends the whole program, or
leaves it waiting for the interpreter's lock for ever. So where a VM has a limit, room
is made for what crosses before it does; the limit is the old one after the step.
"""

SLACK = 1 << 16
FULL = -(2**63)
"""What a function gives where there is no room for its result."""


def _size(values: Any) -> int:
    """Tell how much memory the values need in Lua."""
    if type(values) is bytes:
        return len(values) + SLACK
    if type(values) is tuple:
        return (
            sum(len(v) for v in values if type(v) is bytes) + 64 * len(values) + SLACK
        )
    return SLACK


class VM:
    """Hold one Lua VM."""

    def __init__(
        self,
        version: str,
        host: Mapping[str, Callable[..., Any]],
        *,
        seed: int | None = None,
        memory_limit: int = 0,
    ) -> None:
        """Open it.

        Args:
          version: Of Lua: ``5.3``, ``5.4``, ``5.5``.
          host: Functions for the prelude.
          seed: Of its random numbers, its turns, the order of `pairs`.
          memory_limit: Bytes of the Lua heap; 0 for no limit.
        """
        self._runtime, state = make_runtime(version, host, seed=seed)
        self._step = state[b"step"]
        self._fetch = state[b"fetch"]
        self._mend = state[b"mend"]
        self._statistics = state[b"statistics"]
        self._collect = state[b"raw"][b"collectgarbage"]
        self.memory_limit = memory_limit
        self._guard_host = state[b"guard_host"]
        self._host = host
        self._result: Any = None
        self._guarded = self._lifted = self._limit_changed = False
        self.inbound: list[Any] = []
        self.births: list[tuple[int, int, bytes, bool]] = []
        self.released: list[int] = []
        self.thread = get_ident()
        self.wake: Callable[[], None] = lambda: None
        self.sealed: Callable[[bytes], LuaValues]
        self.stepping = False
        self._apply_limit()

    def _apply_limit(self) -> None:
        self._limit_changed = self._lifted = False
        if self.memory_limit and not self._guarded:
            self._guarded = True
            pairs: list[Any] = []
            for name, fn in self._host.items():
                pairs += (name.encode(), self._with_room(fn))
            self._guard_host(self._again, *pairs)
        self._runtime.set_max_memory(self.memory_limit)

    def limit_memory(self, size: int) -> None:
        """Set the limit of the Lua heap, 0 for none.

        It is at least somewhat more than what is in use, for otherwise nothing at all
        could be allocated, not even what ends the program that is too large. During a
        step it is set at its end.
        """
        if size:
            size = max(size, int(self._runtime.get_memory_used()) + MEMORY_RESERVE)
        self.memory_limit = size
        if self.stepping:
            self._limit_changed = True
        else:
            self._apply_limit()

    def _with_room(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Make a function for Lua give no more than there is room for."""

        def guarded(*args: Any) -> Any:
            result = fn(*args)
            if self.memory_limit and not self._make_room(_size(result)):
                self._result = result
                return FULL
            return result

        return guarded

    def _again(self) -> Any:
        """Give the result for which there was no room; the garbage is gone now.

        There must be much room, or garbage would be collected at every call.
        """
        result, self._result = self._result, None
        needed = int(self._runtime.get_memory_used()) + _size(result)
        if needed > self.memory_limit - self.memory_limit // 16:
            return FULL
        return result

    def _make_room(self, size: int) -> bool:
        """Lift the limit so that something can be handed in, if that may be."""
        used = int(self._runtime.get_memory_used())
        if used + size > self.memory_limit:
            if used > self.memory_limit or size > MEMORY_RESERVE:
                return False
            self._lifted = True
            self._runtime.set_max_memory(used + size)
        return True

    def _fitting(self, batch: list[Any]) -> list[Any]:
        """Take as many entries as there is room for; the others wait.

        One that is too large for any room loses its values, and whoever it is for
        learns that they are damaged.
        """
        used = int(self._runtime.get_memory_used())
        most = self.memory_limit + MEMORY_RESERVE
        if batch and used + sum(len(v) for v in batch if type(v) is bytes) > most:
            self.collect()
            used = int(self._runtime.get_memory_used())
        room = max(most - used, SLACK)
        total, end = 0, len(batch)
        for i in range(0, len(batch), 5):
            size = 0
            for j in range(i, i + 5):
                value = batch[j]
                if type(value) is bytes:
                    if len(value) > room:
                        batch[j] = value = b""
                    size += len(value)
            if total + size > room and i > 0:
                end = i
                break
            total += size + 400
        self.inbound = batch[end:] + self.inbound
        if used + total + SLACK > self.memory_limit:
            self._lifted = True
            self._runtime.set_max_memory(used + total + SLACK)
        return batch[:end]

    def post(
        self, op: int, a: Any = None, b: Any = None, c: Any = None, d: Any = None
    ) -> None:
        """Append an entry and wake the driver."""
        self.inbound += (op, a, b, c, d)
        self.wake()

    def post_birth(
        self, number: int, unit: int, arguments: bytes, *, held: bool = False
    ) -> None:
        """Append a birth; a step takes a limited number of them.

        A ``held`` process runs nothing but its chunk until an entry `START` comes.
        """
        self.births.append((number, unit, arguments, held))
        self.wake()

    @property
    def pending(self) -> bool:
        """Whether entries wait."""
        return bool(self.inbound or self.births)

    def _take(self) -> list[Any]:
        most = MOST_ENTRIES * 5
        if len(self.inbound) <= most:
            batch, self.inbound = self.inbound, []
            # Last, and only when all is taken: no entry that names a result is behind.
            while self.released:
                batch += (RELEASE, self.released.pop(), None, None, None)
        else:
            batch, self.inbound = self.inbound[:most], self.inbound[most:]
        if self.births:
            for birth in self.births[:MOST_BIRTHS]:
                batch += (BIRTH, *birth)
            del self.births[:MOST_BIRTHS]
        return batch

    def step(self, now: float, until: float) -> tuple[Any, ...] | None:
        """Enter the VM once.

        Args:
          now: The time that decides which timers are due.
          until: When its slice is used up, by the clock of slices.

        Returns:
          State (1: more to run), the time of the next timer or ``False``, then the
          outbound entries, five values each. ``None``: it is broken, see `mend`.
        """
        if self.births or len(self.inbound) > MOST_ENTRIES * 5:
            batch = self._take()
        else:
            batch, self.inbound = self.inbound, []
        if self.memory_limit:
            batch = self._fitting(batch)
        self.stepping = True
        try:
            result = self._step(now, until, *batch)
        finally:
            self.stepping = False
            if self._lifted or self._limit_changed:
                self._apply_limit()
        return result if isinstance(result, tuple) else None

    def mend(self) -> int | None:
        """Lift the memory limit, drop the process that hit it, and restore the limit.

        Returns:
          The number of the process that ended for it.
        """
        self._runtime.set_max_memory(0)
        number = self._mend()
        self.collect()
        return int(number) if number else None

    def fetch(self, key: int) -> bytes:
        """Read a kept result in the wire format; only between steps."""
        data = self._fetch(key)
        return data if isinstance(data, bytes) else encode([None])

    def collect(self) -> None:
        """Collect garbage in full; only between steps."""
        self._runtime.set_max_memory(0)
        self._collect(b"collect")
        self._collect(b"collect")
        self._apply_limit()

    def close(self) -> None:
        """Free the Lua heap; not during a step.

        The VM knows functions of Python that know the VM. No collector sees that cycle,
        because it goes through both heaps, so it is cut here.
        """
        self.wake = lambda: None
        self.inbound.clear()
        self.births.clear()
        del self._runtime, self._step, self._fetch, self._mend
        del self._statistics, self._collect, self._guard_host, self._host

    def statistics(self) -> Statistics:
        """Count what it holds; only between steps."""
        return Statistics(*(int(n) for n in self._statistics()))

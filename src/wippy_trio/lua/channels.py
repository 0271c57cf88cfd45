"""Channels that Lua programs share with Python or with another VM.

A channel of a Lua program lives in its VM until it leaves it; then, or from the start
where a host says ``channels: kernel``, it is a `Channel` of the kernel, and Lua knows
it by a number. All that Lua does with it are direct calls that return at once; who has
to wait parks an offer under a *claim*, which is a number, too: the key of a wait in
`VmChannels.pending`. Taking it out of there is the claim. What became of an offer goes
back as an entry of the VM's queue; but what a call of the VM itself completed there it
fetches at once (`done`), so that its coroutines run in the order of core 9.3.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from wippy_trio.kernel import Channel, Offer
from wippy_trio.lua import vm as door
from wippy_trio.lua.codec import encode
from wippy_trio.lua.crossing import HANDLE_CLASS, LuaValue, LuaValues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wippy_trio.kernel import Node, Outcome
    from wippy_trio.lua.crossing import KernelChannels

__all__ = ["VmChannels"]

WOULD_WAIT, DONE, CLOSED, HAS_WOKEN = 0, 1, 2, 4


class _Wait:
    """The claim of one wait of a Lua coroutine, plain or a select."""

    __slots__ = ("channels", "id", "offers", "process")

    def __init__(self, channels: VmChannels, id: int, process: int) -> None:  # noqa: A002
        self.channels = channels
        self.id = id
        self.process = process
        self.offers: list[tuple[Channel[Any], Offer]] = []

    @property
    def taken(self) -> bool:
        return self.id not in self.channels.pending

    def take(self) -> bool:
        return self.channels.take_claim(self.id) is not None

    def complete(self, index: int, is_send: bool, outcome: Outcome) -> None:
        """Tell the VM which case was done, and with what."""
        for channel, offer in self.offers:
            channel.withdraw(offer)
        value = None
        if outcome.ok and not is_send:
            value = self.channels.carried(outcome.value)
        self.channels.answer(self.id, index, outcome.ok, value)


class VmChannels:
    """What one VM knows of kernel channels: the commands, and who waits."""

    def __init__(self, node: Node, table: KernelChannels) -> None:
        self.node = node
        self.table = table
        self.number = table.next_vm()
        self.vm: door.VM
        self.pending: dict[int, _Wait] = {}
        self._waiting: dict[int, set[int]] = {}  # process: its claims
        self._private: WeakValueDictionary[int, LuaValue] = WeakValueDictionary()
        self._pinned: list[Channel[Any]] = []
        self._inside = False
        self._done: list[tuple[int, int, bool, Any]] = []
        self._last = 0

    def commands(self) -> dict[str, Callable[..., Any]]:
        """Give the functions by the names the prelude knows."""
        return {
            "ch_new": self.new,
            "ch_send": self.send,
            "ch_receive": self.receive,
            "ch_close": self.close,
            "ch_done": self.done,
            "ch_wait": self.wait,
            "ch_claim": self.claim,
            "ch_withdraw": self.withdraw,
            "ch_seal": self.seal,
            "ch_pin": self.pin,
        }

    def lost(self) -> None:
        """Give up what the VM held and waited for: it is no more."""
        for id in list(self.pending):  # noqa: A001
            self.claim(id)
        self.table.release_vm(self.number)

    # -- values on their way -----------------------------------------------------------

    def handle_of(self, value: Any) -> tuple[str, int] | None:
        """Give class and number of a channel that goes into the VM."""
        if isinstance(value, Channel) and value.passed(None):
            return HANDLE_CLASS, self.table.hold(value, self.number)
        return None

    def carried(self, value: Any) -> bytes | int:
        """Give a received value in the form for the VM."""
        if isinstance(value, LuaValue):
            return value.wire(self.number)
        return encode([value], handles=self.handle_of, drop=True)

    def pinned(self) -> tuple[Channel[Any], ...]:
        """Take the channels that are in what the next command sends."""
        if not self._pinned:
            return ()
        channels, self._pinned = tuple(self._pinned), []
        return channels

    def sealed(self, data: bytes) -> LuaValues:
        """Wrap values that leave the VM."""
        return LuaValues(data, self.table, self.pinned())

    def _value(self, carried: bytes | int) -> LuaValue:
        value = LuaValue(carried, self.table, self.pinned())
        if isinstance(carried, int):
            self._private[carried] = value
        return value

    # -- commands ----------------------------------------------------------------------

    def new(self, process: int, capacity: int) -> int:
        """Make a channel that the end of a process closes."""
        channel = Channel[Any](capacity)
        owner = self.node.processes.get(process)
        if owner is not None:
            owner.own(channel)
        return self.table.hold(channel, self.number)

    def send(self, number: int, carried: bytes | int) -> int:
        """Send if that can be done at once; `HAS_WOKEN` is added to the status."""
        channel = self.table.held(number)
        if channel.closed:
            self.pinned()
            return CLOSED
        with self._command():
            done = channel.give(self._value(carried))
        return (DONE if done else WOULD_WAIT) + self._woken

    def receive(self, number: int) -> tuple[int, Any]:
        """Receive if that can be done at once; `HAS_WOKEN` is added to the status."""
        with self._command():
            outcome = self.table.held(number).take()
        if outcome is None:
            return WOULD_WAIT, None
        if not outcome.ok:
            return CLOSED, None
        return DONE + self._woken, self.carried(outcome.value)

    def close(self, number: int) -> int:
        """Close; `HAS_WOKEN` or 0."""
        with self._command():
            self.table.held(number).close()
        return self._woken

    def done(self) -> tuple[Any, ...]:
        """Give the next wait that the last command completed; 0 for none."""
        return self._done.pop(0) if self._done else (0,)

    def answer(self, id: int, index: int, ok: bool, carried: Any) -> None:  # noqa: A002
        """Tell the VM what became of a wait."""
        if self._inside:
            self._done.append((id, index, ok, carried))
        else:
            self.vm.post(door.CHANNEL, id, index, ok, carried)

    @property
    def _woken(self) -> int:
        return HAS_WOKEN if self._done else 0

    @contextmanager
    def _command(self) -> Iterator[None]:
        self._inside = True
        try:
            yield
        finally:
            self._inside = False

    def wait(
        self,
        id: int,  # noqa: A002 - of the claim
        process: int,
        number: int,
        index: int,
        carried: Any,
    ) -> int:
        """Park an offer: to receive, or to send what is ``carried``.

        Args:
          id: The claim, 0 for a new one.
          process: Who waits.
          number: Of the channel.
          index: Of the case, for the answer.
          carried: What is sent; ``False`` to receive.

        Returns:
          The claim.
        """
        wait = self.pending.get(id)
        if wait is None:
            self._last += 1
            wait = _Wait(self, self._last, process)
            self.pending[wait.id] = wait
            self._waiting.setdefault(process, set()).add(wait.id)
        is_send = carried is not False
        offer = Offer(
            wait,
            lambda outcome: wait.complete(index, is_send, outcome),
            is_send=is_send,
            value=self._value(carried) if is_send else None,
        )
        channel = self.table.held(number)
        if channel.park(offer):
            wait.offers.append((channel, offer))
        return wait.id

    def take_claim(self, id: int) -> _Wait | None:  # noqa: A002
        """Take a claim, once; this is what decides a select."""
        wait = self.pending.pop(id, None)
        if wait is not None:
            claims = self._waiting[wait.process]
            claims.discard(id)
            if not claims:
                del self._waiting[wait.process]
        return wait

    def claim(self, id: int) -> bool:  # noqa: A002
        """Take a claim for the VM; what was offered under it is withdrawn."""
        wait = self.take_claim(id)
        if wait is None:
            return False
        for channel, offer in wait.offers:
            channel.withdraw(offer)
        return True

    def withdraw(self, process: int) -> None:
        """Give up all claims of a process: it ended."""
        for id in list(self._waiting.get(process, ())):  # noqa: A001
            self.claim(id)

    def pin(self, *numbers: int) -> None:
        """Keep channels alive that are in the wire form that comes next."""
        self._pinned += [self.table.held(number) for number in numbers]

    def seal(self, key: int, data: bytes) -> None:
        """Put the wire form in place of a number: the channel is shared now."""
        value = self._private.pop(key, None)
        channels = self.pinned()
        if value is not None:
            value.seal(data, channels)

    def release(self, number: int, times: int) -> None:
        """Forget that the VM holds a channel."""
        self.table.release(self.number, number, times)

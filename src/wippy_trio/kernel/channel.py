"""Go-like channels: every wait is an offer in one queue.

Theory of operation. A :class:`Channel` wraps a trio memory channel for its buffer, its
capacity and its end-of-channel state, and uses it through the ``_nowait`` calls only:
nobody ever waits *inside* the trio channel. Whoever has to wait, plain or in a select,
sender or receiver, task or foreign engine, parks an :class:`Offer` in the channel's one
queue, so first come, first served holds among all of them (core C-8). A trio channel of
capacity 0 never carries a value then: a hand-over goes from offer to operation.

An offer is completed by the operation that meets it, synchronously, in the tick of that
operation: take the offer's claim, then call ``complete``. The claim is what the offers
of one select share, and taking it is what decides the select. A claim that was taken
elsewhere makes its other offers stale; they are skipped, and dropped when met.

Parked offers imply a state of the buffer: with a receiver parked it is empty, with a
sender parked it is full. Both kinds are parked at once only by one select on a channel
of capacity 0, and a select never pairs with itself (core C-44).
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    Literal,
    NamedTuple,
    Protocol,
    TypeVar,
    cast,
)

import attrs
import trio
from trio.lowlevel import enable_ki_protection

from wippy_trio.errors import ConflictError, InvalidError
from wippy_trio.kernel.values import Passable, Sealed, copied

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from wippy_trio.kernel.process import Process

__all__ = [
    "NOTHING",
    "Case",
    "Channel",
    "ChannelClosedError",
    "ChannelStatistics",
    "Claim",
    "Nothing",
    "Offer",
    "Outcome",
    "SendInterruptedError",
    "TaskClaim",
]

T = TypeVar("T")


class Nothing(enum.Enum):
    """The type of :data:`NOTHING`."""

    NOTHING = enum.auto()


NOTHING: Final = Nothing.NOTHING
"""What a source answers when it has no value now; ``None`` is a legal value."""


class ChannelClosedError(InvalidError):
    """The caller sent on a channel that was closed before.

    Source: core C-24.
    """


class SendInterruptedError(ConflictError):
    """The channel was closed under a sender that waited; nobody has the value.

    Lua gets it as a second result, it does not raise there.
    Source: core C-25, C-41.
    """


class Outcome(NamedTuple):
    """What became of a parked offer.

    For a receive ``ok`` is false when the channel is closed and empty. For a send it is
    false when the channel was closed while the sender waited.
    """

    value: Any
    ok: bool


class Claim(Protocol):
    """The right to complete one of the offers that share it.

    All calls come from the Trio thread, and never across a checkpoint.
    """

    @property
    def taken(self) -> bool:
        """Whether it is gone: the offers under it are stale."""

    def take(self) -> bool:
        """Take it, once: true for the first caller only."""


class Offer:
    """A parked case: what is offered, under which claim, whom to tell.

    Args:
      is_send: Whether a value is offered, or one is wanted.
      value: The value to send.
      claim: Shared by all offers of one wait.
      complete: Called once, synchronously, after the claim was taken. It must not
        raise and it must not block; it may use the channel.
    """

    __slots__ = ("claim", "complete", "is_send", "value")

    def __init__(
        self,
        claim: Claim,
        complete: Callable[[Outcome], object],
        *,
        is_send: bool = False,
        value: Any = None,
    ) -> None:
        self.claim = claim
        self.complete = complete
        self.is_send = is_send
        self.value = value


class TaskClaim:
    """The claim of the current task, which parks until somebody takes it.

    From the moment it is taken Trio delivers no cancellation to that wait; a
    cancellation that comes first takes the claim itself, so that nobody else can.
    """

    __slots__ = ("_result", "_task", "taken")

    def __init__(self) -> None:
        self.taken = False
        self._task = trio.lowlevel.current_task()
        self._result: Any = None

    def take(self) -> bool:
        """Take it, once: true for the first caller only."""
        if self.taken:
            return False
        self.taken = True
        return True

    def wake(self, result: object) -> None:
        """Let the parked task go on with a result; the caller has taken the claim."""
        self._result = result
        trio.lowlevel.reschedule(self._task)

    async def park(self) -> Any:
        """Wait until the claim is taken.

        Returns:
          What :meth:`wake` was given.

        Checkpoint: always. If cancelled first, the claim is given up.
        """
        await trio.lowlevel.wait_task_rescheduled(self._give_up)
        return self._result

    def _give_up(self, _: object) -> trio.lowlevel.Abort:
        self.taken = True
        return trio.lowlevel.Abort.SUCCEEDED


@attrs.frozen
class ChannelStatistics:
    """A snapshot of a channel."""

    capacity: float
    buffered: int
    waiting_senders: int
    waiting_receivers: int
    closed: bool


class Case(NamedTuple):
    """One channel operation of a select; it holds no state (core C-45)."""

    channel: Channel[Any]
    is_send: bool
    value: Any = None


class Channel(Passable, Generic[T]):
    """Pass values between tasks, first in, first out.

    Inside one process values go by reference. A channel that was sent to another
    process, or given to it as an argument, is *shared*: from then on each value is
    copied as it is sent, and the channel closes when the process that passed it first
    has ended.

    Args:
      capacity: How many values wait in the buffer before a sender has to; a negative
        one counts as 0, where a sender waits until a receiver takes its value.
      source: Asked for a further value when a slot of the buffer has become free, or
        when a receiver finds nothing. It answers :data:`NOTHING` if it has none, and
        must hand each value over once.

    Source: core section 9.
    """

    __slots__ = (
        "__weakref__",
        "_capacity",
        "_closed",
        "_in",
        "_offers",
        "_out",
        "_shared",
        "_source",
    )

    def __init__(
        self,
        capacity: float = 0,
        *,
        source: Callable[[], T | Literal[Nothing.NOTHING]] | None = None,
    ) -> None:
        self._capacity = max(capacity, 0)  # core C-1
        self._in, self._out = trio.open_memory_channel[Any](self._capacity)
        self._offers: OrderedDict[Offer, None] = OrderedDict()
        self._source = source
        self._closed = False
        self._shared = False

    def __repr__(self) -> str:
        stats = self.statistics()
        state = "closed" if stats.closed else "open"
        return f"<{state} channel {stats.buffered}/{stats.capacity} at {id(self):#x}>"

    @property
    def closed(self) -> bool:
        """Whether it is closed; values may still be in the buffer."""
        return self._closed

    @property
    def shared(self) -> bool:
        """Whether more than one process may hold it."""
        return self._shared

    def passed(self, by: Process | None) -> bool:
        """Share it; the end of the first process that passes it on closes it.

        Returns:
          False for a channel of a mailbox, which stays with its process.
        """
        if self._source is not None:
            return False
        if not self._shared:
            self._shared = True
            if by is not None:
                by.own(self)
        return True

    @property
    def wanted(self) -> bool:
        """Whether a receiver is parked: a send would hand its value over now."""
        return any(
            not offer.is_send and not offer.claim.taken for offer in self._offers
        )

    def statistics(self) -> ChannelStatistics:
        """Count what is buffered and who waits."""
        waiting = [offer.is_send for offer in self._offers if not offer.claim.taken]
        return ChannelStatistics(
            capacity=self._capacity,
            buffered=self._out.statistics().current_buffer_used,
            waiting_senders=sum(waiting),
            waiting_receivers=len(waiting) - sum(waiting),
            closed=self._closed,
        )

    # Operations that wait.

    @enable_ki_protection
    async def send(self, value: T) -> bool:
        """Send a value; wait while the buffer is full.

        Returns:
          True.

        Raises:
          ChannelClosedError: The channel is closed already.
          SendInterruptedError: It was closed while the sender waited.

        Checkpoint: always. If cancelled, the value was not sent.
        Source: core C-3, C-24, C-25.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        value = self._leaving(value)
        if self._closed:
            raise ChannelClosedError("send on closed channel")
        if self._try_send(value, None):
            await trio.lowlevel.cancel_shielded_checkpoint()
            return True
        outcome = await self._wait(is_send=True, value=value)
        if not outcome.ok:
            raise interrupted()
        return True

    @enable_ki_protection
    async def receive(self) -> tuple[T | None, bool]:
        """Receive a value; wait while the channel is open and has nothing.

        Returns:
          The value and true; or ``(None, False)`` when it is closed and empty.

        Checkpoint: always. If cancelled, no value was taken.
        Source: core C-4, C-5.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            received = self.receive_nowait()
        except trio.WouldBlock:
            pass
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return received
        value, ok = await self._wait()
        return unsealed(value), ok

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        value, ok = await self.receive()
        if not ok:
            raise StopAsyncIteration
        return cast("T", value)

    async def _wait(self, *, is_send: bool = False, value: Any = None) -> Outcome:
        claim = TaskClaim()
        offer = Offer(claim, claim.wake, is_send=is_send, value=value)
        self.park(offer)
        try:
            return cast("Outcome", await claim.park())
        finally:
            self.withdraw(offer)

    # Operations that do not.

    @enable_ki_protection
    def send_nowait(self, value: T) -> None:
        """Send a value if nobody has to wait for it.

        Raises:
          ChannelClosedError: The channel is closed.
          trio.WouldBlock: No receiver waits and the buffer is full.
        """
        if self._closed:
            raise ChannelClosedError("send on closed channel")
        if not self._try_send(self._leaving(value), None):
            raise trio.WouldBlock

    @enable_ki_protection
    def receive_nowait(self) -> tuple[T | None, bool]:
        """Receive a value if one is there, or ``(None, False)`` at the end.

        Raises:
          trio.WouldBlock: The channel is open and has nothing.
        """
        outcome = self._try_receive(None)
        if outcome is None:
            raise trio.WouldBlock
        return unsealed(outcome.value), outcome.ok

    def _leaving(self, value: T) -> T:
        return cast("T", copied(value)) if self._shared else value

    @enable_ki_protection
    def close(self) -> None:
        """Close the channel; a second time changes nothing.

        Values in the buffer stay readable. Parked receivers get ``(None, False)``,
        parked senders a :class:`SendInterruptedError`, all in this tick.

        Source: core C-20 to C-27, C-41.
        """
        if self._closed:
            return
        self._closed = True
        self._in.close()
        parked, self._offers = self._offers, OrderedDict()
        for offer in parked:
            if offer.claim.take():
                offer.complete(Outcome(offer.value, ok=False))

    # Cases and offers: what select and other engines are made of.

    def case_send(self, value: T) -> Case:
        """Make the case of a select that sends a value, fixed now (core C-46)."""
        return Case(self, is_send=True, value=self._leaving(value))

    def case_receive(self) -> Case:
        """Make the case of a select that receives."""
        return Case(self, is_send=False)

    @enable_ki_protection
    def attempt(self, case: Case) -> Outcome | None:
        """Do the operation of a case if it is ready.

        Returns:
          Its outcome, or ``None`` if it is not ready. To send on a closed channel is
          never ready (core C-40), to receive from a closed, empty one always (C-39).
        """
        if not case.is_send:
            outcome = self.take()
            return outcome and Outcome(unsealed(outcome.value), outcome.ok)
        if self._closed or not self._try_send(case.value, None):
            return None
        return Outcome(case.value, ok=True)

    @enable_ki_protection
    def take(self) -> Outcome | None:
        """Receive for an engine: the value in the form in which it was sent."""
        return self._try_receive(None)

    @enable_ki_protection
    def give(self, value: Any) -> bool:
        """Send for an engine, which has copied the value: false if that must wait.

        Raises:
          ChannelClosedError: The channel is closed.
        """
        if self._closed:
            raise ChannelClosedError("send on closed channel")
        return self._try_send(value, None)

    @enable_ki_protection
    def offer(self, offer: Offer) -> bool:
        """Complete an offer at once if it is ready, else park it.

        The way in for an engine with waiters of its own. A stale offer, and a send
        that can never be done because the channel is closed, are left alone: an engine
        whose plain send has to fail there asks :attr:`closed` first.

        Returns:
          Whether it is parked now. Then it ends by ``complete`` or by
          :meth:`withdraw`, which is the engine's duty when it takes the claim itself.
        """
        if offer.claim.taken:
            return False
        if not offer.is_send:
            outcome = self._try_receive(offer.claim)
        elif not self._closed and self._try_send(offer.value, offer.claim):
            outcome = Outcome(offer.value, ok=True)
        else:
            outcome = None
        if outcome is not None:
            offer.complete(outcome)
            return False
        return self.park(offer)

    def park(self, offer: Offer) -> bool:
        """Put an offer into the queue that was just seen not to be ready.

        Returns:
          Whether it was; a send on a closed channel never is (core C-40).
        """
        if self._closed and offer.is_send:
            return False
        self._offers[offer] = None
        return True

    def withdraw(self, offer: Offer) -> None:
        """Take an offer out of the queue; it may be gone already."""
        self._offers.pop(offer, None)

    # A parked claim is taken before ``own`` is, but only once it is known to be free:
    # all in one tick of one thread, so that either both are taken or none.

    def _try_send(self, value: Any, own: Claim | None) -> bool:
        receiver = self._counterpart(own, is_send=False)
        if receiver is None:
            try:
                self._in.send_nowait(value)
            except trio.WouldBlock:
                return False
        if own is not None:
            own.take()
        if receiver is not None:
            receiver.complete(Outcome(value, ok=True))
        return True

    def _try_receive(self, own: Claim | None) -> Outcome | None:
        try:
            value = self._out.receive_nowait()
        except trio.EndOfChannel:
            value, ok = None, False
        except trio.WouldBlock:
            sender = self._counterpart(own, is_send=True)
            if sender is not None:
                if own is not None:
                    own.take()
                sender.complete(Outcome(sender.value, ok=True))
                return Outcome(sender.value, ok=True)
            value, ok = self._pull(), True
            if value is NOTHING:
                return None
        else:
            ok = True
            self._refill()
        if own is not None:
            own.take()
        return Outcome(value, ok)

    def _refill(self) -> None:
        """Fill the slot that a receive has freed (core C-9)."""
        if self._closed:
            return
        sender = self._counterpart(None, is_send=True)
        if sender is not None:
            self._in.send_nowait(sender.value)
            sender.complete(Outcome(sender.value, ok=True))
        elif (value := self._pull()) is not NOTHING:
            self._in.send_nowait(value)

    def _pull(self) -> Any:
        return NOTHING if self._source is None else self._source()

    def _counterpart(self, own: Claim | None, *, is_send: bool) -> Offer | None:
        """Take the first live offer of a kind out of the queue, and its claim."""
        found: Offer | None = None
        stale: list[Offer] = []
        for offer in self._offers:
            if offer.claim.taken:
                stale.append(offer)
            elif offer.is_send is is_send and offer.claim is not own:
                found = offer
                break
        for offer in stale:
            del self._offers[offer]
        if found is not None:
            del self._offers[found]
            found.claim.take()
        return found


def unsealed(value: Any) -> Any:
    """Give a received value in Python's form."""
    return value.unseal() if isinstance(value, Sealed) else value


def interrupted() -> SendInterruptedError:
    """Say that a channel was closed under a waiting sender."""
    return SendInterruptedError(
        "send on closed channel: it was closed while the sender waited"
    )

"""Scripts for channels: how they are drawn, played, modelled and judged.

A script is a list of *ticks*; the acts of one tick happen in order with no checkpoint
between them, so that closes and cancellations fall into the tick of a send. Whatever an
act starts runs between two ticks, until everything is blocked.

`play` runs a script on real channels. `predict` runs it on lists. `violations` needs no
prediction: it holds the law that what was sent was received once or is still there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import trio
import trio.testing
from hypothesis import strategies as st

from wippy_trio.kernel.channel import (
    Case,
    Channel,
    ChannelClosedError,
    Offer,
    Outcome,
    SendInterruptedError,
)
from wippy_trio.kernel.selection import Selected, WaitCase, case_wait

if TYPE_CHECKING:
    from collections.abc import Iterable

EVENT = -1
"""The channel number that stands for a case which waits for the script's event."""


class Arm(NamedTuple):
    """One case: a channel's number, and whether to send."""

    channel: int
    is_send: bool = False


class Act(NamedTuple):
    """One synchronous act of a tick.

    ``what``: ``send``, ``receive`` (without waiting), ``close``, ``set`` (the event),
    ``cancel`` (an earlier start, counted back), ``start`` (a task: one arm is a plain
    operation, several are a select), ``engine`` (the same as foreign offers).
    """

    what: str
    channel: int = 0
    arms: tuple[Arm, ...] = ()
    default: bool = False
    back: int = 0


class Script(NamedTuple):
    """Capacities of the channels, and what is done to them."""

    capacities: tuple[int, ...]
    ticks: tuple[tuple[Act, ...], ...]


class Select(Protocol):
    """What is tested: ours, or a faulty one."""

    async def __call__(
        self, cases: Iterable[Case | WaitCase], *, default: bool = False
    ) -> Selected:
        """Do one of the cases."""


Result = tuple[Any, ...]


@dataclass
class Run:
    """What a script led to."""

    results: list[Result] = field(default_factory=list)
    """Of each act that has one, in order: see `Player`."""
    left: list[list[int]] = field(default_factory=list)
    """What the buffers hold at the end, once all that waited was cancelled."""
    waiting: int = 0
    """How many offers are still in a queue then."""


# Drawing.


def scripts(*, plain: bool = False) -> st.SearchStrategy[Script]:
    """Draw scripts on one to three channels; a tick starts at most one task.

    Plain ones have no engines, no events and no closes.
    """
    return st.lists(st.sampled_from((0, 0, 1, 2)), min_size=1, max_size=3).flatmap(
        lambda capacities: st.builds(
            Script,
            st.just(tuple(capacities)),
            st.lists(_ticks(len(capacities), plain), max_size=8).map(tuple),
        )
    )


def _ticks(channels: int, plain: bool) -> st.SearchStrategy[tuple[Act, ...]]:
    number = st.integers(0, channels - 1)
    arm = st.tuples(number, st.booleans()).map(lambda pair: Arm(*pair))
    arms = st.lists(arm, min_size=1, max_size=3, unique_by=lambda arm: arm.channel).map(
        tuple
    )
    quiet = [
        number.map(lambda n: Act("send", n)),
        number.map(lambda n: Act("send", n)),
        number.map(lambda n: Act("receive", n)),
        st.integers(0, 3).map(lambda n: Act("cancel", back=n)),
    ]
    cases = arms
    if not plain:
        cases |= arms.map(lambda arms: (*arms, Arm(EVENT)))
        quiet.append(number.map(lambda n: Act("close", n)))
        quiet.append(arms.map(lambda arms: Act("engine", arms=arms)))
    default = st.sampled_from((False, False, False, True))
    start = st.tuples(cases, default).map(
        lambda pair: Act("start", arms=pair[0], default=pair[1])
    )
    acts = st.lists(st.one_of(quiet), max_size=4).map(tuple)
    # The tasks that an event wakes and a task that starts run in no particular order,
    # so a tick does not do both.
    if not plain:
        quiet = [*quiet, st.just(Act("set"))]
    alone = st.lists(st.one_of(quiet), max_size=5).map(tuple)
    return st.one_of(
        alone,
        st.tuples(acts, start, acts).map(
            lambda three: (*three[0], three[1], *three[2])
        ),
        start.map(lambda act: (act,)),
    )


# Playing.


class EngineClaim:
    """The claim of an engine with waiters of its own."""

    def __init__(self) -> None:
        self.taken = False

    def take(self) -> bool:
        """Take it once."""
        taken, self.taken = self.taken, True
        return not taken


class Player:
    """Play one script.

    Results are ``("sent", v)``, ``("got", channel, v)``, ``("end", channel)``,
    ``("blocked",)``, ``("closed",)``, ``("interrupted",)``, ``("default",)``,
    ``("event",)``, ``("cancelled",)``.
    """

    def __init__(self, script: Script, select: Select) -> None:
        self.script = script
        self.select = select
        self.channels = [Channel[int](n) for n in script.capacities]
        self.event = trio.Event()
        self.run = Run()
        self.cancels: list[Any] = []
        self.values = 0

    async def play(self) -> Run:
        """Do all ticks, cancel what waits, look into the buffers."""
        async with trio.open_nursery() as nursery:
            for tick in self.script.ticks:
                for act in tick:
                    self.act(act, nursery)
                await trio.testing.wait_all_tasks_blocked()
            for cancel in self.cancels:
                cancel()
        run = self.run
        for channel in self.channels:
            run.waiting += channel.statistics().waiting_senders
            run.waiting += channel.statistics().waiting_receivers
            run.left.append(drained(channel))
        return run

    def act(self, act: Act, nursery: trio.Nursery) -> None:
        """Do one act."""
        what = act.what
        if what == "send":
            value = self.fresh()
            try:
                self.channels[act.channel].send_nowait(value)
            except trio.WouldBlock:
                self.run.results.append(("blocked",))
            except ChannelClosedError:
                self.run.results.append(("closed",))
            else:
                self.run.results.append(("sent", value))
        elif what == "receive":
            try:
                got, ok = self.channels[act.channel].receive_nowait()
            except trio.WouldBlock:
                self.run.results.append(("blocked",))
            else:
                self.run.results.append(received(act.channel, got, ok))
        elif what == "close":
            self.channels[act.channel].close()
        elif what == "set":
            self.event.set()
        elif what == "cancel":
            if act.back < len(self.cancels):
                self.cancels[-1 - act.back]()
        else:
            cases = [self.case(arm) for arm in act.arms]
            place = len(self.run.results)
            self.run.results.append(("waiting",))
            if what == "engine":
                self.engine(place, [case for case in cases if isinstance(case, Case)])
            else:
                scope = trio.CancelScope()
                self.cancels.append(scope.cancel)
                nursery.start_soon(self.task, place, cases, act.default, scope)

    def fresh(self) -> int:
        """Make a value that was never sent before."""
        self.values += 1
        return self.values

    def case(self, arm: Arm) -> Case | WaitCase:
        """Make the case of an arm."""
        if arm.channel == EVENT:
            return case_wait(self.event.wait)
        channel = self.channels[arm.channel]
        if arm.is_send:
            return channel.case_send(self.fresh())
        return channel.case_receive()

    def engine(self, place: int, cases: list[Case]) -> None:
        """Offer cases as an engine does, which leaves stale offers where they are."""
        claim = EngineClaim()
        results = self.run.results

        def complete(case: Case, outcome: Outcome) -> None:
            number = self.channels.index(case.channel)
            if not case.is_send:
                results[place] = received(number, outcome.value, outcome.ok)
            else:
                results[place] = (
                    ("sent", case.value) if outcome.ok else ("interrupted",)
                )

        def cancel() -> None:
            if claim.take():
                results[place] = ("cancelled",)

        self.cancels.append(cancel)
        for case in cases:
            case.channel.offer(
                Offer(
                    claim,
                    partial(complete, case),
                    is_send=case.is_send,
                    value=case.value,
                )
            )

    async def task(
        self,
        place: int,
        cases: list[Case | WaitCase],
        default: bool,
        scope: trio.CancelScope,
    ) -> None:
        """Be a task that waits."""
        results = self.run.results
        results[place] = ("cancelled",)
        with scope:
            try:
                results[place] = await self.operation(cases, default)
            except ChannelClosedError:
                results[place] = ("closed",)
            except SendInterruptedError:
                results[place] = ("interrupted",)

    async def operation(self, cases: list[Case | WaitCase], default: bool) -> Result:
        """Do a plain operation or a select."""
        first = cases[0]
        if len(cases) == 1 and not default and isinstance(first, Case):
            if first.is_send:
                assert await first.channel.send(first.value)
                return ("sent", first.value)
            value, ok = await first.channel.receive()
            return received(self.channels.index(first.channel), value, ok)
        chosen = await self.select(cases, default=default)
        if chosen.default:
            return ("default",)
        assert chosen.index is not None
        case = cases[chosen.index]
        if not isinstance(case, Case):
            return ("event",)
        assert chosen.channel is case.channel
        if case.is_send:
            assert chosen.ok
            assert chosen.value == case.value
            return ("sent", case.value)
        return received(self.channels.index(case.channel), chosen.value, chosen.ok)


def received(channel: int, value: int | None, ok: bool) -> Result:
    """Write down what a receive gave."""
    return ("got", channel, value) if ok else ("end", channel)


def drained(channel: Channel[int]) -> list[int]:
    """Empty the buffer of a channel on which nobody waits."""
    values: list[int] = []
    while True:
        try:
            value, ok = channel.receive_nowait()
        except trio.WouldBlock:
            return values
        if not ok:
            return values
        assert value is not None
        values.append(value)


def play(script: Script, select: Select) -> Run:
    """Play a script in a run of its own."""
    return trio.run(Player(script, select).play)


# Judging.


def violations(run: Run) -> list[str]:
    """Hold a run against the law: sent = received + still queued, nothing twice."""
    sent = Counter(result[1] for result in run.results if result[0] == "sent")
    got = Counter(result[2] for result in run.results if result[0] == "got")
    left = Counter(value for values in run.left for value in values)
    found: list[str] = []
    if lost := sent - got - left:
        found.append(f"lost: {sorted(lost)}")
    if extra := got + left - sent:
        found.append(f"doubled, or never sent: {sorted(extra)}")
    if run.waiting:
        found.append(f"{run.waiting} offers left behind")
    return found


# The model: lists, and every rule spelled out.


class Waiter(NamedTuple):
    """One case that waits."""

    operation: int
    arm: Arm
    value: int


class Model:
    """Predict a script, act by act."""

    def __init__(self, script: Script) -> None:
        self.capacities = script.capacities
        self.buffers: list[list[int]] = [[] for _ in script.capacities]
        self.closed: set[int] = set()
        self.event = False
        self.parked: list[Waiter] = []
        self.results: list[Result] = []
        self.places: list[int] = []
        self.values = 0
        for tick in script.ticks:
            self.tick(tick)
        for place in self.places:
            if self.results[place] == ("waiting",):
                self.finish(place, ("cancelled",))

    def tick(self, tick: tuple[Act, ...]) -> None:
        """Do the acts; a task that one starts takes its turn after all of them."""
        later: tuple[int, list[Waiter], bool] | None = None
        for act in tick:
            if act.what == "send":
                self.values += 1
                value = self.values
                if act.channel in self.closed:
                    self.results.append(("closed",))
                else:
                    done = self.send(act.channel, value)
                    self.results.append(("sent", value) if done else ("blocked",))
            elif act.what == "receive":
                self.results.append(self.receive(act.channel) or ("blocked",))
            elif act.what == "close":
                self.close(act.channel)
            elif act.what == "set":
                self.event = True
            elif act.what == "cancel":
                if act.back < len(self.places):
                    place = self.places[-1 - act.back]
                    if self.results[place] == ("waiting",):
                        self.finish(place, ("cancelled",))
            else:
                place = len(self.results)
                self.results.append(("waiting",))
                self.places.append(place)
                waiters = [Waiter(place, arm, self.numbered(arm)) for arm in act.arms]
                if act.what == "engine":
                    self.operate(place, waiters, engine=True)
                else:
                    later = (place, waiters, act.default)
        if later is not None and self.results[later[0]] == ("waiting",):
            self.operate(later[0], later[1], default=later[2])
        if self.event:
            for waiter in list(self.parked):
                if waiter.arm.channel == EVENT:
                    self.finish(waiter.operation, ("event",))

    def numbered(self, arm: Arm) -> int:
        """Give a send case its value."""
        if not arm.is_send:
            return 0
        self.values += 1
        return self.values

    def operate(
        self,
        place: int,
        waiters: list[Waiter],
        *,
        default: bool = False,
        engine: bool = False,
    ) -> None:
        """Do a plain operation or a select: first ready case, default, or wait."""
        plain = len(waiters) == 1 and not default and not engine
        for _, arm, value in waiters:
            if arm.channel == EVENT:
                continue
            if not arm.is_send:
                got = self.receive(arm.channel)
                if got is not None:
                    self.finish(place, got)
                    return
            elif arm.channel in self.closed:
                if plain:
                    self.finish(place, ("closed",))
                    return
            elif self.send(arm.channel, value):
                self.finish(place, ("sent", value))
                return
        if default:
            self.finish(place, ("default",))
            return
        for waiter in waiters:
            if not (waiter.arm.is_send and waiter.arm.channel in self.closed):
                self.parked.append(waiter)

    def finish(self, place: int, result: Result) -> None:
        """End an operation; none of its other cases waits any more."""
        self.results[place] = result
        self.parked = [waiter for waiter in self.parked if waiter.operation != place]

    def first(self, arm: Arm) -> Waiter | None:
        """Find who has waited longest with such a case."""
        for waiter in self.parked:
            if waiter.arm == arm:
                return waiter
        return None

    def send(self, channel: int, value: int) -> bool:
        """Send if it is possible at once."""
        receiver = self.first(Arm(channel, is_send=False))
        if receiver is not None:
            self.finish(receiver.operation, ("got", channel, value))
            return True
        if len(self.buffers[channel]) < self.capacities[channel]:
            self.buffers[channel].append(value)
            return True
        return False

    def receive(self, channel: int) -> Result | None:
        """Receive if it is possible at once."""
        buffer = self.buffers[channel]
        sender = self.first(Arm(channel, is_send=True))
        if sender is not None:
            buffer.append(sender.value)
            self.finish(sender.operation, ("sent", sender.value))
        if buffer:
            return ("got", channel, buffer.pop(0))
        return ("end", channel) if channel in self.closed else None

    def close(self, channel: int) -> None:
        """Close a channel, and tell all who wait on it."""
        self.closed.add(channel)
        for waiter in list(self.parked):
            if waiter.arm.channel == channel and waiter in self.parked:
                result = ("interrupted",) if waiter.arm.is_send else ("end", channel)
                self.finish(waiter.operation, result)


def predict(script: Script) -> Run:
    """Say what a script has to lead to."""
    model = Model(script)
    return Run(model.results, model.buffers, 0)

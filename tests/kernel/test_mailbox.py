"""Routing in a mailbox: core 5.2 to 5.4."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from wippy_trio.errors import InvalidError, NotFoundError
from wippy_trio.kernel.channel import Channel, Offer, Outcome
from wippy_trio.kernel.events import Cancel, ExitEvent, LinkDown, Message
from wippy_trio.kernel.exit import Exit
from wippy_trio.kernel.mailbox import Mailbox
from wippy_trio.kernel.pid import NOBODY, Pid
from wippy_trio.kernel.selection import select

SENDER = Pid("app:host", 1)


def message(topic: str, *values: Any) -> Message:
    return Message(topic, SENDER, values)


def take(channel: Channel[Any]) -> list[Any]:
    """Receive all that is there."""
    taken: list[Any] = []
    while True:
        try:
            value, ok = channel.receive_nowait()
        except trio.WouldBlock:
            return taken
        if not ok:
            return taken
        taken.append(value)


def topics(channel: Channel[Message]) -> list[str]:
    return [one.topic for one in take(channel)]


class Parked:
    """A receiver that is parked until it has got something."""

    def __init__(self, channel: Channel[Any]) -> None:
        self.taken = False
        self.outcomes: list[Outcome] = []
        channel.offer(Offer(self, self.outcomes.append))

    def take(self) -> bool:
        taken, self.taken = self.taken, True
        return not taken


def test_asking_again_gives_the_same_channel() -> None:
    box = Mailbox()
    assert box.inbox() is box.inbox()  # core M-10
    assert box.events() is box.events()
    assert box.listen("a") is box.listen("a")
    assert box.listen("a") is not box.listen("b")


def test_buffers_are_those_of_the_rules() -> None:
    box = Mailbox()
    channels: list[Channel[Any]] = [box.inbox(), box.events(), box.listen("a")]
    assert [one.statistics().capacity for one in channels] == [0, 0, 1]  # core M-11


@pytest.mark.parametrize(
    ("topic", "text"),
    [("", "topic cannot be empty"), ("@x", "cannot listen to @ topics")],
)
def test_odd_topics_are_refused(topic: str, text: str) -> None:
    with pytest.raises(InvalidError, match=text):  # core M-12
        Mailbox().listen(topic)


def test_routing_is_decided_at_hand_over() -> None:
    """The worked example: "aba", with the first "a" buffered by the late listener."""
    box = Mailbox()
    for topic in ("a", "b", "a"):
        box.put(message(topic))
    inbox = box.inbox()  # takes nothing yet
    a = box.listen("a", message=True)
    got: list[Any] = [channel.receive_nowait()[0] for channel in (a, inbox, a)]
    assert [one.topic for one in got] == ["a", "b", "a"]  # core 24.1, M-15, M-16


def test_a_receive_before_the_listener_takes_the_first() -> None:
    box = Mailbox()
    for value in (1, 2):
        box.put(message("a", value))
    first, _ = box.inbox().receive_nowait()
    assert first is not None
    assert first.values == (1,)  # core 24.1
    assert take(box.listen("a")) == [2]


def test_the_inbox_keeps_the_order_over_all_topics() -> None:
    box = Mailbox()
    for topic in "abcab":
        box.put(message(topic))
    box.put(message(""))  # core M-8
    assert topics(box.inbox()) == ["a", "b", "c", "a", "b", ""]


def test_a_listening_channel_holds_nothing_back() -> None:
    """It buffers one; the others wait, and messages for others pass them."""
    box = Mailbox()
    a = box.listen("a")
    for value in range(5):
        box.put(message("a", value))
    box.put(message("b", "other"))
    assert a.statistics().buffered == 1  # core M-18
    assert topics(box.inbox()) == ["b"]
    assert take(a) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("values", "shape"),
    [((), None), ((7,), 7), ((None,), None), ((1, None, 2), [1, None, 2])],
)
def test_bare_values_have_their_shape(values: tuple[Any, ...], shape: Any) -> None:
    box = Mailbox()
    channel = box.listen("a")
    box.put(message("a", *values))
    assert channel.receive_nowait() == (shape, True)  # core 5.3


def test_whole_messages_can_be_asked_for_later() -> None:
    box = Mailbox()
    channel = box.listen("a")
    for value in (1, 2):
        box.put(message("a", value))
    assert box.listen("a", message=True) is channel  # core M-13
    assert take(channel) == [1, message("a", 2)]
    assert box.listen("a") is channel  # not asking does not switch it off
    box.put(message("a", 3))
    assert take(channel) == [message("a", 3)]


def test_values_of_another_engine_are_opened_at_hand_over() -> None:
    class Foreign:
        def open(self) -> tuple[Any, ...]:
            return ("opened",)

    box = Mailbox()
    box.put(Message("a", None, Foreign()))
    box.put(Message("b", None, Foreign()))
    assert take(box.listen("a")) == ["opened"]
    assert take(box.inbox()) == [Message("b", None, ("opened",))]


def test_unlisten_closes_and_routes_what_waits_anew() -> None:
    box = Mailbox()
    channel = box.listen("a")
    for value in (1, 2, 3):
        box.put(message("a", value))
    box.unlisten(channel)
    assert channel.closed  # core M-30
    assert take(channel) == [1]  # what was buffered can still be received
    assert [one.values for one in take(box.inbox())] == [(2,), (3,)]  # core M-31
    assert box.listen("a") is not channel
    with pytest.raises(NotFoundError, match="channel not found"):
        box.unlisten(channel)


def test_unlisten_serves_a_receiver_that_is_parked_on_the_inbox() -> None:
    box = Mailbox()
    channel = box.listen("a")
    receivers = [Parked(box.inbox()) for _ in range(2)]
    for value in (1, 2):
        box.put(message("a", value))
    box.unlisten(channel)
    assert receivers[0].outcomes == [Outcome(message("a", 2), ok=True)]
    assert receivers[1].outcomes == []
    box.put(message("z"))
    assert receivers[1].outcomes == [Outcome(message("z"), ok=True)]


def test_inbox_and_events_can_be_closed_too() -> None:
    box = Mailbox()
    inbox, events = box.inbox(), box.events()
    box.unlisten(inbox)
    box.unlisten(events)
    assert inbox.closed  # core M-32
    assert events.closed
    box.put(message("a"))
    box.put_event(Cancel(NOBODY, "r", 0))
    assert topics(box.inbox()) == ["a"]
    assert len(take(box.events())) == 1


def test_a_channel_that_the_program_closed_costs_one_message() -> None:
    box = Mailbox()
    channel = box.listen("a")
    channel.close()
    for value in (1, 2):
        box.put(message("a", value))
    assert [one.values for one in take(box.inbox())] == [(2,)]  # core M-33
    box.inbox().close()
    for value in (3, 4):
        box.put(message("a", value))
    assert [one.values for one in take(box.inbox())] == [(4,)]
    box.events().close()
    for reason in ("5", "6"):
        box.put_event(Cancel(NOBODY, reason, 0))
    assert [getattr(one, "reason", "") for one in take(box.events())] == ["6"]


def test_closing_with_messages_in_line_drops_the_next_one() -> None:
    box = Mailbox()
    channel = box.listen("a")
    for value in (1, 2, 3):
        box.put(message("a", value))
    channel.close()
    box.put(message("a", 4))
    assert take(channel) == [1]
    assert [one.values for one in take(box.inbox())] == [(3,), (4,)]  # core M-33


async def test_polling_the_inbox_finds_what_waits() -> None:
    box = Mailbox()
    inbox = box.inbox()
    box.put(message("a"))
    chosen = await select([inbox.case_receive()], default=True)
    assert chosen.value == message("a")  # core M-19
    assert (await select([inbox.case_receive()], default=True)).default


def test_events_wait_without_limit_and_in_order() -> None:
    box = Mailbox()
    end = Exit.failed(SENDER, InvalidError("x"))
    happened: list[Any] = [ExitEvent(end, 1), LinkDown(end, 2), Cancel(NOBODY, "", 3)]
    for event in happened:
        box.put_event(event)
    assert box.link_down_waits()
    assert take(box.events()) == happened  # core EVT-9
    assert not box.link_down_waits()


def test_a_mailbox_counts_and_forgets_what_waits() -> None:
    box = Mailbox()
    inbox = box.inbox()
    for _ in range(3):
        box.put(message("a"))
    box.put_event(Cancel(NOBODY, "", 0))
    assert len(box) == 4
    box.clear()
    assert len(box) == 0
    assert take(inbox) == []


def test_a_listener_that_comes_and_goes_leaves_no_notes() -> None:
    """The heap of first messages stays as small as the topics that wait."""
    box = Mailbox()
    for topic in "abc":
        box.put(message(topic))
        box.put(message(topic))
    for _ in range(500):
        box.unlisten(box.listen("never"))
        channel = box.listen("a")
        box.put(message("a"))
        box.unlisten(channel)
    assert len(box._firsts) < 100


class Routing(RuleBasedStateMachine):
    """A mailbox against a list that is searched from the front, again and again."""

    TOPICS = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.box = Mailbox()
        self.channels: dict[str, Channel[Any]] = {}
        self.receivers: dict[str, list[Parked]] = {}
        self.sent = 0
        # The model: all that waits, and of each open box what it buffers, how many
        # are parked on it, and what was received from it.
        self.waiting: list[tuple[str, int]] = []
        self.buffers: dict[str, list[int]] = {}
        self.parked: dict[str, int] = {}
        self.expected: list[tuple[str, int | None]] = []
        self.got: list[tuple[str, int | None]] = []

    def settle(self) -> None:
        moved = True
        while moved:
            moved = False
            for number, (topic, value) in enumerate(self.waiting):
                box = topic if topic in self.buffers else "inbox"
                if self.parked.get(box, 0):
                    self.parked[box] -= 1
                    self.expected.append((box, value))
                elif box != "inbox" and not self.buffers[box]:
                    self.buffers[box].append(value)
                else:
                    continue
                del self.waiting[number]
                moved = True
                break

    @rule(topic=st.sampled_from(TOPICS))
    def put(self, topic: str) -> None:
        self.sent += 1
        self.box.put(message(topic, self.sent))
        self.waiting.append((topic, self.sent))
        self.settle()

    @rule(box=st.sampled_from((*TOPICS, "inbox")))
    def open(self, box: str) -> None:
        channel = self.box.inbox() if box == "inbox" else self.box.listen(box)
        assert self.channels.setdefault(box, channel) is channel
        self.buffers.setdefault(box, [])
        self.parked.setdefault(box, 0)
        self.receivers.setdefault(box, [])
        self.settle()

    @precondition(lambda self: self.channels)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        box = data.draw(st.sampled_from(sorted(self.channels)))
        channel = self.channels.pop(box)
        self.box.unlisten(channel)
        self.got += [(box, value) for value in take(channel)]
        self.expected += [(box, value) for value in self.buffers.pop(box)]
        self.expected += [(box, None)] * self.parked.pop(box)
        self.read(box)
        del self.receivers[box]
        self.settle()

    @precondition(lambda self: self.channels)
    @rule(data=st.data())
    def receive(self, data: st.DataObject) -> None:
        box = data.draw(st.sampled_from(sorted(self.channels)))
        self.receivers[box].append(Parked(self.channels[box]))
        if self.buffers[box]:
            self.expected.append((box, self.buffers[box].pop(0)))
        else:
            self.parked[box] += 1
        self.settle()

    def read(self, box: str) -> None:
        """Take over what the parked receivers of a box have got."""
        still: list[Parked] = []
        for receiver in self.receivers[box]:
            if not receiver.outcomes:
                still.append(receiver)
            for value, ok in receiver.outcomes:
                bare = value.open()[0] if isinstance(value, Message) else value
                self.got.append((box, bare if ok else None))
        self.receivers[box] = still

    @invariant()
    def agrees(self) -> None:
        for box in self.channels:
            self.read(box)
        for box in (*self.TOPICS, "inbox"):
            assert [v for b, v in self.got if b == box] == [
                v for b, v in self.expected if b == box
            ]
        assert len(self.box) == len(self.waiting)


TestRouting = Routing.TestCase
TestRouting.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

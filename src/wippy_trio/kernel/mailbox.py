"""A mailbox of a Python process: what waits, and which channel gets it when.

One FIFO per topic and one sequence number over all. A message is bound to a channel
only when it is handed over (core M-16): inbox and events have no buffer, so they *pull*
when a receiver asks, and are pushed to only while one is parked. A channel of one topic
buffers one message and pulls the next as soon as that slot is free (core M-18).

The inbox takes the lowest number among the topics that nobody listens to. A heap knows
the first message of each such topic; entries that have become stale (somebody listens
now, or the message is gone) are skipped when met. So a hundred thousand messages that
wait for topics nobody reads cost a delivery nothing.
"""

from __future__ import annotations

import heapq
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import attrs
import trio

from wippy_trio.errors import InvalidError, NotFoundError
from wippy_trio.kernel.channel import NOTHING, Channel, Nothing
from wippy_trio.kernel.events import LinkDown, Message

if TYPE_CHECKING:
    from wippy_trio.kernel.events import Cancel, ExitEvent

    Lifecycle = ExitEvent | LinkDown | Cancel

__all__ = ["Mailbox"]


@attrs.define(eq=False)
class _Listener:
    channel: Channel[Any]
    message: bool


class Mailbox:
    """Route messages and events to the channels of one process."""

    __slots__ = (
        "_arrived",
        "_events",
        "_firsts",
        "_happened",
        "_inbox",
        "_listeners",
        "_queues",
    )

    def __init__(self) -> None:
        self._arrived = 0
        self._queues: dict[str, deque[tuple[int, Message]]] = {}
        self._listeners: dict[str, _Listener] = {}
        self._firsts: list[tuple[int, str]] = []
        self._inbox: Channel[Message] | None = None
        self._happened: deque[Lifecycle] = deque()
        self._events: Channel[Lifecycle] | None = None

    def __len__(self) -> int:
        """Count the messages and events that wait."""
        return sum(map(len, self._queues.values())) + len(self._happened)

    # -- channels ------------------------------------------------------------------

    def inbox(self) -> Channel[Message]:
        """Open the inbox, or find it open (core M-10, M-11)."""
        if self._inbox is None:
            self._inbox = Channel(source=self._pull_inbox)
        return self._inbox

    def events(self) -> Channel[Lifecycle]:
        """Open the events channel, or find it open (core M-10, M-11)."""
        if self._events is None:
            self._events = Channel(source=self._pull_event)
        return self._events

    def listen(self, topic: str, *, message: bool = False) -> Channel[Any]:
        """Open the channel of one topic, or find it open.

        Args:
          topic: Matched exactly (core M-14).
          message: Hand over :class:`Message` objects instead of bare values; once
            asked for, it holds for later deliveries on this topic (core M-13).

        Raises:
          InvalidError: The topic is empty or begins with ``@`` (core M-12).
        """
        if not topic:
            raise InvalidError("topic cannot be empty")
        if topic.startswith("@"):
            raise InvalidError("cannot listen to @ topics")
        listener = self._listeners.get(topic)
        if listener is None:
            channel: Channel[Any] = Channel(1, source=partial(self._pull, topic))
            listener = self._listeners[topic] = _Listener(channel, message)
            waiting = self._pull(topic)
            if waiting is not NOTHING:
                channel.send_nowait(waiting)
        elif message:
            listener.message = True
        return listener.channel

    def unlisten(self, channel: Channel[Any]) -> None:
        """Take a channel's subscription away and close it.

        What it has in its buffer stays readable; what waits for it is routed anew.

        Raises:
          NotFoundError: It is no channel of this mailbox (core M-30).
        """
        if channel is self._inbox:
            self._inbox = None
        elif channel is self._events:
            self._events = None
        else:
            listeners = self._listeners.items()
            topics = [topic for topic, one in listeners if one.channel is channel]
            if not topics:
                raise NotFoundError("channel not found")
            self._unlisten(topics[0])
        channel.close()

    # -- deliveries ----------------------------------------------------------------

    def put(self, message: Message) -> None:
        """Take a message in and hand it over if somebody can take it (core M-15)."""
        topic = message.topic
        listener = self._listeners.get(topic)
        if listener is None:
            inbox = self._inbox
            if inbox is not None and inbox.closed:
                # The program has closed it: drop one message, forget it (core M-33).
                self._inbox = None
            elif inbox is not None and inbox.wanted:
                inbox.send_nowait(_opened(message))
            else:
                self._append(topic, message)
            return
        waits = topic in self._queues
        if not listener.channel.closed:
            if waits or not self._hand_over(listener, message):
                self._append(topic, message)
            return
        if waits:  # core M-33: the next in line is dropped, the others go on
            self._pull(topic)
            self._append(topic, message)
        self._unlisten(topic)

    def put_event(self, event: Lifecycle) -> None:
        """Take an event in; events wait without limit (core EVT-9)."""
        channel = self._events
        if channel is not None and channel.closed:
            self._events = None
        elif channel is not None and channel.wanted:
            channel.send_nowait(event)
        else:
            self._happened.append(event)

    def link_down_waits(self) -> bool:
        """Tell whether the news of a broken link has not been read yet."""
        return any(isinstance(event, LinkDown) for event in self._happened)

    def clear(self) -> None:
        """Drop all that waits (core P-71); the channels stay as they are."""
        self._queues.clear()
        self._firsts.clear()
        self._happened.clear()

    # -- inside --------------------------------------------------------------------

    def _hand_over(self, listener: _Listener, message: Message) -> bool:
        try:
            listener.channel.send_nowait(_shaped(listener, message))
        except trio.WouldBlock:
            return False
        return True

    def _unlisten(self, topic: str) -> None:
        del self._listeners[topic]
        self._note_first(topic)
        inbox = self._inbox
        while inbox is not None and not inbox.closed and inbox.wanted:
            message = self._pull_inbox()
            if message is NOTHING:
                return
            inbox.send_nowait(message)

    def _append(self, topic: str, message: Message) -> None:
        self._arrived += 1
        queue = self._queues.get(topic)
        if queue is None:
            queue = self._queues[topic] = deque()
        queue.append((self._arrived, message))
        if len(queue) == 1:
            self._note_first(topic)

    def _take(self, topic: str) -> Message | None:
        queue = self._queues.get(topic)
        if queue is None:
            return None
        _, message = queue.popleft()
        if not queue:
            del self._queues[topic]
        return message

    def _pull(self, topic: str) -> Any:
        message = self._take(topic)
        return NOTHING if message is None else _shaped(self._listeners[topic], message)

    def _pull_inbox(self) -> Message | Literal[Nothing.NOTHING]:
        while self._firsts:
            number, topic = heapq.heappop(self._firsts)
            if self._first(topic) == number:
                message = self._take(topic)
                assert message is not None  # it has a first one
                self._note_first(topic)
                return _opened(message)
        return NOTHING

    def _pull_event(self) -> Lifecycle | Literal[Nothing.NOTHING]:
        return self._happened.popleft() if self._happened else NOTHING

    def _first(self, topic: str) -> int | None:
        """Tell the number of the first message of a topic that is the inbox's."""
        queue = self._queues.get(topic)
        return None if queue is None or topic in self._listeners else queue[0][0]

    def _note_first(self, topic: str) -> None:
        first = self._first(topic)
        if first is None:
            return
        if len(self._firsts) > 2 * len(self._queues) + 32:
            pairs = ((self._first(topic), topic) for topic in self._queues)
            self._firsts = [(n, topic) for n, topic in pairs if n is not None]
            heapq.heapify(self._firsts)
        else:
            heapq.heappush(self._firsts, (first, topic))


def _opened(message: Message) -> Message:
    """Give a message the form in which a Python program reads it."""
    if isinstance(message.values, tuple):
        return message
    return Message(message.topic, message.sender, message.open())


def _shaped(listener: _Listener, message: Message) -> Any:
    """Give a delivery to a topic's channel its form (core 5.3)."""
    if listener.message:
        return _opened(message)
    values = message.open()
    if len(values) > 1:
        return list(values)
    return values[0] if values else None

"""One connection to a broker, and the thread that owns it.

pika's connection is driven by an event loop of its own and may be touched in that loop
only. So it lives in a thread; Trio hands it jobs, and every answer comes back as a
callback of the library. Nothing in the thread blocks but its select. What waits for
an answer is known by both sides: when the connection is gone, all of it is told so.

Time in the thread is real time: heartbeats and the deadlines of closing do not follow
a mock clock. A mock clock stands still while an answer is out, and may jump while the
connection only listens.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import outcome
import pika
import trio
from pika import exceptions, spec
from pika.adapters.select_connection import IOLoop

from wippy_trio.sdk import (
    ConflictError,
    Error,
    InternalError,
    NotFoundError,
    PermissionDeniedError,
    UnavailableError,
    hold_time,
)
from wippy_trio.services.queue.amqp.properties import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wippy_trio.services.queue.amqp.properties import Outgoing
    from wippy_trio.services.queue.amqp.settings import Declaration

__all__ = ["Link", "Subscription"]

# The library logs each failure that we report; without a handler such lines would go
# to the standard error stream.
logging.getLogger("pika").addHandler(logging.NullHandler())

CLOSE_S = 2.0
"""How long the broker has to answer a goodbye."""
CONFIRM_S = 1.0
"""How long a goodbye waits for the broker's word on what was published."""


class Reply:
    """The answer to one job: given in the thread, awaited in Trio."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._event = trio.Event()
        self._outcome: outcome.Outcome[Any] | None = None
        self.withdrawn = False

    def give(self, value: Any = None) -> None:
        """Answer; only the first answer counts."""
        self._link._settle(self, outcome.Value(value))

    def fail(self, error: Error) -> None:
        """Answer with a failure."""
        self._link._settle(self, outcome.Error(error))

    def set(self, result: outcome.Outcome[Any]) -> None:
        """Wake who waits; in Trio."""
        self._outcome = result
        self._event.set()

    async def wait(self) -> Any:
        """Wait for the answer; if cancelled, a job that has not begun never does."""
        try:
            with hold_time():
                await self._event.wait()
        except trio.Cancelled:
            self.withdrawn = True
            self._link.forget(self)
            raise
        assert self._outcome is not None
        return self._outcome.unwrap()


class Subscription:
    """A consumer at the broker: a channel of its own."""

    def __init__(
        self,
        link: Link,
        receive: Callable[[Subscription, Any, Any, bytes], None],
        lost: Callable[[Subscription, Error], None],
    ) -> None:
        """Prepare one.

        Args:
          link: Over which it goes.
          receive: Called in Trio with method, properties and body of each delivery.
          lost: Called in Trio when the broker ends it and the connection lives on.
        """
        self.link = link
        self.receive = receive
        self.lost = lost
        self.channel: Any = None
        self.closing = False

    @property
    def live(self) -> bool:
        """Tell whether what it delivered can still be settled."""
        return not self.closing and not self.link.gone.is_set()

    def settle(self, tag: int, *, done: bool) -> None:
        """Tell the broker what became of a delivery. Never waits.

        Raises:
          UnavailableError: The broker has taken the delivery back.
        """

        def job() -> None:
            if self.channel.is_open:
                if done:
                    self.channel.basic_ack(tag)
                else:
                    self.channel.basic_nack(tag, requeue=True)

        self._check()
        self.link.post(job)

    def refuse(self, tag: int) -> None:
        """Have the broker drop a delivery, or put it where dead letters go."""

        def job() -> None:
            if self.channel.is_open:
                self.channel.basic_nack(tag, requeue=False)

        self._check()
        self.link.post(job)

    def _check(self) -> None:
        if not self.live:
            raise UnavailableError(
                "the connection of this delivery is gone; the broker delivers it again",
                retryable=True,
            )

    async def close(self) -> None:
        """End it: what was not settled goes back to the queue."""
        self.closing = True

        def job(reply: Reply) -> None:
            channel = self.channel
            if channel is None or channel.is_closed:
                reply.give()
                return
            channel.add_on_close_callback(lambda *_: reply.give())
            if not channel.is_closing:
                channel.close()
            self.link.later(CLOSE_S, reply.give)

        with suppress(UnavailableError):  # gone already, and all went back
            await self.link.ask(job)


class Link:
    """A connection with one channel for publishing."""

    def __init__(self, parameters: pika.ConnectionParameters, where: str) -> None:
        """Prepare one; nothing happens before `open`.

        Args:
          parameters: As the library wants them.
          where: The driver, for messages.
        """
        self.where = where
        self.reason = "not connected"
        self.gone = trio.Event()
        self._parameters = parameters
        self._token = trio.lowlevel.current_trio_token()
        self._loop: Any = IOLoop()
        self._lock = threading.Lock()
        self._closed = False
        self._replies: set[Reply] = set()
        # What follows belongs to the thread.
        self._ready: Reply | None = None
        self._connection: Any = None
        self._publisher: Any = None
        self._sent = 0
        self._unconfirmed: dict[int, tuple[Reply, str]] = {}
        self._returned: set[str] = set()
        self._leaving = False

    # -- between the thread and Trio ---------------------------------------------------

    def post(self, job: Callable[[], None], reply: Reply | None = None) -> None:
        """Have a job run in the thread.

        Raises:
          UnavailableError: The connection is gone.
        """
        with self._lock:
            if self._closed:
                raise self._unavailable()
            if reply is not None:
                self._replies.add(reply)
            self._loop.add_callback_threadsafe(job)

    async def ask(self, job: Callable[[Reply], None]) -> Any:
        """Have a job run in the thread and wait for its answer."""
        reply = Reply(self)
        self.post(partial(job, reply), reply)
        return await reply.wait()

    def later(self, seconds: float, job: Callable[[], None]) -> None:
        """Have a job run later, if the connection lives; in the thread."""
        self._loop.call_later(seconds, job)

    def tell(self, fn: Callable[..., None], *args: Any) -> None:
        """Call a function in Trio; in the thread."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(fn, *args)

    def _settle(self, reply: Reply, result: outcome.Outcome[Any]) -> None:
        with self._lock:
            if reply not in self._replies:
                return
            self._replies.remove(reply)
        self.tell(reply.set, result)

    def forget(self, reply: Reply) -> None:
        """Know no more of a reply that nobody waits for."""
        with self._lock:
            self._replies.discard(reply)

    def _unavailable(self) -> UnavailableError:
        return UnavailableError(
            f"{self.where}: no connection to the broker: {self.reason}", retryable=True
        )

    # -- life --------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect; return when messages can be published.

        Raises:
          UnavailableError: The broker cannot be reached, or lets us not in.
        """
        ready = self._ready = Reply(self)
        self._replies.add(ready)
        trio.lowlevel.start_thread_soon(self._own, self._ended)
        try:
            await ready.wait()
        except BaseException:
            with trio.CancelScope(shield=True):
                await self.close()
            raise

    async def close(self) -> None:
        """Say goodbye and wait for the thread's end, a few seconds at most."""
        with suppress(UnavailableError):
            self.post(self._leave)
        with hold_time():
            await self.gone.wait()

    def _own(self) -> None:
        """Be the thread."""
        try:
            self._connection = Connection(
                self._parameters,
                on_open_callback=self._opened,
                on_open_error_callback=self._failed,
                on_close_callback=self._failed,
                custom_ioloop=self._loop,
            )
            self._loop.start()
        except Exception as error:
            self.reason = f"{type(error).__name__}: {error}"
            raise
        finally:
            with self._lock:
                self._closed = True
                left, self._replies = self._replies, set()
            gone = outcome.Error(self._unavailable())
            for reply in left:
                self.tell(reply.set, gone)
            self._loop.close()

    def _ended(self, _result: outcome.Outcome[None]) -> None:
        self.tell(self.gone.set)

    def _opened(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._publisher_opened)

    def _failed(self, _connection: Any, error: BaseException) -> None:
        self.reason = _text(error)
        self._loop.stop()

    def _leave(self) -> None:
        if self._leaving:
            return
        self._leaving = True
        self.later(CONFIRM_S, self._hang_up)
        self.later(CONFIRM_S + CLOSE_S, self._abort)
        self._maybe_hang_up()

    def _maybe_hang_up(self) -> None:
        if self._leaving and not self._unconfirmed:
            self._hang_up()

    def _hang_up(self) -> None:
        connection = self._connection
        if connection is None or connection.is_closed:
            self._loop.stop()
        elif not connection.is_closing:
            connection.close()

    def _abort(self) -> None:
        """End a connection whose broker does not answer."""
        self.later(CLOSE_S, self._loop.stop)
        if self._connection is not None and not self._connection.is_closed:
            self._connection._terminate_stream(
                exceptions.AMQPConnectionError("the broker did not say goodbye")
            )

    # -- publishing --------------------------------------------------------------------

    def _publisher_opened(self, channel: Any) -> None:
        self._publisher = channel
        self._sent = 0
        channel.add_on_return_callback(self._came_back)
        channel.add_on_close_callback(self._publisher_closed)
        channel.confirm_delivery(self._confirmed, callback=self._publisher_ready)

    def _publisher_ready(self, _frame: Any) -> None:
        assert self._ready is not None
        self._ready.give()

    def _publisher_closed(self, _channel: Any, error: BaseException) -> None:
        lost = list(self._unconfirmed.values())
        self._unconfirmed.clear()
        self._returned.clear()
        for reply, _ in lost:
            reply.fail(
                UnavailableError(
                    f"{self.where}: not confirmed: {_text(error)}", retryable=True
                )
            )
        if self._connection.is_open and not self._leaving:
            self._opened(self._connection)

    async def publish(self, queue: str, message: Outgoing) -> None:
        """Give the broker a message, and wait until it answers for it.

        Raises:
          UnavailableError: It did not take it, or the connection broke: then it may
            have taken it or not.
        """
        await self.ask(partial(self._publish, queue, message))

    def _publish(self, queue: str, message: Outgoing, reply: Reply) -> None:
        channel = self._publisher
        if reply.withdrawn:
            return
        if self._leaving or channel is None or not channel.is_open:
            reply.fail(self._unavailable())
            return
        properties = message.properties
        try:
            channel.basic_publish(
                "", queue, message.body, properties, message.mandatory
            )
        except exceptions.AMQPError as error:
            reply.fail(
                UnavailableError(f"{self.where}: {_text(error)}", retryable=True)
            )
            return
        self._sent += 1
        self._unconfirmed[self._sent] = (reply, properties.message_id)

    def _came_back(
        self, _channel: Any, _method: Any, properties: Any, _: bytes
    ) -> None:
        self._returned.add(properties.message_id)

    def _confirmed(self, frame: Any) -> None:
        method = frame.method
        if method.multiple:
            tags = [tag for tag in self._unconfirmed if tag <= method.delivery_tag]
        else:
            tags = [method.delivery_tag]
        for tag in tags:
            known = self._unconfirmed.pop(tag, None)
            if known is None:
                continue
            reply, id_ = known
            if id_ in self._returned:
                self._returned.discard(id_)
                reply.fail(
                    UnavailableError(
                        f"{self.where}: no queue took the message", retryable=True
                    )
                )
            elif isinstance(method, spec.Basic.Ack):
                reply.give()
            else:
                reply.fail(
                    UnavailableError(
                        f"{self.where}: the broker refused the message", retryable=True
                    )
                )
        self._maybe_hang_up()

    # -- queues ------------------------------------------------------------------------

    async def declare(self, queue: str, wanted: Declaration) -> None:
        """Make a queue, or see that it is what is wanted."""
        await self._declare(
            queue,
            durable=wanted.durable,
            auto_delete=wanted.auto_delete,
            exclusive=False,
            arguments=wanted.arguments or None,
        )

    async def count(self, queue: str) -> tuple[int, int]:
        """Tell how many messages wait in a queue, and how many consumers it has."""
        found = await self._declare(queue, passive=True)
        return found.message_count, found.consumer_count

    async def _declare(self, queue: str, **wanted: Any) -> Any:
        def job(reply: Reply) -> None:
            def opened(channel: Any) -> None:
                channel.queue_declare(queue, callback=partial(done, channel), **wanted)

            def done(channel: Any, frame: Any) -> None:
                reply.give(frame.method)
                channel.close()

            self._channel(reply, opened, f"queue {queue}")

        return await self.ask(job)

    def _channel(self, reply: Reply, opened: Callable[[Any], None], what: str) -> None:
        """Open a channel whose end is the failure of a reply that is still out."""

        def closed(_channel: Any, error: BaseException) -> None:
            reply.fail(refused(f"{self.where}: {what}", error))

        def begin(channel: Any) -> None:
            channel.add_on_close_callback(closed)
            opened(channel)

        if self._leaving or not self._connection.is_open:
            reply.fail(self._unavailable())
            return
        self._connection.channel(on_open_callback=begin)

    async def subscribe(
        self,
        subscription: Subscription,
        queue: str,
        *,
        prefetch: int,
        tag: str,
        exclusive: bool = False,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        """Have the messages of a queue sent to a subscription."""

        def job(reply: Reply) -> None:
            def opened(channel: Any) -> None:
                subscription.channel = channel
                if subscription.closing or reply.withdrawn:
                    channel.close()
                    return
                channel.add_on_close_callback(lost)
                channel.add_on_cancel_callback(cancelled)
                channel.basic_qos(
                    prefetch_count=min(prefetch, 0xFFFF),
                    callback=partial(begin, channel),
                )

            def begin(channel: Any, _frame: Any) -> None:
                if channel.is_open:
                    channel.basic_consume(
                        queue,
                        received,
                        exclusive=exclusive,
                        consumer_tag=tag,
                        arguments=arguments,
                        callback=lambda _frame: reply.give(),
                    )

            def received(_: Any, method: Any, properties: Any, body: bytes) -> None:
                self.tell(subscription.receive, subscription, method, properties, body)

            def cancelled(_frame: Any) -> None:
                gone = UnavailableError(
                    f"{self.where}: the broker ended the consumer of {queue}",
                    retryable=True,
                )
                self.tell(subscription.lost, subscription, gone)

            def lost(_channel: Any, error: BaseException) -> None:
                if self._connection.is_open and not subscription.closing:
                    what = f"{self.where}: queue {queue}"
                    self.tell(subscription.lost, subscription, refused(what, error))

            self._channel(reply, opened, f"queue {queue}")

        await self.ask(job)


def _text(error: BaseException) -> str:
    """Say in words what the library says in classes."""
    code, text = getattr(error, "reply_code", None), getattr(error, "reply_text", None)
    if text:
        return f"{text} ({code})"
    inner = getattr(error, "exceptions", None)  # of a whole workflow of attempts
    if inner:
        return _text(inner[-1])
    inner = getattr(error, "exception", None)
    if inner is not None:
        return _text(inner)
    arguments = [item for item in error.args if isinstance(item, BaseException)]
    if arguments:
        return _text(arguments[0])
    return str(error) or type(error).__name__


_REFUSALS: dict[int, type[Error]] = {
    403: PermissionDeniedError,
    404: NotFoundError,
    405: ConflictError,
    406: ConflictError,
    541: InternalError,
}


def refused(what: str, error: BaseException) -> Error:
    """Make an error of ours from the end of a channel."""
    cls = _REFUSALS.get(getattr(error, "reply_code", 0))
    if cls is None:
        return UnavailableError(f"{what}: {_text(error)}", retryable=True)
    return cls(f"{what}: {_text(error)}", retryable=False)

"""The driver: its queues and consumers, over one connection after another."""

from __future__ import annotations

import contextlib
import math
import secrets
from typing import TYPE_CHECKING, Any

import pika
import trio
from pika import compat, credentials, data

from wippy_trio.logs import get_logger
from wippy_trio.sdk import (
    Error,
    InvalidError,
    ServiceReport,
    UnavailableError,
)
from wippy_trio.sdk.queues import Delivery, Message
from wippy_trio.services.queue.amqp.link import Link, Subscription
from wippy_trio.services.queue.amqp.properties import read_message, write_message
from wippy_trio.services.queue.amqp.settings import read_declaration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from wippy_trio.sdk import Runtime
    from wippy_trio.sdk.queues import Queue
    from wippy_trio.services.queue.amqp.settings import Settings

__all__ = ["AmqpDriver", "parameters_of"]

log = get_logger(__name__)


class _AmqPlain(credentials.PlainCredentials):  # type: ignore[misc]
    """The mechanism of old brokers: name and password in a table."""

    def response_for(self, start: Any) -> tuple[str | None, bytes | None]:
        if b"AMQPLAIN" not in compat.as_bytes(start.mechanisms).split():
            return None, None
        pieces: list[bytes] = []
        login = {"LOGIN": self.username, "PASSWORD": self.password}
        data.encode_table(pieces, login)
        return "AMQPLAIN", b"".join(pieces[1:])  # without the size


def parameters_of(settings: Settings) -> pika.ConnectionParameters:
    """Make the library's parameters.

    Raises:
      InvalidError: The URL cannot be read.
    """
    try:
        found = pika.URLParameters(settings.url)
        if settings.vhost:
            found.virtual_host = settings.vhost
        if settings.heartbeat:
            found.heartbeat = max(1, round(settings.heartbeat))
        if settings.connection_timeout:
            found.socket_timeout = settings.connection_timeout
            found.stack_timeout = settings.connection_timeout
        if settings.frame_size:
            found.frame_max = settings.frame_size
        if settings.channel_max:
            found.channel_max = settings.channel_max
        if settings.connection_name:
            found.client_properties = {"connection_name": settings.connection_name}
        if settings.auth_mechanism == "EXTERNAL":
            found.credentials = credentials.ExternalCredentials()
        elif settings.auth_mechanism == "AMQPLAIN":
            plain = found.credentials
            found.credentials = _AmqPlain(plain.username, plain.password)
        if settings.tls is not None:
            found.ssl_options = pika.SSLOptions(
                settings.tls.context(), settings.tls.server_name or found.host
            )
        found.connection_attempts = 1
        found.retry_delay = 0
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidError(f"url or its settings: {error}") from error
    return found


class _AmqpDelivery(Delivery):
    def __init__(
        self, message: Message, subscription: Subscription, tag: int, *, auto_ack: bool
    ) -> None:
        super().__init__(message)
        self._subscription = subscription
        self._tag = tag
        self._auto_ack = auto_ack

    async def accept(self) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._auto_ack:
            self._subscription.settle(self._tag, done=True)
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def reject(self) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._auto_ack:
            raise InvalidError(
                "the message was acknowledged when it came (auto_ack)", retryable=False
            )
        self._subscription.settle(self._tag, done=False)
        await trio.lowlevel.cancel_shielded_checkpoint()


class _Attachment:
    """A consumer of ours, subscribed again over each new connection."""

    def __init__(
        self,
        driver: AmqpDriver,
        queue: Queue,
        *,
        prefetch: int,
        auto_ack: bool,
        options: Mapping[str, Any],
    ) -> None:
        own = options.get("amqp", options)
        if not isinstance(own, dict):
            raise InvalidError(f"driver_options.amqp: wanted a map, got {own!r}")
        self.queue = queue
        self.auto_ack = auto_ack
        self.subscription: Subscription | None = None
        self._driver = driver
        self._prefetch = prefetch
        self._tag = str(own.get("consumer_tag") or queue.name)
        self._exclusive = own.get("exclusive") in (True, "true")
        self._came, self._coming = trio.open_memory_channel[
            tuple[Subscription, Any, Any, bytes]
        ](math.inf)  # the broker sends no more than the prefetch
        self._failure: Error | None = None

    async def attach(self, link: Link) -> None:
        """Subscribe over a connection."""
        subscription = Subscription(link, self._receive, self._lost)
        self.subscription = subscription
        try:
            await link.subscribe(
                subscription,
                self.queue.name,
                prefetch=self._prefetch,
                tag=f"{self._tag}-{secrets.token_hex(4)}",
                exclusive=self._exclusive,
            )
        except BaseException:
            with trio.CancelScope(shield=True):
                await subscription.close()
            raise

    async def detach(self) -> None:
        """Unsubscribe: what was not settled goes back."""
        self._came.close()
        if self.subscription is not None:
            await self.subscription.close()

    def fail(self, error: Error) -> None:
        """End the consumer with an error."""
        self._failure = error
        self._came.close()

    def _receive(
        self, subscription: Subscription, method: Any, properties: Any, body: bytes
    ) -> None:
        if subscription is self.subscription and subscription.live:
            with contextlib.suppress(trio.ClosedResourceError):
                self._came.send_nowait((subscription, method, properties, body))

    def _lost(self, subscription: Subscription, error: Error) -> None:
        subscription.closing = True  # what it delivered went back to the queue
        if subscription is self.subscription:
            self.fail(error)

    async def pump(self, deliver: trio.MemorySendChannel[Delivery]) -> None:
        """Hand on what comes, each message to a worker that has time for it.

        Raises:
          Error: The broker ended the subscription.
        """
        with deliver:
            async for subscription, method, properties, body in self._coming:
                if not subscription.live:
                    continue  # the broker delivers it again
                tag = method.delivery_tag
                try:
                    message = read_message(self.queue.codec, properties, body)
                except InvalidError as error:
                    log.error(  # noqa: TRY400 - no traceback in the program's log
                        "queue.message_unreadable",
                        queue=self.queue.id,
                        message_id=properties.message_id,
                        error=str(error),
                    )
                    with contextlib.suppress(UnavailableError):
                        subscription.refuse(tag)
                    continue
                delivery = _AmqpDelivery(
                    message, subscription, tag, auto_ack=self.auto_ack
                )
                await deliver.send(delivery)
                if self.auto_ack:
                    with contextlib.suppress(UnavailableError):
                        subscription.settle(tag, done=True)
        if self._failure is not None:
            raise self._failure


class AmqpDriver:
    """Keep the connection to a broker, with all that is declared and consumed there.

    A service: it is connected from `start` to `stop`. A connection that breaks is made
    again, after a delay that doubles; queues are declared and consumers subscribed
    anew. Meanwhile nothing can be published (modules-io 3.5).
    """

    def __init__(self, runtime: Runtime, id: str, settings: Settings) -> None:  # noqa: A002 - its name
        self.id = id
        self.settings = settings
        self.prefetch_count = settings.prefetch_count
        self._runtime = runtime
        self._parameters = parameters_of(settings)
        self._queues: dict[str, Queue] = {}
        self._attachments: set[_Attachment] = set()
        self._link: Link | None = None
        self._running = False
        self._keeper: trio.CancelScope | None = None
        self._kept = trio.Event()
        self._trouble = "the driver is not started"

    # -- the service -------------------------------------------------------------------

    async def start(self, report: Callable[[ServiceReport], None]) -> str:
        """Connect.

        Raises:
          UnavailableError: The broker cannot be reached.
        """
        link = await self._connect()
        self._running = True
        self._keeper, self._kept = trio.CancelScope(), trio.Event()
        self._runtime.nursery.start_soon(self._keep, link, report)
        return f"connected to {self._parameters.host}:{self._parameters.port}"

    async def stop(self) -> None:
        """Disconnect; what was published is confirmed or refused before."""
        if not self._running:
            await trio.lowlevel.checkpoint()
            return
        self._running = False
        self._trouble = "the driver is stopped"
        assert self._keeper is not None
        self._keeper.cancel()
        with trio.CancelScope(shield=True):  # the thread bounds it, in real time
            await self._kept.wait()

    async def aclose(self) -> None:
        """Disconnect, as a resource that is still there when the runtime stops."""
        await self.stop()

    async def _keep(self, link: Link, report: Callable[[ServiceReport], None]) -> None:
        try:
            assert self._keeper is not None
            with self._keeper:
                while True:
                    await link.gone.wait()
                    self._link = None
                    self._trouble = link.reason
                    log.warning("amqp.connection_lost", driver=self.id, why=link.reason)
                    link = await self._reconnect()
                    report(ServiceReport("running", "connected again"))
        finally:
            link_, self._link = self._link, None
            with trio.CancelScope(shield=True):
                if link_ is not None:
                    await link_.close()
            self._running = False
            self._kept.set()

    async def _reconnect(self) -> Link:
        delay = self.settings.reconnect_delay
        while True:
            await trio.sleep(delay)
            delay = min(delay * 2, self.settings.reconnect_max_delay)
            try:
                return await self._connect()
            except UnavailableError as error:
                self._trouble = error.message

    async def _connect(self) -> Link:
        link = Link(self._parameters, f"queue driver {self.id}")
        await link.open()
        try:
            for queue in list(self._queues.values()):
                await self._declare(link, queue)
            self._link = link
            for attachment in list(self._attachments):
                await self._attach(link, attachment)
        except BaseException:
            self._link = None
            with trio.CancelScope(shield=True):
                await link.close()
            raise
        return link

    async def _declare(self, link: Link, queue: Queue) -> None:
        """Declare a queue again; one that is refused does not keep the others."""
        try:
            await link.declare(
                queue.name, read_declaration(queue.options, self.settings)
            )
        except UnavailableError:
            raise
        except Error as error:
            log.error("amqp.queue_refused", queue=queue.id, error=str(error))  # noqa: TRY400

    @staticmethod
    async def _attach(link: Link, attachment: _Attachment) -> None:
        try:
            await attachment.attach(link)
        except UnavailableError:
            raise
        except Error as error:
            attachment.fail(error)

    def _connected(self) -> Link:
        if self._link is None:
            raise UnavailableError(
                f"queue driver {self.id}: no connection to the broker: {self._trouble}",
                retryable=True,
            )
        return self._link

    # -- the driver --------------------------------------------------------------------

    async def declare(self, queue: Queue) -> None:
        """Make a queue known; at the broker as soon as there is a connection.

        Raises:
          InvalidError: A wrong option.
          ConflictError: The broker has a queue of that name that is different.
        """
        wanted = read_declaration(queue.options, self.settings)
        if self._link is not None:
            # A connection that breaks now is made again, and declares what is known.
            with contextlib.suppress(UnavailableError):
                await self._link.declare(queue.name, wanted)
        else:
            await trio.lowlevel.checkpoint()
        self._queues[queue.id] = queue

    async def forget(self, queue: Queue) -> None:
        """Make a queue unknown; the broker keeps it."""
        self._queues.pop(queue.id, None)
        await trio.lowlevel.checkpoint()

    async def publish(self, queue: Queue, message: Message) -> None:
        """Give the broker a message and wait for its word."""
        out = write_message(queue.codec, message, self.settings.default_message_ttl)
        await self._connected().publish(queue.name, out)

    async def info(self, queue: Queue) -> dict[str, int]:
        """Ask the broker."""
        messages, consumers = await self._connected().count(queue.name)
        return {
            "message_count": messages,
            "ready": messages,
            "consumer_count": consumers,
        }

    @contextlib.asynccontextmanager
    async def consume(
        self,
        queue: Queue,
        *,
        prefetch: int,
        auto_ack: bool,
        options: Mapping[str, Any],
    ) -> AsyncIterator[trio.MemoryReceiveChannel[Delivery]]:
        """Subscribe, over a channel of its own."""
        if not self._running:
            self._connected()
        attachment = _Attachment(
            self, queue, prefetch=prefetch, auto_ack=auto_ack, options=options
        )
        deliver, deliveries = trio.open_memory_channel[Delivery](0)
        self._attachments.add(attachment)
        try:
            link = self._link
            if link is not None:
                try:
                    await attachment.attach(link)
                except UnavailableError:
                    if not link.gone.is_set():
                        raise
                    # The next connection attaches it.
            async with trio.open_nursery() as nursery:
                nursery.start_soon(attachment.pump, deliver)
                yield deliveries
                nursery.cancel_scope.cancel()
        finally:
            self._attachments.discard(attachment)
            deliveries.close()
            with trio.CancelScope(shield=True):
                await attachment.detach()

"""The driver: its queues, and the polls of its consumers."""

from __future__ import annotations

import contextlib
import hashlib
import math
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import trio

from wippy_trio.logs import get_logger
from wippy_trio.sdk import Error, InvalidError, NotFoundError, UnavailableError
from wippy_trio.sdk.queues import Delivery, Message
from wippy_trio.services.queue.sqs.attributes import (
    is_fifo,
    read_message,
    write_message,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from wippy_trio.sdk import ServiceReport
    from wippy_trio.sdk.queues import Queue
    from wippy_trio.services.aws import AwsClient

__all__ = ["Settings", "SqsDriver"]

log = get_logger(__name__)

MOST_AT_ONCE = 10
LONGEST_WAIT = 20
LONGEST_HIDING = 43_200
AFTER_ERROR_S = 1.0
GIVE_BACK_S = 5.0


class Settings(NamedTuple):
    """What holds for all queues of a driver."""

    retention: int = 0
    delay: int = 0
    checksums: bool = True


class _Options(NamedTuple):
    wait: int
    hiding: int | None
    default_hiding: int | None


def read_options(options: Mapping[str, Any]) -> _Options:
    """Read ``driver_options.sqs`` of a queue or a consumer.

    Raises:
      InvalidError: The text names the option.
    """
    own = options.get("sqs") or {}
    if not isinstance(own, dict):
        raise InvalidError(f"driver_options.sqs: wanted a map, got {own!r}")
    wait = _seconds(own, "wait_time", LONGEST_WAIT)
    return _Options(
        LONGEST_WAIT if wait is None else wait,
        _seconds(own, "visibility_timeout", LONGEST_HIDING),
        _seconds(own, "default_visibility_timeout", LONGEST_HIDING),
    )


def _seconds(own: Mapping[str, Any], name: str, most: int) -> int | None:
    value = own.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        from wippy_trio.duration import parse_seconds  # noqa: PLC0415

        value = float(value) if value.isdecimal() else parse_seconds(value)
    if (
        not isinstance(value, (int, float))
        or isinstance(value, bool)
        or not 0 <= value <= most
    ):
        raise InvalidError(
            f"driver_options.sqs.{name}: wanted 0 to {most} seconds, got {value!r}"
        )
    return round(value)


class _SqsDelivery(Delivery):
    def __init__(self, message: Message, client: AwsClient, url: str, receipt: str):
        super().__init__(message)
        self._client = client
        self._which = {"QueueUrl": url, "ReceiptHandle": receipt}

    async def accept(self) -> None:
        await self._client.call("delete_message", **self._which)

    async def reject(self) -> None:
        await self._client.call(
            "change_message_visibility", **self._which, VisibilityTimeout=0
        )


class SqsDriver:
    """Keep the addresses of the queues; there is no connection to keep."""

    def __init__(self, id: str, client: AwsClient, settings: Settings) -> None:  # noqa: A002 - its name
        self.id = id
        self._client = client
        self._settings = settings
        self._queues: dict[str, Queue] = {}
        self._urls: dict[str, str] = {}
        self._stopped = False
        # Polls wait for 20 s each; they do not take the slots of other calls.
        self._polls = trio.CapacityLimiter(math.inf)

    # -- the service -------------------------------------------------------------------

    async def start(self, report: Callable[[ServiceReport], None]) -> str:
        """Declare what is known; so the service says whether AWS answers."""
        del report
        self._stopped = False
        for queue in list(self._queues.values()):
            await self._url(queue)
        return f"{len(self._queues)} queues declared"

    async def stop(self) -> None:
        """Take no more messages."""
        self._stopped = True
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    # -- the driver --------------------------------------------------------------------

    async def declare(self, queue: Queue) -> None:
        """Make a queue known; it is made at its first use, or at the driver's start."""
        read_options(queue.options)
        self._queues[queue.id] = queue
        await trio.lowlevel.checkpoint()

    async def forget(self, queue: Queue) -> None:
        """Make a queue unknown; what it holds stays."""
        self._queues.pop(queue.id, None)
        self._urls.pop(queue.name, None)
        await trio.lowlevel.checkpoint()

    async def _url(self, queue: Queue) -> str:
        if self._stopped:
            raise UnavailableError(f"queue driver {self.id} is stopped", retryable=True)
        known = self._urls.get(queue.name)
        if known is not None:
            return known
        try:
            found = await self._client.call("get_queue_url", QueueName=queue.name)
        except NotFoundError:
            found = await self._client.call(
                "create_queue",
                QueueName=queue.name,
                Attributes=self._attributes(queue),
            )
        url: str = found["QueueUrl"]
        self._urls[queue.name] = url
        return url

    def _attributes(self, queue: Queue) -> dict[str, str]:
        hiding = read_options(queue.options).default_hiding
        settings = self._settings
        found = {}
        if settings.retention:
            found["MessageRetentionPeriod"] = str(settings.retention)
        if settings.delay:
            found["DelaySeconds"] = str(settings.delay)
        if hiding is not None:
            found["VisibilityTimeout"] = str(hiding)
        if is_fifo(queue.name):
            found["FifoQueue"] = "true"
        return found

    async def publish(self, queue: Queue, message: Message) -> None:
        """Send a message."""
        out = write_message(queue.name, queue.codec, message)
        url = await self._url(queue)
        answer = await self._ask(queue, "send_message", QueueUrl=url, **out)
        if self._settings.checksums and answer.get("MD5OfMessageBody") != _md5(
            out["MessageBody"]
        ):
            raise UnavailableError(
                f"queue {queue.id}: the message arrived damaged", retryable=True
            )

    async def _ask(self, queue: Queue, name: str, **arguments: Any) -> Any:
        """Call an operation; a queue that is gone is looked up again the next time."""
        try:
            return await self._client.call(name, **arguments)
        except NotFoundError:
            self._urls.pop(queue.name, None)
            raise

    async def info(self, queue: Queue) -> dict[str, int]:
        """Ask how many messages there are, about."""
        url = await self._url(queue)
        answer = await self._ask(
            queue,
            "get_queue_attributes",
            QueueUrl=url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
            ],
        )
        found = answer["Attributes"]
        ready = int(found["ApproximateNumberOfMessages"])
        away = int(found["ApproximateNumberOfMessagesNotVisible"])
        return {"message_count": ready + away, "ready": ready, "in_flight": away}

    @contextlib.asynccontextmanager
    async def consume(
        self,
        queue: Queue,
        *,
        prefetch: int,
        auto_ack: bool,
        options: Mapping[str, Any],
    ) -> AsyncIterator[trio.MemoryReceiveChannel[Delivery]]:
        """Poll for messages and hand them on, each to a worker that has time for it."""
        own = {**(queue.options.get("sqs") or {}), **(options.get("sqs") or {})}
        wanted = read_options({"sqs": own})
        url = await self._url(queue)
        arguments: dict[str, Any] = {
            "QueueUrl": url,
            "MaxNumberOfMessages": max(1, min(prefetch, MOST_AT_ONCE)),
            "WaitTimeSeconds": wanted.wait,
            "MessageAttributeNames": ["All"],
            "AttributeNames": ["All"],
        }
        if wanted.hiding is not None:
            arguments["VisibilityTimeout"] = wanted.hiding
        deliver, deliveries = trio.open_memory_channel[Delivery](0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._pump, queue, arguments, deliver, auto_ack)
            try:
                yield deliveries
            finally:
                nursery.cancel_scope.cancel()
                deliveries.close()

    async def _pump(
        self,
        queue: Queue,
        arguments: dict[str, Any],
        deliver: trio.MemorySendChannel[Delivery],
        auto_ack: bool,
    ) -> None:
        url = arguments["QueueUrl"]
        with deliver:
            while True:
                try:
                    rows = await self._receive(arguments)
                except NotFoundError:
                    self._urls.pop(queue.name, None)
                    raise
                except Error as error:
                    log.warning(
                        "sqs.receive_failed", queue=queue.id, error=error.message
                    )
                    await trio.sleep(AFTER_ERROR_S)
                    continue
                await self._hand_on(queue, url, rows, deliver, auto_ack)

    async def _hand_on(
        self,
        queue: Queue,
        url: str,
        rows: list[Any],
        deliver: trio.MemorySendChannel[Delivery],
        auto_ack: bool,
    ) -> None:
        left = list(rows)
        try:
            while left:
                row = left[0]
                delivery = self._read(queue, url, row)
                if delivery is not None:
                    await deliver.send(delivery)
                    del left[0]
                    if auto_ack:
                        await self._take_away(queue, delivery)
                else:
                    del left[0]
        except trio.BrokenResourceError:
            pass  # the consumer ends
        finally:
            if left:
                # What cannot be given back in time reappears by itself.
                with (
                    trio.move_on_after(GIVE_BACK_S, shield=True),
                    contextlib.suppress(Error),
                ):
                    await self._client.run(_give_back, url, left)

    @staticmethod
    async def _take_away(queue: Queue, delivery: Delivery) -> None:
        """Delete a message that nobody settles; if that fails it comes again."""
        delivery.settled = True
        try:
            await delivery.accept()
        except Error as error:
            log.error("sqs.delete_failed", queue=queue.id, error=error.message)  # noqa: TRY400

    def _read(self, queue: Queue, url: str, row: Mapping[str, Any]) -> Delivery | None:
        """Read a message; one that cannot be read stays until it expires."""
        try:
            self._check(row)
            message = read_message(queue.codec, row)
        except InvalidError as error:
            log.error(  # noqa: TRY400 - no traceback in the program's log
                "queue.message_unreadable",
                queue=queue.id,
                message_id=row["MessageId"],
                error=str(error),
            )
            return None
        return _SqsDelivery(message, self._client, url, row["ReceiptHandle"])

    def _check(self, row: Mapping[str, Any]) -> None:
        if self._settings.checksums and row.get("MD5OfBody") != _md5(row["Body"]):
            raise InvalidError("body: the checksum does not fit")

    async def _receive(self, arguments: dict[str, Any]) -> list[Any]:
        """Poll once; what an abandoned poll brings is given back by its thread."""
        abandoned = threading.Event()

        def poll(client: Any) -> list[Any]:
            rows: list[Any] = client.receive_message(**arguments).get("Messages", [])
            if rows and abandoned.is_set():
                _give_back(client, arguments["QueueUrl"], rows)
            return rows

        try:
            return await self._client.run(poll, limiter=self._polls)
        except trio.Cancelled:
            abandoned.set()
            raise


def _give_back(client: Any, url: str, rows: list[Any]) -> None:
    """Make messages visible again at once; in a thread."""
    client.change_message_visibility_batch(
        QueueUrl=url,
        Entries=[
            {
                "Id": str(number),
                "ReceiptHandle": row["ReceiptHandle"],
                "VisibilityTimeout": 0,
            }
            for number, row in enumerate(rows)
        ],
    )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

"""A broker for tests: RabbitMQ where it answers, and a proxy that can be cut."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any

import pytest
import trio

from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

HOST, PORT = "127.0.0.1", 5672


class Broker:
    """RabbitMQ as its administrator sees it; all queues of a test share a prefix."""

    def __init__(self, channel: Any) -> None:
        self.prefix = f"wippy_{secrets.token_hex(6)}_"
        self._channel = channel
        self._queues: set[str] = set()

    def queue(self, name: str) -> str:
        """Give a queue its name at the broker; it is deleted after the test."""
        self._queues.add(self.prefix + name)
        return self.prefix + name

    def count(self, name: str) -> int:
        """Tell how many messages wait."""
        frame = self._channel.queue_declare(self.prefix + name, passive=True)
        return int(frame.method.message_count)

    def get(self, name: str) -> tuple[Any, Any, bytes]:
        """Take one message."""
        found: tuple[Any, Any, bytes] = self._channel.basic_get(
            self.prefix + name, auto_ack=True
        )
        return found

    def put(self, name: str, body: bytes, properties: Any = None) -> None:
        """Publish one message."""
        self._channel.basic_publish("", self.prefix + name, body, properties)

    def delete(self, name: str) -> None:
        """Delete a queue."""
        self._channel.queue_delete(self.prefix + name)

    def clean(self) -> None:
        """Delete all queues of the test."""
        for name in self._queues:
            self._channel.queue_delete(name)


@contextlib.contextmanager
def open_broker() -> Iterator[Broker]:
    """Connect as administrator, or skip the test with the reason."""
    pika = pytest.importorskip("pika", reason="the extra amqp")
    parameters = pika.ConnectionParameters(HOST, PORT, socket_timeout=3)
    try:
        connection = pika.BlockingConnection(parameters)
    except pika.exceptions.AMQPConnectionError:
        pytest.skip(f"no RabbitMQ on {HOST}:{PORT}")
    broker = Broker(connection.channel())
    try:
        yield broker
        broker.clean()
    finally:
        connection.close()


class Proxy:
    """A TCP relay to a server, that a test cuts and mends; it keeps its port."""

    def __init__(
        self,
        host: str = HOST,
        port: int = PORT,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._target = (host, port)
        self._tls = tls
        self.port = 0
        self.connections = 0
        self._cut = trio.CancelScope()
        self._frozen = False
        self._gone = trio.Event()

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Relay until it is cut."""
        self._cut, self._gone = trio.CancelScope(), trio.Event()
        listeners = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        try:
            with self._cut:
                await trio.serve_listeners(
                    self._relay,
                    listeners,
                    task_status=_Started(task_status),
                )
        finally:
            for listener in listeners:
                with trio.CancelScope(shield=True):
                    await listener.aclose()
            self._gone.set()

    async def cut(self) -> None:
        """Break all connections and refuse new ones."""
        self._cut.cancel()
        await self._gone.wait()

    def freeze(self) -> None:
        """Let nothing through, and break nothing."""
        self._frozen = True

    async def _relay(self, client: trio.SocketStream) -> None:
        self.connections += 1
        try:
            stream: trio.abc.Stream = client
            if self._tls is not None:
                stream = trio.SSLStream(
                    client, self._tls, server_side=True, https_compatible=True
                )
            async with (
                stream,
                await trio.open_tcp_stream(*self._target) as server,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(self._copy, stream, server, nursery)
                nursery.start_soon(self._copy, server, stream, nursery)
        finally:
            self.connections -= 1

    async def _copy(
        self,
        source: trio.abc.Stream,
        target: trio.abc.Stream,
        nursery: trio.Nursery,
    ) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in source:
                if self._frozen:
                    continue
                await target.send_all(data)
        nursery.cancel_scope.cancel()


class _Started:
    """Passes on that something has started, without what."""

    def __init__(self, task_status: trio.TaskStatus[None]) -> None:
        self._status = task_status

    def started(self, _value: Any = None) -> None:
        self._status.started()


def runtime_of(
    folder: Path, entries: str, modules: str = "queue", **sources: str
) -> RunningRuntime:
    """Load an application with a host and Lua entries, each with the same modules."""
    (folder / "src").mkdir(exist_ok=True)
    index = ['version: "1.0"', "namespace: app", "entries:"]
    index.append(
        "  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}"
    )
    for name, source in sources.items():
        kind = "process.lua" if name.startswith("p_") else "function.lua"
        index.append(
            f"  - {{name: {name}, kind: {kind}, source: 'file://{name}.lua',"
            f" method: main, modules: [{modules}]}}"
        )
        (folder / f"src/{name}.lua").write_text(source)
    (folder / "src/_index.yaml").write_text("\n".join(index) + "\n" + entries)
    return RunningRuntime(load_project(folder))


async def eventually(check: Any, limit: float = 10.0) -> None:
    """Wait until something outside has become true."""
    with trio.fail_after(limit):
        while not check():  # noqa: ASYNC110 - nothing tells us
            await trio.sleep(0.01)

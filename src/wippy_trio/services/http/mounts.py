"""What may be mounted below a prefix: files, or a foreign ASGI application."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import InternalError, InvalidError
from wippy_trio.logs import get_logger
from wippy_trio.services.http.site import chained

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    from wippy_trio.modules.http.exchange import Exchange
    from wippy_trio.registry import Entry
    from wippy_trio.sdk import Runtime
    from wippy_trio.services.http.middleware import Middleware

    Message = MutableMapping[str, Any]
    Application = Callable[..., Awaitable[None]]

__all__ = ["AsgiMount", "make_mount"]

log = get_logger("http")

START_LIMIT = 30.0


async def make_mount(
    runtime: Runtime, entry: Entry, middlewares: Sequence[Middleware]
) -> Any:
    """Make what an ``http.static`` or ``http.asgi`` entry serves."""
    if entry.kind == "http.asgi":
        mount = AsgiMount(runtime, entry, middlewares)
        await mount.open()
        return mount
    from wippy_trio.services.http.static import StaticMount  # noqa: PLC0415

    return StaticMount(runtime, entry, middlewares)


class AsgiMount:
    """Serve a foreign ASGI application below a prefix."""

    def __init__(
        self, runtime: Runtime, entry: Entry, middlewares: Sequence[Middleware]
    ) -> None:
        """Import the application.

        Raises:
          InvalidError: ``app`` does not name one.
        """
        self.id = entry.id
        self.runtime = runtime
        self.app = _load(entry)
        self.handler = chained(middlewares, self._call, self)
        self.options_handler = self.handler
        self.state: dict[str, Any] = {}
        self._scope = trio.CancelScope()
        self._stop = trio.Event()
        self._stopped = trio.Event()

    async def open(self) -> None:
        """Start the application, if it wants to be started (ASGI lifespan).

        Raises:
          InternalError: It said that it cannot start.
        """
        await self.runtime.nursery.start(self._live)

    async def close(self) -> None:
        """Stop it."""
        self._stop.set()
        with trio.move_on_after(START_LIMIT):
            await self._stopped.wait()
        self._scope.cancel()

    async def _live(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Be its lifespan; one that knows none is fine without."""
        told = False
        failure = ""
        sent: list[Message] = []

        async def receive() -> Message:
            if not sent:
                sent.append({"type": "lifespan.startup"})
            elif len(sent) == 1:
                await self._stop.wait()
                sent.append({"type": "lifespan.shutdown"})
            else:
                await trio.sleep_forever()
            return sent[-1]

        async def send(message: Message) -> None:
            nonlocal told, failure
            if message["type"] == "lifespan.startup.complete":
                told = True
                task_status.started()
            elif message["type"] == "lifespan.startup.failed":
                failure = message.get("message") or "no reason given"
            await trio.lowlevel.checkpoint()

        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            with self._scope:
                await self.app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - how an application says it has none
            if told:
                log.warning("asgi.lifespan_failed", entry=self.id, error=repr(error))
            else:
                log.debug("asgi.no_lifespan", entry=self.id, error=repr(error))
        finally:
            self._stopped.set()
        if failure:
            raise InternalError(f"http.asgi {self.id}: startup failed: {failure}")
        if not told:
            task_status.started()

    async def serve(self, exchange: Exchange, prefix: str, rest: str) -> None:
        """Serve a request below the prefix."""
        del rest
        exchange.scope = {
            **exchange.scope,
            "root_path": exchange.scope.get("root_path", "") + prefix,
            "state": {**exchange.scope.get("state", {}), **self.state},
        }
        await self.handler(exchange)

    async def websocket(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
        prefix: str,
    ) -> None:
        """Let the application have a WebSocket; middlewares do not see it."""
        inner = {k: v for k, v in scope.items() if not k.startswith("wippy_trio.")}
        inner["root_path"] = scope.get("root_path", "") + prefix
        inner["state"] = {**scope.get("state", {}), **self.state}
        await self.app(inner, receive, send)

    async def _call(self, exchange: Exchange) -> None:
        """Run the application; what it sends goes through the exchange.

        So middlewares see and change its responses like any other.
        """
        began = False

        async def send(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                exchange.touched = True
                exchange.status = message["status"]
                for name, value in message.get("headers", ()):
                    exchange.add_field(bytes(name), bytes(value))
            elif message["type"] == "http.response.body":
                if not began:
                    raise InternalError("the application sent a body first")
                body = bytes(message.get("body", b""))
                room = exchange.write(body) if body else True
                if message.get("more_body", False):
                    if body or not room:
                        await exchange.flush()
                else:
                    await exchange.finish()

        scope = {
            key: value
            for key, value in exchange.scope.items()
            if not key.startswith("wippy_trio.")
        }
        await self.app(scope, exchange.receive, send)


def _load(entry: Entry) -> Application:
    data = entry.data if isinstance(entry.data, dict) else {}
    where = f"http.asgi {entry.id}"
    name = data.get("app")
    if not isinstance(name, str) or ":" not in name:
        raise InvalidError(f"{where}: app: wanted module:attribute, got {name!r}")
    module, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise InvalidError(f"{where}: app: {name}: {error}") from error
    factory = data.get("factory", False)
    if factory not in (True, False, "true", "false"):
        raise InvalidError(f"{where}: factory: wanted true or false, got {factory!r}")
    if factory in (True, "true"):
        try:
            found = found()
        except Exception as error:
            raise InvalidError(
                f"{where}: app: the factory {name} raised {error!r}"
            ) from error
    if not callable(found):
        raise InvalidError(f"{where}: app: {name} cannot be called")
    application: Application = found
    return application

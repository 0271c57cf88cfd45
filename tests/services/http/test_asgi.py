"""ASGI both ways: foreign applications in ours, ours in foreign servers."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.services.http import foreign
from tests.services.http.application import (
    Application,
    Client,
    play,
    write_application,
)
from tests.services.http.websockets import Socket, TextMessage, open_websocket
from wippy_trio import open_runtime
from wippy_trio.registry import Operation, OperationKind

if TYPE_CHECKING:
    from pathlib import Path

MOUNTS = """
  - name: plain
    kind: http.asgi
    meta: {server: gateway}
    path: /plain
    app: "tests.services.http.foreign:plain"
    middleware: [cors, compress]
    options: {compress.min.length: 10}
  - name: living
    kind: http.asgi
    meta: {server: gateway}
    path: /deep/living/
    app: "tests.services.http.foreign:living"
  - name: starlette
    kind: http.asgi
    meta: {server: gateway}
    path: /star
    app: "tests.services.http.foreign:starlette_application"
    factory: true
"""


def test_mounted_applications(tmp_path: Path) -> None:
    """They see their prefix as root path, and our middlewares see their responses."""
    pytest.importorskip("starlette")
    foreign.LIVES.clear()

    async def scene(app: Application) -> None:
        async with app.client() as client:
            answer = await client.request("POST", "/plain/a%20b?q=1", b"body")
            assert answer.status == 201
            assert answer.text == "/plain /plain/a b b'q=1' 4"
            assert answer.headers["set-cookie"] == "a=1, b=2"
            answer = await client.request(
                "GET",
                "/plain",
                headers={"Origin": "https://x.org", "Accept-Encoding": "gzip"},
            )
            assert answer.headers["access-control-allow-origin"] == "https://x.org"
            assert answer.headers["content-encoding"] == "gzip"
            answer = await client.request("GET", "/deep/living/x")
            assert answer.text == "abat startup"
            assert answer.headers["transfer-encoding"] == "chunked"
            answer = await client.request("GET", "/star/hello/ann")
            assert json.loads(answer.body) == {"name": "ann"}
            assert (await client.request("GET", "/star/stream")).text == "0\n1\n2\n"
            assert (await client.request("GET", "/star/none")).status == 404
        async with open_websocket(app.port, "/plain/ws") as ws:
            assert isinstance(ws, Socket)
            await ws.text("echo")
            assert await ws.event() == TextMessage(data="echo")
        assert foreign.LIVES == ["lifespan.startup"]
        entry = app.runtime.live.state.state["app:living"]
        await app.runtime.live.apply([Operation(OperationKind.DELETE, entry)])
        assert foreign.LIVES == ["lifespan.startup", "lifespan.shutdown"]
        assert (await app.request("GET", "/deep/living/x")).status == 404

    play(tmp_path, scene, {"f": ""}, entries=MOUNTS)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ("path: /x", "wanted module:attribute"),
        ("path: /x, app: nowhere.at.all:x", "No module named"),
        ("path: /x, app: 'tests.services.http.foreign:nothing'", "nothing"),
        ("path: /x, app: 'tests.services.http.foreign:LIVES'", "cannot be called"),
        ("path: /x, app: 'os:sep', factory: 5", "factory: wanted true or false"),
        ("path: /x, app: 'tests.services.http.foreign:refusing'", "no database"),
    ],
)
def test_what_cannot_be_mounted(tmp_path: Path, fields: str, text: str) -> None:
    """The application does not start; the text says why."""

    async def scene(app: Application) -> None:
        raise AssertionError("it started")

    entry = f"  - {{name: b, kind: http.asgi, meta: {{server: gateway}}, {fields}}}\n"
    with pytest.raises(BaseExceptionGroup) as caught:
        play(tmp_path, scene, {"f": ""}, entries=entry)
    assert text in str(_flat(caught.value))


def _flat(group: BaseExceptionGroup[Any]) -> list[str]:
    found: list[str] = []
    for error in group.exceptions:
        found += _flat(error) if isinstance(error, BaseExceptionGroup) else [str(error)]
    return found


FUNCTIONS = {
    "hello": """
      local req = http.request()
      http.response():write_json({path = req:path(), body = req:body()})""",
    "events": """
      local res = http.response()
      for i = 1, 3 do res:write_event({name = "n", data = i}) end""",
    "wait": 'time.sleep("1h")',
    "ws": """
      http.response():set_header("X-WS-Relay", "{}")
      http.response():set_status(401)
      http.response():write_json({error = "who?"})""",
}


async def our_application(folder: Path, use: Any) -> None:
    write_application(
        folder,
        FUNCTIONS,
        routes={"hello": "POST /hello/{name}"},
        router="    post_middleware: [websocket_relay]",
    )
    async with open_runtime(folder) as runtime:
        await use(runtime.asgi("app:gateway"))


async def check_server(port: int, runtime_is_quiet: Any = None) -> None:
    """Ask a foreign server for what our application does."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        client = Client(stream)
        answer = await client.request("POST", "/hello/a%2Fb", b"text")
        assert json.loads(answer.body) == {"path": "/hello/a/b", "body": "text"}
        answer = await client.request("GET", "/events")
        assert answer.text.count("event: n\n") == 3
        assert (await client.request("GET", "/none")).status == 404
        answer = await client.request("PUT", "/hello/x", b"")
        assert answer.status == 405
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(0.1)
    handshake = (
        b"GET /ws HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        client = Client(stream)
        await client.send(handshake)
        status, _ = await client.head()
        assert status in (400, 401, 403)


async def free_port() -> int:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port: int = listeners[0].socket.getsockname()[1]
    for listener in listeners:
        await listener.aclose()
    return port


async def until_open(port: int) -> None:
    with trio.fail_after(10):
        while True:
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", port)
            except OSError:
                await trio.sleep(0.02)
            else:
                await stream.aclose()
                return


async def serve_with_hypercorn(port: int, app: Any, stop: trio.Event) -> None:
    config_module = pytest.importorskip("hypercorn.config")
    serve = pytest.importorskip("hypercorn.trio").serve
    config = config_module.Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.graceful_timeout = 1
    await serve(app, config, shutdown_trigger=stop.wait)


async def serve_with_anycorn(port: int, app: Any, stop: trio.Event) -> None:
    anycorn = pytest.importorskip("anycorn")
    config = anycorn.Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.graceful_timeout = 1
    await anycorn.serve(app, config, shutdown_trigger=stop.wait)


@pytest.mark.parametrize("serve", [serve_with_hypercorn, serve_with_anycorn])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_our_application_in_another_server(tmp_path: Path, serve: Any) -> None:
    """Endpoints, streams, refusals; a client that leaves ends its call."""

    async def use(app: Any) -> None:
        port = await free_port()
        stop = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, port, app, stop)
            await until_open(port)
            await check_server(port)
            node = app.runtime.node
            with trio.fail_after(5):
                while any(p.entry == "app:wait" for p in node.processes.values()):  # noqa: ASYNC110
                    await trio.sleep(0.02)
            stop.set()

    async def main() -> None:
        with trio.fail_after(20):
            await our_application(tmp_path, use)

    trio.run(main)


def test_our_application_below_a_prefix(tmp_path: Path) -> None:
    """As any ASGI application calls another: root path and all."""

    async def use(app: Any) -> None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive(messages: list[Any]) -> Any:
            if messages:
                return messages.pop(0)
            await trio.sleep_forever()
            return None

        paths = (("/in/hello/x", 200), ("/in//hello/x", 308), ("/in", 404))
        for path, status in paths:
            sent.clear()
            body = {"type": "http.request", "body": b"b", "more_body": False}
            scope = {
                "type": "http",
                "method": "POST",
                "path": path,
                "root_path": "/in",
                "query_string": b"q=1",
                "headers": [(b"content-length", b"1")],
            }
            await app(scope, functools.partial(receive, [body]), send)
            assert sent[0]["status"] == status, path
            headers = dict(sent[0]["headers"])
            if status == 308:
                assert headers[b"location"] == b"/in/hello/x?q=1"

    async def main() -> None:
        await our_application(tmp_path, use)

    trio.run(main)

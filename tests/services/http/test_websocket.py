"""WebSockets: the server by itself (RFC 6455, RFC 7692), and the relay (8.6)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import trio
from wsproto.events import CloseConnection

from tests.services.http.application import Application, Client, play
from tests.services.http.asgi import open_server
from tests.services.http.websockets import (
    BytesMessage,
    Ping,
    Pong,
    Socket,
    TextMessage,
    open_websocket,
)
from wippy_trio.services.http.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Echo:
    """Accepts, sends back, and notes how it ended."""

    def __init__(self) -> None:
        self.ended: Any = None
        self.scope: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        assert (await receive())["type"] == "websocket.connect"
        protocols = scope["subprotocols"]
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": protocols[0] if protocols else None,
                "headers": [(b"x-mine", b"1")],
            }
        )
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.ended = message
                return
            if message["text"] == "close":
                await send({"type": "websocket.close", "code": 4001, "reason": "asked"})
            elif message["text"] == "raise":
                raise RuntimeError("boom")
            elif message["text"] == "return":
                return
            else:
                await send({**message, "type": "websocket.send"})


async def test_messages_both_ways() -> None:
    """Text, bytes, pings in between, a subprotocol, large messages."""
    echo = Echo()
    async with open_server(echo) as server:
        async with open_websocket(server.port, "/a?b", subprotocols=["x", "y"]) as ws:
            assert isinstance(ws, Socket)
            assert ws.accepted is not None
            assert ws.accepted.subprotocol == "x"
            assert (b"x-mine", b"1") in [*ws.accepted.extra_headers]
            assert echo.scope["path"] == "/a"
            assert echo.scope["scheme"] == "ws"
            await ws.text("hé")
            assert await ws.event() == TextMessage(data="hé")
            await ws.send(Ping(payload=b"p"))
            assert await ws.event() == Pong(payload=b"p")
            await ws.send(BytesMessage(data=b"\xff\x00"))
            assert (await ws.event()).data == b"\xff\x00"
            await ws.send(BytesMessage(data=b"z" * 300_000))
            assert (await ws.event()).data == b"z" * 300_000
            await ws.send(CloseConnection(code=1001, reason="bye"))
            assert (await ws.closed())[0] == 1001
        with trio.fail_after(5):
            await server.wait_idle()
        assert echo.ended["code"] == 1001
        assert echo.ended["reason"] == "bye"


async def test_deflate() -> None:
    """What is offered is used: far fewer bytes than letters (RFC 7692)."""
    async with (
        open_server(Echo()) as server,
        open_websocket(server.port, "/", deflate=True) as ws,
    ):
        assert isinstance(ws, Socket)
        assert ws.accepted is not None
        assert ws.accepted.extensions
        before = ws.received
        await ws.text("a" * 10_000)
        assert await ws.event() == TextMessage(data="a" * 10_000)
        assert ws.received - before < 100


async def test_ends() -> None:
    """The application closes, fails or returns; the client breaks off."""
    echo = Echo()
    async with open_server(echo) as server:
        for word, code in (("close", 4001), ("raise", 1011), ("return", 1000)):
            async with open_websocket(server.port, "/") as ws:
                assert isinstance(ws, Socket)
                await ws.text(word)
                assert (await ws.closed())[0] == code
        async with open_websocket(server.port, "/") as ws:
            assert isinstance(ws, Socket)
        with trio.fail_after(5):
            await server.wait_idle()
        assert echo.ended["code"] == 1006


async def test_what_breaks_the_protocol_is_closed() -> None:
    """Unmasked frames, bad UTF-8, reserved bits, too large messages."""
    limits = Limits(websocket_message=1000)
    frames = {
        b"\x81\x01a": 1002,  # not masked
        b"\xf1\x81\0\0\0\0a": 1002,  # a reserved bit
        b"\x81\x81\0\0\0\0\xff": 1007,  # no UTF-8
        b"\x83\x81\0\0\0\0a": 1002,  # an unknown opcode
        b"\x89\xfe\x00\x80\0\0\0\0" + b"a" * 128: 1002,  # a ping that is too long
        b"\x82\xfe\x03\xe9\0\0\0\0" + b"a" * 1001: 1009,  # over the limit
    }
    echo = Echo()
    async with open_server(echo, limits=limits) as server:
        for frame, code in frames.items():
            stream = await trio.open_tcp_stream("127.0.0.1", server.port)
            async with stream:
                client = Client(stream)
                await client.send(HANDSHAKE)
                status, _ = await client.head()
                assert status == 101
                await client.send(frame)
                head = await client.exactly(2)
                assert head[0] == 0x88, frame
                body = await client.exactly(head[1])
                assert int.from_bytes(body[:2], "big") == code, frame
        with trio.fail_after(10):
            await server.wait_idle()


async def test_refusals() -> None:
    """A response instead of the connection, or a plain 403."""

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        del receive
        if scope["path"] == "/403":
            await send({"type": "websocket.close"})
            return
        await send(
            {
                "type": "websocket.http.response.start",
                "status": 401,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send({"type": "websocket.http.response.body", "body": b"{}"})

    async with open_server(refuse) as server:
        for path, status in ((b"/ws", 401), (b"/403", 403)):
            stream = await trio.open_tcp_stream("127.0.0.1", server.port)
            async with stream:
                client = Client(stream)
                await client.send(HANDSHAKE.replace(b"/ws", path))
                answer = await client.answer()
                assert answer.status == status
                assert await client.closed()


async def test_frames_behind_the_handshake_are_not_lost() -> None:
    """A client may send before it has read our answer."""
    async with open_server(Echo()) as server:
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        async with stream:
            client = Client(stream)
            await client.send(HANDSHAKE + b"\x81\x82\0\0\0\0hi")
            assert (await client.head())[0] == 101
            assert await client.exactly(4) == b"\x81\x02hi"


async def test_a_server_that_stops_says_goodbye() -> None:
    """1001, and the application hears of it."""
    echo = Echo()
    async with open_server(echo) as server:
        async with (
            open_websocket(server.port, "/") as ws,
            trio.open_nursery() as nursery,
        ):
            assert isinstance(ws, Socket)
            nursery.start_soon(server.stop, 5.0)
            assert (await ws.closed())[0] == 1001
            await ws.stream.aclose()
        assert echo.ended is not None


# -- the relay ---------------------------------------------------------------------

ROUTER = """
    post_middleware: [websocket_relay]
    post_options: {wsrelay.allowed.origins: "https://good.org"}
"""
JOIN = """
  local req, res = http.request(), http.response()
  local pid = req:query("pid") or process.registry.lookup("hub")
  res:set_header("X-WS-Relay", json.encode({target_pid = tostring(pid),
    message_topic = "chat", heartbeat_interval = req:query("beat") or "0s",
    metadata = {user = req:query("user")}}))
"""
HUB = """
  - name: processes
    kind: process.host
    lifecycle: {auto_start: true, stop_timeout: 100ms}
  - name: hub
    kind: process.lua
    source: file://hub.lua
    method: main
    modules: [json]
  - name: hub.service
    kind: process.service
    process: hub
    host: processes
    lifecycle: {auto_start: true, stop_timeout: 100ms}
"""
HUB_SOURCE = """
local function main()
  process.registry.register("hub")
  local inbox = process.inbox()
  local client
  local seen = {}
  while true do
    local message = inbox:receive()
    local topic, data = message:topic(), message:payload():data()
    seen[#seen + 1] = topic
    if topic == "ws.join" then
      client = data.client_pid
      process.send(client, "welcome", {user = data.metadata.user})
    elseif topic == "ws.leave" then
      seen[#seen + 1] = data.metadata.user
    elseif topic == "chat" then
      if data == "quit" then
        process.send(client, "ws.close", "told to")
      elseif data == "die" then
        return
      elseif data == "seen" then
        process.send(client, "seen", seen)
      elseif data == "raw" then
        process.send(client, "raw", "\\255\\254")
      elseif data == "topic" then
        process.send(client, "ws.control", {message_topic = "other"})
      else
        process.send(client, "echo", {data, tostring(message:from()) == client})
      end
    else
      process.send(client, topic, data)
    end
  end
end
return { main = main }
"""


def relay(tmp_path: Path, scene: Any) -> None:
    (tmp_path / "src").mkdir(exist_ok=True)
    (tmp_path / "src/hub.lua").write_text(HUB_SOURCE)
    play(
        tmp_path,
        scene,
        {"ws": JOIN, "plain": 'http.response():write("no relay")'},
        router=ROUTER,
        entries=HUB,
        modules="http, json",
    )


def test_a_websocket_becomes_a_process(tmp_path: Path) -> None:
    """Join, both ways, control, close, leave (modules-io 8.6)."""

    async def scene(app: Application) -> None:
        async with open_websocket(app.port, "/ws?user=ann") as ws:
            assert isinstance(ws, Socket)
            assert await ws.json() == {"topic": "welcome", "data": {"user": "ann"}}
            await ws.text("hello")
            assert await ws.json() == {"topic": "echo", "data": ["hello", True]}
            await ws.send(BytesMessage(data=b"bytes"))
            assert await ws.json() == {"topic": "echo", "data": ["bytes", True]}
            await ws.text("raw")
            raw = base64.b64encode(b"\xff\xfe").decode()
            assert await ws.json() == {"topic": "raw", "data": raw}
            await ws.text("topic")
            await ws.text("later")
            message = await ws.json()
            assert message["data"] in (["later", True], "later")
            await ws.text("x")
            assert await ws.json() == {"topic": "other", "data": "x"}
        async with open_websocket(app.port, "/ws?user=bob") as ws:
            assert isinstance(ws, Socket)
            await ws.json()
            await ws.text("seen")
            seen = (await ws.json())["data"]
            assert seen[-4:] == ["ws.leave", "ann", "ws.join", "chat"]
            await ws.text("quit")
            assert await ws.closed() == (1000, "told to")
        async with open_websocket(app.port, "/ws?user=eve") as ws:
            assert isinstance(ws, Socket)
            await ws.json()
            await ws.text("die")
            assert await ws.closed() == (1000, "target process exited")
        with trio.fail_after(5):
            await app.server.wait_idle()
        assert not app.runtime.node.hosts["app:gateway"].processes

    relay(tmp_path, scene)


def test_heartbeats_reach_the_target(tmp_path: Path) -> None:
    """With the time it is up and how many messages came."""

    async def scene(app: Application) -> None:
        async with open_websocket(app.port, "/ws?user=ann&beat=30ms") as ws:
            assert isinstance(ws, Socket)
            await ws.json()
            beat = await ws.json()  # the hub sends unknown topics back
            assert beat["topic"] == "ws.heartbeat"
            assert beat["data"]["metadata"] == {"user": "ann"}
            assert beat["data"]["message_count"] == 0
            assert beat["data"]["client_pid"].startswith("{app:gateway|")

    relay(tmp_path, scene)


def test_who_may_not_connect(tmp_path: Path) -> None:
    """Bad pids, other origins, no relay at all, no WebSocket at all."""

    async def scene(app: Application) -> None:
        async def status(path: str, *headers: bytes) -> int:
            async with app.client() as client:
                data = HANDSHAKE.replace(b"/ws", path.encode())
                lines = b"".join(header + b"\r\n" for header in headers)
                await client.send(data[:-2] + lines + b"\r\n")
                return (await client.head())[0]

        assert await status("/ws") == 101
        assert await status("/ws", b"Origin: https://good.org") == 101
        assert await status("/ws", b"Origin: https://evil.org") == 403
        assert await status("/ws?pid=nonsense") == 400
        assert await status("/plain") == 200
        assert await status("/missing") == 404
        assert (await app.request("GET", "/ws")).status == 400
        assert (await app.request("GET", "/plain")).text == "no relay"

    relay(tmp_path, scene)


def test_a_client_that_takes_nothing_is_given_up(tmp_path: Path) -> None:
    """When more messages wait for it than its server allows."""

    async def scene(app: Application) -> None:
        app.runtime.resources.get("app:gateway").buffer_size = 20
        host = app.runtime.node.hosts["app:gateway"]
        async with open_websocket(app.port, "/ws?user=ann") as ws:
            assert isinstance(ws, Socket)
            await ws.json()
            (process,) = host.processes.values()
            with trio.fail_after(15):
                while host.processes:
                    for _ in range(10):
                        if process.alive:
                            values = ("x" * 100_000,)
                            app.runtime.node.send(process.pid, "t", values, sender=None)
                    await trio.sleep(0.001)
        with trio.fail_after(10):
            await app.server.wait_idle()

    relay(tmp_path, scene)

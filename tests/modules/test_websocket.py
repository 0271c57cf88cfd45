"""`websocket` against raw servers that speak wsproto: modules-io 10."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

from tests.modules.application import run_application
from wippy_trio.errors import Error
from wippy_trio.kernel import Context
from wippy_trio.loading import load_project
from wippy_trio.modules.websocket import read_dial
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.security import Actor, Scope, parse_policy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


class Peer:
    """The server's side of one connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.ws = WSConnection(ConnectionType.SERVER)
        self.request: Request | None = None

    async def next(self) -> Any:
        while True:
            for event in self.ws.events():
                return event
            data = bytes(await self.stream.receive_some(65536))
            if not data:
                return None
            self.ws.receive_data(data)

    async def send(self, event: Any) -> None:
        await self.stream.send_all(self.ws.send(event))

    async def accept(self, **more: Any) -> Request:
        request = await self.next()
        assert isinstance(request, Request)
        self.request = request
        await self.send(AcceptConnection(**more))
        return request


async def echo(peer: Peer) -> None:
    """Answer each message with itself, and the close with a close."""
    await peer.accept(extensions=[PerMessageDeflate()])
    while (event := await peer.next()) is not None:
        match event:
            case TextMessage() | BytesMessage():
                await peer.send(event)
            case Ping():
                await peer.send(event.response())
            case CloseConnection():
                await peer.send(event.response())
                return
            case _:
                pass


def against(
    folder: Path,
    body: str,
    serve: Callable[[Peer], Awaitable[None]],
) -> Any:
    """Run a function beside a server; ``url`` is its address."""

    async def one(stream: trio.abc.Stream) -> None:
        try:
            await serve(Peer(stream))
        except trio.BrokenResourceError:
            pass
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    async def main() -> Any:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        (folder / "src").mkdir(exist_ok=True)
        (folder / "src/_index.yaml").write_text(
            'version: "1.0"\nnamespace: app\nentries:\n'
            "  - {name: f, kind: function.lua, source: file://f.lua, method: main,"
            " modules: [websocket, time]}\n"
        )
        (folder / "src/f.lua").write_text(
            'local websocket, time = require("websocket"), require("time")\n'
            f'local url = "ws://127.0.0.1:{port}/chat?x=1"\n'
            "local function told(v, err)\n"
            "  if not err then return v or true end\n"
            "  return {tostring(err:kind()), err:retryable()}\nend\n"
            f"return {{main = function()\n{body}\nend}}\n"
        )
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.serve_listeners, one, listeners)
                async with running(RunningRuntime(load_project(folder))) as runtime:
                    found = await runtime.call("app:f")
                nursery.cancel_scope.cancel()
        return found

    return trio.run(main)


@pytest.mark.parametrize("mode", ["0", "1", '"no_context_takeover"'])
def test_messages_go_both_ways(tmp_path: Path, mode: str) -> None:
    """Text and binary, large and empty, with and without compression."""
    assert against(
        tmp_path,
        f"""
        local c, err = websocket.connect(url, {{compression = {mode}}})
        assert(err == nil and tostring(c) == "websocket.Client{{open}}")
        local ch = c:channel()
        assert(ch == c:receive())
        local big = string.rep("x", 200000)
        for _, text in ipairs({{"hello", "", big, "\\u{{e9}}"}}) do
          assert(c:send(text) == true)
          local m, ok = ch:receive()
          assert(ok and m.type == "text" and m.data == text, #m.data)
        end
        assert(c:send("\\0\\255", websocket.BINARY))
        local m = ch:receive()
        assert(m.type == "binary" and m.data == "\\0\\255")
        assert(c:ping() == true)
        assert(c:close() == true and c:close() == true)
        assert(select(2, ch:receive()) == false)
        return {{told(c:send("late")), tostring(c), told(c:send("\\255"))}}
        """,
        echo,
    ) == [["Internal", False], "websocket.Client{closed}", ["Internal", False]]


def test_handshake_carries_what_was_given(tmp_path: Path) -> None:
    """Path, query, headers, protocols."""
    seen: list[Request] = []

    async def serve(peer: Peer) -> None:
        seen.append(await peer.accept(subprotocol="b"))

    against(
        tmp_path,
        """
        local c = assert(websocket.connect(url, {
          headers = {["X-Own"] = "1", bad = 2}, protocols = {"a", "b", 3}}))
        c:close(4001, "done")
        return 1
        """,
        serve,
    )
    assert seen[0].target == "/chat?x=1"
    assert (b"x-own", b"1") in [(k.lower(), v) for k, v in seen[0].extra_headers]
    assert seen[0].subprotocols == ["a", "b"]


def test_close_codes_and_the_end_of_a_process(tmp_path: Path) -> None:
    """A given code, 1000 for one out of range, 1001 when the owner ends."""
    codes: list[int] = []

    async def serve(peer: Peer) -> None:
        await peer.accept()
        event = await peer.next()
        assert isinstance(event, CloseConnection)
        codes.append(int(event.code))
        await peer.send(event.response())

    against(
        tmp_path,
        """
        assert(websocket.connect(url)):close(4001, "done")
        assert(websocket.connect(url)):close(99)
        assert(websocket.connect(url))
        return 1
        """,
        serve,
    )
    assert codes == [4001, 1000, 1001]


def test_peer_closes(tmp_path: Path) -> None:
    """What came before is read, then the channel is closed."""

    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.send(TextMessage("one"))
        await peer.send(TextMessage("tw", message_finished=False))
        await peer.send(TextMessage("o"))
        await peer.send(Ping(b"?"))
        pong = await peer.next()
        assert isinstance(pong, Pong)
        await peer.send(CloseConnection(1000))
        await peer.next()

    assert against(
        tmp_path,
        """
        local ch, out = assert(websocket.connect(url)):channel(), {}
        while true do
          local m, ok = ch:receive()
          if not ok then return out end
          out[#out + 1] = m.data
        end
        """,
        serve,
    ) == ["one", "two"]


def test_limits(tmp_path: Path) -> None:
    """A message that is too large closes with 1009; silence ends with the timeout."""
    codes: list[int] = []

    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.send(TextMessage("x" * 100))
        while (event := await peer.next()) is not None:
            if isinstance(event, CloseConnection):
                codes.append(int(event.code))
                return

    assert against(
        tmp_path,
        """
        local big = assert(websocket.connect(url, {read_limit = 50}))
        assert(select(2, big:channel():receive()) == false)
        local quiet = assert(websocket.connect(url, {read_timeout = 50}))
        assert(quiet:channel():receive().data)
        return select(2, quiet:channel():receive()) == false
        """,
        serve,
    )
    assert codes[0] == 1009


def test_slow_reader_makes_the_peer_wait(tmp_path: Path) -> None:
    """Reading stops when the channel is full; no message is lost."""
    sent = 0

    async def serve(peer: Peer) -> None:
        nonlocal sent
        await peer.accept()
        for number in range(2000):
            await peer.send(BytesMessage(str(number).encode() + b"x" * 10_000))
            sent = number + 1
        await peer.next()

    found = against(
        tmp_path,
        """
        local ch = assert(websocket.connect(url, {channel_capacity = 1})):channel()
        time.sleep("200ms")
        for i = 0, 1999 do
          local m = ch:receive()
          assert(m.data:sub(1, #tostring(i)) == tostring(i))
        end
        return true
        """,
        serve,
    )
    assert found
    assert sent == 2000


@pytest.mark.parametrize("kind", ["refused", "rejected", "nonsense", "silence"])
def test_connections_that_fail(tmp_path: Path, kind: str) -> None:
    """Internal, and trying again may help."""

    async def serve(peer: Peer) -> None:
        if kind == "rejected":
            await peer.next()
            await peer.send(RejectConnection(status_code=403))
        elif kind == "nonsense":
            await peer.stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            await trio.sleep_forever()

    target = '"ws://127.0.0.1:1/"' if kind == "refused" else "url"
    body = f"return told(websocket.connect({target}, {{dial_timeout = 100}}))"
    assert against(tmp_path, body, serve) == ["Internal", True]


def test_mistakes_and_permissions(tmp_path: Path) -> None:
    """An empty URL raises; both permissions are asked for."""
    source = """
    local websocket = require("websocket")
    return {main = function()
      local ok = pcall(websocket.connect, "")
      local _, wrong = websocket.connect("http://127.0.0.1/")
      local _, options = websocket.connect("ws://127.0.0.1/", "x")
      return {ok, tostring(wrong:kind()), tostring(options:kind()),
        websocket.CLOSE_CODES.INTERNAL_ERROR, websocket.CLOSE_CODES.TLS_HANDSHAKE,
        websocket.COMPRESSION.NO_CONTEXT, websocket.TYPE_CLOSE}
    end}
    """
    found = run_application(tmp_path, source, modules="websocket")
    assert found == [False, "Internal", "Invalid", 1011, 1015, 2, "close"]
    denied = """
    return {main = function()
      local _, err = require("websocket").connect("ws://127.0.0.1:1/")
      return tostring(err:kind())
    end}
    """
    for allowed in (["x"], ["websocket.connect"]):
        rules = {"actions": allowed, "resources": "*", "effect": "allow"}
        policy = parse_policy("app:p", "security.policy", {"policy": rules})
        context = Context(actor=Actor("me", {}), scope=Scope([policy]))
        found = run_application(tmp_path, denied, modules="websocket", context=context)
        assert found == "PermissionDenied"


def test_options_out_of_range_are_ignored() -> None:
    """And milliseconds or durations are read."""
    dial = read_dial(
        "ws://x",
        {
            "dial_timeout": 250,
            "read_timeout": "2s",
            "write_timeout": "soon",
            "read_limit": -1,
            "channel_capacity": 20_000,
            "compression": "gzip",
        },
    )
    assert (dial.dial_timeout, dial.read_timeout, dial.write_timeout) == (0.25, 2, None)
    assert (dial.read_limit, dial.capacity, dial.compression) == (16 << 20, 32, 0)
    with pytest.raises(Error):
        read_dial("ws://x", 5)

"""``network.socks5`` and the choice of a network: modules-io 17."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.services.queue.brokers import eventually, runtime_of
from wippy_trio.errors import Error
from wippy_trio.kernel import Context, Exit
from wippy_trio.registry import Operation, OperationKind
from wippy_trio.runtime.boot import running
from wippy_trio.security import Actor, Scope, parse_policy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from wippy_trio.runtime.boot import RunningRuntime

pytest.importorskip("python_socks", reason="the extra socks")

HIDDEN = "hidden.onion"


class Socks:
    """A SOCKS5 proxy that knows one host that nobody else knows."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.asked: list[str] = []
        self.logins: list[tuple[str, str]] = []
        self.open = 0
        self.silent = False

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        task_status.started()
        await trio.serve_listeners(self._serve, listeners)

    async def _serve(self, client: trio.SocketStream) -> None:
        self.open += 1
        try:
            async with client:
                with contextlib.suppress(trio.BrokenResourceError, EOFError):
                    await self._talk(client)
        finally:
            self.open -= 1

    async def _talk(self, client: trio.SocketStream) -> None:
        _, count = await _exactly(client, 2)
        methods = await _exactly(client, count)
        if 2 in methods:
            await client.send_all(b"\5\2")
            _, size = await _exactly(client, 2)
            name = await _exactly(client, size)
            (size,) = await _exactly(client, 1)
            self.logins.append((name.decode(), (await _exactly(client, size)).decode()))
            await client.send_all(b"\1\0")
        else:
            await client.send_all(b"\5\0")
        _, _, _, kind = await _exactly(client, 4)
        if kind == 3:
            (size,) = await _exactly(client, 1)
            host = (await _exactly(client, size)).decode()
        else:
            host = ".".join(map(str, await _exactly(client, 4)))
        port = int.from_bytes(await _exactly(client, 2), "big")
        self.asked.append(f"{host}:{port}")
        if self.silent:
            await client.receive_some()
            return
        if host != HIDDEN:
            await client.send_all(b"\5\4\0\1" + bytes(6))  # host unreachable
            return
        server = await trio.open_tcp_stream("127.0.0.1", self.target)
        await client.send_all(b"\5\0\0\1" + bytes(6))
        async with server, trio.open_nursery() as nursery:
            nursery.start_soon(_copy, client, server, nursery)
            nursery.start_soon(_copy, server, client, nursery)


async def _exactly(stream: trio.SocketStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = await stream.receive_some(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


async def _copy(
    source: trio.SocketStream, target: trio.SocketStream, nursery: trio.Nursery
) -> None:
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        async for data in source:
            await target.send_all(data)
    nursery.cancel_scope.cancel()


async def _web(*, task_status: trio.TaskStatus[int]) -> None:
    """Answer every request with what was asked."""

    async def serve(client: trio.SocketStream) -> None:
        async with client:
            data = b""
            while b"\r\n\r\n" not in data:
                piece = await client.receive_some()
                if not piece:
                    return
                data += piece
            body = data.split(b" ")[1]
            await client.send_all(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                % (len(body), body)
            )

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    task_status.started(listeners[0].socket.getsockname()[1])
    await trio.serve_listeners(serve, listeners)


@pytest.fixture
async def socks(nursery: trio.Nursery) -> Socks:
    proxy = Socks(await nursery.start(_web))
    await nursery.start(proxy.run)
    return proxy


GET = f"""
local http = require("http_client")
local function get(options)
  local answer, err = http.get("http://{HIDDEN}/x", options)
  if err then return tostring(err:kind()) .. ": " .. tostring(err) end
  return answer.body
end
"""
FETCH = GET + "return {main = function(options) return get(options) end}"


def load(
    folder: Path, socks: Socks, fields: str = "", **sources: str
) -> RunningRuntime:
    text = f"""
  - {{name: net, kind: network.socks5, host: 127.0.0.1, port: {socks.port} {fields}}}
  - {{name: notes, kind: store.memory}}
"""
    return runtime_of(
        folder,
        text,
        "http_client, funcs, channel, store, contract, time",
        fetch=FETCH,
        **sources,
    )


@contextlib.asynccontextmanager
async def started(runtime: RunningRuntime) -> AsyncIterator[RunningRuntime]:
    async with running(runtime):
        yield runtime


async def test_names_are_resolved_by_the_proxy(tmp_path: Path, socks: Socks) -> None:
    """A host that only the proxy knows is reached; without it, it is not."""
    async with started(load(tmp_path, socks)) as runtime:
        found = await runtime.call("app:fetch", {"overlay_network": "app:net"})
        assert found == "/x"
        assert "Internal: request failed" in await runtime.call("app:fetch", {})
    assert socks.asked == [f"{HIDDEN}:80"]
    assert socks.open == 0


async def test_credentials(tmp_path: Path, socks: Socks) -> None:
    """Fixed ones are sent; with isolated streams each connection has its own."""
    with_login = ", username: ada, password: secret"
    async with started(load(tmp_path, socks, with_login)) as runtime:
        await runtime.call("app:fetch", {"overlay_network": "app:net"})
    isolated = load(tmp_path, socks, ", isolate_streams: true")
    async with started(isolated) as runtime:
        for _ in range(2):
            await runtime.call("app:fetch", {"overlay_network": "app:net"})
    assert socks.logins[0] == ("ada", "secret")
    assert len(set(socks.logins[1:])) == 2


async def test_choice_is_inherited(tmp_path: Path, socks: Socks) -> None:
    """By called functions, spawned processes and their children, until changed."""
    nested = (
        GET
        + """
    local funcs, channel = require("funcs"), require("channel")
    local store, time = require("store"), require("time")
    local function main(depth)
      if depth == 0 then return get() end
      if depth == 1 then return (funcs.call("app:nested", 0)) end
      if depth == 2 then
        process.spawn("app:p_child", "app:processes")
        for _ = 1, 200 do
          local found = store.get("app:notes"):get("a:child")
          if found then return found end
          time.sleep("10ms")
        end
      end
      if depth == 3 then
        return (funcs.new():with_options({network = ""}):call("app:nested", 0))
      end
    end
    return {main = main}
    """
    )
    child = """
    local funcs, store = require("funcs"), require("store")
    return {main = function()
      store.get("app:notes"):set("a:child", (funcs.call("app:fetch")))
    end}
    """
    outer = """
    local funcs = require("funcs")
    return {main = function(depth)
      return (funcs.new():with_options({network = "app:net"}):call("app:nested", depth))
    end}
    """
    spawner = """
    local store, time = require("store"), require("time")
    return {main = function()
      process.with_options({network = "app:net"}):spawn("app:p_child", "app:processes")
      for _ = 1, 200 do
        local found = store.get("app:notes"):get("a:child")
        if found then return found end
        time.sleep("10ms")
      end
    end}
    """
    for function, argument in (
        ("outer", 0),
        ("outer", 1),
        ("outer", 2),
        ("spawner", 0),
    ):
        runtime = load(
            tmp_path, socks, nested=nested, p_child=child, outer=outer, spawner=spawner
        )
        async with started(runtime):
            assert await runtime.call(f"app:{function}", argument) == "/x", function
    runtime = load(tmp_path, socks, nested=nested, p_child=child, outer=outer)
    async with started(runtime):
        assert "Internal" in await runtime.call("app:outer", 3)  # cleared


async def test_default_network(tmp_path: Path, socks: Socks) -> None:
    """The application's default holds where nobody chose; an empty text clears it."""
    (tmp_path / ".wippy.yaml").write_text(
        'version: "1.0"\nnetwork_service: {default_network: "app:net"}\n'
    )
    async with started(load(tmp_path, socks)) as runtime:
        assert await runtime.call("app:fetch") == "/x"
        found = await runtime.call("app:fetch", {"overlay_network": ""})
        assert "Internal" in found


async def test_failures(tmp_path: Path, socks: Socks) -> None:
    """Unknown networks and unreachable hosts; no text says that it is not allowed."""
    missing = """
    local http = require("http_client")
    return {main = function(network, url)
      local _, err = http.get(url, {overlay_network = network})
      return {tostring(err:kind()), tostring(err), err:retryable()}
    end}
    """
    async with started(load(tmp_path, socks, missing=missing)) as runtime:
        for network, url, retryable in (
            ("app:none", f"http://{HIDDEN}/", False),
            ("app:notes", f"http://{HIDDEN}/", False),
            ("app:net", "http://elsewhere.onion/", True),
        ):
            kind, text, may_retry = await runtime.call("app:missing", network, url)
            assert kind == "Internal"
            assert "not allowed" not in text  # modules-io 17
            assert may_retry is retryable
        # A literal address is checked by the rules for private ones, as ever.


async def test_permissions(tmp_path: Path, socks: Socks) -> None:
    """The explicit choice is checked, an inherited one is not."""
    choose = """
    local http, funcs = require("http_client"), require("funcs")
    local contract = require("contract")
    local function kind(_, err) return err and tostring(err:kind()) end
    return {main = function()
      local found = {
        kind(http.get("http://x.onion/", {overlay_network = "app:net"})),
        kind(http.request_batch({{"GET", "http://x.onion/",
          {overlay_network = "app:net"}}})),
        kind(funcs.new():with_options({network = "app:net"})),
        kind(contract.open("app:c", nil, {network = "app:net"})),
      }
      local ok, err = pcall(process.with_options, {network = "app:net"})
      return {found, ok, tostring(err)}
    end}
    """
    rules = [("allow", "*"), ("deny", "network.select")]
    scope = Scope(
        [
            parse_policy(
                f"app:{effect}",
                "security.policy",
                {"policy": {"actions": action, "resources": "*", "effect": effect}},
            )
            for effect, action in rules
        ]
    )
    context = Context(actor=Actor("ada", {}), scope=scope)
    async with started(load(tmp_path, socks, choose=choose)) as runtime:
        kinds, ok, text = await runtime.call("app:choose", context=context)
        assert kinds == ["PermissionDenied"] * 4
        assert ok is False
        assert "not allowed" in text  # modules-io D2
        inherited = Context(actor=Actor("ada", {}), scope=scope, network="app:net")
        assert await runtime.call("app:fetch", context=inherited) == "/x"


async def test_update_exchanges_the_proxy(
    tmp_path: Path, socks: Socks, nursery: trio.Nursery
) -> None:
    """New connections go to the new proxy; a wrong update leaves the old one."""
    other = Socks(socks.target)
    await nursery.start(other.run)
    async with started(load(tmp_path, socks)) as runtime:
        entry = runtime.live.state.state["app:net"]

        async def update(**fields: Any) -> None:
            changed = entry._replace(data={**entry.data, **fields})
            await runtime.live.apply([Operation(OperationKind.UPDATE, changed)])

        with pytest.raises(Error, match="port: wanted"):
            await update(port=70000)
        assert await runtime.call("app:fetch", {"overlay_network": "app:net"}) == "/x"
        await update(port=other.port)
        assert await runtime.call("app:fetch", {"overlay_network": "app:net"}) == "/x"
    assert len(socks.asked) == 1
    assert len(other.asked) == 1


async def test_killed_dials_leave_nothing(tmp_path: Path, socks: Socks) -> None:
    """A process ended while the proxy thinks: the connection is closed."""
    socks.silent = True
    fetch = GET + 'return {main = function() get({overlay_network = "app:net"}) end}'
    async with started(load(tmp_path, socks, p_fetch=fetch)) as runtime:
        for n in range(5):
            process = await runtime.spawn_process("app:p_fetch", "app:processes")
            await eventually(lambda n=n: len(socks.asked) == n + 1)
            assert socks.open == 1
            process.end(Exit.terminated(process.pid))
            await eventually(lambda: socks.open == 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("port: 1", "host is required"),
        ("host: x", "port: wanted 1 to 65535"),
        ("host: x, port: 65536", "port: wanted 1 to 65535"),
        ("host: x, port: 1, isolate_streams: 3", "isolate_streams: wanted true"),
    ],
)
async def test_wrong_fields_are_refused(
    tmp_path: Path, fields: str, message: str
) -> None:
    """The error names the field."""
    text = f"  - {{name: net, kind: network.socks5, {fields}}}\n"
    with pytest.raises(BaseExceptionGroup) as caught:
        async with running(runtime_of(tmp_path, text)):
            pass
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert message in json.dumps(str(error))


async def test_a_service_cannot_listen_on_a_network(
    tmp_path: Path, socks: Socks, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown network is not found; a known one says that it cannot."""
    text = f"""
  - {{name: net, kind: network.socks5, host: 127.0.0.1, port: {socks.port}}}
"""
    for name in ("net", "none"):
        text += f"""
  - name: on_{name}
    kind: http.service
    addr: "127.0.0.1:0"
    network: app:{name}
    lifecycle: {{auto_start: true, startup: optional, restart: {{max_attempts: 1}}}}
"""
    async with started(runtime_of(tmp_path, text)) as runtime:
        for name in ("net", "none"):
            service = f"app:on_{name}"
            await eventually(
                lambda s=service: runtime.supervisor.states()[s].status == "exited"
            )
    told = capsys.readouterr().out
    assert "app:net: no network of this version can listen" in told
    assert "app:none: there is none of that id" in told

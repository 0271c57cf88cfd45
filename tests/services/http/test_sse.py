"""Streams of events as processes: modules-io 8.6."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import trio

from tests.services.http.application import Application, Client, play
from wippy_trio.services.http.relay.sse import event_text

if TYPE_CHECKING:
    from pathlib import Path

    from wippy_trio.kernel import Pid

ROUTER = "    post_middleware: [sse_relay]"
START = """
  local req, res = http.request(), http.response()
  local command = {message_topic = req:query("topic"), heartbeat_interval = "0s",
    idle_timeout = req:query("idle"), hard_timeout = req:query("hard"),
    metadata = {n = 1}}
  if req:query("to") then
    command.target_pid = tostring(process.registry.lookup(req:query("to")))
  end
  if req:query("status") then res:set_status(tonumber(req:query("status"))) end
  if req:query("body") then res:write("body") end
  res:set_header("X-SSE-Relay", req:query("raw") or json.encode(command))
"""
TARGET = """
  - name: processes
    kind: process.host
    lifecycle: {auto_start: true, stop_timeout: 100ms}
  - name: target
    kind: process.lua
    source: file://target.lua
    method: main
  - name: target.service
    kind: process.service
    process: target
    host: processes
    lifecycle: {auto_start: true, stop_timeout: 100ms}
"""
TARGET_SOURCE = """
local function main()
  process.registry.register("target")
  local inbox = process.inbox()
  local seen = {}
  while true do
    local message = inbox:receive()
    local topic, data = message:topic(), message:payload():data()
    seen[#seen + 1] = topic
    if topic == "sse.join" then
      process.send(data.client_pid, "sse.message", "hello")
      process.send(data.client_pid, "other", "not for you")
      process.send(data.client_pid, "sse.message", {a = 1})
      process.send(data.client_pid, "sse.message", "two\\nlines")
    elseif topic == "seen" then
      process.send(data, "sse.message", seen)
    elseif topic == "die" then
      return
    end
  end
end
return { main = main }
"""


async def events(client: Client) -> Any:
    """Read chunks until an event is whole; give its name and data lines."""
    block = await client.until(b"\n\n")
    lines = [line for line in block.split(b"\n") if b": " in line]
    name = lines[0].partition(b"event: ")[2].decode()
    return name, [line.partition(b"data: ")[2].decode() for line in lines[1:]]


def stream(tmp_path: Path, scene: Any) -> None:
    (tmp_path / "src").mkdir(exist_ok=True)
    (tmp_path / "src/target.lua").write_text(TARGET_SOURCE)
    play(
        tmp_path,
        scene,
        {"sse": START},
        router=ROUTER,
        entries=TARGET,
        modules="http, json",
    )


def test_the_text_of_an_event() -> None:
    """Every line of the data is a line of its own; a name has no line breaks."""
    assert event_text("a", "b") == b"event: a\ndata: b\n\n"
    assert event_text("a", "b\r\nc\rd") == b"event: a\ndata: b\ndata: c\ndata: d\n\n"
    assert event_text("a\nid: 1", "") == b"event: a id: 1\ndata: \n\n"


def test_a_stream_becomes_a_process(tmp_path: Path) -> None:
    """Only its topic reaches the client; control, close and leave work."""

    async def scene(app: Application) -> None:
        node = app.runtime.node
        host = node.hosts["app:gateway"]

        def tell(pid: Pid, topic: str, *values: Any) -> None:
            node.send(pid, topic, values, sender=None)

        target = node.names.lookup("target")
        assert target is not None
        async with app.client() as client:
            await client.send(b"GET /sse?to=target HTTP/1.1\r\nHost: a\r\n\r\n")
            status, headers = await client.head()
            assert (status, headers["content-type"]) == (200, "text/event-stream")
            assert headers["x-accel-buffering"] == "no"
            assert headers["cache-control"] == "no-cache"
            assert "x-sse-relay" not in headers
            assert await events(client) == ("sse.message", ["hello"])
            assert await events(client) == ("sse.message", ['{"a":1}'])
            assert await events(client) == ("sse.message", ["two", "lines"])
            (process,) = host.processes.values()
            pid = process.pid
            assert str(pid).startswith("{app:gateway|")
            tell(target, "seen", str(pid))
            assert await events(client) == ("sse.message", ['["sse.join","seen"]'])
            tell(pid, "sse.control", {"target_pid": "", "message_topic": "*"})
            tell(pid, "any", "thing")
            assert await events(client) == ("any", ["thing"])
            tell(target, "seen", str(pid))
            _, data = await events(client)
            assert json.loads(data[0])[-2:] == ["sse.leave", "seen"]
            tell(pid, "sse.close", {"reason": "enough"})
            assert await events(client) == ("done", ['{"reason":"enough"}'])
            assert (await client.until(b"0\r\n\r\n")).strip() == b""
        async with app.client() as client:
            await client.send(b"GET /sse?to=target HTTP/1.1\r\nHost: a\r\n\r\n")
            await events(client)
        with trio.fail_after(5):
            await app.server.wait_idle()  # the client left
        assert not host.processes
        async with app.client() as client:
            await client.send(b"GET /sse?to=target HTTP/1.1\r\nHost: a\r\n\r\n")
            await client.head()
            for _ in range(3):
                await events(client)
            tell(target, "die")
            reason = '{"reason":"target process exited"}'
            assert await events(client) == ("done", [reason])

    stream(tmp_path, scene)


def test_detached_streams_and_limits(tmp_path: Path) -> None:
    """A stream without a target says who it is; time ends it."""

    async def scene(app: Application) -> None:
        for query, reason in (("idle=50ms", "idle"), ("hard=50ms", "hard")):
            async with app.client() as client:
                await client.send(
                    f"GET /sse?{query}&topic=t HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                )
                await client.head()
                name, data = await events(client)
                facts = json.loads(data[0])
                assert name == "ready"
                assert facts["stream_pid"].startswith("{app:gateway|")
                assert (facts["message_topic"], facts["metadata"]) == ("t", {"n": 1})
                assert await events(client) == (
                    "done",
                    [f'{{"reason":"{reason} timeout"}}'],
                )

    stream(tmp_path, scene)


def test_what_starts_no_stream(tmp_path: Path) -> None:
    """Bad commands are 400; another status or a body is an ordinary response."""

    async def scene(app: Application) -> None:
        for raw in ("nonsense", "[]", '{"target_pid":"x"}', '{"idle_timeout":"x"}'):
            answer = await app.request("GET", f"/sse?raw={raw}".replace('"', "%22"))
            assert answer.status == 400, raw
        answer = await app.request("GET", "/sse?status=201")
        assert (answer.status, answer.body) == (201, b"")
        assert (await app.request("GET", "/sse?body=1")).text == "body"
        answer = await app.request("GET", "/sse", headers={"Origin": "https://x.org"})
        assert answer.status == 403

    stream(tmp_path, scene)

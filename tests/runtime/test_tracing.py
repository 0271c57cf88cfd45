"""Traces for OpenTelemetry, sent to a collector of our own: apps 9.2."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest
import trio

from tests.services.queue.brokers import eventually, runtime_of
from wippy_trio.kernel import Exit
from wippy_trio.runtime.boot import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wippy_trio.runtime.boot import RunningRuntime

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel")


class Collector:
    """Keeps the spans it is sent, by name."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.service = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                from opentelemetry.proto.collector.trace.v1 import (  # noqa: PLC0415
                    trace_service_pb2,
                )

                size = int(self.headers["Content-Length"])
                message = trace_service_pb2.ExportTraceServiceRequest()
                message.ParseFromString(self.rfile.read(size))
                for resource in message.resource_spans:
                    for fact in resource.resource.attributes:
                        if fact.key == "service.name":
                            outer.service = fact.value.string_value
                    for scope in resource.scope_spans:
                        outer.spans.extend(scope.spans)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.01,))
        self._thread.start()
        self.port = self._server.server_address[1]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.free = probe.getsockname()[1]

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def named(self, name: str) -> Any:
        """Give the one span of a name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.delenv("OTEL_SDK_DISABLED", raising=False)
    found = Collector()
    yield found
    found.close()


ENTRIES = """
  - name: web
    kind: http.service
    addr: "127.0.0.1:PORT"
    lifecycle: {auto_start: true}
  - name: router
    kind: http.router
    server: app:web
    meta: {server: app:web}
    prefix: /
    middleware: [otel]
  - name: ask
    kind: http.endpoint
    meta: {router: app:router}
    method: GET
    path: /ask
    func: app:answer
  - {name: driver, kind: queue.driver.memory, lifecycle: {auto_start: true}}
  - {name: jobs, kind: queue.queue, driver: driver}
  - name: workers
    kind: queue.consumer
    queue: jobs
    func: app:handle
    lifecycle: {auto_start: true, depends_on: [app:driver]}
"""
ANSWER = """
local http, funcs, queue = require("http"), require("funcs"), require("queue")
return {main = function()
  funcs.call("app:inner")
  queue.publish("app:jobs", {n = 1})
  process.spawn("app:p_child", "app:processes")
  http.response():write("ok")
end}
"""
INNER = "return {main = function() return 1 end}"
HANDLE = """
local queue = require("queue")
return {main = function() error("cannot " .. queue.message():header("traceparent")) end}
"""
CHILD = "return {main = function() return 1 end}"


def load(
    folder: Path, collector: Collector, more: str = "", child: str = CHILD
) -> RunningRuntime:
    (folder / ".wippy.yaml").write_text(
        'version: "1.0"\n'
        f"otel: {{enabled: true, endpoint: '127.0.0.1:{collector.port}',"
        f" service_name: shop {more}}}\n"
    )
    return runtime_of(
        folder,
        ENTRIES.replace("PORT", str(collector.free)),
        "http, funcs, queue",
        answer=ANSWER,
        inner=INNER,
        handle=HANDLE,
        p_child=child,
    )


def _get(port: int, headers: dict[str, str]) -> bytes:
    request = Request(f"http://127.0.0.1:{port}/ask", headers=headers)
    with urlopen(request, timeout=10) as answer:
        body: bytes = answer.read()
        return body


PARENT = "00-0123456789abcdef0123456789abcdef-00f067aa0ba902b7-01"


async def test_a_request_is_one_trace(tmp_path: Path, collector: Collector) -> None:
    """The request's own, its function, what that calls, spawns and publishes."""
    async with running(load(tmp_path, collector)):
        headers = {"traceparent": PARENT}
        body = await trio.to_thread.run_sync(_get, collector.free, headers)
        assert body == b"ok"
        await trio.sleep(0.1)
    assert collector.service == "shop"
    request = collector.named("GET /ask")
    answer = collector.named("function app:answer")
    inner = collector.named("function app:inner")
    child = collector.named("process app:p_child")
    message = next(s for s in collector.spans if s.name == "process app:jobs")
    handler = next(s for s in collector.spans if s.name == "function app:handle")
    assert request.trace_id.hex() == "0123456789abcdef0123456789abcdef"
    assert request.parent_span_id.hex() == "00f067aa0ba902b7"
    for span, parent in (
        (answer, request),
        (inner, answer),
        (child, answer),
        (message, answer),
        (handler, message),
    ):
        assert span.trace_id == request.trace_id
        assert span.parent_span_id == parent.span_id, span.name
    facts = {fact.key: fact.value for fact in request.attributes}
    assert facts["http.response.status_code"].int_value == 200
    assert facts["http.route"].string_value == "/ask"
    assert handler.status.code == 2  # an error
    assert message.status.code == 2
    assert "cannot 00-" in handler.status.message
    assert inner.status.code == 0
    assert request.end_time_unix_nano >= request.start_time_unix_nano > 0


async def test_parts_can_be_left_out(tmp_path: Path, collector: Collector) -> None:
    """Each part has its switch, and the trace goes on without it."""
    more = ", interceptor: {enabled: false}, process: {enabled: false}"
    async with running(load(tmp_path, collector, more)):
        await trio.to_thread.run_sync(_get, collector.free, {})
        await trio.sleep(0.1)
    names = {span.name for span in collector.spans}
    assert names == {"GET /ask", "process app:jobs"}
    request = collector.named("GET /ask")
    message = next(s for s in collector.spans if s.name == "process app:jobs")
    assert message.parent_span_id == request.span_id


async def test_variables_override(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment comes first; a rate of 0 sends nothing."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "other")
    async with running(load(tmp_path, collector)) as runtime:
        await runtime.call("app:inner")
    assert collector.service == "other"
    count = len(collector.spans)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    async with running(load(tmp_path, collector)) as runtime:
        await runtime.call("app:inner")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    async with running(load(tmp_path, collector)) as runtime:
        assert runtime.tracing is None
        await runtime.call("app:inner")
    assert len(collector.spans) == count


async def test_killed_processes_end_their_spans(
    tmp_path: Path, collector: Collector
) -> None:
    """A process that is ended has a span that says so; none is kept."""
    source = "return {main = function() process.events():receive() end}"
    runtime = load(tmp_path, collector, child=source)
    async with running(runtime):
        assert runtime.tracing is not None
        process = await runtime.spawn_process("app:p_child", "app:processes")
        await eventually(lambda: process in runtime.tracing._spans)
        process.end(Exit.terminated(process.pid))
        assert process not in runtime.tracing._spans
    span = collector.named("process app:p_child")
    assert span.status.code == 2
    assert span.status.message == "process terminated"


async def test_a_collector_that_is_not_there(
    tmp_path: Path, collector: Collector
) -> None:
    """The application runs and stops as ever."""
    runtime = load(tmp_path, collector)
    config = tmp_path / ".wippy.yaml"
    config.write_text(config.read_text().replace(str(collector.port), "9"))
    runtime = runtime_of(tmp_path, "", "funcs", inner=INNER)
    started = trio.current_time()
    async with running(runtime):
        assert await runtime.call("app:inner") == 1
    assert trio.current_time() - started < 9


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (", protocol: grpc", "grpc is not available"),
        (", protocol: morse", "wanted http/protobuf"),
    ],
)
async def test_protocols(
    tmp_path: Path, collector: Collector, more: str, message: str
) -> None:
    """What cannot be spoken is refused at the start."""
    with pytest.raises(BaseExceptionGroup) as caught:
        async with running(load(tmp_path, collector, more)):
            pass
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert message in str(error)

"""Traces for OpenTelemetry: processes, calls, requests and messages (apps 9.2).

A trace travels in the context of a process, so what it calls and spawns belongs to the
same trace. Births and ends are seen by an observer of the node: without telemetry
nothing of this is imported and nothing is called.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import attrs
import trio

from wippy_trio.errors import InvalidError, UnavailableError
from wippy_trio.logs import get_logger
from wippy_trio.sdk import run_in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wippy_trio.kernel import Process

__all__ = ["Tracing", "open_tracing"]

log = get_logger("otel")

FUNCTIONS = "node:functions"
FLUSH_S = 5.0
EXPORT_S = 4
PROPAGATORS = ("tracecontext", "baggage")


def open_tracing(runtime: Any) -> Tracing | None:
    """Begin to trace, if the configuration or the environment wants that.

    Raises:
      InvalidError: The protocol is unknown.
      UnavailableError: The extra ``otel`` is not installed.
    """
    config = runtime.config
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if off or not config.flag("otel.enabled") or not config.flag("otel.traces_enabled"):
        return None
    if config.flag("otel.metrics_enabled"):
        log.warning("metrics over OpenTelemetry are not available in this version")
    for package in ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"):
        if not _installed(package):
            raise UnavailableError(
                f"otel.enabled needs the Python package {package}:"
                " pip install 'wippy-trio[otel]'",
                retryable=False,
            )
    return Tracing(runtime)


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def _setting(config: Any, name: str, *variables: str) -> str:
    """Read a setting; a variable of the environment comes first (apps 9.2)."""
    for variable in variables:
        if value := os.environ.get(variable):
            return value
    return str(config.text(f"otel.{name}"))


class Tracing:
    """Make spans and send them to a collector, in a thread of the library's own."""

    def __init__(self, runtime: Any) -> None:
        """Prepare the sender; nothing is contacted yet."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import (  # noqa: PLC0415
            ParentBased,
            TraceIdRatioBased,
        )

        config = runtime.config
        self._runtime = runtime
        self.http = config.flag("otel.http.enabled")
        self.extracts = config.flag("otel.http.extract_headers")
        self.injects = config.flag("otel.http.inject_headers")
        self.queue = config.flag("otel.queue.enabled")
        self._calls = config.flag("otel.interceptor.enabled")
        self._lives = config.flag("otel.process.enabled") and config.flag(
            "otel.process.trace_lifecycle"
        )
        facts = {"service.name": _setting(config, "service_name", "OTEL_SERVICE_NAME")}
        if version := config.text("otel.service_version"):
            facts["service.version"] = version
        rate = float(_setting(config, "sample_rate", "OTEL_TRACES_SAMPLER_ARG"))
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(min(max(rate, 0.0), 1.0))),
            resource=Resource.create(facts),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint=_endpoint(config), timeout=EXPORT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("wippy_trio")
        self._propagator = _propagator(config)
        self._spans: WeakKeyDictionary[Process, Any] = WeakKeyDictionary()
        runtime.node.observers.append(self._observe)

    # -- spans -------------------------------------------------------------------------

    def start(
        self,
        name: str,
        kind: str,
        parent: Any = None,
        facts: Mapping[str, Any] | None = None,
    ) -> tuple[Any, Any]:
        """Begin a span.

        Args:
          name: What it is called.
          kind: ``server``, ``client``, ``producer``, ``consumer`` or ``internal``.
          parent: The trace it belongs to; ``None`` begins one.
          facts: Its attributes.

        Returns:
          The span, and the trace for what happens inside.
        """
        from opentelemetry import trace  # noqa: PLC0415
        from opentelemetry.context import Context  # noqa: PLC0415

        outer = Context() if parent is None else parent
        span = self._tracer.start_span(
            name,
            context=outer,
            kind=trace.SpanKind[kind.upper()],
            attributes=dict(facts or {}),
            start_time=self._runtime.node.clock.unix_nanoseconds(),
        )
        return span, trace.set_span_in_context(span, outer)

    def finish(
        self,
        span: Any,
        error: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """End a span."""
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        for name, value in (facts or {}).items():
            span.set_attribute(name, value)
        if error is not None:
            span.set_status(StatusCode.ERROR, error)
        span.end(end_time=self._runtime.node.clock.unix_nanoseconds())

    def carried(self, headers: Mapping[str, str]) -> Any:
        """Find the trace that headers carry; ``None`` if they carry none."""
        if "traceparent" not in headers:
            return None
        from opentelemetry.context import Context  # noqa: PLC0415

        return self._propagator.extract(headers, Context())

    def carry(self, trace: Any, headers: dict[str, Any]) -> None:
        """Write a trace into headers that do not carry one."""
        if trace is not None and not any(k.lower() == "traceparent" for k in headers):
            self._propagator.inject(headers, trace)

    # -- processes ---------------------------------------------------------------------

    def _observe(self, what: str, process: Process) -> None:
        if what == "born":
            is_call = process.host.id == FUNCTIONS
            if not (self._calls if is_call else self._lives):
                return
            kind = "function" if is_call else "process"
            span, inner = self.start(
                f"{kind} {process.entry or process.pid}",
                "internal",
                process.context.trace,
                {"wippy.entry": process.entry, "wippy.pid": str(process.pid)},
            )
            process.context = attrs.evolve(process.context, trace=inner)
            self._spans[process] = span
        elif what == "ended":
            span = self._spans.pop(process, None)
            if span is not None:
                ended = process.exit
                error = None if ended is None else ended.error
                reason = "" if ended is None else str(ended.reason)
                text = None if error is None else str(error)
                self.finish(span, text, {"wippy.exit": reason})

    # -- the end -----------------------------------------------------------------------

    async def aclose(self) -> None:
        """Send what is left, for a few seconds at most."""
        self._runtime.node.observers.remove(self._observe)
        for span in list(self._spans.values()):
            self.finish(span, "the runtime stopped")
        self._spans.clear()
        with trio.move_on_after(FLUSH_S) as limit:
            await run_in_thread(self._provider.shutdown, abandon=True)
        if limit.cancelled_caught:
            log.warning("otel.flush_timed_out", timeout_s=FLUSH_S)


def _endpoint(config: Any) -> str:
    protocol = _setting(
        config,
        "protocol",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
    )
    if protocol == "grpc":
        raise UnavailableError(
            "otel.protocol: grpc is not available in this version: wanted"
            " http/protobuf",
            retryable=False,
        )
    if protocol not in ("http/protobuf", "http"):
        raise InvalidError(f"otel.protocol: wanted http/protobuf, got {protocol!r}")
    if url := os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        return url
    url = _setting(config, "endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT")
    if "://" not in url:
        url = f"{'http' if config.flag('otel.insecure') else 'https'}://{url}"
    return f"{url.rstrip('/')}/v1/traces"


def _propagator(config: Any) -> Any:
    from opentelemetry.baggage.propagation import W3CBaggagePropagator  # noqa: PLC0415
    from opentelemetry.propagators.composite import (  # noqa: PLC0415
        CompositePropagator,
    )
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    makers: dict[str, Callable[[], Any]] = {
        "tracecontext": TraceContextTextMapPropagator,
        "baggage": W3CBaggagePropagator,
    }
    given = os.environ.get("OTEL_PROPAGATORS")
    names = given.split(",") if given else config.get("otel.propagators") or []
    chosen = []
    for name in names:
        maker = makers.get(str(name).strip())
        if maker is None:
            log.warning("unknown propagator skipped", propagator=str(name))
        else:
            chosen.append(maker())
    return CompositePropagator(chosen)

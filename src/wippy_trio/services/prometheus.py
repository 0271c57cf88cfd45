"""The metrics of an application as Prometheus reads them (apps 9.2, ``prometheus``).

The text is written here, in thirty lines: the library of its authors fixes the labels
of a metric at its creation and renames counters, and programs may do as they like.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import Error
from wippy_trio.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wippy_trio.sdk import Runtime

__all__ = ["exposition", "serve_metrics"]

log = get_logger("prometheus")

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_:]")
_NOT_IN_LABELS = re.compile(r"[^a-zA-Z0-9_]")


def _name(text: str, pattern: re.Pattern[str] = _NOT_IN_NAMES) -> str:
    found = pattern.sub("_", text) or "_"
    return f"_{found}" if found[0].isdigit() else found


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value == int(value) else repr(value)


def _labels(pairs: tuple[tuple[str, str], ...], *more: tuple[str, str]) -> str:
    rows = []
    for key, value in (*pairs, *more):
        text = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        rows.append(f'{_name(key, _NOT_IN_LABELS)}="{text}"')
    return "{" + ",".join(rows) + "}" if rows else ""


def _lines(metrics: Any, buckets: tuple[float, ...]) -> Iterator[str]:
    counters, gauges, histograms = metrics.snapshot()
    told: set[str] = set()
    for kind, series in (("counter", counters), ("gauge", gauges)):
        for raw, labels, value in series:
            name = _name(raw)
            if name not in told:
                told.add(name)
                yield f"# TYPE {name} {kind}"
            yield f"{name}{_labels(labels)} {_number(value)}"
    for raw, labels, histogram in histograms:
        name = _name(raw)
        if name not in told:
            told.add(name)
            yield f"# TYPE {name} histogram"
        below = 0
        for bound, count in zip(buckets, histogram.buckets, strict=False):
            below += count
            where = _labels(labels, ("le", _number(bound)))
            yield f"{name}_bucket{where} {below}"
        yield f"{name}_bucket{_labels(labels, ('le', '+Inf'))} {histogram.count}"
        yield f"{name}_sum{_labels(labels)} {_number(histogram.total)}"
        yield f"{name}_count{_labels(labels)} {histogram.count}"


def exposition(metrics: Any, buckets: tuple[float, ...]) -> str:
    """Write all series in the text format of Prometheus, version 0.0.4.

    Characters that a name may not have become ``_``.
    """
    return "".join(f"{line}\n" for line in _lines(metrics, buckets))


async def serve_metrics(
    runtime: Runtime,
    address: str,
    buckets: tuple[float, ...],
    *,
    task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve ``/metrics`` and ``/livez`` until cancelled.

    An address that cannot be had is logged; the application goes on without.
    """
    try:
        from wippy_trio.services.http.server import (  # noqa: PLC0415 - start-up cost
            Server,
            listen,
            split_address,
        )

        listeners = await listen(*split_address(address))
    except Error as error:
        log.error("metrics.not_served", address=address, error=str(error))  # noqa: TRY400
        task_status.started(None)
        return

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        status, body, kind = 404, b"not found\n", b"text/plain"
        if scope["path"] == "/metrics":
            text = exposition(runtime.metrics, buckets)
            status, body, kind = 200, text.encode(), CONTENT_TYPE
        elif scope["path"] == "/livez":
            status, body = 200, b"ok\n"
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
        ]
        await send(
            {"type": "http.response.start", "status": status, "headers": headers}
        )
        await send({"type": "http.response.body", "body": body})

    server = Server(app)
    log.info("serving metrics", address=address)
    task_status.started(listeners[0].socket.getsockname()[1])
    await server.serve(listeners)

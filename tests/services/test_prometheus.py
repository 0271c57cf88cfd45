"""Metrics as Prometheus reads them: apps 9.2, modules-data 19."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from tests.services.http.application import Client
from wippy_trio.loading import load_config, load_project
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.runtime.metrics import BUCKETS, Metrics
from wippy_trio.services.prometheus import exposition

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
local metrics = require("metrics")
return {main = function()
  metrics.counter_inc("orders_total", {shop = "a\\"b\\\\c\\nd"})
  metrics.counter_add("orders_total", 2, {shop = "x"})
  metrics.gauge_set("queue.depth", 3.5)
  metrics.histogram("latency", 0.02, {["a-b"] = "c"})
  metrics.histogram("latency", 7, {["a-b"] = "c"})
  metrics.histogram("latency", 70, {["a-b"] = "c"})
end}
"""
WANTED = """\
# TYPE orders_total counter
orders_total{shop="a\\"b\\\\c\\nd"} 1
orders_total{shop="x"} 2
# TYPE queue_depth gauge
queue_depth 3.5
# TYPE latency histogram
latency_bucket{a_b="c",le="0.005"} 0
latency_bucket{a_b="c",le="0.01"} 0
latency_bucket{a_b="c",le="0.025"} 1
latency_bucket{a_b="c",le="0.05"} 1
latency_bucket{a_b="c",le="0.1"} 1
latency_bucket{a_b="c",le="0.25"} 1
latency_bucket{a_b="c",le="0.5"} 1
latency_bucket{a_b="c",le="1"} 1
latency_bucket{a_b="c",le="2.5"} 1
latency_bucket{a_b="c",le="5"} 1
latency_bucket{a_b="c",le="10"} 2
latency_bucket{a_b="c",le="+Inf"} 3
latency_sum{a_b="c"} 77.02
latency_count{a_b="c"} 3
"""


def serve(folder: Path, address: str) -> list[Any]:
    """Run an application that exports; give the answers to three paths."""
    (folder / "src").mkdir()
    (folder / "src/_index.yaml").write_text(
        'version: "1.0"\nnamespace: app\nentries:\n'
        "  - {name: f, kind: function.lua, source: file://f.lua, method: main,"
        " modules: [metrics]}\n"
    )
    (folder / "src/f.lua").write_text(SOURCE)
    sets = ["prometheus.enabled=true", f"prometheus.address={address}"]
    config = load_config(folder, [], profiles=[], sets=sets, environ={})

    async def main() -> list[Any]:
        runtime = RunningRuntime(load_project(folder, config=config))
        with trio.fail_after(10):
            async with running(runtime):
                await runtime.call("app:f")
                if runtime.metrics_port is None:
                    return []
                found = []
                for path in ("/metrics", "/livez", "/other"):
                    stream = await trio.open_tcp_stream(
                        "127.0.0.1", runtime.metrics_port
                    )
                    async with stream:
                        found.append(await Client(stream).request("GET", path))
                return found
        raise AssertionError

    return trio.run(main)


def test_metrics_are_served(tmp_path: Path) -> None:
    """Counters, gauges and histograms with their labels, in the text format."""
    metrics, alive, other = serve(tmp_path, "127.0.0.1:0")
    assert metrics.status == 200
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert metrics.text == WANTED
    assert (alive.status, alive.text) == (200, "ok\n")
    assert other.status == 404


def test_address_that_cannot_be_had_is_no_end(tmp_path: Path) -> None:
    """The application runs without (apps 4.2.5)."""
    assert serve(tmp_path, "nonsense") == []


def test_strange_names_and_values() -> None:
    """They become something that can be read."""
    metrics = Metrics()
    metrics.add("1 bad name!", float("inf"), {"": "x", "9": "y"})
    metrics.set_gauge("", float("nan"), {})
    assert exposition(metrics, BUCKETS) == (
        "# TYPE _1_bad_name_ counter\n"
        '_1_bad_name_{_="x",_9="y"} +Inf\n'
        "# TYPE _ gauge\n"
        "_ NaN\n"
    )

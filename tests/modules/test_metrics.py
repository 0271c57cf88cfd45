"""The module `metrics`: modules-data 19."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.modules.application import run_application

if TYPE_CHECKING:
    from pathlib import Path

    from wippy_trio.runtime.boot import RunningRuntime


def test_counters_gauges_and_histograms_are_kept(tmp_path: Path) -> None:
    """Moves are real moves; nonsense in labels is ignored; wrong types raise."""
    source = """
    return { main = function()
      metrics.counter_inc("c", { a = "1", b = 2 })
      metrics.counter_add("c", 2.5, { a = "1" })
      metrics.counter_add("c", -1, { a = "1" })
      metrics.counter_inc("c", "no labels")
      metrics.gauge_set("g", 10)
      metrics.gauge_inc("g")
      metrics.gauge_dec("g")
      metrics.gauge_dec("g")
      metrics.histogram("h", 0.5)
      local ok, err = metrics.histogram("h", 2)
      return { ok, err == nil, (pcall(metrics.counter_inc)),
        (pcall(metrics.gauge_set, "g")) }
    end }
    """
    seen: list[RunningRuntime] = []
    got = run_application(tmp_path, source, modules="metrics", inspect=seen.append)
    assert got == [True, True, False, False]
    metrics = seen[0].metrics
    assert metrics.counters == {("c", (("a", "1"),)): 3.5, ("c", ()): 1}
    assert metrics.gauges == {("g", ()): 9}
    series = metrics.histograms["h", ()]
    assert (series.count, series.total, sum(series.buckets)) == (2, 2.5, 2)

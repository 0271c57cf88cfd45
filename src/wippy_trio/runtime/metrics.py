"""Counters, gauges and histograms of the programs; exporters read them."""

from __future__ import annotations

import threading
from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BUCKETS", "Histogram", "Metrics"]

Labels = tuple[tuple[str, str], ...]

Series = list[tuple[str, Labels, float]]

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets of all histograms (modules-data 19)."""


class Histogram:
    """Observations of one series: how many, their sum, how many in each bucket."""

    __slots__ = ("buckets", "count", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)

    def observe(self, value: float) -> None:
        """Note one."""
        self.count += 1
        self.total += value
        self.buckets[bisect_left(BUCKETS, value)] += 1


class Metrics:
    """Hold the series of one runtime, by kind, name and labels."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counters: dict[tuple[str, Labels], float] = {}
        self.gauges: dict[tuple[str, Labels], float] = {}
        self.histograms: dict[tuple[str, Labels], Histogram] = {}

    @staticmethod
    def _key(name: str, labels: Mapping[str, str]) -> tuple[str, Labels]:
        return name, tuple(sorted(labels.items()))

    def add(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        """Add to a counter."""
        key = self._key(name, labels)
        with self._lock:
            self.counters[key] = self.counters.get(key, 0) + value

    def set_gauge(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        """Set a gauge."""
        with self._lock:
            self.gauges[self._key(name, labels)] = value

    def add_gauge(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        """Move a gauge."""
        key = self._key(name, labels)
        with self._lock:
            self.gauges[key] = self.gauges.get(key, 0) + value

    def observe(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        """Note one observation of a histogram."""
        key = self._key(name, labels)
        with self._lock:
            series = self.histograms.get(key)
            if series is None:
                series = self.histograms[key] = Histogram()
            series.observe(value)

    def snapshot(self) -> tuple[Series, Series, list[tuple[str, Labels, Histogram]]]:
        """Copy all series: counters, gauges, histograms; each in order of names."""
        with self._lock:
            counters = sorted((n, ls, v) for (n, ls), v in self.counters.items())
            gauges = sorted((n, ls, v) for (n, ls), v in self.gauges.items())
            histograms = []
            for (name, labels), series in sorted(
                self.histograms.items(), key=lambda item: item[0]
            ):
                copied = Histogram()
                copied.count, copied.total = series.count, series.total
                copied.buckets = list(series.buckets)
                histograms.append((name, labels, copied))
        return counters, gauges, histograms

"""Counters, gauges and histograms of the programs; exporters read them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Metrics"]

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Hold the series of one runtime, by kind, name and labels."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counters: dict[tuple[str, Labels], float] = {}
        self.gauges: dict[tuple[str, Labels], float] = {}
        self.histograms: dict[tuple[str, Labels], list[float]] = {}

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
        """Note one observation of a histogram: count, sum, least, most."""
        key = self._key(name, labels)
        with self._lock:
            series = self.histograms.get(key)
            if series is None:
                self.histograms[key] = [1, value, value, value]
            else:
                series[0] += 1
                series[1] += value
                series[2] = min(series[2], value)
                series[3] = max(series[3], value)

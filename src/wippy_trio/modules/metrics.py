"""`metrics`: counters, gauges and histograms of the application."""

from __future__ import annotations

from typing import Any

from wippy_trio.sdk import LuaModule, current_process, current_runtime

MODULE = LuaModule(
    "metrics",
    classes=("io", "nondeterministic"),
    declares="""
    counter_inc: (name: string, labels: table?) -> (boolean?, Error?)
    counter_add: (name: string, value: number, labels: table?) -> (boolean?, Error?)
    gauge_set: (name: string, value: number, labels: table?) -> (boolean?, Error?)
    gauge_inc: (name: string, labels: table?) -> (boolean?, Error?)
    gauge_dec: (name: string, labels: table?) -> (boolean?, Error?)
    histogram: (name: string, value: number, labels: table?) -> (boolean?, Error?)
    """,
)

_warned: set[str] = set()


def _labels(value: Any) -> dict[str, str]:
    """Keep the labels that are texts; everything else is ignored."""
    if not isinstance(value, dict):
        return {}
    return {
        key: text
        for key, text in value.items()
        if isinstance(key, str) and isinstance(text, str)
    }


@MODULE.export
def counter_inc(name: str, labels: Any) -> bool:
    """Add one to a counter."""
    current_runtime().metrics.add(name, 1.0, _labels(labels))
    return True


@MODULE.export
def counter_add(name: str, value: float, labels: Any) -> bool:
    """Add to a counter; it never falls, a negative value is ignored with a warning."""
    runtime = current_runtime()
    if value >= 0:
        runtime.metrics.add(name, value, _labels(labels))
    elif name not in _warned:
        _warned.add(name)
        runtime.program_log(
            current_process(),
            "warning",
            f"counter {name}: negative value ignored",
            "",
            {"value": value},
        )
    return True


@MODULE.export
def gauge_set(name: str, value: float, labels: Any) -> bool:
    """Set a gauge."""
    current_runtime().metrics.set_gauge(name, value, _labels(labels))
    return True


@MODULE.export
def gauge_inc(name: str, labels: Any) -> bool:
    """Raise a gauge by one."""
    current_runtime().metrics.add_gauge(name, 1.0, _labels(labels))
    return True


@MODULE.export
def gauge_dec(name: str, labels: Any) -> bool:
    """Lower a gauge by one."""
    current_runtime().metrics.add_gauge(name, -1.0, _labels(labels))
    return True


@MODULE.export
def histogram(name: str, value: float, labels: Any) -> bool:
    """Note one observation."""
    current_runtime().metrics.observe(name, value, _labels(labels))
    return True

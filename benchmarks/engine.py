"""All that the engine costs, one chapter after the other."""

from __future__ import annotations

from benchmarks import births, budget, memory, messages, startup, timers


def main() -> None:
    """Measure everything."""
    for chapter in (messages, births, timers, budget, memory, startup):
        chapter.main()

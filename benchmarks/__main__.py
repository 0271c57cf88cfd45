"""Every benchmark of this folder, each figure beside its yardstick of the same run."""

from __future__ import annotations

import sys
from importlib import import_module

BENCHMARKS = {
    "births": "births, ends, restarts",
    "budget": "what budget checks cost",
    "data": "JSON, queues and stores",
    "engine": "all chapters of the engine",
    "http": "requests a second of a Lua endpoint",
    "large": "the first answer of a large application",
    "lang": "the speed of the translator",
    "memory": "idle processes",
    "messages": "messages, channels, calls",
    "sql": "queries on three databases",
    "startup": "the command line",
    "timers": "a hundred thousand sleeping timers",
    "types": "checks by type values",
}


def main(names: list[str]) -> int:
    """Run the benchmarks named, or all."""
    for name in names or ["engine", "lang"]:
        if name not in BENCHMARKS:
            known = "\n".join(f"  {key:<10} {text}" for key, text in BENCHMARKS.items())
            sys.stderr.write(f"no benchmark {name}; there are\n{known}\n")
            return 2
        import_module(f"benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

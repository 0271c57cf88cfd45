"""Every benchmark of this folder, each figure beside its yardstick of the same run."""

from __future__ import annotations

import sys

from benchmarks import engine, http, lang

BENCHMARKS = {"engine": engine.main, "http": http.main, "lang": lang.main}


def main(names: list[str]) -> int:
    """Run the benchmarks named, or all."""
    for name in names or sorted(BENCHMARKS):
        if name not in BENCHMARKS:
            sys.stderr.write(f"no benchmark {name}: {', '.join(sorted(BENCHMARKS))}\n")
            return 2
        BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

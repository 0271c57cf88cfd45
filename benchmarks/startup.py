"""How long the command line takes, beside a Python that only imports."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    """Print the whole-process times of the command line beside bare imports."""
    hello = Path(__file__).parents[1] / "examples" / "01-hello"
    python = sys.executable
    commands = {
        "import trio, lupa.lua54": [python, "-c", "import trio, lupa.lua54"],
        "python -c pass": [python, "-c", "pass"],
        "run -x app:hello": [python, "-m", "wippy_trio", "run", "-x", "app:hello"],
        "lint": [python, "-m", "wippy_trio", "lint"],
        "--version": [python, "-m", "wippy_trio", "--version"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    # Installed packages have their bytecode; let ours have it too.
    unset = {"PYTHONDONTWRITEBYTECODE"}
    environment = {k: v for k, v in os.environ.items() if k not in unset}

    def execute(command: list[str]) -> None:
        subprocess.run(
            command, cwd=hello, env=environment, capture_output=True, check=True
        )

    for command in commands.values():
        execute(command)
    for _ in range(7):
        for name, command in commands.items():
            started = time.perf_counter()
            execute(command)
            times[name].append(time.perf_counter() - started)
    median = {name: statistics.median(taken) for name, taken in times.items()}
    bare, nothing = median["import trio, lupa.lua54"], median["python -c pass"]
    for name, yard, wanted in (
        ("run -x app:hello", bare, "at most 2"),
        ("lint", bare, "at most 0.6"),
        ("--version", nothing, "at most 2"),
    ):
        print(
            f"{name:<24} {median[name] * 1000:>10.0f} ms  "
            f" yardstick {yard * 1000:>6.0f} ms   {median[name] / yard:6.2f} times"
            f"   (wanted {wanted})"
        )

"""Run the examples as their READMEs say and compare what they print.

``python examples/run.py`` runs all of them in learning order and shows them at work;
names pick some (``01-hello``), ``--quiet`` only reports. The exit code is 1 if one
fails, times out or prints anything but its ``expected.txt``.
"""

from __future__ import annotations

import argparse
import difflib
import os
import shlex
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

HERE = Path(__file__).parent
TIMEOUT_S = 120.0


def main(arguments: list[str]) -> int:
    """Run what was asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="all of them if none is named")
    parser.add_argument("--quiet", action="store_true", help="only report")
    options = parser.parse_args(arguments)
    known = {path.parent.name: path.parent for path in HERE.glob("*/README.md")}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"no example {unknown[0]!r}; there are {', '.join(sorted(known))}")
    failed = [
        name
        for name in options.names or sorted(known)
        if not run(known[name], show=not options.quiet)
    ]
    if failed:
        print(f"\n{len(failed)} failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def run(folder: Path, *, show: bool) -> bool:
    """Run one example and tell whether it did what it promises."""
    command = command_of(folder)
    if show:
        print(f"\n── {folder.name}: {command}", flush=True)
    started = time.monotonic()
    try:
        outcome = subprocess.run(
            shlex.split(command),
            cwd=folder,
            env=os.environ | {"PATH": search_path(), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        print(f"FAILED  {folder.name}: still running after {TIMEOUT_S:.0f} s")
        return False
    lived_s = time.monotonic() - started
    if show:
        print(outcome.stdout, end="", flush=True)
    expected = (folder / "expected.txt").read_text("utf-8")
    if outcome.returncode == 0 and outcome.stdout == expected:
        print(f"ok      {folder.name}  {lived_s:.1f} s", flush=True)
        return True
    print(f"FAILED  {folder.name}: exit code {outcome.returncode}")
    difference = difflib.unified_diff(
        expected.splitlines(), outcome.stdout.splitlines(), "expected", "printed", n=2
    )
    print("\n".join(line.rstrip("\n") for line in difference))
    print(outcome.stderr, end="", flush=True)
    return False


def command_of(folder: Path) -> str:
    """Read the command from the README: its first line that begins with a prompt."""
    for line in (folder / "README.md").read_text("utf-8").splitlines():
        if line.startswith("$ "):
            return line.removeprefix("$ ")
    raise SystemExit(f"{folder.name}/README.md names no command (a line '$ ...')")


def search_path() -> str:
    """Put the scripts of this Python before all others."""
    return os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", "")))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

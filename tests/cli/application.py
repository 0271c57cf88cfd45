"""Small applications in a folder, and the command run on them as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

INDEX = """
version: "1.0"
namespace: app
entries:
  - name: terminal
    kind: terminal.host
    lifecycle: {auto_start: true}
  - name: main
    kind: process.lua
    meta:
      command: {name: greet, short: Say hello}
    source: file://main.lua
    method: main
    modules: [io, channel, time]
"""


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


def write_application(folder: Path, body: str, index: str = INDEX) -> None:
    """Write an application whose ``app:main`` has this body."""
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src/_index.yaml").write_text(index)
    (folder / "src/main.lua").write_text(
        'local io = require("io")\n'
        f"local function main(...)\n{body}\nend\n"
        "return { main = main }\n"
    )


def environment(**more: str) -> dict[str, str]:
    """Give the environment without the variables that the command reads."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("WIPPY")}
    return kept | more


def run_command(
    folder: Path, *arguments: str, stdin: str = "", **variables: str
) -> Outcome:
    """Run the command in a fresh Python and wait for its end."""
    done = subprocess.run(
        [sys.executable, "-m", "wippy_trio", *arguments],
        cwd=folder,
        input=stdin,
        env=environment(**variables),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)

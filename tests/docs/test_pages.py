"""What the docs say happens, happens.

In a tutorial or a how-to guide, a fence under a line ``**`path`**`` is a file, with
``(add)`` behind it the rest of one. A ``console`` fence shows commands after ``$ ``
and all that they print; ``...`` on a line of its own stands for any lines. A ``sh``
fence that begins with ``pip install -e`` installs a package of the page.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for folder in ("tutorials", "how-to")
    for path in (DOCS / folder).glob("*.md")
    if path.name != "index.md"
)
FENCE = re.compile(
    r"(?:^\*\*`(?P<path>[^`]+)`\*\*(?P<add> \(add\))?\n\n)?"
    r"^```(?P<language>[\w{}-]+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """One fence of a page, with the file it stands for, if any."""

    path: str | None
    add: bool
    language: str
    text: str


class Command(NamedTuple):
    """A line that a reader types, and what is said to appear."""

    line: str
    output: str


def blocks_of(page: str) -> list[Block]:
    return [
        Block(found["path"], bool(found["add"]), found["language"], found["text"])
        for found in FENCE.finditer(page)
    ]


def commands_of(text: str) -> list[Command]:
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
    assert not parts[0], f"a console block begins with its prompt: {text!r}"
    return [Command(*pair) for pair in zip(parts[1::2], parts[2::2], strict=True)]


def install(line: str, folder: Path) -> None:
    """Do what an editable install does: a path, and what the package says of itself."""
    place = folder / line.removeprefix("pip install -e ").strip()
    project = tomllib.loads((place / "pyproject.toml").read_text("utf-8"))["project"]
    info = place / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\n"
        f"Version: {project['version']}\n"
    )
    rows = []
    for group, points in project["entry-points"].items():
        rows += [f"[{group}]", *(f"{name} = {at}" for name, at in points.items())]
    (info / "entry_points.txt").write_text("\n".join(rows) + "\n")


def run(line: str, folder: Path) -> str:
    """Type a line: our command and ``python`` are those of this environment."""
    installed = [str(path.parent) for path in folder.glob("*/*.dist-info")]
    paths = os.pathsep.join([*installed, os.environ.get("PYTHONPATH", "")])
    words = shlex.split(line)
    ours = {
        "python": [sys.executable],
        "wippy-trio": [sys.executable, "-m", "wippy_trio"],
    }
    assert words[0] in ours, f"a page may not run {words[0]!r}"
    outcome = subprocess.run(
        [*ours[words[0]], *words[1:]],
        cwd=folder,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


def assert_shows(shown: str, printed: str) -> None:
    """Compare, with ``...`` on a line of its own for any number of lines."""
    pieces = re.split(r"^\.\.\.\n", shown, flags=re.MULTILINE)
    pattern = r"(?s:.*)".join(re.escape(piece) for piece in pieces)
    assert re.fullmatch(pattern, printed), printed


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    """Follow a page from top to bottom in an empty folder."""
    for block in blocks_of(page.read_text("utf-8")):
        if block.path is not None:
            file = tmp_path / block.path
            file.parent.mkdir(parents=True, exist_ok=True)
            before = f"{file.read_text('utf-8')}\n" if block.add else ""
            file.write_text(before + block.text, "utf-8")
        elif block.language == "sh" and block.text.startswith("pip install -e"):
            install(block.text, tmp_path)
        elif block.language == "console":
            for command in commands_of(block.text):
                assert_shows(command.output, run(command.line, tmp_path))


def test_the_program_of_the_readme_prints_what_is_shown() -> None:
    """The first thing that anybody sees of us is true."""
    blocks = blocks_of((ROOT / "README.md").read_text("utf-8"))
    (program,) = (block.text for block in blocks if block.language == "python")
    (shown,) = (block.text for block in blocks if block.language == "text")
    outcome = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert outcome.stdout == shown, outcome.stderr

"""Every folder here is a tiny application; it must print its ``expected.txt``.

The first line of an ``arguments.txt``, if there is one, replaces ``app:main`` and may
add arguments; ``stdin.txt`` is its input, ``exit.txt`` the exit code when not 0.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
APPLICATIONS = sorted(path.parent for path in HERE.glob("*/expected.txt"))


def text_of(path: Path, default: str) -> str:
    return path.read_text("utf-8") if path.is_file() else default


def test_every_folder_is_run() -> None:
    """A folder without an ``expected.txt`` would be forgotten silently."""
    folders = {path.parent for path in HERE.glob("*/**/_index.yaml")}
    tops = {HERE / path.relative_to(HERE).parts[0] for path in folders}
    assert tops == set(APPLICATIONS)


@pytest.mark.parametrize("folder", APPLICATIONS, ids=lambda path: path.name)
def test_application_prints_what_it_should(folder: Path) -> None:
    """Run as a user does: a fresh Python, the folder as working directory."""
    run(folder, folder)


@pytest.mark.parametrize("name", ["channels", "select", "coroutines", "messages"])
def test_kernel_channels_answer_alike(name: str, tmp_path: Path) -> None:
    """One host option makes every channel the kernel's; programs see no difference."""
    run(HERE / name, with_host_option(HERE / name, tmp_path, "channels: kernel"))


@pytest.mark.parametrize("folder", APPLICATIONS, ids=lambda path: path.name)
def test_isolated_processes_answer_alike(folder: Path, tmp_path: Path) -> None:
    """A VM for each process: all that passes between them is the same."""
    run(folder, with_host_option(folder, tmp_path, "isolation: vm"))


def with_host_option(folder: Path, target: Path, option: str) -> Path:
    """Copy an application and give its hosts an option."""
    place = target / folder.name
    shutil.copytree(folder, place)
    index = place / "src/_index.yaml"
    text, hosts = index.read_text("utf-8"), 0
    for kind in ("terminal.host", "process.host"):
        line = f"    kind: {kind}\n"
        hosts += text.count(line)
        text = text.replace(line, f"{line}    host: {{{option}}}\n")
    assert hosts
    index.write_text(text, "utf-8")
    return place


def run(folder: Path, place: Path) -> None:
    """Run an application in a place; compare with what its folder expects."""
    arguments = shlex.split(text_of(folder / "arguments.txt", "app:main"))
    outcome = subprocess.run(
        [sys.executable, "-m", "wippy_trio", "run", "-x", *arguments],
        cwd=place,
        input=text_of(folder / "stdin.txt", ""),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    expected = text_of(folder / "expected.txt", "")
    assert outcome.stdout == expected, outcome.stderr
    assert outcome.returncode == int(text_of(folder / "exit.txt", "0")), outcome.stderr

"""The shortest proof that an installation works, for every cell of the matrix."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import wippy_trio

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_version_is_that_of_the_distribution() -> None:
    """The package, its metadata and its command agree."""
    assert metadata.version("wippy-trio") == wippy_trio.__version__
    outcome = subprocess.run(
        [sys.executable, "-m", "wippy_trio", "version", "--short"],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert outcome.stdout == f"{wippy_trio.__version__}\n"


def test_the_prelude_is_part_of_the_package() -> None:
    """The Lua half of the engine is package data, in a wheel as well."""
    package = Path(wippy_trio.__file__).parent
    assert list(package.glob("lua/prelude/*.lua"))
    assert (package / "py.typed").is_file()


def test_an_application_runs() -> None:
    """Hello, from the loader through the engine to the exit code."""
    outcome = subprocess.run(
        [sys.executable, "-m", "wippy_trio", "run", "-x", "app:hello"],
        cwd=EXAMPLES / "01-hello",
        env=os.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    expected = (EXAMPLES / "01-hello" / "expected.txt").read_text("utf-8")
    assert outcome.stdout == expected, outcome.stderr
    assert outcome.returncode == 0

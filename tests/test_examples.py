"""Every example does what its README says and prints its ``expected.txt``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))


@pytest.mark.parametrize("name", NAMES)
def test_example_prints_what_it_should(name: str) -> None:
    """The runner is the one that ``nox -s demo`` uses."""
    outcome = subprocess.run(
        [sys.executable, str(EXAMPLES / "run.py"), "--quiet", name],
        capture_output=True,
        encoding="utf-8",
        timeout=150,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr

"""Lines of typed Lua, each a source: clean ones, and ones with one error.

A wrong line begins with the code that it gets.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lang.checking import codes, errors

HERE = Path(__file__).parent
CLEAN = (HERE / "clean_snippets.txt").read_text(encoding="utf-8").splitlines()
WRONG = (HERE / "wrong_snippets.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("source", CLEAN)
def test_a_clean_line_has_no_error(source: str) -> None:
    """Idioms of typed code: defaults, guards, copies, callbacks, classes."""
    assert errors(source) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_has_its_error(line: str) -> None:
    """One slip a line, told once and by the right code (types 3.8)."""
    code, _, source = line.partition("|")
    assert codes(source) == [code]

"""The page on expressions says what the language does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from wippy_trio.expr import evaluate
from wippy_trio.expr.closures import CLOSURES
from wippy_trio.expr.compiler import FUNCTIONS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "expressions.md"
BLOCKS = re.findall(r"```expr\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]


@pytest.mark.parametrize("line", LINES)
def test_every_line_of_the_page_is_true(line: str) -> None:
    text, _, wanted = line.rpartition(" # ")
    found = evaluate(text)
    assert json.dumps(found) == json.dumps(json.loads(wanted))


def test_the_page_names_every_function() -> None:
    named = set(re.findall(r"\w+", PAGE.read_text("utf-8")))
    assert {*FUNCTIONS, *CLOSURES} <= named
    assert len(LINES) > 30

"""Values that hold the same lists many times: small here, endless when written out."""

from __future__ import annotations

import pytest

from wippy_trio.errors import Error
from wippy_trio.expr import evaluate, go_text

DOUBLED = "reduce(1..60, [#acc, #acc], 1)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"len({DOUBLED})", 2),
        (f"let a = {DOUBLED}; let b = {DOUBLED}; a == b", True),
        (f"let a = {DOUBLED}; let b = {DOUBLED}; a in [b]", True),
        (f"len(uniq([{DOUBLED}, {DOUBLED}, [1], [1.0]]))", 2),
    ],
)
def test_sharing_does_not_multiply_work(text: str, value: object) -> None:
    """Comparison, uniqueness and results look at each list once."""
    assert evaluate(text) == value


def test_a_shared_result_stays_shared() -> None:
    """The copy that leaves is as small as the value."""
    made = evaluate(DOUBLED)
    assert made[0] is made[1]


def test_texts_of_shared_values_are_bounded() -> None:
    """Text is where sharing ends: it is refused when it grows too long."""
    with pytest.raises(Error, match="longer than"):
        evaluate(f"string({DOUBLED})")
    with pytest.raises(Error, match="memory budget"):
        evaluate(f"toJSON({DOUBLED})")
    small: list[object] = [1]
    for _ in range(3):
        small = [small, {"a": small}]
    assert go_text([small[0], small[0]]).count("1") == 8


def test_comparison_of_maps_stays_strict() -> None:
    """Numbers are alike in lists, not in maps (modules-data 11.2)."""
    assert evaluate("[1, [2]] == [1.0, [2.0]]") is True
    assert evaluate("{'a': 1} == {'a': 1.0}") is False
    assert evaluate("[{'a': 1}] == [{'a': 1}]") is True

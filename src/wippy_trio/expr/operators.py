"""Turn binary operators into steps: functions from a frame and the left value.

A run of operators at one level is a list of steps, so that a thousand terms joined by
``or`` evaluate in a loop and not in a thousand nested calls.

Source: modules-data 11.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from wippy_trio.errors import InvalidError
from wippy_trio.expr.failure import Fault
from wippy_trio.expr.limits import MAX_ITEMS
from wippy_trio.expr.re2 import Matcher, compile_matcher
from wippy_trio.expr.values import (
    ARITHMETIC,
    compare,
    contained,
    equal,
    type_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.expr.frame import Frame

__all__ = ["Run", "Step", "make_step", "matcher", "number_range", "truth"]

Run: TypeAlias = "Callable[[Frame], Any]"
Step: TypeAlias = "Callable[[Frame, Any], Any]"


def truth(value: Any, where: str) -> bool:
    """Let a boolean through.

    Raises:
      Fault: It is something else; there is no truthiness.
    """
    if value is True or value is False:
        return bool(value)
    raise Fault(f"{where}: wanted a boolean, got {type_name(value)}")


def make_step(operator: str, right: Run) -> Step:
    """Build the step of an operator; it raises ``Fault`` for operands it refuses."""
    special = _SPECIAL.get(operator)
    if special is not None:
        return special(right)
    arithmetic = ARITHMETIC.get(operator)
    if arithmetic is not None:
        return _arithmetic(arithmetic, right)
    if operator in {"<", ">", "<=", ">="}:
        return lambda frame, left: compare(operator, left, right(frame))
    return _text_test(operator, right)


def _arithmetic(operation: Callable[[Any, Any], Any], right: Run) -> Step:
    def step(frame: Frame, left: Any) -> Any:
        result = operation(left, right(frame))
        if type(result) is str:
            frame.budget.text(len(result))
        return result

    return step


def _and(right: Run) -> Step:
    return lambda frame, left: right(frame) if truth(left, "and") else False


def _or(right: Run) -> Step:
    return lambda frame, left: True if truth(left, "or") else right(frame)


def _coalesce(right: Run) -> Step:
    return lambda frame, left: right(frame) if left is None else left


def _equal(right: Run) -> Step:
    def step(frame: Frame, left: Any) -> bool:
        other = right(frame)
        _charge(frame, left)
        return equal(left, other)

    return step


def _unequal(right: Run) -> Step:
    same = _equal(right)
    return lambda frame, left: not same(frame, left)


def _in(right: Run) -> Step:
    def step(frame: Frame, left: Any) -> bool:
        container = right(frame)
        _charge(frame, container)
        return contained(left, container)

    return step


def _charge(frame: Frame, value: Any) -> None:
    if isinstance(value, (list, dict)):
        frame.budget.work(len(value) // 8)


def number_range(frame: Frame, low: Any, high: Any) -> list[int]:
    """List the integers from one to another, both included.

    Raises:
      Fault: A bound is no number, or there are too many.
    """
    for bound in (low, high):
        if type(bound) is not int and not (
            isinstance(bound, float) and bound.is_integer()
        ):
            raise Fault(
                f"invalid operation: {type_name(low)} .. {type_name(high)},"
                " wanted integers"
            )
    size = int(high) - int(low) + 1
    if size > MAX_ITEMS:
        raise Fault(f"range too large: {size} items, {MAX_ITEMS} allowed")
    frame.budget.items(max(size, 0))
    return list(range(int(low), int(high) + 1))


def _range(right: Run) -> Step:
    return lambda frame, left: number_range(frame, left, right(frame))


def matcher(pattern: str) -> Matcher:
    """Compile a regular expression.

    Raises:
      Fault: It is malformed.
    """
    try:
        return compile_matcher(pattern)
    except InvalidError as error:
        raise Fault(str(error)) from error


def _matches(right: Run) -> Step:
    def step(frame: Frame, left: Any) -> bool:
        pattern = right(frame)
        if not isinstance(left, str) or not isinstance(pattern, str):
            raise Fault(
                f"invalid operation: {type_name(left)} matches {type_name(pattern)}"
            )
        frame.budget.work(50 + len(left) // 16)
        try:
            return matcher(pattern).search(left)
        except InvalidError as error:
            raise Fault(str(error)) from error

    return step


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": str.__contains__,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
}


def _text_test(operator: str, right: Run) -> Step:
    test = _TESTS[operator]

    def step(frame: Frame, left: Any) -> bool:
        part = right(frame)
        if not isinstance(left, str) or not isinstance(part, str):
            raise Fault(
                f"invalid operation: {type_name(left)} {operator} {type_name(part)}"
            )
        frame.budget.work(len(left) // 64)
        return test(left, part)

    return step


_SPECIAL: dict[str, Callable[[Run], Step]] = {
    "and": _and,
    "or": _or,
    "??": _coalesce,
    "==": _equal,
    "!=": _unequal,
    "in": _in,
    "..": _range,
    "matches": _matches,
}

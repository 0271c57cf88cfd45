"""What is known of types before a run: refuse operands that can never fit.

Kinds are those of :func:`wippy_trio.expr.values.kind_of`, and ``any`` for what is only
known at run time. ``any`` always passes.

Source: modules-data 11 (names and operand types), 11.2.
"""

from __future__ import annotations

from wippy_trio.expr.failure import Fault

__all__ = ["binary_kind", "condition", "unary_kind"]

_NUMBERS = frozenset({"int", "float"})
_TEXT = frozenset({"string"})
_TIME = "time.Time"
_SPAN = "time.Duration"
_SPANS = frozenset({_SPAN})
_TIMES = frozenset({_TIME, _SPAN})
_BOOL = frozenset({"bool"})
_WORDS = frozenset({"matches", "contains", "startsWith", "endsWith"})

# For each operator: the pairs of operand kinds it takes.
_PAIRS: dict[str, tuple[tuple[frozenset[str], frozenset[str]], ...]] = {
    "+": ((_NUMBERS, _NUMBERS), (_TEXT, _TEXT), (_TIMES, _TIMES)),
    "-": ((_NUMBERS, _NUMBERS), (_TIMES, _TIMES)),
    "*": ((_NUMBERS, _NUMBERS), (_SPANS, _NUMBERS), (_NUMBERS, _SPANS)),
    "/": ((_NUMBERS, _NUMBERS),),
    "%": ((frozenset({"int"}), frozenset({"int"})),),
    "**": ((_NUMBERS, _NUMBERS),),
    "..": ((_NUMBERS, _NUMBERS),),
    "and": ((_BOOL, _BOOL),),
    "or": ((_BOOL, _BOOL),),
    **dict.fromkeys(_WORDS, ((_TEXT, _TEXT),)),
    **dict.fromkeys(
        ("<", ">", "<=", ">="),
        (
            (_NUMBERS, _NUMBERS),
            (_TEXT, _TEXT),
            (frozenset({_TIME}), frozenset({_TIME})),
            (_SPANS, _SPANS),
        ),
    ),
}
_RESULTS = {"/": "float", "**": "float", "%": "int", "..": "array"}


def binary_kind(operator: str, left: str, right: str) -> str:
    """Name the kind of a result.

    Raises:
      Fault: The operands can never fit the operator.
    """
    if operator == "??":
        return left if left not in {"any", "nil"} else "any"
    if operator in {"==", "!="}:
        if not _comparable(left, right):
            raise _mismatch(operator, left, right)
        return "bool"
    if operator == "in":
        if right not in {"any", "nil", "array", "map"}:
            raise Fault(f'operator "in" not defined on {right}')
        return "bool"
    if not any(
        left in {"any", *lefts} and right in {"any", *rights}
        for lefts, rights in _PAIRS[operator]
    ):
        raise _mismatch(operator, left, right)
    if operator in {"+", "-", "*"}:
        return _sum_kind(left, right)
    if operator in {"and", "or"} and right == "any":
        return "any"
    return _RESULTS.get(operator, "bool")


def _sum_kind(left: str, right: str) -> str:
    if left == right and left in {"int", "string"}:
        return left
    return "float" if {left, right} <= _NUMBERS else "any"


def _comparable(left: str, right: str) -> bool:
    loose = {"any", "nil"}
    if left in loose or right in loose or left == right:
        return True
    return left in _NUMBERS and right in _NUMBERS


def _mismatch(operator: str, left: str, right: str) -> Fault:
    return Fault(f"invalid operation: {operator} (mismatched types {left} and {right})")


def unary_kind(operator: str, operand: str) -> str:
    """Name the kind of a result.

    Raises:
      Fault: The operand can never fit the operator.
    """
    if operator == "not":
        if operand not in {"any", "bool"}:
            raise Fault(f"invalid operation: not (mismatched type {operand})")
        return "bool"
    if operand not in {"any", *_NUMBERS, _SPAN}:
        raise Fault(f"invalid operation: {operator} (mismatched type {operand})")
    return operand


def condition(kind: str) -> None:
    """Refuse a condition that can never be a boolean.

    Raises:
      Fault: It cannot.
    """
    if kind not in {"any", "bool"}:
        raise Fault(f"non-bool expression (type {kind}) used as condition")

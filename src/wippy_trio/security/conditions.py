"""The conditions of a policy: a field of the request, an operator, a value.

Source: apps 8.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.errors import InvalidError
from wippy_trio.expr import from_host, go_text
from wippy_trio.security.request import MISSING, Request

if TYPE_CHECKING:
    from wippy_trio.expr import Matcher

__all__ = ["Condition", "ConditionError", "parse_conditions"]


class ConditionError(InvalidError):
    """A condition cannot be answered; the policy it belongs to is undefined."""


class Condition(NamedTuple):
    """One condition, ready to be asked.

    Attributes:
      field: Path of the field.
      operator: Its name, such as ``eq``.
      value: What to compare with, if no path names it.
      value_from: Path of the field to compare with, or ``None``.
      matcher: The compiled expression of ``matches`` and ``nmatches``.
    """

    field: str
    operator: str
    value: Any = None
    value_from: str | None = None
    matcher: Matcher | None = None

    def holds(self, request: Request) -> bool:
        """Tell whether the request meets the condition.

        A field that is missing meets none but ``nexists``.

        Raises:
          InvalidError: The operator does not apply to these values.
        """
        found = request.field(self.field)
        if self.operator in _PRESENCE:
            return (found is not MISSING) is (self.operator == "exists")
        if found is MISSING:
            return False
        if self.operator in _MATCHES:
            if self.matcher is None:
                raise ConditionError(
                    f"condition on {self.field}: {self.operator} needs a literal value"
                )
            hit = self.matcher.search(go_text(found))
            return hit is (self.operator == "matches")
        value = self.value
        if self.value_from is not None:
            value = request.field(self.value_from)
            if value is MISSING:
                return False
        return _OPERATORS[self.operator](found, value)


def parse_conditions(data: object) -> tuple[Condition, ...]:
    """Read the list of conditions of a policy entry.

    Raises:
      InvalidError: The text begins with ``condition i:``, counted from 0.
    """
    if data is None:
        return ()
    if not isinstance(data, (list, tuple)):
        raise InvalidError("conditions must be a list")
    return tuple(_condition(index, item) for index, item in enumerate(data))


def _condition(index: int, data: object) -> Condition:
    def refuse(reason: str) -> InvalidError:
        return InvalidError(f"condition {index}: {reason}")

    if not isinstance(data, Mapping):
        raise refuse("must be a map")
    field, operator = data.get("field"), data.get("operator")
    if not isinstance(field, str) or not field:
        raise refuse("field is required")
    if not isinstance(operator, str) or not operator:
        raise refuse("operator is required")
    if operator in _PRESENCE:
        return Condition(field, operator)
    if operator not in _OPERATORS and operator not in _MATCHES:
        raise refuse(f"unknown operator {operator!r}")
    value_from = data.get("value_from")
    if "value" in data:
        value = from_host(data["value"])
    elif not value_from:
        raise refuse("value or value_from is required")
    elif not isinstance(value_from, str):
        raise refuse("value_from must be a string")
    else:
        return Condition(field, operator, value_from=value_from)
    if operator not in _MATCHES:
        return Condition(field, operator, value)
    if not isinstance(value, str):
        raise refuse(f"{operator} needs a string, got {go_text(value)}")
    try:
        from wippy_trio.expr import compile_matcher  # noqa: PLC0415 - few need it

        return Condition(field, operator, value, matcher=compile_matcher(value))
    except InvalidError as error:
        raise refuse(f"invalid regex: {error}") from error


# Operators


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(found: Any, value: Any) -> bool:
    """Compare numbers as numbers, all else by its text."""
    if _is_number(found) and _is_number(value):
        return bool(found == value)
    return go_text(found) == go_text(value)


def _numbers(found: Any, value: Any) -> tuple[Any, Any]:
    if not (_is_number(found) and _is_number(value)):
        raise ConditionError(
            f"wanted two numbers, got {go_text(found)} and {go_text(value)}"
        )
    return found, value


def _less(found: Any, value: Any) -> bool:
    left, right = _numbers(found, value)
    return bool(left < right)


def _greater(found: Any, value: Any) -> bool:
    return _less(value, found)


def _at_most(found: Any, value: Any) -> bool:
    left, right = _numbers(found, value)
    return bool(left <= right)


def _at_least(found: Any, value: Any) -> bool:
    return _at_most(value, found)


def _among(found: Any, value: Any) -> bool:
    if not isinstance(value, list):
        raise ConditionError(f"wanted a list, got {go_text(value)}")
    return any(_same(found, item) for item in value)


def _contains(found: Any, value: Any) -> bool:
    if isinstance(found, list):
        return any(_same(item, value) for item in found)
    if isinstance(found, dict):
        raise ConditionError("wanted a string or a list, got a map")
    return go_text(value) in go_text(found)


def _not(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda found, value: not test(found, value)


_PRESENCE = frozenset({"exists", "nexists"})
_MATCHES = frozenset({"matches", "nmatches"})
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": _same,
    "ne": _not(_same),
    "lt": _less,
    "gt": _greater,
    "lte": _at_most,
    "gte": _at_least,
    "in": _among,
    "nin": _not(_among),
    "contains": _contains,
    "ncontains": _not(_contains),
}

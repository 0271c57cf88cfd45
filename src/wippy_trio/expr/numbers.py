"""The built-in functions of numbers and types.

Source: modules-data 11.3, groups numbers and types.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from wippy_trio.expr.arguments import as_int, as_number
from wippy_trio.expr.dates import shown
from wippy_trio.expr.failure import Fault
from wippy_trio.expr.frame import ANYTHING, INT, NUMBER, Builtin, Frame
from wippy_trio.expr.gotext import go_text
from wippy_trio.expr.values import Duration, add, compare, kind_of, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["NUMBER_FUNCTIONS", "total"]

_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}")
_FLOAT = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
    r"|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN])"
)


def _abs(frame: Frame, value: Any) -> Any:
    number = as_number("abs", value)
    return wrap(abs(number)) if isinstance(number, int) else abs(number)


def _rounding(name: str, rule: Callable[[float], float]) -> Callable[..., float]:
    def call(frame: Frame, value: Any) -> float:
        number = float(as_number(name, value))
        if not math.isfinite(number):
            return number
        return math.copysign(rule(number), number)

    return call


def _half_away(number: float) -> float:
    whole = math.trunc(number)
    if abs(number - whole) >= 0.5:
        return float(whole + (1 if number > 0 else -1))
    return float(whole)


def _flat(frame: Frame, name: str, values: Any) -> Iterator[Any]:
    """Yield the numbers among arguments and in lists of them."""
    for value in values:
        if isinstance(value, list):
            frame.budget.work(len(value))
            yield from _flat(frame, name, value)
        elif isinstance(value, Duration):
            yield value
        elif not (isinstance(value, dict) and not value):
            yield as_number(name, value)


def _extreme(name: str, operator: str) -> Callable[..., Any]:
    def call(frame: Frame, *values: Any) -> Any:
        best: Any = None
        for value in _flat(frame, name, values):
            if best is None or compare(operator, value, best):
                best = value
        return best

    return call


def _mean(frame: Frame, *values: Any) -> float:
    numbers = [float(value) for value in _plain(frame, "mean", values)]
    return math.fsum(numbers) / len(numbers) if numbers else 0.0


def _median(frame: Frame, *values: Any) -> float:
    numbers = sorted(float(value) for value in _plain(frame, "median", values))
    if not numbers:
        return 0.0
    half = len(numbers) // 2
    if len(numbers) % 2:
        return numbers[half]
    return (numbers[half - 1] + numbers[half]) / 2


def _plain(frame: Frame, name: str, values: Any) -> Iterator[int | float]:
    for value in _flat(frame, name, values):
        yield as_number(name, value)


def total(items: list[Any]) -> Any:
    """Add up numbers or durations; integers stay integers, nothing is 0."""
    if not items:
        return 0
    result: Any = Duration(0) if isinstance(items[0], Duration) else 0
    for item in items:
        result = add(result, item if isinstance(item, Duration) else _summand(item))
    return result


def _summand(value: Any) -> int | float:
    return as_number("sum", value)


def _int(frame: Frame, value: Any) -> int:
    if isinstance(value, str):
        if _DECIMAL.fullmatch(value):
            number = int(value)
            if -(2**63) <= number < 2**63:
                return number
        raise Fault(f"invalid operation: int({value[:60]})")
    return as_int("int", value)


def _float(frame: Frame, value: Any) -> float:
    if isinstance(value, str):
        if _FLOAT.fullmatch(value):
            return float(value)
        raise Fault(f"invalid operation: float({value[:60]})")
    return float(as_number("float", value))


def _string(frame: Frame, value: Any) -> str:
    text = go_text(shown(value))
    frame.budget.text(len(text))
    return text


def _type(frame: Frame, value: Any) -> str:
    return kind_of(value)


def _bits(name: str, rule: Callable[[int, int], int]) -> Callable[..., int]:
    def call(frame: Frame, left: Any, right: Any) -> int:
        return wrap(rule(as_int(name, left), as_int(name, right)))

    return call


def _shift(name: str, rule: Callable[[int, int], int]) -> Callable[..., int]:
    def call(frame: Frame, value: Any, count: Any) -> int:
        number, shift = as_int(name, value), as_int(name, count)
        if shift < 0:
            raise Fault(f"invalid operation: negative shift count {shift}")
        return wrap(rule(number, min(shift, 64)))

    return call


def _bit_not(frame: Frame, value: Any) -> int:
    return ~as_int("bitnot", value)


def _unsigned_right(number: int, shift: int) -> int:
    return (number % 2**64) >> shift


_ROUNDS: dict[str, Callable[[float], float]] = {
    "ceil": math.ceil,
    "floor": math.floor,
    "round": _half_away,
}
_TWO_INTS = (INT, INT)

NUMBER_FUNCTIONS: dict[str, Builtin] = {
    "abs": Builtin(_abs, 1, 1, (NUMBER,)),
    **{
        name: Builtin(_rounding(name, rule), 1, 1, (NUMBER,), "float")
        for name, rule in _ROUNDS.items()
    },
    "max": Builtin(_extreme("max", ">"), 1, None),
    "min": Builtin(_extreme("min", "<"), 1, None),
    "mean": Builtin(_mean, 1, None, (), "float"),
    "median": Builtin(_median, 1, None, (), "float"),
    "int": Builtin(_int, 1, 1, (NUMBER | {"string"},), "int"),
    "float": Builtin(_float, 1, 1, (NUMBER | {"string"},), "float"),
    "string": Builtin(_string, 1, 1, (ANYTHING,), "string"),
    "type": Builtin(_type, 1, 1, (ANYTHING,), "string"),
    "bitand": Builtin(_bits("bitand", int.__and__), 2, 2, _TWO_INTS, "int"),
    "bitor": Builtin(_bits("bitor", int.__or__), 2, 2, _TWO_INTS, "int"),
    "bitxor": Builtin(_bits("bitxor", int.__xor__), 2, 2, _TWO_INTS, "int"),
    "bitnand": Builtin(_bits("bitnand", lambda a, b: a & ~b), 2, 2, _TWO_INTS, "int"),
    "bitnot": Builtin(_bit_not, 1, 1, (INT,), "int"),
    "bitshl": Builtin(_shift("bitshl", int.__lshift__), 2, 2, _TWO_INTS, "int"),
    "bitshr": Builtin(_shift("bitshr", int.__rshift__), 2, 2, _TWO_INTS, "int"),
    "bitushr": Builtin(_shift("bitushr", _unsigned_right), 2, 2, _TWO_INTS, "int"),
}
"""By name."""

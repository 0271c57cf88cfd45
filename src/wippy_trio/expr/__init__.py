"""The expression language, and what of Go's text and time the rest needs as well.

`compile_expression` and `evaluate` run expressions under limits; `go_text` writes
values as Go's ``%v``; `compile_matcher` and `compile_pattern` read RE2 expressions;
`Moment`, `format_moment` and `parse_moment` are Go's times and layouts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wippy_trio.expr.failure import ExpressionError
    from wippy_trio.expr.golayout import (
        MONTHS,
        WEEKDAYS,
        format_moment,
        moment_text,
        parse_moment,
    )
    from wippy_trio.expr.gotext import (
        decimal_digits,
        float_text,
        go_text,
        plain_float_text,
    )
    from wippy_trio.expr.gotime import (
        LOCAL,
        UTC_ZONE,
        ZERO_SECONDS,
        FixedZone,
        Moment,
        Zone,
        load_zone,
        moment_of,
    )
    from wippy_trio.expr.program import Program, compile_expression, evaluate
    from wippy_trio.expr.re2 import Matcher, compile_matcher, compile_pattern, translate
    from wippy_trio.expr.re2_syntax import parse_regex
    from wippy_trio.expr.values import from_host

_HOME = {
    "ExpressionError": "failure",
    "FixedZone": "gotime",
    "LOCAL": "gotime",
    "MONTHS": "golayout",
    "Matcher": "re2",
    "Moment": "gotime",
    "Program": "program",
    "UTC_ZONE": "gotime",
    "WEEKDAYS": "golayout",
    "ZERO_SECONDS": "gotime",
    "Zone": "gotime",
    "compile_expression": "program",
    "compile_matcher": "re2",
    "compile_pattern": "re2",
    "decimal_digits": "gotext",
    "evaluate": "program",
    "float_text": "gotext",
    "format_moment": "golayout",
    "from_host": "values",
    "go_text": "gotext",
    "load_zone": "gotime",
    "moment_of": "gotime",
    "moment_text": "golayout",
    "parse_moment": "golayout",
    "parse_regex": "re2_syntax",
    "plain_float_text": "gotext",
    "translate": "re2",
}

__all__ = [
    "LOCAL",
    "MONTHS",
    "UTC_ZONE",
    "WEEKDAYS",
    "ZERO_SECONDS",
    "ExpressionError",
    "FixedZone",
    "Matcher",
    "Moment",
    "Program",
    "Zone",
    "compile_expression",
    "compile_matcher",
    "compile_pattern",
    "decimal_digits",
    "evaluate",
    "float_text",
    "format_moment",
    "from_host",
    "go_text",
    "load_zone",
    "moment_of",
    "moment_text",
    "parse_moment",
    "parse_regex",
    "plain_float_text",
    "translate",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)

"""Expressions, compiled and run.

Source: modules-data 11; apps 8.3.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from wippy_trio.errors import InvalidError
from wippy_trio.expr.compiler import Compiler
from wippy_trio.expr.failure import ExpressionError, Fault
from wippy_trio.expr.frame import Frame
from wippy_trio.expr.parser import parse
from wippy_trio.expr.values import from_host, kind_of, to_host

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.expr.operators import Run

__all__ = ["Program", "compile_expression", "evaluate"]


class Program:
    """A compiled expression. It has no state: any number of runs may share it."""

    __slots__ = ("_run", "_slots", "source")

    def __init__(self, source: str, run: Run, slots: int) -> None:
        self.source = source
        self._run = run
        self._slots = slots

    def run(
        self,
        variables: object = None,
        *,
        now: Callable[[], int] = time.time_ns,
        long: Callable[[], None] | None = None,
    ) -> Any:
        """Evaluate the expression.

        Args:
          variables: A mapping by name, or a list that ``$env`` reads. It is copied
            first: bytes become text, with surrogate escapes for what is no UTF-8.
          now: The clock of ``now()``, in nanoseconds of Unix time.
          long: Called once if the run takes many steps; what it raises ends the run.

        Returns:
          Plain data. A date is Unix seconds, a duration float seconds.

        Raises:
          ExpressionError: An operation refused its operands, or a limit was met.
          InvalidError: A variable or the result cannot be carried over.
        """
        frame = Frame(
            {} if variables is None else from_host(variables), self._slots, now, long
        )
        try:
            return to_host(self._run(frame))
        except Fault as fault:
            raise ExpressionError(str(fault), self.source, 0) from None
        except RecursionError:
            raise ExpressionError(
                "expression is nested too deeply", self.source, 0
            ) from None


def compile_expression(
    text: str,
    *,
    environment_names: Collection[str] | Mapping[str, object] | None = None,
) -> Program:
    """Compile an expression.

    Args:
      text: The expression.
      environment_names: If given, the only variables it may name. A mapping gives
        sample values too, and operands are checked against their types.

    Raises:
      InvalidError: It is empty.
      ExpressionError: It is malformed, or can never run.

    Source: modules-data 11.
    """
    if not text:
        raise InvalidError("expression cannot be empty")
    kinds: dict[str, str] | None = None
    if isinstance(environment_names, Mapping):
        kinds = {
            name: kind_of(from_host(value)) for name, value in environment_names.items()
        }
        # A nil in a sample says nothing of what will come.
        kinds = {name: "any" if kind == "nil" else kind for name, kind in kinds.items()}
    elif environment_names is not None:
        kinds = dict.fromkeys(environment_names, "any")
    compiler = Compiler(text, kinds)
    try:
        code = compiler.compile(parse(text))
    except RecursionError:
        raise ExpressionError("expression is nested too deeply", text, 0) from None
    return Program(text, code.run, compiler.slots)


@functools.lru_cache(maxsize=1000)
def _cached(text: str) -> Program:
    return compile_expression(text)


def evaluate(
    text: str,
    variables: object = None,
    *,
    now: Callable[[], int] = time.time_ns,
    long: Callable[[], None] | None = None,
) -> Any:
    """Compile an expression without names and run it; programs are kept by text.

    Raises:
      InvalidError: As :func:`compile_expression` and :meth:`Program.run`.
    """
    return _cached(text).run(variables, now=now, long=long)

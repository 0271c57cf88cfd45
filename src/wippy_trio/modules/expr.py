"""`expr`: an expression language for conditions and small computations.

The language is the room `wippy_trio.expr`; policies use it too.

Source: modules-data 11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.expr import compile_expression, evaluate
from wippy_trio.modules._bag import bag
from wippy_trio.sdk import (
    Error,
    InternalError,
    InvalidError,
    LuaModule,
    current_process,
    method,
    move_to_thread,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.expr import Program as Compiled

__all__ = ["MODULE"]

MODULE = LuaModule(
    "expr",
    classes=("deterministic",),
    declares="""
    eval: (source: string, env: table?) -> (any, Error?)
    compile: (source: string, env: table?) -> (Program?, Error?)
    type Program = {
      run: (self: Program, env: table?) -> (any, Error?)
    }
    """,
)
LARGE = 256 * 1024


def _clock() -> Callable[[], int]:
    clock = current_process().host.node.clock
    return lambda: int(clock.unix() * 1e9)


def _attempt(doing: str, run: Callable[[], Any]) -> Any:
    """Run, and give every failure the kind that programs see."""
    try:
        return run()
    except Error as error:
        raise InternalError(
            str(error), retryable=False, details=error.details, context=doing
        ) from None


def _wanted(source: str) -> str:
    if not source:
        raise InvalidError("expression cannot be empty", retryable=False)
    return source


class Program:
    """A compiled expression; it has no state."""

    lua_name = "expr.Program"

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled

    @method(opaque="text", offload=LARGE)
    def run(self, env: dict[str, Any] | None = None) -> Any:
        """Evaluate it over variables."""
        variables, now = bag(env), _clock()
        return _attempt(
            "run failed",
            lambda: self._compiled.run(variables, now=now, long=move_to_thread),
        )


MODULE.handle(Program)


@MODULE.export(opaque="text", offload=LARGE, name="eval")
def eval_(source: str, env: dict[str, Any] | None = None) -> Any:
    """Evaluate a text; the last 1000 texts are kept compiled."""
    text, variables, now = _wanted(source), bag(env), _clock()
    return _attempt(
        "eval failed", lambda: evaluate(text, variables, now=now, long=move_to_thread)
    )


@MODULE.export(opaque="text", offload=LARGE, name="compile")
def compile_(source: str, env: dict[str, Any] | None = None) -> Program:
    """Compile a text; with sample variables, check names and operands against them."""
    text, sample = _wanted(source), bag(env)
    if isinstance(sample, list):
        raise InvalidError("env must be a map of variables", retryable=False)
    return Program(
        _attempt(
            "compile failed", lambda: compile_expression(text, environment_names=sample)
        )
    )

"""Typed Lua: text in, text and findings out. Pure Python, useful with no VM.

`compile_chunk` turns a source into what a virtual machine loads, `describe_types` its
types into what the machine builds type values of; `lint_chunk` says what is wrong with
it; `parse` gives the tree, `bind_chunk` its variables. A `Diagnostic` is
a finding, `render` prints it, and a source that is not in the language raises
`LuaSyntaxError`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wippy_trio.lang.bind import Bindings, Symbol, bind_chunk
    from wippy_trio.lang.check import Checked, check_chunk
    from wippy_trio.lang.diagnostics import (
        Diagnostic,
        Lines,
        LuaSyntaxError,
        Severity,
        TypeCheckError,
        render,
    )
    from wippy_trio.lang.erase import (
        TRANSLATOR_VERSION,
        Budget,
        Erased,
        PoolEntry,
        compile_chunk,
    )
    from wippy_trio.lang.lint import lint_chunk
    from wippy_trio.lang.parser import Chunk, parse
    from wippy_trio.lang.program import Program, Unit, type_errors
    from wippy_trio.lang.requires import Require
    from wippy_trio.lang.rtypes import TypeDescription, describe_types

_HOME = {
    "Bindings": "bind",
    "Budget": "erase",
    "Checked": "check",
    "Chunk": "parser",
    "Diagnostic": "diagnostics",
    "Erased": "erase",
    "Lines": "diagnostics",
    "LuaSyntaxError": "diagnostics",
    "PoolEntry": "erase",
    "Program": "program",
    "Require": "requires",
    "Severity": "diagnostics",
    "Symbol": "bind",
    "TRANSLATOR_VERSION": "erase",
    "TypeCheckError": "diagnostics",
    "TypeDescription": "rtypes",
    "Unit": "program",
    "bind_chunk": "bind",
    "check_chunk": "check",
    "compile_chunk": "erase",
    "describe_types": "rtypes",
    "lint_chunk": "lint",
    "parse": "parser",
    "render": "diagnostics",
    "type_errors": "program",
}

__all__ = [
    "TRANSLATOR_VERSION",
    "Bindings",
    "Budget",
    "Checked",
    "Chunk",
    "Diagnostic",
    "Erased",
    "Lines",
    "LuaSyntaxError",
    "PoolEntry",
    "Program",
    "Require",
    "Severity",
    "Symbol",
    "TypeCheckError",
    "TypeDescription",
    "Unit",
    "bind_chunk",
    "check_chunk",
    "compile_chunk",
    "describe_types",
    "lint_chunk",
    "parse",
    "render",
    "type_errors",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"wippy_trio.lang.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

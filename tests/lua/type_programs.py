"""Small programs with type values, run in the real engine, for the tests of types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from tests.lua.engine_fixture import Bench, bench

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SHOW = """
local function show(...)
  local texts = {}
  for i = 1, select("#", ...) do texts[i] = tostring((select(i, ...))) end
  return table.concat(texts, " ")
end
local function why(T, v)
  local _, err = T:is(v)
  return err == nil and "ok" or tostring(err)
end
local function raised(f, ...)
  local ok, err = pcall(f, ...)
  return ok and "no error" or tostring(err)
end
"""

STANDARD = """
type P = {x: number, y?: number}
type U = {name: string, age: number}
type Box<T> = {value: T}
type Named = {name: string}
"""
"""The types that the acceptance cases suppose."""


def program(types: str, body: str) -> str:
    """Make a program that returns the texts of what a body returns."""
    return (
        f"{types}\n{SHOW}\nlocal function case() {body}\nend\n"
        "return function() return show(case()) end"
    )


def run_program(
    types: str,
    body: str,
    *,
    libraries: Mapping[str, str] | None = None,
    imports: Mapping[str, Mapping[str, str]] | None = None,
    inspect: Callable[[Bench], None] | None = None,
    **options: Any,
) -> str:
    """Run a body below some types and give the texts of its results.

    Args:
      types: What stands at the top level of the chunk.
      body: Statements of a function.
      libraries: Sources by the name under which the program may require them.
      imports: What these import, by their names.
      inspect: Looks at the engine afterwards.
      options: Of the engine.
    """
    libraries = libraries or {}

    async def main() -> str:
        programs = {"main": program(types, body), **libraries}
        async with bench(programs, **options) as made:
            for name, found in (imports or {}).items():
                made.imports[f"app:{name}"] = dict(found)
            made.imports["app:main"] = {name: f"app:{name}" for name in libraries}
            text = await made.value("main")
            if inspect is not None:
                inspect(made)
            assert isinstance(text, str)
            return text

    return trio.run(main)

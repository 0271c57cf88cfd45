"""Run one Lua function of a small application, for the tests of modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import Error
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INDEX = """
version: "1.0"
namespace: app
entries:
  - name: processes
    kind: process.host
    lifecycle: {{auto_start: true}}
  - name: f
    kind: function.lua
    source: file://f.lua
    method: main
    modules: [{modules}]
"""


def run_function(
    folder: Path, source: str, *args: Any, modules: str, clock: Any = None
) -> Any:
    """Load an application of one function, call it, give what it returned."""
    return run_application(folder, source, *args, modules=modules, clock=clock)


def run_application(
    folder: Path,
    source: str,
    *args: Any,
    modules: str,
    entries: str = "",
    context: Any = None,
    inspect: Callable[[RunningRuntime], None] | None = None,
    clock: Any = None,
) -> Any:
    """Do the same with more entries.

    Args:
      folder: Where the application is written.
      source: Lua text of the function ``app:f``.
      args: Its arguments.
      modules: What it declares.
      entries: More entries, as YAML indented like the list.
      context: The context of the call.
      inspect: Looks at the runtime after the call.
      clock: Time.
    """
    (folder / "src").mkdir(exist_ok=True)
    index = INDEX.format(modules=modules) + entries
    (folder / "src/_index.yaml").write_text(index)
    (folder / "src/f.lua").write_text(source)

    async def main() -> Any:
        async with running(RunningRuntime(load_project(folder))) as runtime:
            try:
                outcome = await runtime.call("app:f", *args, context=context)
            except Error as error:
                return error
            if inspect is not None:
                inspect(runtime)
            return outcome

    try:
        outcome = trio.run(main, clock=clock)
    except BaseExceptionGroup as group:
        refused, rest = group.split(Error)
        if refused is None or rest is not None:
            raise
        raise refused.exceptions[0] from None
    if isinstance(outcome, Error):
        raise outcome
    return outcome

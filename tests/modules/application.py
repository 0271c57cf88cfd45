"""Run one Lua function of a small application, for the tests of modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import Error
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running

if TYPE_CHECKING:
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
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src/_index.yaml").write_text(INDEX.format(modules=modules))
    (folder / "src/f.lua").write_text(source)

    async def main() -> Any:
        async with running(RunningRuntime(load_project(folder))) as runtime:
            try:
                return await runtime.call("app:f", *args)
            except Error as error:
                return error

    outcome = trio.run(main, clock=clock)
    if isinstance(outcome, Error):
        raise outcome
    return outcome

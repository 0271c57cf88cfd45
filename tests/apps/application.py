"""A small application, running for the length of a block, that notes what it says.

Its Lua code says things with ``note(kind, value)``, which every source here finds as a
global of the library ``app:say``; `Application.notes` holds them with their times.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import trio
import trio.testing

from wippy_trio.kernel import Context, Exit, Pid, wait_end
from wippy_trio.loading import load_config, load_project
from wippy_trio.runtime.boot import RunningRuntime, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from wippy_trio.kernel import Process

HEAD = """
version: "1.0"
namespace: app
entries:
  - name: processes
    kind: process.host
    lifecycle: {auto_start: true}
  - name: say
    kind: library.lua
    source: file://say.lua
    modules: [events]
"""
SAY = """
function note(kind, value)
  events.send("test", kind, "/", value)
end
return true
"""


class Note(NamedTuple):
    """What the application said, and when."""

    at: float
    kind: str
    value: Any


class Application:
    """A running application."""

    def __init__(self, runtime: RunningRuntime) -> None:
        self.runtime = runtime
        self.notes: list[Note] = []
        self._started = trio.current_time()
        runtime.bus.subscribe("test", None, self._note)

    def _note(self, event: Mapping[str, Any]) -> None:
        at = round(trio.current_time() - self._started, 3)
        self.notes.append(Note(at, event["kind"], event.get("data")))

    def said(self, kind: str) -> list[Any]:
        """Give the values of one kind."""
        return [note.value for note in self.notes if note.kind == kind]

    def times(self, kind: str) -> list[float]:
        """Give the times of one kind."""
        return [note.at for note in self.notes if note.kind == kind]

    def status(self, name: str) -> str:
        """Tell the state of a service."""
        return str(self.runtime.supervisor.states()[f"app:{name}"].status)

    def details(self, name: str) -> str:
        """Tell the details of a service."""
        return self.runtime.supervisor.states()[f"app:{name}"].details

    async def spawn(
        self, name: str, *args: Any, host: str = "app:processes"
    ) -> Process:
        """Spawn a process of the application."""
        return await self.runtime.spawn_process(f"app:{name}", host, args)

    async def run(self, name: str, *args: Any) -> Exit:
        """Spawn a process and wait for its end."""
        return await wait_end(await self.spawn(name, *args))

    async def call(self, name: str, *args: Any, context: Context | None = None) -> Any:
        """Call a function of the application."""
        return await self.runtime.call(f"app:{name}", *args, context=context)

    def cancel(self, process: Process, reason: str = "asked") -> None:
        """Ask a process to finish."""
        self.runtime.deliver_cancel(process, Pid("", 0), reason, 0)


def lua(name: str, *, kind: str = "process.lua", more: str = "", **lists: str) -> str:
    """Write the entry of a source ``NAME.lua``."""
    modules = lists.get("modules", "time")
    method = "\n    method: main" if kind == "function.lua" else ""
    return f"""
  - name: {name}
    kind: {kind}
    source: file://{name}.lua{method}
    modules: [{modules}]
    imports: {{say: app:say}}
{more}"""


def service(name: str, process: str, lifecycle: str = "", more: str = "") -> str:
    """Write a service that starts by itself."""
    return f"""
  - name: {name}
    kind: process.service
    process: app:{process}
    host: app:processes
    lifecycle:
      auto_start: true
{lifecycle}
{more}"""


def write(folder: Path, entries: str, sources: Mapping[str, str]) -> None:
    """Write the application's files."""
    src = folder / "src"
    src.mkdir(exist_ok=True)
    (src / "_index.yaml").write_text(HEAD + entries, "utf-8")
    (src / "say.lua").write_text(SAY, "utf-8")
    for name, text in sources.items():
        (src / f"{name}.lua").write_text(text, "utf-8")


@asynccontextmanager
async def application(
    folder: Path,
    entries: str,
    sources: Mapping[str, str] | None = None,
    *,
    sets: Sequence[str] = (),
) -> AsyncIterator[Application]:
    """Run an application for the length of a block."""
    write(folder, entries, sources or {})
    config = load_config(folder, sets=sets, environ={})
    runtime = RunningRuntime(load_project(folder, config=config))
    app = Application(runtime)
    async with running(runtime):
        yield app


async def settle(seconds: float = 0.001) -> None:
    """Let the application do what it can do now."""
    await trio.sleep(seconds)

"""Run the checks of one chapter: Lua functions, each in a process of its own.

A chapter is a file of Lua text beside its test. ``check(rule, claim, f)`` adds a check;
``child.name = f`` something that a check spawns with ``start``, ``watch`` or
``ending``, or calls as the function ``app:call``. The whole chapter runs once, in one
application and in virtual time; `Chapter.hold` then tells how one check ended.
"""

from __future__ import annotations

import copy
import re
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import trio
from trio.testing import MockClock

from wippy_trio.kernel import Exit, wait_end
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
CHECK = re.compile(r"^\s*check\(\"([^\"]+)\",\s*\"([^\"]+)\"", re.MULTILINE)
PATIENCE = 3600.0  # virtual seconds a check may take

INDEX = """
version: "1.0"
namespace: app
entries:
  - name: processes
    kind: process.host
    host: {{{host}}}
    lifecycle: {{auto_start: true}}
  - name: harness
    kind: library.lua
    source: file://harness.lua
  - name: run
    kind: process.lua
    source: file://chapter.lua
    modules: [{modules}]
    imports: {{harness: app:harness}}
  - name: call
    kind: function.lua
    source: file://chapter.lua
    method: main
    modules: [{modules}]
    imports: {{harness: app:harness}}
"""


class Chapter:
    """The checks of one Lua file."""

    def __init__(
        self,
        name: str,
        *,
        modules: str = "time, funcs",
        entries: str = "",
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Read the file; nothing runs yet.

        Args:
          name: Of the Lua file beside this one, without its suffix.
          modules: What its code declares.
          entries: More entries, as YAML indented like the list of `INDEX`.
          files: Sources of those entries by file name.
        """
        self.text = (HERE / f"{name}.lua").read_text("utf-8")
        self.names = [f"{rule}: {claim}" for rule, claim in CHECK.findall(self.text)]
        assert len(set(self.names)) == len(self.names), "a check would hide another"
        self.modules = modules
        self.entries = entries
        self.files = dict(files or {})
        self.host = ""
        self.lua = "5.4"

    def variant(self, *, host: str = "", lua: str = "5.4") -> Chapter:
        """Give the same chapter for a host with options, or another Lua."""
        other = copy.copy(self)
        other.__dict__.pop("_endings", None)
        other.host, other.lua = host, lua
        return other

    def failures(self) -> dict[str, str]:
        """Tell which checks fail, and why."""
        return {
            name: "did not end" if ended is None else str(ended.error)
            for name, ended in self._endings.items()
            if ended is None or ended.error is not None
        }

    def hold(self, name: str) -> None:
        """Fail with what the check said, if it failed."""
        ended = self._endings[name]
        if ended is None:
            raise AssertionError(f"{name}: did not end")
        assert ended.error is None, f"{ended.error}\n{ended.error.stack}"

    @cached_property
    def _endings(self) -> dict[str, Exit | None]:
        with TemporaryDirectory() as place:
            folder = Path(place)
            self._write(folder / "src")
            clock = MockClock(autojump_threshold=0)
            return trio.run(self._run, folder, clock=clock)

    def _write(self, src: Path) -> None:
        src.mkdir()
        index = INDEX.format(modules=self.modules, host=self.host) + self.entries
        (src / "_index.yaml").write_text(index, "utf-8")
        (src / "harness.lua").write_text((HERE / "harness.lua").read_text("utf-8"))
        (src / "chapter.lua").write_text(self.text + "\nreturn { main = main }\n")
        for file, text in self.files.items():
            (src / file).parent.mkdir(exist_ok=True)
            (src / file).write_text(text, "utf-8")

    async def _run(self, folder: Path) -> dict[str, Exit | None]:
        endings: dict[str, Exit | None] = {}
        made = RunningRuntime(load_project(folder), lua_version=self.lua)
        async with running(made) as runtime:
            for name in self.names:
                endings[name] = await self._check(runtime, name)
        return endings

    @staticmethod
    async def _check(runtime: RunningRuntime, name: str) -> Exit | None:
        process = await runtime.spawn_process("app:run", "app:processes", [name])
        ended: Exit | None = None
        with trio.move_on_after(PATIENCE):
            ended = await wait_end(process)
        for left in list(runtime.node.hosts["app:processes"].processes.values()):
            left.end(Exit.terminated(left.pid))
        return ended

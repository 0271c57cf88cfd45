"""What an idle process takes of the system's memory, in a Python of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.rows import write_application

PROCESSES = 10_000

HANDLER = """
return function()
  local inbox, events = process.inbox(), process.events()
  while true do
    channel.select({ inbox:case_receive(), events:case_receive(),
      time.after("1h"):case_receive() })
  end
end"""


def functions(n: int) -> str:
    """Write so many local functions, as a handler of a hundred lines has them."""
    return "\n".join(f"local function f{i}(a) return a + {i} end" for i in range(n))


LIBRARY = "local M = {}\n" + "\n".join(
    f"function M.f{i}(a) return a + {i} end" for i in range(60)
)

SOURCES = {
    "idle": functions(95) + HANDLER,
    "lib": LIBRARY + "\nreturn M",
    "importing": "local lib = require('lib')\n" + functions(95) + HANDLER,
}

SCRIPT = """
import resource, sys, trio
sys.path.insert(0, {root!r})
from pathlib import Path
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.runtime.logging import configure_logging
configure_logging("silent")
def rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
async def main():
    async with running(RunningRuntime(load_project(Path({folder!r})))) as runtime:
        for _ in range(20):
            await runtime.spawn_process("app:{entry}", "app:processes", [])
        await trio.sleep(0.2)
        before = rss()
        for _ in range({n}):
            await runtime.spawn_process("app:{entry}", "app:processes", [])
        await trio.sleep(0.5)
        print((rss() - before) / {n} / 1024)
trio.run(main)
"""


def idle_memory(folder: Path, entry: str, label: str, wanted: str) -> None:
    """Print the memory of one idle process: inbox, events and a timer in a select."""
    root = str(Path(__file__).parents[1])
    script = SCRIPT.format(root=root, folder=str(folder), n=PROCESSES, entry=entry)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    print(f"{label:<26} {float(done.stdout):>12.1f} KB   ({wanted})", flush=True)


def main() -> None:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = write_application(
            Path(name), SOURCES, libraries=["lib"], imports={"importing": "lib"}
        )
        idle_memory(folder, "idle", "idle process", "wanted at most 10")
        idle_memory(
            folder, "importing", "idle, 60 functions more", "an imported library"
        )

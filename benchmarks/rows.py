"""Rows of a benchmark: ours and a yardstick of plain Trio, in turn, three rounds.

Ratios count, not the figures themselves: what else the machine does hits both.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.kernel import wait_end
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.runtime.logging import configure_logging

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

ROUNDS = 3


class Row(NamedTuple):
    """One line of a benchmark.

    Attributes:
      label: What is measured.
      program: The entry that does it; its argument is how many.
      n: How many.
      yardstick: The same on plain Trio, if there is such a thing.
      yardstick_n: How many of those.
      wanted: The goal, for people.
      slower: The ratio is given as cost (time), not as speed.
    """

    label: str
    program: str
    n: int
    yardstick: Callable[[int], Awaitable[None]] | None
    yardstick_n: int
    wanted: str
    slower: bool = False


def write_application(
    folder: Path,
    sources: Mapping[str, str],
    *,
    functions: Sequence[str] = (),
    libraries: Sequence[str] = (),
    imports: Mapping[str, str] | None = None,
) -> Path:
    """Write programs as an application with one process host and one terminal."""
    (folder / "src").mkdir(exist_ok=True)
    index = ["version: '1.0'", "namespace: app", "entries:"]
    for host, options in (("processes", "full"), ("unchecked", "off")):
        index.append(
            f"  - {{name: {host}, kind: process.host, host: {{budget: {options}}},"
            " lifecycle: {auto_start: true}}"
        )
    for name, source in sources.items():
        kind = "function.lua" if name in functions else "process.lua"
        method = ", method: main"
        if name in libraries:
            kind, method = "library.lua", ""
        wanted = (imports or {}).get(name)
        imported = f", imports: {{{wanted}: 'app:{wanted}'}}" if wanted else ""
        index.append(
            f"  - {{name: {name}, kind: {kind}, source: 'file://{name}.lua',"
            f" modules: [funcs, time]{method}{imported}}}"
        )
        (folder / f"src/{name}.lua").write_text(source)
    (folder / "src/_index.yaml").write_text("\n".join(index) + "\n")
    return folder


async def rate(run: Callable[[], Awaitable[Any]], n: int) -> float:
    """Measure how many a second."""
    started = time.perf_counter()
    await run()
    return n / (time.perf_counter() - started)


async def measure(folder: Path, rows: Sequence[Row]) -> None:
    """Print one line a row."""
    configure_logging("silent")
    async with running(RunningRuntime(load_project(folder))) as runtime:

        async def program(name: str, n: int) -> None:
            process = await runtime.spawn_process(f"app:{name}", "app:processes", [n])
            (await wait_end(process)).unwrap()

        for row in rows:
            await program(row.program, row.n // 20)
            ours: list[float] = []
            theirs: list[float] = []
            for _ in range(ROUNDS):
                ours.append(await rate(lambda: program(row.program, row.n), row.n))  # noqa: B023
                if row.yardstick is not None:
                    yardstick, n = row.yardstick, row.yardstick_n
                    theirs.append(await rate(lambda: yardstick(n), n))  # noqa: B023
            print(line(row, ours, theirs), flush=True)


def line(row: Row, ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Write what was measured."""
    mine = statistics.median(ours)
    text = f"{row.label:<26} {mine:>12,.0f}/s"
    if theirs:
        beside = statistics.median(theirs)
        ratio, word = mine / beside, "times"
        if row.slower:
            ratio, word = beside / mine, "of its cost"
        text += f"   Trio {beside:>10,.0f}/s   {ratio:6.2f} {word}"
    return f"{text}   (wanted {row.wanted})"

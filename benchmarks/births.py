"""Births, ends and restarts, beside Trio tasks that each open a nursery."""

from __future__ import annotations

import tempfile
from pathlib import Path

import trio

from benchmarks.rows import Row, measure, write_application

SOURCES = {
    "births": """
return function(n)
  local events = process.events()
  for i = 1, n do
    process.spawn_monitored("app:short", "app:processes")
    events:receive()
  end
end""",
    "short": "return function() return 1 end",
    "outliving": """
return function(n)
  local events, alive = process.events(), 0
  for i = 1, n do
    process.spawn_monitored("app:longer", "app:processes")
    alive = alive + 1
    if alive == 100 then events:receive() alive = alive - 1 end
  end
  while alive > 0 do events:receive() alive = alive - 1 end
end""",
    "longer": 'return function() time.sleep("1ms") return 1 end',
    "restarts": """
return function(n)
  process.set_options({ trap_links = true })
  local events = process.events()
  for i = 1, n do
    process.spawn_linked("app:crash", "app:processes")
    assert(events:receive().kind == process.event.LINK_DOWN)
  end
end""",
    "crash": 'return function() error("boom") end',
}


async def trio_births(n: int) -> None:
    """Start tasks that each open an empty nursery, 100 alive at once."""

    async def life() -> None:
        async with trio.open_nursery():
            await trio.lowlevel.checkpoint()

    for _ in range(n // 100):
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(life)


async def trio_restarts(n: int) -> None:
    """Start a task that raises, hear of it, start the next."""

    async def crash() -> None:
        raise RuntimeError("boom")

    for _ in range(n):
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(crash)
        except* RuntimeError:
            pass


ROWS = [
    Row(
        *("spawn and exit", "births", 20_000, trio_births, 10_000),
        *("at most 0.9", True),
    ),
    Row(
        *("spawn, outlives its slice", "outliving", 10_000, trio_births, 10_000),
        *("at most 2.2", True),
    ),
    Row(
        *("crash and restart", "restarts", 10_000, trio_restarts, 5_000),
        *("15 000/s", True),
    ),
]


def main() -> None:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = write_application(Path(name), SOURCES)
        trio.run(measure, folder, ROWS)

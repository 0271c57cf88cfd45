"""A Python process and a Lua process work on one task, and neither can tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import trio

import wippy_trio

if TYPE_CHECKING:
    from wippy_trio.kernel import PythonContext

TITLES = ["Structured Concurrency", "What is an Actor?", "  Let it crash!  "]


async def store(process: PythonContext, wanted: int) -> dict[str, str]:
    """Keep pages until there are enough; the pages are the result."""
    pages: dict[str, str] = {}
    async for message in process.inbox:
        (page,) = message.open()
        pages[page["address"]] = page["title"].strip()
        if message.sender is not None:
            process.send(message.sender, "kept")
        if len(pages) == wanted:
            break
    return pages


async def main() -> None:
    """Call a Lua function, then let the two processes meet."""
    async with wippy_trio.open_runtime(Path(__file__).parent) as runtime:
        print("one call:", await runtime.call("app:slug", "Hello, World"))

        keeper = await runtime.spawn(store, len(TITLES), monitor=True)
        indexer = await runtime.spawn(
            "app:indexer",
            host="app:processes",
            args=[str(keeper), TITLES],
            monitor=True,
        )

        indexed = (await runtime.wait(indexer)).unwrap()
        pages = (await runtime.wait(keeper)).unwrap()
        print(f"{indexed} pages indexed")
        for address, title in pages.items():
            print(f"  /{address}: {title}")


if __name__ == "__main__":
    trio.run(main)

"""Open the application, ask its server three things, close it again."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import trio

import wippy_trio

ADDRESS = "http://127.0.0.1:18711/api"


def ask(path: str, body: bytes | None = None) -> str:
    """Send a request from a thread; a body makes it a POST."""
    try:
        with urllib.request.urlopen(ADDRESS + path, body) as response:
            return f"{response.status} {response.read().decode()}"
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"


async def main() -> None:
    """Run the server for the length of the block."""
    async with wippy_trio.open_runtime(Path(__file__).parent):
        print(await trio.to_thread.run_sync(ask, "/hello/Ann"))
        print(await trio.to_thread.run_sync(ask, "/sum", b"[1, 2, 3.5]"))
        print(await trio.to_thread.run_sync(ask, "/sum", b"nonsense"))


if __name__ == "__main__":
    trio.run(main)

"""The command line in virtual time: ``python virtual.py SECONDS run -x app:cli``.

Whoever waits is woken as soon as nobody can run. After so many virtual seconds the
process gets an interrupt, as from Ctrl-C; 0 leaves it alone.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import trio
from trio.testing import MockClock

from wippy_trio.cli.main import main

real_run = trio.run


def run_virtually(fn: Any, *args: Any) -> Any:
    """Do what `trio.run` does, faster."""
    seconds = float(sys.argv[1])

    async def body() -> Any:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(interrupt, seconds)
            outcome = await fn(*args)
            nursery.cancel_scope.cancel()
        return outcome

    return real_run(body, clock=MockClock(autojump_threshold=0))


async def interrupt(seconds: float) -> None:
    """Press Ctrl-C."""
    if seconds:
        await trio.sleep(seconds)
        os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    vars(trio)["run"] = run_virtually
    raise SystemExit(main(sys.argv[2:]))

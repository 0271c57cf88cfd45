"""Wait for the end of a process; ask it to finish, and end it if it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from wippy_trio.kernel.events import Cancel
from wippy_trio.kernel.exit import Exit
from wippy_trio.kernel.pid import NOBODY

if TYPE_CHECKING:
    from wippy_trio.kernel.pid import Pid
    from wippy_trio.kernel.process import Process

__all__ = ["stop_process", "wait_end"]


async def wait_end(process: Process) -> Exit:
    """Wait until a process has ended.

    Returns:
      How it ended; it may have been over before.

    Checkpoint: always. If cancelled, the process goes on.
    """
    over = trio.Event()
    withdraw = process.on_end(over.set)
    if process.exit is not None:
        over.set()
    try:
        await over.wait()
    finally:
        withdraw()
    assert process.exit is not None
    return process.exit


async def stop_process(
    process: Process, *, grace: float, reason: str = "", sender: Pid = NOBODY
) -> Exit:
    """Ask a process to finish; end it if it has not done so in time.

    Args:
      process: Alive or over.
      grace: Seconds between the ask and the end; 0 ends it at once.
      reason: What the cancel event says.
      sender: Whom the cancel event names.

    Returns:
      How it ended.

    Checkpoint: always. If cancelled, the grace is forfeited: it ends now.
    Source: core P-40, P-50.
    """
    if process.alive and grace > 0:
        at = process.host.node.clock.unix_seconds()
        process.body.deliver(process, Cancel(sender, reason, at))
    try:
        with trio.move_on_after(grace):
            await wait_end(process)
    finally:
        process.end(Exit.terminated(process.pid))
    assert process.exit is not None
    return process.exit

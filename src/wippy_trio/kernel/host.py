"""Where processes run: a nursery of lives, with a start and an ordered stop."""

from __future__ import annotations

import functools
from collections import deque
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import trio
from trio.lowlevel import Abort, current_task, reschedule, wait_task_rescheduled

from wippy_trio.errors import UnavailableError
from wippy_trio.kernel.events import Cancel
from wippy_trio.kernel.exit import Exit
from wippy_trio.kernel.pid import NOBODY
from wippy_trio.kernel.process import live

if TYPE_CHECKING:
    from wippy_trio.kernel.node import Node
    from wippy_trio.kernel.process import Process

__all__ = ["Host"]

BIRTHS_A_STEP = 500
"""Life tasks started in one go; 20 000 at once stop Trio for 0.7 s."""

MOST_IDLE = 32
"""Life tasks kept for the next life; a new one costs five times a wake."""


class _Place:
    """Where a life task waits for its next life."""

    __slots__ = ("process", "task")

    def __init__(self) -> None:
        self.task = current_task()
        self.process: Process | None = None

    def take(self, process: Process) -> None:
        """Let it live, in a context as new as that of a new task."""
        task, self.process = self.task, process
        task.context = copy_context()
        task.name = process.entry or "process"
        reschedule(task)


class Host:
    """Nurse the processes of one host.

    ``async with trio.open_nursery() as n: await n.start(host.run)`` starts it;
    `stop` asks every process to finish, waits, and ends the rest (core P-60 to P-62).
    """

    def __init__(self, id: str, node: Node) -> None:  # noqa: A002 - its name
        self.id = id
        self.node = node
        self.state = "new"
        self.processes: dict[int, Process] = {}
        self.born = 0  # how many there have been
        self._newborn: deque[Process] = deque()
        self._idle: list[_Place] = []
        self._births = trio.Event()
        self._emptied = trio.Event()
        self._scope: trio.CancelScope | None = None
        self._stopped = trio.Event()

    def check_running(self) -> None:
        """Refuse a birth while the host does not run.

        Raises:
          UnavailableError: It is not started, or it is stopping (core P-63).
        """
        if self.state == "stopping":
            raise UnavailableError("host is shutting down", details={"host": self.id})
        if self.state != "running":
            raise UnavailableError("host is not running", details={"host": self.id})

    def nurse(self, process: Process) -> None:
        """Open a nursery for an admitted process, in a moment."""
        if self._idle and process.body.run is None:
            self._idle.pop().take(process)
            return
        self._newborn.append(process)
        self._births.set()

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run until `stop`, or until cancelled; then no process of it is left."""
        self.state = "running"
        try:
            async with trio.open_nursery() as lives:
                self._scope = lives.cancel_scope
                task_status.started()
                while True:
                    await self._births.wait()
                    self._start_lives(lives)
                    if not self._newborn:
                        self._births = trio.Event()
                    else:
                        await trio.lowlevel.checkpoint()
        finally:
            self.state = "stopped"
            for process in list(self.processes.values()):
                process.end(Exit.shutdown(process.pid))
            self._newborn.clear()
            self._stopped.set()

    def _start_lives(self, lives: trio.Nursery) -> None:
        for _ in range(min(BIRTHS_A_STEP, len(self._newborn))):
            process = self._newborn.popleft()
            if process.exit is None:
                lives.start_soon(live, process, name=process.entry or "process")

    async def next_life(self) -> Process | None:
        """Wait for the next process that needs a life task, if one more may wait."""
        if self.state != "running" or len(self._idle) >= MOST_IDLE:
            return None
        place = _Place()
        self._idle.append(place)
        await wait_task_rescheduled(functools.partial(self._disturbed, place))
        return place.process

    def _disturbed(self, place: _Place, _raise_cancel: Any) -> Abort:
        if place in self._idle:
            self._idle.remove(place)
        return Abort.SUCCEEDED

    async def stop(self, grace: float = 10.0) -> None:
        """Ask every process to finish, wait ``grace`` seconds, end what is left."""
        if self.state == "new":
            self.state = "stopped"
        if self.state == "stopped":
            await trio.lowlevel.checkpoint()
            return
        self.state = "stopping"
        at = self.node.clock.unix_seconds()
        for process in list(self.processes.values()):
            process.body.deliver(process, Cancel(NOBODY, "scheduler shutdown", at))
        with trio.move_on_after(grace):
            while self.processes:
                self._emptied = trio.Event()
                await self._emptied.wait()
        for process in list(self.processes.values()):
            process.end(Exit.shutdown(process.pid))
        if self._scope is not None:
            self._scope.cancel()
        with trio.CancelScope(shield=True):
            await self._stopped.wait()

    def forget(self, process: Process) -> None:
        """Take an ended process off the list; called by the node."""
        self.processes.pop(process.pid.number, None)
        if not self.processes and self.state == "stopping":
            self._emptied.set()

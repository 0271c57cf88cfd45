"""One program at its terminal: events in, modes on, and all of it taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import trio

from wippy_trio.modules.tty.keys import Reader
from wippy_trio.sdk import (
    AlreadyExistsError,
    Error,
    UnavailableError,
    current_process,
    current_runtime,
    runtime_of,
)

if TYPE_CHECKING:
    from wippy_trio.kernel import Process
    from wippy_trio.modules.tty.keys import Event

__all__ = ["TOPIC", "Session", "session", "terminal"]

TOPIC = "@tty/events"
ESCAPE_DELAY = 0.05
"""Seconds after which a lone ESC is the key and no longer the begin of another."""

MOUSE = (b"1003", b"1006")
FOCUS, PASTE = b"1004", b"2004"


def terminal() -> Any:
    """Find the terminal of the calling process.

    Raises:
      UnavailableError: It has none.
    """
    found = current_runtime().terminal(current_process())
    if found is None:
        raise UnavailableError("no terminal context", retryable=False)
    return found


class Session:
    """What one process does with its terminal.

    Reading runs in a task of the process; what was switched on is switched off by a
    plain function, which the end of the process calls, however it comes.
    """

    def __init__(self, process: Process, place: Any) -> None:
        self._process = process
        self._terminal = place
        self._reading: trio.CancelScope | None = None
        process.on_end(self.restore)

    async def start(self) -> None:
        """Begin to read events; the first one tells the size.

        Raises:
          AlreadyExistsError: It has begun already.
          UnavailableError: The input is no terminal.
        """
        started = AlreadyExistsError("input reader already started", retryable=False)
        if self._reading is not None:
            raise started
        try:
            await self._terminal.raw()
        except UnavailableError as error:
            text = "input controller unavailable"
            raise UnavailableError(text, retryable=False) from error
        if self._reading is not None:  # another coroutine was faster
            self._terminal.cooked()
            raise started
        scope = self._reading = trio.CancelScope()
        self._terminal.switch((FOCUS, PASTE), on=True)
        self._tell_size("start")
        self._process.start_soon(self._run, scope)

    def stop(self) -> None:
        """Read no more events and restore the terminal; once or again."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
            self._terminal.restore_modes()
            self._terminal.cooked()

    def mouse(self, *, on: bool) -> None:
        """Have the mouse reported, or not."""
        self._terminal.switch(MOUSE, on=on)

    def restore(self) -> None:
        """Leave the terminal as it was found."""
        if self._reading is not None:
            self.stop()
        else:
            self._terminal.restore_modes()

    def _tell(self, event: Event) -> None:
        if self._process.alive:
            runtime_of(self._process).feed(self._process, TOPIC, event)

    def _tell_size(self, kind: str) -> None:
        try:
            width, height = self._terminal.size()
        except UnavailableError:
            width, height = 0, 0  # its output goes elsewhere
        self._tell({"type": kind, "width": width, "height": height})

    async def _run(self, scope: trio.CancelScope) -> None:
        with scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch_size)
                await self._read()
                nursery.cancel_scope.cancel()
        if self._reading is scope:  # the input has ended by itself
            self.stop()

    async def _watch_size(self) -> None:
        await self._terminal.watch_size(lambda: self._tell_size("resize"))

    async def _read(self) -> None:
        reader = Reader()
        while True:
            with trio.move_on_after(ESCAPE_DELAY if reader.waiting else float("inf")):
                try:
                    events = reader.feed(await self._terminal.read(65536))
                except Error:
                    return  # its end
                for event in events:
                    self._tell(event)
                continue
            for event in reader.flush():
                self._tell(event)


_sessions: WeakKeyDictionary[Process, Session] = WeakKeyDictionary()


def session() -> Session:
    """Find the session of the calling process, or begin one.

    Raises:
      UnavailableError: It has no terminal.
    """
    place = terminal()
    process = current_process()
    found = _sessions.get(process)
    if found is None:
        found = _sessions[process] = Session(process, place)
    return found

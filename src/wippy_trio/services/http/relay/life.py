"""What both relays have in common: the life of a connection as a process.

The process lives on the server's own host. It watches its target, tells it of joining,
leaving and being alive, and passes on what is sent to it. The connection's task waits
for the process; whatever ends one of them ends the other.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import Error, InternalError, NotFoundError
from wippy_trio.kernel import (
    Cancel,
    Exit,
    ExitEvent,
    Message,
    PythonBody,
    wait_end,
)
from wippy_trio.logs import get_logger
from wippy_trio.services.http.relay.command import Command, changed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.kernel import Context, Event, Host, Process, PythonContext

__all__ = ["Relay"]

log = get_logger("http")


class _Body(PythonBody):
    """The body of a relay: its mailbox is bounded, for its client may take nothing."""

    def __init__(self, relay: Relay, most: int) -> None:
        super().__init__(relay.run)
        self._relay = relay
        self._most = most

    def deliver(self, process: Process, event: Event) -> None:
        """Take an event, or give the client up."""
        if isinstance(event, Message) and len(self._mailbox) >= self._most:
            self._relay.overflow()
        else:
            super().deliver(process, event)


class Relay:
    """One connection as a process.

    Class attributes:
      family: ``ws`` or ``sse``, the first part of the topics it knows.
    """

    family = ""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.count = 0
        self.reason: str | None = None
        self._me: PythonContext | None = None
        self._done = trio.Event()
        self._beat = trio.Event()
        self._began = 0.0

    # -- for the subclass ------------------------------------------------------------

    async def open(self, me: PythonContext) -> None:
        """Begin to talk to the client."""
        raise NotImplementedError

    async def deliver(self, message: Message) -> None:
        """Pass a message on to the client."""
        raise NotImplementedError

    async def read(self) -> None:
        """Read what the client sends, until it leaves."""
        raise NotImplementedError

    async def close(self, reason: str) -> None:
        """Tell the client that it is over, and why."""
        raise NotImplementedError

    # -- life ------------------------------------------------------------------------

    async def live(self, host: Host, context: Context, most: int) -> None:
        """Be a process of a host until one side leaves.

        Args:
          host: The server's.
          context: Of the request.
          most: How many messages may wait for the client.
        """
        process = host.node.admit(_Body(self, most), host, context=context)
        try:
            await wait_end(process)
        finally:
            process.end(Exit.shutdown(process.pid))

    def finish(self, reason: str | None) -> None:
        """End it; the first reason counts, none means that the client left."""
        if not self._done.is_set():
            self.reason = reason
            self._done.set()

    def overflow(self) -> None:
        """Give up a client for whom too many messages wait."""
        log.warning("relay.overflowed", client=str(self._me and self._me.pid))
        self.finish(None)

    async def run(self, me: PythonContext) -> None:
        """Be the function of the process."""
        self._me = me
        self._began = trio.current_time()
        try:
            await self.open(me)
            self._join()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._until_over, self._inbox)
                nursery.start_soon(self._until_over, self._events)
                nursery.start_soon(self._until_over, self._heartbeat)
                nursery.start_soon(self._until_over, self.read)
                for task in self.further_tasks():
                    nursery.start_soon(self._until_over, task)
                await self._done.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._leave()
        if self.reason is not None:
            gone = (trio.BrokenResourceError, trio.ClosedResourceError, Error)
            with contextlib.suppress(*gone):
                await self.close(self.reason)

    def further_tasks(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """Give what else runs as long as it lives."""
        return ()

    async def _until_over(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except (trio.BrokenResourceError, trio.ClosedResourceError, InternalError):
            self.finish(None)

    # -- the target ------------------------------------------------------------------

    def tell(self, topic: str, value: Any) -> bool:
        """Send to the target; tell whether there is one."""
        target = self.command.target
        assert self._me is not None
        if target is None:
            return False
        try:
            self._me.send(target, topic, value)
        except NotFoundError:
            self.finish("target process exited")
            return False
        return True

    def _facts(self, **more: Any) -> dict[str, Any]:
        assert self._me is not None
        facts: dict[str, Any] = {"client_pid": str(self._me.pid), **more}
        if self.command.metadata is not None:
            facts["metadata"] = self.command.metadata
        return facts

    def _join(self) -> None:
        target = self.command.target
        if target is None:
            return
        assert self._me is not None
        try:
            self._me.monitor(target)
        except (InternalError, NotFoundError):
            self.finish("target process exited")
            return
        self.tell(f"{self.family}.join", self._facts())

    def _leave(self) -> None:
        target = self.command.target
        if target is None:
            return
        assert self._me is not None
        try:
            self._me.unmonitor(target)
            self._me.send(target, f"{self.family}.leave", self._facts())
        except Error:
            pass  # it is gone, which is why we leave

    # -- tasks -----------------------------------------------------------------------

    async def _inbox(self) -> None:
        assert self._me is not None
        inbox = self._me.inbox
        while True:
            message, open_ = await inbox.receive()
            if not open_ or message is None:
                return
            if message.topic == f"{self.family}.close":
                values = message.open()
                self.finish(_reason(values[0] if values else None))
                return
            if message.topic == f"{self.family}.control":
                self._control(message)
            else:
                await self.deliver(message)

    def _control(self, message: Message) -> None:
        """Take what has changed; a control message with a bad field changes nothing."""
        values = message.open()
        data = values[0] if values else None
        if not isinstance(data, dict):
            return
        try:
            new = changed(self.command, data)
        except Error:
            return
        moved = new.target != self.command.target
        if moved:
            self._leave()
        self.command = new
        self._beat.set()
        self.controlled()
        if moved:
            self._join()

    def controlled(self) -> None:
        """Note that the command has changed."""

    async def _events(self) -> None:
        assert self._me is not None
        events = self._me.events
        while True:
            event, open_ = await events.receive()
            if not open_:
                return
            if isinstance(event, ExitEvent) and event.exit.pid == self.command.target:
                self.finish("target process exited")
                return
            if isinstance(event, Cancel):
                self.finish(event.reason or "canceled")
                return

    async def _heartbeat(self) -> None:
        while True:
            self._beat = trio.Event()
            if not self.command.heartbeat:
                await self._beat.wait()
                continue
            with trio.move_on_after(self.command.heartbeat):
                await self._beat.wait()
                continue
            uptime = trio.current_time() - self._began
            facts = self._facts(uptime=int(uptime), message_count=self.count)
            self.tell(f"{self.family}.heartbeat", facts)


def _reason(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("reason")
    return str(value) if value else "closed"

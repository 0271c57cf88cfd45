"""A Python coroutine function as the body of a process.

The function is handed a :class:`PythonContext`, which is all it knows of the world: its
pid, its mailbox, and what it can do to other processes. It runs in the process's own
nursery; what it returns is the process's result, what it raises its failure. Values
that leave it are copied (see `values`), so that two Python processes share as little as
two Lua processes do.

An end reaches a Python task at its next checkpoint, as a cancellation. So a link that
breaks ends the process *at once* in all that others can see (core L-16), while the task
may run on to that checkpoint; it must not swallow ``trio.Cancelled``.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec

import trio

from wippy_trio.errors import ConflictError, NotFoundError
from wippy_trio.kernel.events import LinkDown, Message
from wippy_trio.kernel.exit import Exit
from wippy_trio.kernel.mailbox import Mailbox
from wippy_trio.kernel.node import Node
from wippy_trio.kernel.selection import select
from wippy_trio.kernel.stop import stop_process, wait_end
from wippy_trio.kernel.values import Copies, copied

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Iterable

    from wippy_trio.kernel.channel import Case, Channel
    from wippy_trio.kernel.context import Context
    from wippy_trio.kernel.events import Cancel, Event, ExitEvent
    from wippy_trio.kernel.host import Host
    from wippy_trio.kernel.pid import Pid
    from wippy_trio.kernel.process import Body, Process
    from wippy_trio.kernel.selection import Selected, WaitCase

__all__ = ["PythonBody", "PythonContext", "run_process"]

P = ParamSpec("P")


class PythonBody:
    """Run ``fn(context, *args, **kwargs)`` as a process; one body is one life.

    Args:
      fn: A coroutine function; it is shared, not copied.
      args: Copied now (core S-9).
      kwargs: Copied as well.
    """

    __slots__ = ("_args", "_context", "_fn", "_kwargs", "_mailbox", "ready")

    def __init__(
        self,
        fn: Callable[Concatenate[PythonContext, P], Awaitable[Any]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        self._fn: Callable[..., Awaitable[Any]] = fn
        self._args = tuple(copied(arg) for arg in args)
        self._kwargs = {name: copied(arg) for name, arg in kwargs.items()}
        self._mailbox = Mailbox()
        self._context: PythonContext | None = None
        self.ready = trio.Event()

    def admit(self, process: Process) -> None:
        """Take the process in, at its birth."""
        self._context = PythonContext(process, self._mailbox, self.ready)

    async def run(self, process: Process) -> Any:
        """Run the function; its result is carried so that each reader gets a copy."""
        assert self._context is not None  # the node admits before it nurses
        result = await self._fn(self._context, *self._args, **self._kwargs)
        return Copies(result)

    def drop(self, process: Process) -> None:
        """Forget what waits in the mailbox (core P-71).

        Its channels stay open: to close them would wake the tasks of the process with
        an end of channel, before the cancellation that they are to see.
        """
        self._mailbox.clear()

    def deliver(self, process: Process, event: Event) -> None:
        """Take an event into the mailbox; a broken link that is not trapped kills."""
        if process.exit is not None:
            return
        if isinstance(event, Message):
            self._mailbox.put(event)
        elif isinstance(event, LinkDown) and not process.trap_links:
            _end_linked(process)  # core L-16
        else:
            self._mailbox.put_event(event)


_doomed: trio.lowlevel.RunVar[deque[Process] | None] = trio.lowlevel.RunVar(
    "doomed", None
)


def _end_linked(process: Process) -> None:
    """End a process whose link broke, and those that this drags along, in a loop.

    Each end delivers the next broken link: a chain of some hundred processes would
    exhaust the stack.
    """
    doomed = _doomed.get()
    if doomed is not None:
        doomed.append(process)
        return
    doomed = deque([process])
    _doomed.set(doomed)
    try:
        while doomed:
            next_one = doomed.popleft()
            next_one.end(Exit.linked(next_one.pid))
    finally:
        _doomed.set(None)


class PythonContext:
    """What a Python process can see and do.

    Destinations are pids, their text, or registered names (core N-1). Only channels,
    :meth:`select`, :meth:`wait` and :meth:`stop` block: what any other method changes
    is changed when it returns.
    """

    __slots__ = ("_mailbox", "_process", "_ready")

    def __init__(self, process: Process, mailbox: Mailbox, ready: trio.Event) -> None:
        self._process = process
        self._mailbox = mailbox
        self._ready = ready

    def __repr__(self) -> str:
        return f"<PythonContext of {self.pid}>"

    # -- itself --------------------------------------------------------------------

    @property
    def pid(self) -> Pid:
        """The pid of this process."""
        return self._process.pid

    @property
    def context(self) -> Context:
        """What it has inherited: values, actor, scope; its children get the same."""
        return self._process.context

    @property
    def trap_links(self) -> bool:
        """Whether a broken link comes as an event instead of ending this process.

        It is asked when the news arrives, and again for news not read yet when it is
        switched off (core L-15, L-16, L-18).
        """
        return self._process.trap_links

    @trap_links.setter
    def trap_links(self, trap: bool) -> None:
        self._process.trap_links = trap
        if not trap and self._mailbox.link_down_waits():
            _end_linked(self._process)

    def start_soon(self, fn: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Start a task of this process; it ends with the process.

        If it raises, the process fails (core P-30).
        """
        self._process.start_soon(fn, *args)

    def ready(self) -> None:
        """Tell a supervisor that waits for it that this process is up."""
        self._ready.set()

    def on_end(self, cleanup: Callable[[], None]) -> Callable[[], None]:
        """Register a plain function for the end of this process, whatever ends it.

        Returns:
          A function that takes the registration back.
        """
        return self._process.on_end(cleanup)

    # -- mailbox -------------------------------------------------------------------

    @property
    def inbox(self) -> Channel[Message]:
        """Messages of all topics that have no channel of their own."""
        return self._mailbox.inbox()

    @property
    def events(self) -> Channel[ExitEvent | LinkDown | Cancel]:
        """Exits of the watched, broken links if trapped, requests to finish."""
        return self._mailbox.events()

    def listen(self, topic: str, *, message: bool = False) -> Channel[Any]:
        """Open the channel of one topic, or find it open.

        Args:
          topic: Matched exactly.
          message: Hand over whole messages; otherwise the one value sent, or ``None``
            for none, or a list of several.

        Raises:
          InvalidError: The topic is empty or begins with ``@``.

        Source: core M-10 to M-18.
        """
        return self._mailbox.listen(topic, message=message)

    def unlisten(self, channel: Channel[Any]) -> None:
        """Close a channel of the mailbox; what waits for it is routed anew (M-30).

        Raises:
          NotFoundError: It is none of this process's mailbox.
        """
        self._mailbox.unlisten(channel)

    async def select(
        self,
        cases: Iterable[Case | WaitCase],
        *,
        default: bool = False,
        order: Literal["table", "random"] = "table",
        rng: random.Random | None = None,
    ) -> Selected:
        """Do the first case that is ready; see :func:`~wippy_trio.kernel.select`."""
        return await select(cases, default=default, order=order, rng=rng)

    # -- others --------------------------------------------------------------------

    def send(self, destination: Pid | str, topic: str, *payload: Any) -> None:
        """Put one message into a mailbox; its values are copied now.

        Raises:
          InvalidError: The topic begins with ``@``, or a value is nested too deeply.
          NotFoundError: Nobody has that name, or the process is gone.

        Source: core M-1 to M-9.
        """
        process = self._process
        values = tuple(copied(value, by=process) for value in payload)
        self._node.send(destination, topic, values, sender=self.pid)

    def spawn(
        self,
        fn: Callable[Concatenate[PythonContext, P], Awaitable[Any]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Pid:
        """Start a Python process beside this one.

        Returns:
          Its pid; it has not run yet.

        Raises:
          UnavailableError: The host is stopping.
          ConflictError: This process has ended.

        Source: core section 7.
        """
        return self.spawn_body(self._body(fn, args, kwargs))

    def spawn_linked(
        self,
        fn: Callable[Concatenate[PythonContext, P], Awaitable[Any]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Pid:
        """Start a Python process that shares this one's fate (core S-8)."""
        return self.spawn_body(self._body(fn, args, kwargs), link=True)

    def spawn_monitored(
        self,
        fn: Callable[Concatenate[PythonContext, P], Awaitable[Any]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Pid:
        """Start a Python process whose end comes as an event (core S-7)."""
        return self.spawn_body(self._body(fn, args, kwargs), monitor=True)

    def _body(
        self, fn: Callable[..., Awaitable[Any]], args: Any, kwargs: Any
    ) -> PythonBody:
        """Make a body; the channels among its arguments are this process's."""
        process = self._process
        passed = [copied(arg, by=process) for arg in args]
        named = {name: copied(arg, by=process) for name, arg in kwargs.items()}
        return PythonBody(fn, *passed, **named)

    def spawn_body(
        self,
        body: Body,
        *,
        host: Host | str | None = None,
        entry: str = "",
        name: str | None = None,
        link: bool = False,
        monitor: bool = False,
    ) -> Pid:
        """Start a process with any body.

        Args:
          body: What runs in it.
          host: Where; this process's own host if not given.
          entry: The registry id of its definition, for people.
          name: A local name it owns from the start.
          link: Tie its fate to this one's before it can run.
          monitor: Watch it before it can run.

        Returns:
          Its pid.

        Raises:
          NotFoundError: No such host.
          UnavailableError: The host does not run.
          AlreadyExistsError: The name is taken.
          ConflictError: This process has ended.
        """
        self._check_alive()
        if host is None:
            place = self._process.host
        elif isinstance(host, str):
            found = self._node.hosts.get(host)
            if found is None:
                raise NotFoundError(
                    "host not found", retryable=False, details={"host_id": host}
                )
            place = found
        else:
            place = host
        number = self.pid.number
        return self._node.admit(
            body,
            place,
            entry=entry,
            context=self.context,
            name=name,
            link=number if link else None,
            monitor=number if monitor else None,
        ).pid

    def link(self, destination: Pid | str) -> None:
        """Tie two fates (core L-10).

        Raises:
          NotFoundError: Nobody has that name.
          InternalError: The process is gone, or this one is.
        """
        self._node.link(self.pid, self._node.resolve(destination))

    def unlink(self, destination: Pid | str) -> None:
        """Untie two fates, whether they were tied or not (core L-12).

        Raises:
          NotFoundError: Nobody has that name.
        """
        self._node.unlink(self.pid, self._node.resolve(destination))

    def monitor(self, destination: Pid | str) -> None:
        """Watch a process: its end comes as one event (core L-1).

        Raises:
          NotFoundError: Nobody has that name.
          InternalError: The process is gone, or is watched already.
          ConflictError: This process has ended.
        """
        self._check_alive()
        self._node.monitor(self.pid, self._node.resolve(destination))

    def unmonitor(self, destination: Pid | str) -> None:
        """Stop watching a process, whether it was watched or not (core L-4).

        Raises:
          NotFoundError: Nobody has that name.
        """
        self._node.unmonitor(self.pid, self._node.resolve(destination))

    def cancel(self, destination: Pid | str, reason: str = "") -> None:
        """Ask a process to finish; it may take its time, or not listen (core P-50).

        Raises:
          NotFoundError: Nobody has that name.
          InternalError: The process is gone.
        """
        target = self._node.resolve(destination)
        self._node.cancel(target, reason, sender=self.pid)

    def terminate(self, destination: Pid | str) -> None:
        """End a process now (core P-40).

        Raises:
          NotFoundError: Nobody has that name.
          InternalError: The process is gone.
        """
        self._node.terminate(self._node.resolve(destination))

    async def wait(self, destination: Pid | str) -> Exit:
        """Wait until a process has ended.

        Raises:
          NotFoundError: Nobody has that name, or the process is gone already.

        Checkpoint: always. If cancelled, the process goes on.
        """
        return await wait_end(self._find(destination))

    async def stop(
        self, destination: Pid | str, *, grace: float = 10.0, reason: str = ""
    ) -> Exit:
        """Ask a process to finish; end it if it has not done so in time.

        Args:
          destination: A process of this node.
          grace: Seconds between the ask and the end; 0 ends it at once.
          reason: What its cancel event says.

        Raises:
          NotFoundError: Nobody has that name, or the process is gone already.

        Checkpoint: always. If cancelled, the grace is forfeited: it ends now.
        Source: core P-40, P-50.
        """
        process = self._find(destination)
        return await stop_process(process, grace=grace, reason=reason, sender=self.pid)

    # -- names ---------------------------------------------------------------------

    def register(self, name: str, pid: Pid | None = None) -> None:
        """Give a local name to this process, or to another (core N-11 to N-14).

        Raises:
          AlreadyExistsError: Another process has it.
          ConflictError: This process has ended.
        """
        self._check_alive()
        self._node.names.register(name, self.pid if pid is None else pid)

    def unregister(self, name: str) -> bool:
        """Take a local name away from whoever has it; tell whether anybody had."""
        return self._node.names.unregister(name)

    def lookup(self, name: str) -> Pid:
        """Find who has a local name.

        Raises:
          NotFoundError: Nobody.
        """
        found = self._node.names.lookup(name)
        if found is None:
            raise NotFoundError("name not registered", details={"name": name})
        return found

    @property
    def _node(self) -> Node:
        return self._process.host.node

    def _find(self, destination: Pid | str) -> Process:
        process = self._node.find(self._node.resolve(destination))
        if process is None:
            raise NotFoundError("process not found")
        return process

    def _check_alive(self) -> None:
        """Refuse what would outlive the process in some table."""
        if not self._process.alive:
            raise ConflictError(f"process {self.pid} has ended")


async def run_process(
    fn: Callable[Concatenate[PythonContext, P], Awaitable[Any]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> Any:
    """Run a function as the first process of a node of its own.

    For programs that want processes and nothing else:
    ``trio.run(run_process, main)``. When it has ended, whatever it started is asked to
    finish and ended after 10 seconds.

    Returns:
      What the function returned, a copy.

    Raises:
      Error: What ended the process otherwise.

    Checkpoint: always. If cancelled, all processes of the node end now.
    """
    host = Node().host("main")
    async with trio.open_nursery() as nursery:
        await nursery.start(host.run)
        process = host.node.admit(PythonBody(fn, *args, **kwargs), host)
        end = await wait_end(process)
        await host.stop()
    return end.unwrap()

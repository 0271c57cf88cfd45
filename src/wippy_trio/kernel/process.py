"""One life: a number, a body, a nursery, and exactly one exit.

The whole life of a process is one ``async with trio.open_nursery()``. That nursery's
own cancel scope is the process's scope; there is no second one. Host calls and the
tasks of a Python body run in it, so none of them can outlive the process.

`Process.end` is a plain function, and the first caller wins. In this order it records
the exit, tells the body (which runs no further instruction), runs the clean-ups,
releases names, tells watchers and partners, and cancels the scope. Cancelling the
scope alone would not do: a Lua body would run on in the same slice.

A process is *admitted* before its life task exists. One that ends before its host gets
round to open its nursery never has one.

The life task of a body that runs elsewhere has nothing to do but to sleep, in the body
of its nursery. So it carries out the calls of the process, one at a time; only a call
that comes while another is under way needs a task of its own. That is a wake in place
of a birth and a death: a third of what a call costs.
"""

from __future__ import annotations

import itertools
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import WeakValueDictionary

import trio
from trio.lowlevel import (
    Abort,
    checkpoint,
    current_task,
    reschedule,
    wait_task_rescheduled,
)

from wippy_trio.kernel.exit import Exit, exit_of_exception
from wippy_trio.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.kernel.context import Context
    from wippy_trio.kernel.events import Event
    from wippy_trio.kernel.host import Host
    from wippy_trio.kernel.pid import Pid

__all__ = ["Body", "Process"]

log = get_logger(__name__)


class Closable(Protocol):
    """What a process closes at its end: a channel."""

    def close(self) -> None:
        """Close it; a second time changes nothing."""
        ...


_order = itertools.count()
_R = TypeVar("_R")
_Task = tuple["Callable[..., Awaitable[Any]]", tuple[Any, ...]]
_Job = tuple["Callable[..., Awaitable[Any]]", "Callable[[Any], None]", tuple[Any, ...]]


async def _call(
    fn: Callable[..., Awaitable[_R]], done: Callable[[_R], None], args: tuple[Any, ...]
) -> None:
    done(await fn(*args))


class Body(Protocol):
    """What runs in a process: a Lua program, a Python coroutine function."""

    def admit(self, process: Process) -> None:
        """Take the process in, at its birth."""
        ...

    @property
    def run(self) -> Callable[[Process], Awaitable[Any]] | None:
        """Run in the life task; what it returns is the process's result.

        ``None`` for a body that runs elsewhere: its life task sleeps until the scope is
        cancelled.
        """
        ...

    def drop(self, process: Process) -> None:
        """Forget the process; no instruction of it runs from now on."""
        ...

    def deliver(self, process: Process, event: Event) -> None:
        """Take an event into the process's mailbox."""
        ...


class Process:
    """Hold one isolated life of this node."""

    __slots__ = (
        "__weakref__",
        "_asleep",
        "_channels",
        "_cleanups",
        "_early",
        "_finishing",
        "_job",
        "body",
        "born_at",
        "context",
        "entry",
        "exit",
        "frame",
        "host",
        "lazy",
        "nursery",
        "parent",
        "pid",
        "trap_links",
        "unnamed",
    )

    def __init__(
        self,
        pid: Pid,
        host: Host,
        body: Body,
        entry: str,
        context: Context,
        lazy: bool,
    ) -> None:
        """Describe a life; `Node.admit` makes it exist.

        Args:
          pid: Its name.
          host: Where it runs.
          body: What runs in it.
          entry: The registry id of its definition, for people.
          context: What it inherits.
          lazy: Open the nursery at the first host call only.
        """
        self.pid = pid
        self.host = host
        self.body = body
        self.entry = entry
        self.context = context
        self.lazy = lazy
        self.exit: Exit | None = None
        self.born_at = host.node.clock.now()
        self.parent: int | None = None
        self.trap_links = False
        self.unnamed = False  # its names are released already, for it is about to end
        self.frame: Any = None  # what only the called function sees (apps 6.3.1)
        self.nursery: trio.Nursery | None = None
        self._early: list[_Task] | None = None
        self._job: _Job | None = None  # what the life task does next
        self._cleanups: list[Callable[[], None]] | None = None
        self._channels: WeakValueDictionary[int, Closable] | None = None
        # The life task of a Lua body, while it sleeps, and while it ends a call.
        self._asleep: trio.lowlevel.Task | None = None
        self._finishing: trio.lowlevel.Task | None = None

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self.exit is None

    def start_soon(self, fn: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Start a task that ends with this process; before birth is over it waits."""
        if self.exit is not None:
            return
        if self.nursery is not None:
            self.nursery.start_soon(fn, *args)
            return
        if self._early is None:
            self._early = []
            if self.lazy and self._job is None:
                self.host.nurse(self)
        self._early.append((fn, args))

    def call_soon(
        self,
        fn: Callable[..., Awaitable[_R]],
        done: Callable[[_R], None],
        *args: Any,
    ) -> None:
        """Start what will soon be over: the life task does it, if it is free.

        Args:
          fn: What to do.
          done: Plain; takes what it returned. It is not called if the process ends
            first. The next call it leads to waits for no birth of a task either.
          args: For ``fn``.
        """
        task = self._asleep
        if task is not None:
            self._asleep = None
            self._job = fn, done, args
            # As for a new task: what is set in there does not outlast it.
            task.context = copy_context()
            reschedule(task)
        elif (
            self._job is not None or self.exit is not None or self.body.run is not None
        ):
            self.start_soon(_call, fn, done, args)
        elif self.nursery is None:
            self._job = fn, done, args
            if self.lazy and self._early is None:
                self.host.nurse(self)
        elif self._finishing is not None:
            self._job = fn, done, args
            self._finishing.context = copy_context()
        else:
            self.nursery.start_soon(_call, fn, done, args)

    def on_end(self, cleanup: Callable[[], None]) -> Callable[[], None]:
        """Register a plain function for the end; the last one runs first.

        Returns:
          A function that takes the registration back.
        """
        if self._cleanups is None:
            self._cleanups = []
        cleanups = self._cleanups
        cleanups.append(cleanup)

        def withdraw() -> None:
            if cleanup in cleanups:
                cleanups.remove(cleanup)
            if not cleanups and self._cleanups is cleanups:
                self._cleanups = None  # an idle process keeps no empty list

        return withdraw

    def own(self, channel: Closable) -> None:
        """Close a channel at the end of this process, if it still exists then."""
        if self.exit is not None:
            channel.close()
            return
        if self._channels is None:
            self._channels = WeakValueDictionary()
        self._channels[next(_order)] = channel

    def take_cleanups(self) -> list[Callable[[], None]]:
        """Give what was registered for the end to somebody who will see to it.

        Taking a registration back goes on working.
        """
        cleanups, self._cleanups = self._cleanups, None
        return [] if cleanups is None else cleanups

    @property
    def unclean(self) -> bool:
        """Whether something was registered for the end."""
        return bool(self._cleanups)

    def clean_up(self) -> None:
        """Do what was registered for the end, the last one first.

        An engine calls it before `end` where somebody is going to hear of the end, who
        may then want what the process held, and after it for what went on. One that
        fails is logged, and the others follow.
        """
        while self._cleanups:
            try:
                self._cleanups.pop()()
            except Exception as error:  # noqa: BLE001 - the rest follows all the same
                log.error("cleanup.failed", error=repr(error))  # noqa: TRY400
        self._cleanups = None

    def end(self, exit: Exit, *, told: Body | None = None) -> bool:  # noqa: A002 - the field's word
        """End this process; the first caller wins.

        Args:
          exit: How it ends.
          told: A body whose processes have heard of it, those that watch it.

        Returns:
          Whether this call was the one.
        """
        if self.exit is not None:
            return False
        self.exit = exit
        self.body.drop(self)
        if self._cleanups:
            self.clean_up()
        if self._channels is not None:
            for channel in list(self._channels.values()):
                channel.close()
            self._channels = None
        self._early = self._job = None
        self.host.node.ended(self, exit, told)
        nursery = self.nursery
        if nursery is None:
            return True
        if nursery.child_tasks:
            nursery.cancel_scope.cancel()
        elif self._asleep is not None:
            # Nothing to cancel, and a wake costs a third of a cancellation.
            task, self._asleep = self._asleep, None
            reschedule(task)
        elif self._finishing is None:
            nursery.cancel_scope.cancel()
        return True

    def _disturbed(self, _raise_cancel: Any) -> Abort:
        self._asleep = None  # it is woken already: another wake would be one too many
        return Abort.SUCCEEDED


async def live(process: Process) -> None:
    """Be the life task of a process: open its nursery, run the body, close it again.

    And then, if it was that of a body that runs elsewhere, of another process: what a
    coroutine function leaves in its task is nobody's business. All is in one coroutine,
    because each takes memory in every process that lives.
    """
    life: Process | None = process
    del process  # nothing here may keep one that has ended
    while life is not None:
        if life.exit is None:
            try:
                async with trio.open_nursery() as nursery:
                    life.nursery = nursery
                    early, life._early = life._early, None
                    while early:
                        fn, args = early.pop(0)
                        nursery.start_soon(fn, *args)
                        del fn, args
                    run = life.body.run
                    if run is None:
                        task = current_task()
                        while life.exit is None:
                            job, life._job = life._job, None
                            if job is None:
                                life._asleep = task
                                await wait_task_rescheduled(life._disturbed)
                                continue
                            outcome = await job[0](*job[2])
                            if life.exit is None:
                                life._finishing = task
                                try:
                                    job[1](outcome)
                                finally:
                                    life._finishing = None
                                if life._job is not None:
                                    await checkpoint()
                            job = outcome = None
                    else:
                        life.end(Exit.normal(life.pid, await run(life)))
            except Exception as error:  # noqa: BLE001 - becomes the exit
                life.end(exit_of_exception(life.pid, error))
            except BaseExceptionGroup as group:
                # A cancellation from outside met an exception of a clean-up: that one
                # is this process's own affair, and only the rest goes on.
                life.end(Exit.shutdown(life.pid))
                _, rest = group.split(Exception)
                assert rest is not None  # test_lives: an error in a clean-up
                raise rest from None
            except BaseException:
                life.end(Exit.shutdown(life.pid))
                raise
            finally:
                life.nursery = None
        host = life.host if life.body.run is None else None
        life = run = job = outcome = None
        if host is not None:
            life = await host.next_life()

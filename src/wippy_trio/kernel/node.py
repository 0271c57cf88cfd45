"""All processes of one node: births, names, links, monitors, messages, ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.errors import InternalError, InvalidError, NotFoundError
from wippy_trio.kernel.clock import Clock
from wippy_trio.kernel.context import EMPTY_CONTEXT
from wippy_trio.kernel.events import Cancel, Event, ExitEvent, LinkDown, Message
from wippy_trio.kernel.exit import Exit
from wippy_trio.kernel.host import Host
from wippy_trio.kernel.names import Names
from wippy_trio.kernel.pid import Pid
from wippy_trio.kernel.process import Body, Process
from wippy_trio.kernel.topology import Topology

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.kernel.context import Context

__all__ = ["Node"]


class Node:
    """Know every process of this node and carry out what concerns two of them.

    All methods are plain: they never block, and what they change is changed when they
    return.
    """

    def __init__(self, *, name: str = "", clock: Clock | None = None) -> None:
        self.name = name
        self.clock = clock or Clock()
        self.names = Names()
        self.topology = Topology()
        self.hosts: dict[str, Host] = {}
        self.processes: dict[int, Process] = {}
        self.observers: list[Callable[[str, Process], None]] = []
        self.runtime: Any = None  # whoever runs this node; nothing here looks at it
        self._last = 0
        self._places: set[str] = set()

    def number(self) -> int:
        """Take the next number; none is given twice (core PID-3, P-73)."""
        self._last += 1
        return self._last

    def host(self, id: str) -> Host:  # noqa: A002 - its name
        """Find a host, or make it."""
        found = self.hosts.get(id)
        if found is None:
            found = self.hosts[id] = Host(id, self)
        return found

    def fresh_host(self, id: str) -> Host:  # noqa: A002 - its name
        """Find a host that has not run yet, or make it; a stopped one is replaced."""
        found = self.host(id)
        if found.state != "new":
            found = self.hosts[id] = Host(id, self)
        return found

    # -- birth ---------------------------------------------------------------------

    def admit(
        self,
        body: Body,
        host: Host,
        *,
        entry: str = "",
        context: Context = EMPTY_CONTEXT,
        place: str | None = None,
        name: str | None = None,
        link: int | None = None,
        monitor: int | None = None,
        parent: int | None = None,
        lazy: bool = False,
        nurse: bool = True,
    ) -> Process:
        """Give birth: pid, name, link, monitor and body, all before it can run (S-7).

        Args:
          body: What runs in it.
          host: Where its life task runs.
          entry: The registry id of its definition.
          context: What it inherits.
          place: The host part of the pid, where that is not the host's id: the
            function's id for a function call (core F-20).
          name: A local name it owns from the start.
          link: The number of a process to link it with.
          monitor: The number of a process that watches it.
          parent: The number of the process that spawned it.
          lazy: Open its nursery at its first host call only.
          nurse: Ask the host to open the nursery. An engine that opens nurseries at
            the end of a step passes ``False`` and calls ``host.nurse`` itself.

        Raises:
          AlreadyExistsError: The name is taken.
          UnavailableError: The host does not run.
        """
        if host.state != "running":
            host.check_running()
        if place is None:
            place = host.id
        else:
            self._places.add(place)
        self._last = number = self._last + 1
        pid = Pid(place, number, self.name)
        if name is not None:
            self.names.register(name, pid)
        process = Process(pid, host, body, entry, context, lazy)
        process.parent = parent
        host.born += 1
        self.processes[number] = host.processes[number] = process
        if monitor is not None:
            self.topology.monitor(monitor, number)
        if link is not None:
            self.topology.link(link, number)
        body.admit(process)
        for observe in self.observers:
            observe("born", process)
        if nurse and not lazy:
            host.nurse(process)
        return process

    def unborn(self, process: Process) -> None:
        """Take back a birth that failed; nobody is told (core P-6)."""
        process.exit = Exit.terminated(process.pid)
        self.topology.forget(process.pid.number)
        self.names.release(process.pid)
        self._forget(process)
        process.body.drop(process)

    def _forget(self, process: Process) -> None:
        self.processes.pop(process.pid.number, None)
        process.host.forget(process)

    # -- end -----------------------------------------------------------------------

    def ended(
        self,
        process: Process,
        exit: Exit,  # noqa: A002
        told: Body | None = None,
    ) -> None:
        """Carry an end on to names, watchers and partners (core P-70).

        Watchers whose body is ``told`` have heard of it.
        """
        pid = process.pid
        number = pid.number
        self.processes.pop(number, None)
        process.host.forget(process)
        if self.names and not process.unnamed:
            self.names.release(pid)
        watchers, partners = self.topology.forget(number)
        if watchers or (partners and exit.error is not None):
            self._tell(exit, watchers, partners, told)
        for observe in self.observers:
            observe("ended", process)

    def _tell(
        self,
        exit: Exit,  # noqa: A002
        watchers: tuple[int, ...],
        partners: tuple[int, ...],
        told: Body | None,
    ) -> None:
        """Tell watchers first, then partners (core L-20)."""
        event: Event | None = None
        for number in watchers:
            process = self.processes.get(number)
            if process is not None and process.body is not told:
                event = event or ExitEvent(exit, self.clock.unix_seconds())
                process.body.deliver(process, event)
        if exit.error is None or not partners:
            return
        event = LinkDown(exit, self.clock.unix_seconds())
        for number in partners:
            process = self.processes.get(number)
            if process is not None:
                process.body.deliver(process, event)

    # -- between processes ---------------------------------------------------------

    def resolve(self, destination: str | Pid) -> Pid:
        """Find whom a destination names (core N-2).

        Raises:
          NotFoundError: It is neither a pid nor a registered name (core N-3).
        """
        if isinstance(destination, Pid):
            return destination
        if destination[:1] == "{":
            try:
                return Pid.parse(destination)
            except InvalidError:
                pass
        found = self.names.lookup(destination)
        if found is None:
            raise NotFoundError(
                f"could not resolve '{destination}' as PID or registered name"
            )
        return found

    def find(self, pid: Pid) -> Process | None:
        """Tell the living process of a pid, if it is one of this node."""
        process = self.processes.get(pid.number)
        if process is None or process.pid.host != pid.host:
            return None
        return process

    def send(
        self, destination: str | Pid, topic: str, values: Any, *, sender: Pid | None
    ) -> None:
        """Put one message into a mailbox (core M-1).

        Raises:
          InvalidError: The topic begins with ``@`` (core M-3).
          NotFoundError: Nobody has that name; or the process is gone (core M-4, P-72).
        """
        if topic.startswith("@"):
            raise InvalidError("cannot send to @ topics")
        pid = self.resolve(destination)
        process = self.find(pid)
        if process is None:
            raise NotFoundError(self._missing(pid))
        process.body.deliver(process, Message(topic, sender, values))

    def link(self, a: Pid, b: Pid) -> None:
        """Tie two fates (core L-10).

        Raises:
          InternalError: One of them is gone (core L-11).
        """
        if self.find(b) is None or self.find(a) is None:
            raise InternalError(f"pid not registered: {b}", retryable=False)
        self.topology.link(a.number, b.number)

    def unlink(self, a: Pid, b: Pid) -> None:
        """Untie two fates (core L-12)."""
        self.topology.unlink(a.number, b.number)

    def monitor(self, watcher: Pid, target: Pid) -> None:
        """Watch a process (core L-1).

        Raises:
          InternalError: It is gone (L-3), or is watched already (L-2).
        """
        if self.find(target) is None:
            raise InternalError(f"pid not registered: {target}", retryable=False)
        if not self.topology.monitor(watcher.number, target.number):
            raise InternalError(f"already monitoring pid {target}", retryable=False)

    def unmonitor(self, watcher: Pid, target: Pid) -> None:
        """Stop watching a process (core L-4)."""
        self.topology.unmonitor(watcher.number, target.number)

    def cancel(self, target: Pid, reason: str, *, sender: Pid) -> None:
        """Ask a process to finish (core P-50).

        Raises:
          InternalError: It is gone, or its host is unknown (core P-46, P-56).
        """
        process = self._required(target)
        at = self.clock.unix_seconds()
        process.body.deliver(process, Cancel(sender, reason, at))

    def terminate(self, target: Pid) -> None:
        """End a process now (core P-40).

        Raises:
          InternalError: It is gone, or its host is unknown (core P-46).
        """
        process = self._required(target)
        process.end(Exit.terminated(process.pid))

    def _missing(self, pid: Pid) -> str:
        """Say what of a pid that names no process is missing (core M-4, P-46)."""
        known = pid.host in self.hosts or pid.host in self._places
        return "process not found" if known else "host not found"

    def _required(self, target: Pid) -> Process:
        process = self.find(target)
        if process is None:
            raise InternalError(
                self._missing(target), retryable=False, details={"pid": str(target)}
            )
        return process

"""The Lua engine of a runtime: a VM, its driver, and what Python may ask of it.

The driver is one Trio task and the only one that enters the VM: step until nothing is
runnable or the slice is used up, carry out what came out, let Trio's other tasks run,
park until a wake-up or the next timer.
"""

from __future__ import annotations

import functools
import math
from time import perf_counter
from typing import TYPE_CHECKING, Any

import trio
from trio.lowlevel import (
    Abort,
    checkpoint,
    current_task,
    enable_ki_protection,
    reschedule,
)

from wippy_trio.errors import CanceledError, Error, InternalError
from wippy_trio.kernel import EMPTY_CONTEXT, Exit
from wippy_trio.logs import get_logger
from wippy_trio.lua import vm as door
from wippy_trio.lua.body import LuaBody, to_bytes
from wippy_trio.lua.channels import VmChannels
from wippy_trio.lua.chunks import Chunks
from wippy_trio.lua.codec import decode, encode
from wippy_trio.lua.commands import Commands
from wippy_trio.lua.crossing import KernelChannels
from wippy_trio.lua.functions import running_process
from wippy_trio.lua.module_calls import ModuleCalls, failure_of
from wippy_trio.lua.type_pools import TypePools
from wippy_trio.lua.units import Units
from wippy_trio.lua.vm import VM, VmValue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from wippy_trio.kernel import Context, Host, Node, Process
    from wippy_trio.lua.surroundings import Surroundings
    from wippy_trio.lua.units import Unit

__all__ = ["VmEngine"]

log = get_logger(__name__)

# Outbound entries; prelude/life.lua has the other side.
EXIT, HOST_CALL, NURSE, UNBORN, BORN, FREED, RESULT, FORGOTTEN = 1, 2, 4, 5, 6, 7, 8, 9
RELEASED = 10
TOLD = 8
"""Added to the code of an exit: the watchers in the VM have heard of it."""

SLICE = 0.003
"""Seconds a step may run before Trio's other tasks get a turn."""


_Answer = tuple[int, int, int, Any]
"""Of a host call: the process, the call, a tag, a value."""


class _Pending:
    """Wait for one answer of the VM."""

    __slots__ = ("error", "event", "value")

    def __init__(self) -> None:
        self.event = trio.Event()
        self.value: tuple[Any, ...] | None = None
        self.error: Error | None = None


class VmEngine:
    """Run Lua processes and functions in one VM."""

    def __init__(
        self,
        node: Node,
        surroundings: Surroundings,
        *,
        lua_version: str = "5.4",
        seed: int | None = None,
        memory_limit: int = 0,
        slice_seconds: float = SLICE,
        slice_clock: Callable[[], float] | None = None,
        sharing: VmEngine | None = None,
    ) -> None:
        """Open the VM; `run` drives it.

        Args:
          node: The kernel's.
          surroundings: The runtime around it.
          lua_version: ``5.3``, ``5.4`` or ``5.5``.
          seed: Of random numbers, turns and the order of `pairs` in the VM.
          memory_limit: Bytes of the Lua heap, 0 for none.
          slice_seconds: How long a step may run.
          slice_clock: What a slice is measured with; the performance counter if not
            given. Seeded runs count instead.
          sharing: An engine of the same node, whose compiled code this one uses, too;
            clock and slice are as there.
        """
        self.node = node
        self.surroundings = surroundings
        self.lua_version = lua_version
        self.slice_clock = slice_clock or perf_counter
        self._slice = slice_seconds
        self.seed = seed
        self.upgradable: set[int] = set()
        if sharing is None:
            self.chunks = Chunks(lua_version=lua_version)
            self.units = Units(surroundings, self.chunks)
            self.types = TypePools(self.units, self.chunks)
            self.channels = VmChannels(node, KernelChannels())
        else:
            self.lua_version = sharing.lua_version
            self.slice_clock, self._slice = sharing.slice_clock, sharing._slice
            self.chunks, self.units = sharing.chunks, sharing.units
            self.types = sharing.types
            self.upgradable = sharing.upgradable
            self.channels = VmChannels(node, sharing.channels.table)
        self.modules = ModuleCalls(self)
        self.commands = Commands(self)
        self._vm_options: dict[str, Any] = {
            "seed": seed,
            "memory_limit": memory_limit,
        }
        self.vm = self._open_vm()
        self.body = LuaBody(self.vm, self.channels, self.forget)
        self.detached: dict[int, Process] = {}
        self.call_contexts: dict[int, Context] = {}
        self.call_frames: dict[int, Any] = {}
        self._births: dict[int, _Pending] = {}
        self._calls: dict[int, _Pending] = {}
        self._remote: dict[int, trio.CancelScope] = {}
        self._last_ticket = 0
        self._parked: trio.lowlevel.Task | None = None
        self._until = math.inf  # when the driver wakes by itself
        self._calling = 0  # host calls under way
        self._stepped: trio.Event | None = None
        self._fault: BaseException | None = None
        self._nursery: trio.Nursery | None = None
        self._now: Callable[[], float] = trio.current_time

    def _open_vm(self) -> VM:
        vm = VM(self.lua_version, self.commands.table(), **self._vm_options)
        vm.wake = self._wake
        vm.sealed = self.channels.sealed
        self.channels.vm = vm
        return vm

    def budget(self, host: str) -> str:
        """Tell the kind of budget checks for programs of a host."""
        return self.surroundings.budget(host)

    def lazy(self, host: str) -> bool:
        """Tell whether processes of a host open their nursery on demand."""
        return self.surroundings.lazy(host)

    # -- the driver ------------------------------------------------------------------

    def _wake(self) -> None:
        task = self._parked
        if task is not None:
            self._parked = None
            reschedule(task)

    async def _park(self, until: float) -> None:
        def abort(_raise_cancel: Any) -> Abort:
            self._parked = None
            return Abort.SUCCEEDED

        self._parked, self._until = current_task(), until
        if until == math.inf:
            await trio.lowlevel.wait_task_rescheduled(abort)
            return
        with trio.CancelScope(deadline=until):
            await trio.lowlevel.wait_task_rescheduled(abort)

    @enable_ki_protection
    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Drive the VM until cancelled."""
        self._now = trio.lowlevel.current_clock().current_time
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            while True:
                due = self._turn()
                if due is None or self.vm.pending:
                    await checkpoint()
                elif due > self._now():
                    await self._park(due)
                    if self._fault is not None:
                        raise self._fault

    @enable_ki_protection
    def _turn(self) -> float | None:
        """Step until nothing is left to do, or for one slice."""
        vm, clock = self.vm, self.slice_clock
        until = clock() + self._slice
        due = self.step()
        # News for processes of this VM (an exit, mostly) goes straight back in; a turn
        # of Trio's scheduler for each would double the cost of a spawn.
        while due is not None and vm.pending and clock() < until:
            due = self.step()
        return due

    def step(self) -> float | None:
        """Enter the VM once and carry out what came out.

        Returns:
          When the next timer is due, infinity for never; ``None`` if there is more to
          run at once.
        """
        vm = self.vm
        try:
            result = vm.step(self._now(), self.slice_clock() + self._slice)
            if self._stepped is not None:
                self._tell_stepped()
        except Exception as error:  # noqa: BLE001 - a fault of the prelude: the VM is lost
            self._fail(error)
            return None
        if result is None:
            self._mend()
            return None
        state, due = result[0], result[1]
        if len(result) > 2:
            self._carry_out(result)
        if state:
            return None
        return math.inf if due is False else float(due)

    def _carry_out(self, entries: tuple[Any, ...]) -> None:
        for i in range(2, len(entries), 5):
            op = entries[i]
            if op == EXIT:
                self._exited(
                    entries[i + 1], entries[i + 2], entries[i + 3], entries[i + 4]
                )
            elif op == NURSE:
                process = self.node.processes.get(entries[i + 1])
                if process is not None and process.nursery is None and not process.lazy:
                    process.host.nurse(process)
            elif op == HOST_CALL:
                self._start_call(
                    entries[i + 1], entries[i + 2], entries[i + 3], entries[i + 4]
                )
            elif op == BORN:
                self._settle(self._births.pop(entries[i + 1], None), None, None)
            elif op == UNBORN:
                (error,) = decode(entries[i + 2])
                self._settle(self._births.pop(entries[i + 1], None), None, error)
            elif op == RESULT:
                self._result(entries[i + 1], entries[i + 2], entries[i + 3])
            elif op == FORGOTTEN:
                process = self.detached.pop(entries[i + 1], None)
                if process is not None:
                    self.forget(process)
            elif op == RELEASED:
                self.channels.release(entries[i + 1], entries[i + 2])
            elif op == FREED:
                self.modules.freed(decode(entries[i + 1])[0])

    @staticmethod
    def _settle(
        pending: _Pending | None, value: tuple[Any, ...] | None, error: Error | None
    ) -> None:
        if pending is not None:
            pending.value, pending.error = value, error
            pending.event.set()

    def _exited(self, number: int, code: int, value: Any, detached: Any) -> None:
        process = self.node.processes.get(number)
        if process is None:
            return
        pid = process.pid
        told = None
        if code >= TOLD:
            code -= TOLD
            told = self.body
        if code == 0:
            if type(value) is bytes:
                value = _python_text(value)
            result = Exit.normal(pid, value)
        elif code == 1:
            result = Exit.normal(pid, self._result_of(value))
        elif code == 2:
            error = decode(value)[0]
            self.body.note_error(error, value)
            result = Exit.failed(pid, error)
        elif code == 3:
            result = Exit.terminated(pid)
        else:
            result = Exit.linked(pid)
        if detached:
            self.detached[number] = process
        self.end(process, result, told)

    def _result_of(self, key: int) -> Any:
        return VmValue(self.vm, key)

    def end(self, process: Process, result: Exit, told: LuaBody | None = None) -> None:
        """Record an end that the VM decided; it may have told the watchers in it."""
        number = process.pid.number
        body = self.body
        body.reporting = number
        try:
            process.end(result, told=told)
        finally:
            body.reporting = None
        if number not in self.detached:
            self.forget(process)
        if result.error is not None:
            self.surroundings.exited(process)

    def forget(self, process: Process) -> None:
        """Release what the bridge holds for a process."""
        number = process.pid.number
        process.clean_up()  # what a call made that it left behind
        if number in self.modules.owned:
            self.modules.release(number)
        self.upgradable.discard(number)

    # -- broken VMs ------------------------------------------------------------------

    def _mend(self) -> None:
        number = self.vm.mend()
        process = self.node.processes.get(number or 0)
        if process is not None:
            error = InternalError("not enough memory", retryable=False)
            self.end(process, Exit.failed(process.pid, error))

    def _fail(self, error: BaseException) -> None:
        """End every process of a lost VM and open a new one."""
        if type(error).__name__ == "LuaMemoryError":
            self._mend()
            return
        log.error("vm.failed", error=str(error), exc_info=error)
        old, old_body = self.vm, self.body
        self.channels.lost()
        self.vm = self._open_vm()
        self.body = LuaBody(self.vm, self.channels, self.forget)
        old.wake = lambda: None
        failure = InternalError(f"vm failed: {error}", retryable=True)
        for process in list(self.node.processes.values()):
            if process.body is old_body:
                process.end(Exit.failed(process.pid, failure))
                self.forget(process)
        for pending in (*self._births.values(), *self._calls.values()):
            self._settle(pending, None, failure)
        self._births.clear()
        self._calls.clear()

    # -- host calls ------------------------------------------------------------------

    def _start_call(self, number: int, call: int, fid: int, wire: bytes) -> None:
        process = self.node.processes.get(number)
        if process is not None:
            process.call_soon(self._run_call, self._answered, process, call, fid, wire)
        elif number in self.detached and self._nursery is not None:
            # What a finished function call left behind.
            self._nursery.start_soon(
                self._run_detached, self.detached[number], call, fid, wire
            )

    async def _run_call(
        self, process: Process, call: int, fid: int, wire: bytes
    ) -> _Answer:
        """Carry out one host call for a process; it catches broadly."""
        modules = self.modules
        function = modules.functions[fid]
        running_process.set(process)
        self._calling += 1
        try:
            values = modules.arguments(function, wire)
            run: Any = function.threaded or function.fn
            tag, value = modules.result(function, await run(*values))
        except Exception as raised:  # noqa: BLE001 - becomes the answer
            error: Exception = raised
            while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
                error = error.exceptions[0]
            tag, value = modules.failure(function, error)
        finally:
            self._calling -= 1
            if process.exit is not None and process.pid.number not in self.detached:
                process.clean_up()  # it ended while this was on its last step
        return process.pid.number, call, tag, value

    async def _run_detached(self, *args: Any) -> None:
        self._answered(await self._run_call(*args))

    def _answered(self, answer: _Answer) -> None:
        """Take the answer of a host call into the VM.

        At once, if it is the only one that is out and the driver has nothing to do:
        that saves it a turn of Trio's scheduler. It is the driver's work all the same,
        done in its context while it is parked.
        """
        vm, driver = self.vm, self._parked
        if driver is None or self._calling:
            vm.post(door.ANSWER, *answer)
            return
        vm.inbound += (door.ANSWER, *answer)
        self._parked = None
        try:
            due = driver.context.run(self._turn)
        except BaseException as error:  # noqa: BLE001 - the driver raises it
            self._fault = error
            reschedule(driver)
            return
        if due is None or vm.pending or due < self._until:
            reschedule(driver)
        else:
            self._parked = driver

    # -- what Python asks --------------------------------------------------------------

    async def spawn(
        self,
        id: str,  # noqa: A002 - its name
        host: Host,
        args: Sequence[Any] = (),
        *,
        context: Context | None = None,
        name: str | None = None,
        monitor: int | None = None,
        link: int | None = None,
    ) -> Process:
        """Give birth to a Lua process; return when its chunk has run.

        Raises:
          Error: As core S-3 to S-6.

        Checkpoint: always. If cancelled, the newborn ends.
        """
        wire = encode(args, handles=self.modules.handle_of)
        process, unit = self.admit(
            id, host, context=context, name=name, monitor=monitor, link=link
        )
        await self.bear(process, unit, wire)
        return process

    def admit(
        self,
        id: str,  # noqa: A002 - its name
        host: Host,
        *,
        context: Context | None = None,
        name: str | None = None,
        monitor: int | None = None,
        link: int | None = None,
    ) -> tuple[Process, int]:
        """Register a process that `bear` gives birth to; give the key of its unit.

        Raises:
          Error: As core S-3 to S-6.
        """
        unit = self.units.of_process(id, budget=self.budget(host.id))
        process = self.node.admit(
            self.body,
            host,
            entry=id,
            context=context or EMPTY_CONTEXT,
            name=name,
            monitor=monitor,
            link=link,
            nurse=False,
            lazy=self.lazy(host.id),
        )
        return process, unit.key

    async def bear(
        self, process: Process, unit: int, wire: bytes, *, held: bool = False
    ) -> None:
        """Give birth to an admitted process; return when its chunk has run.

        A ``held`` one runs nothing else until it is started.

        Raises:
          Error: Its chunk failed (core S-6).

        Checkpoint: always. If cancelled, the newborn ends.
        """
        number = process.pid.number
        pending = self._births[number] = _Pending()

        def ended() -> None:
            error = process.exit.error if process.exit is not None else None
            self._settle(self._births.pop(number, None), None, error)

        withdraw = process.on_end(ended)
        self.vm.post_birth(number, unit, wire, held=held)
        try:
            await pending.event.wait()
        except trio.Cancelled:
            process.end(Exit.terminated(process.pid))
            raise
        finally:
            self._births.pop(number, None)
            withdraw()
        if pending.error is not None:
            raise pending.error

    async def stepped(self) -> None:
        """Wait until the VM has taken in what was posted, or is no more."""
        if self._stepped is None:
            self._stepped = trio.Event()
        await self._stepped.wait()

    def _tell_stepped(self) -> None:
        if self._stepped is not None:
            self._stepped.set()
            self._stepped = None

    def elsewhere(self, host: str) -> bool:
        """Tell whether processes of a host are born in other VMs."""
        del host
        return False

    def birth_elsewhere(self, *_args: Any, **_options: Any) -> None:
        """Give birth in another VM for a program of this one."""
        raise InternalError("this engine has one VM")

    def start_driver(self, run: Callable[[], Awaitable[None]]) -> None:
        """Start to drive another VM beside this one."""
        assert self._nursery is not None
        self._nursery.start_soon(run)

    async def call(
        self,
        id: str,  # noqa: A002 - its name
        args: Sequence[Any] = (),
        *,
        context: Context | None = None,
        frame: Any = None,
    ) -> Any:
        """Call a Lua function; return its value as a Python value.

        Args:
          id: Of the function.
          args: Its arguments.
          context: What it inherits.
          frame: What modules find as ``current_process().frame`` in this call and in
            nothing that it calls (apps 6.3.1): the HTTP exchange, for example.

        Raises:
          Error: Of the function, by kind.

        Checkpoint: always. If cancelled, the call ends.
        """
        wire = encode(args, handles=self.modules.handle_of) if args else None
        self._last_ticket += 1
        ticket = self._last_ticket
        pending = self._calls[ticket] = _Pending()
        self.call_contexts[ticket] = context or EMPTY_CONTEXT
        if frame is not None:
            self.call_frames[ticket] = frame
        self.vm.post(door.CALL, ticket, to_bytes(id), wire)
        try:
            await pending.event.wait()
        finally:
            self._calls.pop(ticket, None)
            self.call_contexts.pop(ticket, None)
            self.call_frames.pop(ticket, None)
            if not pending.event.is_set():
                self.vm.post(door.CANCEL_CALL, ticket)
        if pending.error is not None:
            raise pending.error
        return pending.value[0] if pending.value else None

    def _result(self, ticket: int, tag: int, wire: bytes) -> None:
        pending = self._calls.pop(ticket, None)
        if pending is None:
            return
        if tag == 2:
            self._settle(pending, None, decode(wire)[0])
        else:
            # Read now: the VM may forget its handles after this step.
            try:
                values = decode(wire, handles=self.modules.find_object)
            except Error as error:
                self._settle(pending, None, error)
            else:
                self._settle(pending, values, None)

    # -- calls that somebody else carries out ------------------------------------------

    def call_remote(
        self,
        process: Process,
        id: str,  # noqa: A002
        args: Sequence[Any],
        context: Context,
    ) -> int:
        """Start a call outside this VM for a process in it; give its ticket."""
        self._last_ticket += 1
        ticket = self._last_ticket
        scope = self._remote[ticket] = trio.CancelScope()
        run = functools.partial(self._run_remote, ticket, scope, process, id, args)
        process.start_soon(run, context)
        return ticket

    async def _run_remote(
        self,
        ticket: int,
        scope: trio.CancelScope,
        process: Process,
        id: str,  # noqa: A002
        args: Sequence[Any],
        context: Context,
    ) -> None:
        tag, value = 2, encode([CanceledError("canceled")])
        try:
            with scope:
                result = await self.surroundings.call(process, id, args, context)
                tag, value = 1, encode([result], handles=self.modules.handle_of)
        except Exception as raised:  # noqa: BLE001 - becomes the answer
            tag, value = 2, encode([failure_of(raised)])
        self._remote.pop(ticket, None)
        self.vm.post(door.REMOTE_ANSWER, ticket, tag, value)

    def cancel_remote(self, ticket: int) -> None:
        """Cancel a call outside this VM."""
        scope = self._remote.pop(ticket, None)
        if scope is not None:
            scope.cancel()

    # -- changes ----------------------------------------------------------------------

    def feed(self, number: int, topic: str, value: Any) -> None:
        """Put a value into a system topic (``@...``) of a process."""
        wire = encode([value], handles=self.modules.handle_of)
        self.vm.post(door.TOPIC, number, to_bytes(topic), wire)

    def protect_process(self, process: Process) -> None:
        """Make ``process.terminate`` of a process a no-op (apps 5.3.11)."""
        self.vm.post(door.OPTIONS, process.pid.number, 1)

    def outdated_sources(self, entry: str, changed: frozenset[str]) -> frozenset[str]:
        """Tell which changed entries a running program was built from."""
        try:
            return self.units.get(entry).members & changed
        except Error:
            return changed & {entry}

    def forget_code(self, units: Iterable[Unit], ids: Iterable[str]) -> None:
        """Forget what was built of changed entries."""
        self.commands.forget_plans()
        for unit in units:
            self.vm.post(door.FORGET, 1, unit.key)
            self.vm.post(door.FORGET, 2, unit.main)
            self.vm.post(door.FORGET, 3, to_bytes(unit.id))
        for id in ids:  # noqa: A001
            self.vm.post(door.FORGET, 3, to_bytes(id))


def _python_text(value: bytes) -> str | bytes:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value

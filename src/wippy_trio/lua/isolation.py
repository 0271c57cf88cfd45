"""The engine of a runtime: one VM for all, and a VM for each process that is isolated.

A host with ``isolation: vm`` gives each of its processes a VM of its own, with its own
limit of memory and its own collector. It is the same engine with one process in it.
Such a process shares nothing with others but what passes through the kernel: messages,
links, names and channels cross in the wire form. Functions that it calls run in the
runtime's VM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import Error, InternalError
from wippy_trio.kernel import Exit, wait_end
from wippy_trio.lua import vm as door
from wippy_trio.lua.body import to_bytes
from wippy_trio.lua.codec import encode
from wippy_trio.lua.commands import inherited
from wippy_trio.lua.engine import VmEngine
from wippy_trio.lua.surroundings import FunctionTarget
from wippy_trio.lua.vm import VmValue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wippy_trio.kernel import Context, Host, Process
    from wippy_trio.lua.crossing import LuaValues
    from wippy_trio.lua.surroundings import Surroundings

__all__ = ["Engine"]

UNBORN = 4
"""The tag of an answer that says why there was no birth."""


class Engine(VmEngine):
    """Run the Lua processes and functions of one node."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Open the VM that serves all; see `VmEngine`."""
        super().__init__(*args, **options)
        self.isolated: dict[int, _IsolatedEngine] = {}
        self._opened = 0

    def next_seed(self) -> int | None:
        """Give the seed of one more VM."""
        self._opened += 1
        return None if self.seed is None else self.seed + self._opened

    def elsewhere(self, host: str) -> bool:
        """Tell whether processes of a host are born in other VMs."""
        return self.surroundings.isolation(host) is not None

    def engine_of(self, process: Process) -> VmEngine:
        """Give the engine that runs a process."""
        return self.isolated.get(process.pid.number, self)

    def _engine_for(self, host: Host) -> VmEngine:
        limit = self.surroundings.isolation(host.id)
        return self if limit is None else _IsolatedEngine(self, limit)

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
        """Give birth to a Lua process in the VM for its host; see `VmEngine.spawn`."""
        engine = self._engine_for(host)
        return await VmEngine.spawn(
            engine,
            id,
            host,
            args,
            context=context,
            name=name,
            monitor=monitor,
            link=link,
        )

    def birth_elsewhere(
        self,
        origin: VmEngine,
        spawner: Process,
        call: int,
        id: str,  # noqa: A002 - its name
        host_id: str,
        args: LuaValues,
        *,
        wants_result: bool,
        context: Context,
        name: str | None,
        monitor: int | None,
        link: int | None,
    ) -> None:
        """Admit a process for a program of another VM; its birth comes as an answer.

        Args:
          origin: Where the spawner runs.
          spawner: The process that waits for the answer.
          call: The number of its wait.
          id: The entry.
          host_id: Where the child runs.
          args: Its arguments.
          wants_result: Answer its result, when it has ended, instead of its pid.
          context: What it inherits.
          name: A local name it owns from the start.
          monitor: Who watches it.
          link: Whom it is linked with.

        Raises:
          Error: As core S-3 to S-6.
        """
        place = self.surroundings.host(host_id)
        place.check_running()
        engine = self._engine_for(place)
        child, unit = engine.admit(
            id, place, context=context, name=name, monitor=monitor, link=link
        )
        if spawner.frame is not None:
            child.frame = inherited(spawner.frame)
        wire = args.wire(engine.channels.number)
        assert self._nursery is not None
        self._nursery.start_soon(
            self._finish_birth,
            (origin, spawner.pid.number, call),
            (engine, child, unit, wire),
            wants_result,
        )

    async def _finish_birth(
        self,
        waiter: tuple[VmEngine, int, int],
        birth: tuple[VmEngine, Process, int, bytes],
        wants_result: bool,
    ) -> None:
        origin, number, call = waiter
        engine, child, unit, wire = birth
        tag, value = 0, to_bytes(str(child.pid))
        try:
            await engine.bear(child, unit, wire, held=not wants_result)
        except Error as error:
            tag, value = UNBORN, encode([error])
        else:
            if wants_result:
                end = await wait_end(child)
                if end.error is not None:
                    tag, value = 2, encode([end.error])
                else:
                    handles = origin.channels.handle_of
                    tag, value = 1, encode([end.value], handles=handles, drop=True)
        origin.vm.post(door.ANSWER, number, call, tag, value)
        if tag == 0:
            # A birth lets nobody run before the spawner goes on (core M-1a, S-1).
            await origin.stepped()
            engine.vm.post(door.START, child.pid.number)

    def feed(self, number: int, topic: str, value: Any) -> None:
        """Put a value into a system topic (``@...``) of a process."""
        VmEngine.feed(self.isolated.get(number, self), number, topic, value)

    def protect_process(self, process: Process) -> None:
        """Make ``process.terminate`` of a process a no-op (apps 5.3.11)."""
        VmEngine.protect_process(self.engine_of(process), process)

    def code_changed(self, ids: frozenset[str]) -> None:
        """Forget units of changed entries; new births and calls get the new code."""
        units = self.units.forget(ids)
        for engine in (self, *self.isolated.values()):
            engine.forget_code(units, ids)


class _Outside:
    """The surroundings of an isolated VM: functions run outside of it."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings

    def __getattr__(self, name: str) -> Any:
        return getattr(self._surroundings, name)

    def function(self, id: str) -> FunctionTarget:  # noqa: A002
        """Find a function: somebody else runs it."""
        self._surroundings.function(id)
        return FunctionTarget("remote")


class _IsolatedEngine(VmEngine):
    """Run one process in a VM of its own, which is gone when the process has ended."""

    def __init__(self, main: Engine, memory_limit: int) -> None:
        outside: Any = _Outside(main.surroundings)
        super().__init__(
            main.node,
            outside,
            sharing=main,
            seed=main.next_seed(),
            memory_limit=memory_limit,
        )
        self.main = main
        self._scope = trio.CancelScope()

    def elsewhere(self, host: str) -> bool:
        """Tell that every further process is born in another VM."""
        del host
        return True

    def birth_elsewhere(self, *args: Any, **options: Any) -> None:
        """Have the main engine admit a process; see `Engine.birth_elsewhere`."""
        self.main.birth_elsewhere(*args, **options)

    def admit(
        self,
        id: str,  # noqa: A002 - its name
        host: Host,
        **options: Any,
    ) -> tuple[Process, int]:
        """Admit the process of this VM, and start to drive it."""
        process, unit = super().admit(id, host, **options)
        number = process.pid.number
        self.main.isolated[number] = self
        process.on_end(self._stop)
        self.main.start_driver(self.run)
        return process, unit

    async def bear(
        self, process: Process, unit: int, wire: bytes, *, held: bool = False
    ) -> None:
        """Give birth; if that fails, the VM goes."""
        try:
            await super().bear(process, unit, wire, held=held)
        except BaseException:
            self._stop()
            raise

    def _stop(self) -> None:
        self._scope.cancel()

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Drive the VM until its process has ended."""
        try:
            with self._scope:
                await super().run(task_status=task_status)
        finally:
            for number, engine in list(self.main.isolated.items()):
                if engine is self:
                    del self.main.isolated[number]
            self._tell_stepped()
            self.channels.lost()
            self.vm.close()

    def _result_of(self, key: int) -> Any:
        """Take a result out of the VM at once: the VM ends with its process."""
        return VmValue(self.vm, key).leave()

    def _fail(self, error: BaseException) -> None:
        """End the process of a lost VM."""
        if type(error).__name__ == "LuaMemoryError":
            self._mend()
            return
        failure = InternalError(f"vm failed: {error}", retryable=True)
        for number, engine in list(self.main.isolated.items()):
            process = self.node.processes.get(number)
            if engine is self and process is not None:
                process.end(Exit.failed(process.pid, failure))
                self.forget(process)

"""An engine with programs given as text, for tests that need no application folder."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio
import trio.testing

from wippy_trio.errors import InternalError, NotFoundError
from wippy_trio.kernel import Clock, Context, Exit, Host, Node, Pid, Process, wait_end
from wippy_trio.lua import Code, Engine, FunctionTarget, ModuleDescription
from wippy_trio.sdk import LuaModule, current_process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

TEST = LuaModule("test")
"""What programs of tests may require: `test.sleep`, `test.note`, `test.notes`."""


@TEST.export
async def block(seconds: float) -> str:
    """Block for a while, as a host call."""
    await trio.sleep(seconds)
    return "slept"


@TEST.export(pair=False)
def text(size: int) -> str:
    """Make a text of that many bytes."""
    return "x" * size


@TEST.export(pair=False)
def finish(pid: str) -> None:
    """End a process as somebody in Python would."""
    current_process().host.node.terminate(Pid.parse(pid))


@TEST.export(pair=False)
def limit(size: int) -> None:
    """Limit the memory of the VM that serves all."""
    engine: Any = current_process().host.node.runtime
    engine.vm.limit_memory(size)


@TEST.export(pair=False)
def now() -> float:
    """Read Trio's clock."""
    return trio.current_time()


class Bench:
    """A node, an engine, a host and the programs of one test."""

    def __init__(self, programs: Mapping[str, str], **options: Any) -> None:
        self.programs = {
            (name if ":" in name else f"app:{name}"): text
            for name, text in programs.items()
        }
        self.strict = False
        self.in_kernel = False
        self.isolated: dict[str, int] = {}
        self.modules = ("test", "time", "funcs")
        self.limit = 16
        self.denied: set[tuple[str, str]] = set()
        self.logged: list[tuple[str, str]] = []
        self.imports: dict[str, dict[str, str]] = {}
        self.node = Node(clock=Clock(epoch=1_700_000_000.0))
        self.engine = self.node.runtime = Engine(self.node, self, **options)
        self.place = self.node.host("app:processes")
        self._functions = self.node.host("node:functions")

    # what the engine asks -------------------------------------------------------------

    def code(self, id: str) -> Code | None:  # noqa: A002
        text = self.programs.get(id)
        if text is None:
            return None
        return Code(
            id,
            text.encode(),
            modules=tuple(m for m in self.modules if self.has_module(m)),
            imports=self.imports.get(id, {}),
        )

    def has_module(self, name: str) -> bool:
        return name in {"test", "funcs", "time"}

    def module(self, name: str) -> ModuleDescription:
        if name == "test":
            return TEST.describe()
        if name == "time":
            from wippy_trio.modules.time import MODULE  # noqa: PLC0415

            return MODULE.describe()
        raise NotFoundError(name)

    def host(self, id: str) -> Host:  # noqa: A002
        host = self.node.hosts.get(id)
        if host is None:
            raise NotFoundError("host not found", details={"host_id": id})
        return host

    def function_host(self) -> Host:
        return self._functions

    def function(self, id: str) -> FunctionTarget:  # noqa: A002
        if id not in self.programs:
            raise NotFoundError(
                "no handler registered for target", details={"target": id}
            )
        return FunctionTarget("function", self.limit)

    def function_context(self, _id: str, context: Context) -> Context:
        return context

    def retry_options(self, _id: str) -> Mapping[str, Any] | None:
        return None

    def budget(self, _host: str) -> str:
        return "full"

    def isolation(self, host: str) -> int | None:
        return self.isolated.get(host)

    def kernel_channels(self, _host: str) -> bool:
        return self.in_kernel

    def lazy(self, _host: str) -> bool:
        return False

    def read_payload(self, kind: str, _data: bytes) -> Any:
        raise InternalError(f"no payloads of {kind} here")

    def write_payload(self, kind: str, _value: Any) -> bytes:
        raise InternalError(f"no payloads of {kind} here")

    def allowed(self, _process: Process, action: str, resource: str) -> bool:
        return (action, resource) not in self.denied

    def log(
        self,
        _process: Process | None,
        _level: str,
        message: str,
        location: str,
        _fields: Mapping[str, Any] | None,
    ) -> None:
        self.logged.append((message, location))

    def exited(self, process: Process) -> None:
        del process

    async def call(
        self,
        _process: Process,
        id: str,  # noqa: A002
        _args: Sequence[Any],
        _context: Context,
    ) -> Any:
        raise InternalError(f"no remote function {id}")

    # what a test does -----------------------------------------------------------------

    async def spawn(self, name: str, *args: Any, **options: Any) -> Process:
        return await self.engine.spawn(f"app:{name}", self.place, args, **options)

    async def run(self, name: str, *args: Any) -> Exit:
        """Spawn a program and wait for its end."""
        process = await self.spawn(name, *args)
        return await wait_end(process)

    async def value(self, name: str, *args: Any) -> Any:
        """Spawn a program, wait for its end, give its value or raise its error."""
        return (await self.run(name, *args)).unwrap()

    async def settle(self) -> None:
        """Wait until the engine has nothing left to do now."""
        await trio.testing.wait_all_tasks_blocked()


@asynccontextmanager
async def bench(programs: Mapping[str, str], **options: Any) -> AsyncIterator[Bench]:
    """Run an engine over some programs for the length of a block."""
    made = Bench(programs, **options)
    async with trio.open_nursery() as nursery:
        await nursery.start(made.place.run)
        await nursery.start(made._functions.run)
        await nursery.start(made.engine.run)
        yield made
        nursery.cancel_scope.cancel()

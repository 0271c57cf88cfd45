"""The runtime as the Lua engine sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.errors import InternalError, NotFoundError
from wippy_trio.logs import get_logger
from wippy_trio.lua import FunctionTarget
from wippy_trio.runtime import catalogue
from wippy_trio.runtime.payloads import read_payload, write_payload
from wippy_trio.sdk import read_identity
from wippy_trio.sdk.runtime import EVALUATED
from wippy_trio.services.lua_code import default_host, read_pool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wippy_trio.kernel import Context, Host, Process
    from wippy_trio.lua import Code, ModuleDescription
    from wippy_trio.runtime.boot import RunningRuntime

__all__ = ["EngineSurroundings"]

CONTROL_HOST = "node:control"

log = get_logger(__name__)


class EngineSurroundings:
    """Answer the engine's questions from the registry and the kinds' tables."""

    def __init__(self, runtime: RunningRuntime) -> None:
        self.runtime = runtime
        self.strict = runtime.config.flag("security.strict_mode")

    # -- code --------------------------------------------------------------------------

    def code(self, id: str) -> Code | None:  # noqa: A002 - its name
        """Give the Lua code of an entry."""
        return self.runtime.code.get(id)

    def has_module(self, name: str) -> bool:
        """Tell whether a module may be declared; raise if what it needs is missing."""
        if not catalogue.has_module(name):
            return False
        catalogue.check_installed(name)
        return True

    def module_classes(self, name: str) -> frozenset[str]:
        """Tell the classes of a module (modules-data 0.3), or raise what is missing."""
        catalogue.check_installed(name)
        return frozenset(catalogue.load_module(name).classes)

    def modules(self) -> list[dict[str, Any]]:
        """List the modules; it blocks, for it imports them all."""
        return catalogue.module_table()

    def module(self, name: str) -> ModuleDescription:
        """Describe a module; one that is missing fails here, at use (design 7)."""
        return catalogue.load_module(name).describe()

    # -- hosts -------------------------------------------------------------------------

    def host(self, id: str) -> Host:  # noqa: A002
        """Find a process host (core S-3)."""
        host = self.runtime.node.hosts.get(id)
        if host is not None and id != CONTROL_HOST:
            return host
        if id in self.runtime.live.state.state:
            raise InternalError(
                "host does not implement process.Host",
                retryable=False,
                details={"host_id": id},
            )
        raise NotFoundError("host not found", details={"host_id": id})

    def function_host(self) -> Host:
        """Give the host of function calls."""
        return self.runtime.function_host

    def budget(self, host: str) -> str:
        """Tell the kind of budget checks for programs of a host."""
        options = self.runtime.host_options.get(host)
        return str(options["budget"]) if options else "full"

    def lazy(self, host: str) -> bool:
        """Tell whether processes of a host open their nursery on demand."""
        options = self.runtime.host_options.get(host)
        return options is not None and options["nursery"] == "on_demand"

    def isolation(self, host: str) -> int | None:
        """Give the memory limit of a VM of a host with a VM for each process."""
        options = self.runtime.host_options.get(host)
        if options is None or options["isolation"] != "vm":
            return None
        return int(options["memory_limit"])

    def kernel_channels(self, host: str) -> bool:
        """Tell whether channels of programs of a host are the kernel's."""
        options = self.runtime.host_options.get(host)
        return options is not None and options["channels"] == "kernel"

    # -- functions ---------------------------------------------------------------------

    def function(self, id: str) -> FunctionTarget:  # noqa: A002
        """Find a function (core F-4, F-14)."""
        entry = self.runtime.live.state.state.get(id)
        if id in self.runtime.functions:
            return FunctionTarget("remote")
        if id in self.runtime.code and self.runtime.code.kind(id) == EVALUATED:
            return FunctionTarget("function")
        if entry is not None and id in self.runtime.code:
            kind = self.runtime.code.kind(id)
            if kind == "function.lua":
                return FunctionTarget("function", read_pool(entry))
            if kind == "process.lua":
                host = default_host(entry)
                if host is not None:
                    return FunctionTarget("process", host=host)
        raise NotFoundError("no handler registered for target", details={"target": id})

    def function_context(self, id: str, context: Context) -> Context:  # noqa: A002
        """Give a function its own identity if its caller has none (apps 13.35)."""
        entry = self.runtime.live.state.state.get(id)
        if entry is None or context.actor is not None or context.scope is not None:
            return context
        data = entry.data if isinstance(entry.data, dict) else {}
        identity = read_identity(data.get("security"), entry)
        if identity is None:
            return context
        return self.runtime.context_of(identity, context)

    def retry_options(self, id: str) -> Mapping[str, Any] | None:  # noqa: A002
        """Give the retry options of a function's metadata (core F-37)."""
        entry = self.runtime.live.state.state.get(id)
        options = entry.meta.get("options") if entry is not None else None
        retry = options.get("retry") if isinstance(options, dict) else None
        return retry if isinstance(retry, dict) else None

    async def call(
        self,
        process: Process,
        id: str,  # noqa: A002
        args: Sequence[Any],
        context: Context,
    ) -> Any:
        """Call what the engine does not run itself."""
        return await self.runtime.call(id, *args, context=context, caller=process)

    # -- payloads ----------------------------------------------------------------------

    def read_payload(self, kind: str, data: bytes) -> Any:
        """Read a payload of a format outside Lua (core PAY-6)."""
        return read_payload(kind, data)

    def write_payload(self, kind: str, value: Any) -> bytes:
        """Write a value in a format outside Lua."""
        return write_payload(kind, value)

    # -- decisions and records ---------------------------------------------------------

    def allowed(self, process: Process, action: str, resource: str) -> bool:
        """Decide by the actor and the scope of a process."""
        return self.runtime.allowed(process, action, resource)

    def log(
        self,
        process: Process | None,
        level: str,
        message: str,
        location: str,
        fields: Mapping[str, Any] | None,
    ) -> None:
        """Write one record of a program (core STD-30)."""
        self.runtime.program_log(process, level, message, location, fields)

    def exited(self, process: Process) -> None:
        """Log an abnormal end with its Lua stack.

        The failure of a process is an error: maybe nobody watches it. That of a
        function, whose caller is told, and an end that was asked for are details.
        """
        ended = process.exit
        if ended is None or ended.error is None or log.silent:
            return
        called = process.pid.host == process.entry
        failed = ended.reason == "failed" and not called
        (log.error if failed else log.debug)(
            "process failed" if failed else "process.exited",
            pid=str(process.pid),
            entry=process.entry,
            reason=ended.reason,
            error=ended.error.message,
            stack=ended.error.stack,
        )

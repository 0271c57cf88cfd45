"""What the engine asks of the runtime around it; the runtime implements it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

from wippy_trio.lua.units import CodeSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wippy_trio.kernel import Context, Host, Process
    from wippy_trio.lua.functions import ModuleDescription

__all__ = ["FunctionTarget", "Surroundings"]


@attrs.frozen(slots=True)
class FunctionTarget:
    """Say how a call of one function id is carried out.

    ``kind`` is ``function`` (Lua, in this VM), ``process`` (a process with a default
    host) or ``remote`` (somebody else runs it). ``limit`` calls run at once.
    """

    kind: str
    limit: int = 16
    host: str = ""


class Surroundings(CodeSource, Protocol):
    """The runtime as the engine sees it."""

    strict: bool

    def host(self, id: str) -> Host:  # noqa: A002 - its name
        """Find a process host, or raise what core S-3 says."""
        ...

    def function_host(self) -> Host:
        """Give the host whose nursery the host calls of function calls run in."""
        ...

    def function(self, id: str) -> FunctionTarget:  # noqa: A002
        """Find a function, or raise what core F-4 says."""
        ...

    def function_context(self, id: str, context: Context) -> Context:  # noqa: A002
        """Give the context of a call: a function may bring an identity of its own."""
        ...

    def retry_options(self, id: str) -> Mapping[str, Any] | None:  # noqa: A002
        """Give the ``meta.options.retry`` of a function."""
        ...

    def budget(self, host: str) -> str:
        """Tell the kind of budget checks for programs of a host."""
        ...

    def kernel_channels(self, host: str) -> bool:
        """Tell whether channels of programs of a host are the kernel's."""
        ...

    def isolation(self, host: str) -> int | None:
        """Give the memory limit of a VM of a host with a VM for each process.

        ``None`` for other hosts, whose processes share the VM of the runtime; 0 for no
        limit.
        """
        ...

    def lazy(self, host: str) -> bool:
        """Tell whether processes of a host open their nursery on demand."""
        ...

    def module(self, name: str) -> ModuleDescription:
        """Describe a module, or raise what is missing for it."""
        ...

    def read_payload(self, kind: str, data: bytes) -> Any:
        """Read a payload of a format outside Lua, or raise (core PAY-6)."""
        ...

    def write_payload(self, kind: str, value: Any) -> bytes:
        """Write a value in a format outside Lua, or raise."""
        ...

    def allowed(self, process: Process, action: str, resource: str) -> bool:
        """Decide by the actor and the scope of a process."""
        ...

    def log(
        self,
        process: Process | None,
        level: str,
        message: str,
        location: str,
        fields: Mapping[str, Any] | None,
    ) -> None:
        """Write one record of a program."""
        ...

    def exited(self, process: Process) -> None:
        """Note an abnormal end of a process of a VM, for the log."""
        ...

    async def call(
        self,
        process: Process,
        id: str,  # noqa: A002
        args: Sequence[Any],
        context: Context,
    ) -> Any:
        """Call a function that this VM does not run."""
        ...

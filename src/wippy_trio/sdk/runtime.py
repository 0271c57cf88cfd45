"""The running services, as modules and kinds reach them.

`Runtime` is a protocol: the runtime room implements it. A module function finds it by
`current_runtime`, because it always acts for a process, and a process knows its node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from wippy_trio.errors import PermissionDeniedError
from wippy_trio.lua.functions import current_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import trio

    from wippy_trio.kernel import Context, Node, Pid, Process
    from wippy_trio.sdk.chance import Randomness

EVALUATED = "eval"
"""The kind of code that no entry has: it is evaluated once."""

__all__ = [
    "EVALUATED",
    "EventBus",
    "Resources",
    "Runtime",
    "check_permission",
    "current_runtime",
    "randomness",
    "runtime_of",
]


class EventBus(Protocol):
    """The bus of core section 16, for Python."""

    def publish(self, system: str, kind: str, path: str, data: Any = None) -> None:
        """Give an event to every subscriber that matches."""
        ...

    def subscribe(
        self,
        system: str,
        kind: str | None,
        receive: Callable[[Mapping[str, Any]], None],
    ) -> Callable[[], None]:
        """Have matching events given to a plain function; returns the way out."""
        ...


class Resources(Protocol):
    """Objects that entries stand for: databases, stores, hosts ..., by entry id.

    What is still there when the runtime stops is closed by its method ``aclose``, a
    coroutine function, or ``close``, a plain one; the last one made goes first.
    """

    def get(self, id: str) -> Any:  # noqa: A002 - its name
        """Find one, or raise `NotFoundError`."""
        ...

    def put(self, id: str, value: Any) -> None:  # noqa: A002
        """Make one known; the kind's handler does."""
        ...

    def remove(self, id: str) -> None:  # noqa: A002
        """Make one unknown."""
        ...

    def values(self) -> list[Any]:
        """List all."""
        ...

    async def close(self) -> None:
        """Close all; the runtime does."""
        ...


class Runtime(Protocol):
    """What runs; see the runtime room for what each attribute is."""

    node: Node
    project: Any
    registry: Any
    live: Any
    code: Any
    host_options: dict[str, dict[str, Any]]
    randomness: Randomness
    policies: Any
    started_at: float
    config: Any
    env: Any
    security: Any
    supervisor: Any
    metrics: Any
    engine: Any
    tracing: Any

    @property
    def bus(self) -> EventBus:
        """The event bus."""
        ...

    @property
    def resources(self) -> Resources:
        """What entries stand for."""
        ...

    @property
    def nursery(self) -> trio.Nursery:
        """Where tasks that live as long as the runtime run."""
        ...

    def context_of(self, identity: Any, base: Context | None = None) -> Context:
        """Make the context of a configured identity (apps 8.6)."""
        ...

    async def spawn_process(
        self,
        id: str,  # noqa: A002
        host: str,
        args: Sequence[Any] = (),
        *,
        context: Context | None = None,
    ) -> Process:
        """Spawn a process of the registry on a host."""
        ...

    def deliver_cancel(
        self, process: Process, sender: Pid, reason: str, at: int
    ) -> None:
        """Ask a process to finish, in the name of the runtime."""
        ...

    def program_log(
        self,
        process: Process | None,
        level: str,
        message: str,
        location: str,
        fields: Mapping[str, Any] | None,
        name: str = "",
    ) -> None:
        """Write one record of a program."""
        ...

    def allowed(
        self,
        process: Process,
        action: str,
        resource: str,
        meta: Mapping[str, Any] | None = None,
    ) -> bool:
        """Decide by the actor and the scope of a process (core PERM-0)."""
        ...

    async def call(
        self,
        id: str,  # noqa: A002
        *args: Any,
        context: Context | None = None,
        frame: Any = None,
    ) -> Any:
        """Call a function of the registry.

        ``frame`` is what modules find in ``current_process().frame`` of this call, and
        of nothing that it calls.
        """
        ...

    def feed(self, process: Process, topic: str, value: Any) -> None:
        """Put a value into a system topic (``@...``) of a process."""
        ...

    def exit(self, code: int) -> None:
        """Ask the whole runtime to shut down with an exit code."""
        ...

    def terminal(self, process: Process) -> Any:
        """Give the terminal of a process, or ``None`` where it has none."""
        ...

    def arguments(self) -> Sequence[str]:
        """Give the command-line arguments of the launched program."""
        ...


def runtime_of(process: Process) -> Runtime:
    """Find the runtime that a process belongs to.

    Raises:
      LookupError: Its node belongs to none.
    """
    runtime = process.host.node.runtime
    if runtime is None:
        raise LookupError("this node belongs to no runtime")
    return runtime  # type: ignore[no-any-return]


def current_runtime() -> Runtime:
    """Find the runtime of the process for which this function runs."""
    return runtime_of(current_process())


def randomness() -> Randomness:
    """Give the source of randomness of the runtime for which this function runs.

    Modules draw from it and from nothing else; see `Randomness`.
    """
    return current_runtime().randomness


def check_permission(
    action: str,
    resource: str,
    message: str,
    *,
    meta: Mapping[str, Any] | None = None,
) -> None:
    """Refuse what the calling process may not do.

    Raises:
      PermissionDeniedError: With ``message`` (core PERM-0).
    """
    process = current_process()
    if not runtime_of(process).allowed(process, action, resource, meta):
        raise PermissionDeniedError(message, retryable=False)

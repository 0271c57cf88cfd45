"""The composition root: from a loaded project to a running application."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio import security
from wippy_trio.errors import Error, InvalidError, NotFoundError
from wippy_trio.kernel import (
    Cancel,
    Clock,
    Context,
    Host,
    Node,
    Pid,
    wait_end,
)
from wippy_trio.loading.compile_cache import open_compile_cache
from wippy_trio.logs import get_logger
from wippy_trio.lua import Engine
from wippy_trio.registry import MemoryHistory, NilHistory, Registry
from wippy_trio.runtime import catalogue
from wippy_trio.runtime.code import CodeTable
from wippy_trio.runtime.determinism import (
    CountingClock,
    repeatable_scheduling,
    virtual_clock,
)
from wippy_trio.runtime.environment import Environment
from wippy_trio.runtime.eventbus import Bus
from wippy_trio.runtime.live import LiveRegistry
from wippy_trio.runtime.logging import listen
from wippy_trio.runtime.metrics import Metrics
from wippy_trio.runtime.resources import ResourceTable
from wippy_trio.runtime.supervision import ServiceSupervisor
from wippy_trio.runtime.surroundings import EngineSurroundings
from wippy_trio.sdk import Randomness, run_in_thread
from wippy_trio.services.lua_code import default_host

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from wippy_trio.kernel import Process
    from wippy_trio.loading import Project
    from wippy_trio.registry import Operation, Plan
    from wippy_trio.runtime.tracing import Tracing
    from wippy_trio.runtime.type_check import TypeCheck
    from wippy_trio.sdk import EntryKind, Identity
    from wippy_trio.sdk.runtime import EventBus, Resources

__all__ = ["RunningRuntime", "running"]

log = get_logger("run")


def check_function_id(id: str) -> None:  # noqa: A002 - its name
    """Refuse what cannot be the id of a function (core F-2, apps 6.1.2).

    Raises:
      InvalidError: It is empty, or a part of it is missing.
    """
    namespace, colon, name = id.partition(":")
    if not id:
        raise InvalidError("function ID required")
    if not namespace or not colon:
        raise InvalidError("namespace required in function ID")
    if not name:
        raise InvalidError("name required in function ID")


class RunningRuntime:
    """Hold everything that runs; the `Runtime` of the sdk."""

    def __init__(
        self,
        project: Project,
        *,
        lua_version: str = "5.4",
        seed: int | None = None,
        arguments: Sequence[str] = (),
        clock: Clock | None = None,
        memory_limit: int = 0,
        stream_logs: bool = False,
    ) -> None:
        """Wire the parts; nothing runs yet.

        Args:
          project: What was loaded.
          lua_version: Of the VM.
          seed: Of everything random; ``None`` for the system's.
          arguments: Of the launched program.
          clock: Wall time.
          memory_limit: Of the Lua heap, in bytes; 0 for none.
          stream_logs: Publish the log on the event bus; so does the configuration.
        """
        self.project = project
        self.config = project.config
        self.randomness = Randomness(seed)
        self.seed = seed
        self._given_clock = clock
        self.node = Node(clock=clock)
        self.node.runtime = self
        self.bus: EventBus = Bus()
        self.resources: Resources = ResourceTable()
        self.code = CodeTable()
        self.functions: dict[str, Callable[..., Any]] = {}
        self.host_options: dict[str, dict[str, Any]] = {}
        self.policies = security.PolicyStore()
        self.security = self.policies
        self.env = Environment(self)
        self.metrics = Metrics()
        self.tracing: Tracing | None = None
        self.metrics_port: int | None = None  # of the server for Prometheus
        self.supervisor = ServiceSupervisor(seed=seed)
        self._handlers: dict[type[EntryKind], EntryKind] = {}
        self._type_check: TypeCheck | None = None
        if self.config.flag("lua.type_system.enabled"):
            from wippy_trio.runtime.type_check import TypeCheck  # noqa: PLC0415

            self._type_check = TypeCheck(project, in_thread=seed is None)
        self.live = LiveRegistry(
            Registry(_history(project)),
            bus=self.bus,
            lookup=self.env.lookup,
            committed=self._committed,
            handler=self._handler,
            check=None if self._type_check is None else self._type_check.check,
            widen=self._widened,
            dispatch_internal=self.config.flag("registry.dispatch_internal_kinds"),
        )
        self.registry = self.live
        self.engine = Engine(
            self.node,
            EngineSurroundings(self),
            lua_version=lua_version,
            seed=self.randomness.branch("vm").number(),
            slice_clock=None if seed is None else CountingClock(),
            memory_limit=memory_limit,
        )
        self.function_host: Host = self.node.host("node:functions")
        self.control: Host = self.node.host("node:control")
        self.exit_code: int | None = None
        self.exit_asked = trio.Event()
        self.launched: Process | None = None
        self._arguments = tuple(arguments)
        self.opened_terminal: Any = None
        self.started_at = 0.0
        self._nursery: trio.Nursery | None = None
        self._stream_logs = stream_logs or self.config.flag(
            "logmanager.stream_to_events"
        )
        self.program_logger: Callable[..., None] | None = None

    # -- life --------------------------------------------------------------------------

    @property
    def nursery(self) -> trio.Nursery:
        """Where tasks that live as long as the runtime run."""
        assert self._nursery is not None
        return self._nursery

    async def start(self, nursery: trio.Nursery) -> None:
        """Start the parts, load the entries, start the services (apps 1.12)."""
        self._nursery = nursery
        if self.seed is not None and self._given_clock is None:
            self.node.clock = virtual_clock() or self.node.clock
        self.started_at = trio.current_time()
        self._open_tracing()
        await nursery.start(self.engine.run)
        await nursery.start(self.function_host.run)
        await nursery.start(self.control.run)
        await nursery.start(self.supervisor.run)
        for finding in self.project.findings:
            getattr(log, finding.level)(finding.message, **finding.fields)
        log.info("loaded entries", count=len(self.project.entries))
        log.info("creating baseline state from entries")
        compiled = open_compile_cache(self.config, self.project.folder)
        self.engine.chunks.known = compiled
        try:
            await self.live.load(self.project.entries.values())
        except Error as error:
            log.error(  # noqa: TRY400 - no traceback in the program's log
                "entry loading failed", error=str(error), details=error.details
            )
            raise
        await self._serve_metrics(nursery)
        if self._type_check is not None:
            await self._type_check.save()
        compiled.save()
        # What comes later, evaluated code above all, is not kept.
        self.engine.chunks.known = None
        log.info("runtime ready")

    def _open_tracing(self) -> None:
        """Begin to trace, if that is wanted (apps 9.2)."""
        if self.config.flag("otel.enabled"):
            from wippy_trio.runtime.tracing import open_tracing  # noqa: PLC0415

            self.tracing = open_tracing(self)

    async def _serve_metrics(self, nursery: trio.Nursery) -> None:
        """Serve the metrics to Prometheus, if that is wanted (apps 9.2)."""
        address = self.config.text("prometheus.address")
        if not self.config.flag("prometheus.enabled") or not address:
            return
        from wippy_trio.runtime.metrics import BUCKETS  # noqa: PLC0415 - start-up cost
        from wippy_trio.services.prometheus import serve_metrics  # noqa: PLC0415

        self.metrics_port = await nursery.start(serve_metrics, self, address, BUCKETS)

    async def stop(self) -> None:
        """Stop services in reverse order, then the hosts (apps 1.12.8)."""
        log.info("shutting down")
        limit = self.config.seconds("shutdown.timeout")
        with trio.move_on_after(limit) as scope:
            await self.supervisor.stop_all(self.live.state.state)
        if scope.cancelled_caught:
            log.warning("shutdown timed out", timeout_s=limit)
        for host in list(self.node.hosts.values()):
            await host.stop(0.0)
        self.engine.modules.clean_up()
        await self.resources.close()
        if self.tracing is not None:
            await self.tracing.aclose()
        await self.env.close()
        if self._type_check is not None:
            await self._type_check.save()
        log.info("stopped")

    def _handler(self, kind: str) -> EntryKind | None:
        """Find who handles a kind; one instance serves all kinds of its class."""
        cls = catalogue.handler_class(kind)
        if cls is None:
            return None
        handler = self._handlers.get(cls)
        if handler is None:
            handler = self._handlers[cls] = cls(self)
        return handler

    async def _widened(self, operations: Sequence[Operation]) -> list[Operation]:
        """Mount and take away modules as their dependencies say (apps 1.10.8)."""
        state = self.live.state.state
        if not any(
            "ns.dependency" in (each.entry.kind, getattr(known, "kind", ""))
            for each in operations
            for known in (state.get(each.entry.id),)
        ):
            await trio.lowlevel.checkpoint()
            return list(operations)
        from wippy_trio.loading.dependencies import widen  # noqa: PLC0415 - start-up

        wide = await run_in_thread(
            widen, self.project, dict(state), operations, dict(os.environ)
        )
        for finding in wide.findings:
            getattr(log, finding.level)(finding.message, **finding.fields)
        self.project.modules.update({each.name: each for each in wide.mounted})
        return wide.operations

    async def _committed(self, plan: Plan) -> None:
        del plan
        changed = self.code.take_changed()
        if changed:
            self.engine.code_changed(changed)
            self._tell_outdated(changed)
        await self.supervisor.settle(self.live.state.state)

    def _tell_outdated(self, changed: frozenset[str]) -> None:
        """Tell processes that asked for it that their code changed (core P-116)."""
        for number in list(self.engine.upgradable):
            process = self.node.processes.get(number)
            if process is None:
                continue
            sources = self.engine.outdated_sources(process.entry, changed)
            if sources:
                self.feed(
                    process,
                    "@pid/events",
                    {"kind": "pid.outdated", "sources": sorted(sources)},
                )

    def stream_logs(self) -> Callable[[], None]:
        """Publish the log on the event bus, if that is wanted (apps 10.3.4).

        Returns:
          A function that ends it.
        """
        if not self._stream_logs:
            return lambda: None
        publishing = False

        def publish(level: str, name: str, message: str, fields: Any) -> None:
            nonlocal publishing
            if not publishing:  # a subscriber that logs is not told of that
                publishing = True
                data = {"message": message, "fields": fields}
                try:
                    self.bus.publish("logs", level, name or "-", data)
                finally:
                    publishing = False

        return listen(publish)

    # -- what modules and kinds use ----------------------------------------------------

    def allowed(
        self,
        process: Process,
        action: str,
        resource: str,
        meta: Mapping[str, Any] | None = None,
    ) -> bool:
        """Decide by the actor and the scope of a process (core PERM-0)."""
        context = process.context
        facts = dict(meta or {})
        if action.startswith("process."):
            facts.setdefault("pid", str(process.pid))
        return security.allowed(
            context.actor,
            context.scope,
            action,
            resource,
            facts,
            strict=self.config.flag("security.strict_mode"),
        )

    def context_of(
        self, identity: Identity | None, base: Context | None = None
    ) -> Context:
        """Make the context of a configured identity (apps 8.6)."""
        base = base or Context()
        if identity is None:
            return base
        resolved = self.policies.resolve(identity.policies, identity.groups)
        if resolved.unknown:
            log.warning("unknown policies skipped", policies=list(resolved.unknown))
        actor = security.Actor(identity.actor, dict(identity.meta))
        return Context(
            values=base.values,
            actor=actor if identity.actor else base.actor,
            scope=resolved.scope,
            network=base.network,
            trace=base.trace,
        )

    async def spawn_process(
        self,
        id: str,  # noqa: A002 - its name
        host: str,
        args: Sequence[Any] = (),
        *,
        context: Context | None = None,
        name: str | None = None,
        monitor: int | None = None,
        link: int | None = None,
    ) -> Process:
        """Spawn a process of the registry on a host (core S-3 to S-6)."""
        place = self.engine.surroundings.host(host)
        place.check_running()
        return await self.engine.spawn(
            id, place, args, context=context, name=name, monitor=monitor, link=link
        )

    async def call(
        self,
        id: str,  # noqa: A002
        *args: Any,
        context: Context | None = None,
        caller: Process | None = None,
        frame: Any = None,
    ) -> Any:
        """Call a function of the registry; see core section 14."""
        if id not in self.functions and self.code.is_function(id):
            return await self.engine.call(id, args, context=context, frame=frame)
        check_function_id(id)
        target = self.engine.surroundings.function(id)
        if target.kind == "function":
            return await self.engine.call(id, args, context=context, frame=frame)
        if target.kind == "remote":
            return await self.functions[id](*args)
        process = await self.spawn_process(id, target.host, args, context=context)
        try:
            ended = await wait_end(process)
        except trio.Cancelled:
            sender = caller.pid if caller is not None else Pid("", 0)
            at = self.node.clock.unix_seconds()
            self.deliver_cancel(process, sender, "caller context canceled", at)
            raise
        return ended.unwrap()

    def deliver_cancel(
        self, process: Process, sender: Pid, reason: str, at: int
    ) -> None:
        """Ask a process to finish, in the name of the runtime."""
        process.body.deliver(process, Cancel(sender, reason, at))

    def feed(self, process: Process, topic: str, value: Any) -> None:
        """Put a value into a system topic of a Lua process."""
        self.engine.feed(process.pid.number, topic, value)

    def exit(self, code: int) -> None:
        """Ask the runtime to shut down; the first code wins."""
        if self.exit_code is None:
            self.exit_code = code
            self.exit_asked.set()

    def terminal(self, process: Process) -> Any:
        """Give the terminal of the launched process."""
        if self.opened_terminal is None:
            return None
        launched = self.launched is None or process is self.launched
        return self.opened_terminal if launched else None

    def open_terminal(self, terminal: Any) -> None:
        """Give the process launched next a terminal."""
        self.opened_terminal = terminal

    def arguments(self) -> Sequence[str]:
        """Give the command-line arguments of the launched program."""
        return self._arguments

    def default_host(self, id: str) -> str | None:  # noqa: A002
        """Tell on which host an entry runs when it is called."""
        entry = self.live.state.state.get(id)
        if entry is None:
            raise NotFoundError(f"entry not found: {id}")
        return default_host(entry)

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
        logger = get_logger(name)
        bound = {**(fields or {})}
        pid = str(process.pid) if process is not None else ""
        # A field of the program's own keeps its name; both are told (apps 11.3.7).
        bound["process_pid" if "pid" in bound else "pid"] = pid
        if location:
            taken = "location" in bound
            bound["process_location" if taken else "location"] = location
        bound.pop("event", None)
        getattr(logger, level)(message, **{str(k): v for k, v in bound.items()})


def _history(project: Project) -> Any:
    config = project.config
    if not config.flag("registry.enable_history"):
        return NilHistory()
    kind = config.text("registry.history_type")
    if kind == "memory":
        return MemoryHistory()
    if kind == "nil":
        return NilHistory()
    if kind == "sqlite":
        path = config.path("registry.history_path")
        assert path is not None
        from wippy_trio.registry import SqliteHistory  # noqa: PLC0415 - start-up cost

        return SqliteHistory(path)
    raise NotFoundError(
        f"registry.history_type: wanted memory, sqlite or nil, got {kind!r}"
    )


@contextlib.asynccontextmanager
async def running(runtime: RunningRuntime) -> AsyncIterator[RunningRuntime]:
    """Run a runtime for the length of a block; stop it in good order at its end."""
    order: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if runtime.seed is not None:
        order = repeatable_scheduling(runtime.seed)
    with order:
        async with trio.open_nursery() as nursery:
            hush = runtime.stream_logs()
            try:
                await runtime.start(nursery)
                yield runtime
            finally:
                hush()
                with trio.CancelScope(shield=True):
                    limit = runtime.config.seconds("shutdown.timeout") + 5
                    with trio.move_on_after(limit):
                        try:
                            await runtime.stop()
                        except Error as error:
                            log.error("shutdown failed", error=str(error))  # noqa: TRY400 - likewise
                nursery.cancel_scope.cancel()

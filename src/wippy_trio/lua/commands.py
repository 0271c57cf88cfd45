"""The Python functions that the prelude calls: admission, fates, permissions.

Every one returns at once and never enters a VM. No exception leaves one: `protect`
catches everything and returns ``(False, kind, message, retryable, details)``, which the
prelude turns into ``nil, err``. This is one of the three places that catch broadly.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import trio

from wippy_trio.duration import parse_nanoseconds
from wippy_trio.errors import InternalError, InvalidError, NotFoundError
from wippy_trio.kernel import Context, Pid
from wippy_trio.logs import get_logger
from wippy_trio.lua.body import text, to_bytes
from wippy_trio.lua.codec import decode, encode
from wippy_trio.lua.module_calls import failure_of
from wippy_trio.lua.type_pools import matches
from wippy_trio.lua.unicode import lower, upper

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.kernel import Host, Process
    from wippy_trio.lua.engine import VmEngine

__all__ = ["Commands"]

log = get_logger(__name__)


def inherited(frame: Any) -> Any:
    """Give the frame of a caller to what it calls or spawns, if it says so."""
    return frame if getattr(frame, "inherited", False) else None


def run_clock() -> Callable[[], float]:
    """Give Trio's clock, directly in a run: every timer asks it."""
    try:
        return trio.lowlevel.current_clock().current_time
    except RuntimeError:
        return trio.current_time


def protect(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Keep every exception of a command out of Lua."""

    @functools.wraps(fn)
    def protected(*args: Any) -> Any:
        try:
            return fn(*args)
        except Exception as raised:  # noqa: BLE001 - no exception reaches a program
            error = failure_of(raised)
            details = encode([error.details]) if error.details else None
            return (
                False,
                error.kind.encode(),
                to_bytes(str(error)),
                False if error.retryable is None else error.retryable,
                details,
            )

    return protected


class _Plan(NamedTuple):
    """What a spawn of one entry on one host needs.

    Attributes:
      entry: The id of the entry.
      host: Where its processes run.
      unit: The key of its unit.
      lazy: Whether their nurseries are opened on demand.
      text: Makes the text of a pid of its number.
    """

    entry: str
    host: Host
    unit: int
    lazy: bool
    text: bytes


ELSEWHERE = -1
"""Stands for the unit of a process that is born in another VM."""


class Commands:
    """Carry out what the prelude of one VM asks for."""

    def __init__(self, engine: VmEngine) -> None:
        self.engine = engine
        self.node = engine.node
        self._plans: dict[tuple[bytes, bytes], _Plan] = {}

    def table(self) -> dict[str, Callable[..., Any]]:
        """Give the functions by the names the prelude knows."""
        modules = self.engine.modules
        plain: dict[str, Callable[..., Any]] = {
            "clock": run_clock(),
            "perf": self.engine.slice_clock,
            "wall": self.wall,
            "call": modules.call,
            "attempt": modules.attempt,
            "release_names": self.release_names,
            "clean_up": self.clean_up_after,
            "upper": upper,
            "lower": lower,
            "matches": matches,
        }
        names = (
            "unix",
            "admit",
            "admit_call",
            "birth_elsewhere",
            "unborn",
            "unit",
            "chunk",
            "plain_chunk",
            "types",
            "birth",
            "resolve",
            "send",
            "allowed",
            "link",
            "unlink",
            "monitor",
            "unmonitor",
            "terminate",
            "cancel",
            "register",
            "unregister",
            "upgrade",
            "set_upgradable",
            "log",
            "find_function",
            "call_remote",
            "cancel_call",
            "retry_options",
            "parse_duration",
            "payload_decode",
            "payload_encode",
            "kernel_channels",
        )
        for name in names:
            plain[name] = protect(getattr(self, name))
        plain["module"] = protect(modules.module)
        plain["class"] = protect(modules.class_)
        plain["loaded"] = protect(self.loaded)
        for name, command in self.engine.channels.commands().items():
            plain[name] = protect(command)
        return plain

    # -- time ----------------------------------------------------------------------

    def wall(self) -> tuple[int, int]:
        whole = self.node.clock.unix_nanoseconds()
        return whole // 1_000_000_000, whole % 1_000_000_000

    def unix(self) -> int:
        return self.node.clock.unix_seconds()

    def parse_duration(self, data: bytes) -> int | None:
        try:
            return parse_nanoseconds(text(data))
        except InvalidError:
            return None

    # -- births --------------------------------------------------------------------

    def _process(self, number: int) -> Process:
        process = self.node.processes.get(number)
        if process is None:
            process = self.engine.detached.get(number)
        if process is None:
            raise InternalError(f"process {number} is gone")
        return process

    def _guard(self, context: Context) -> bool:
        return (
            context.actor is not None
            or context.scope is not None
            or self.engine.surroundings.strict
        )

    def _context(self, parent: Context, overrides: bytes | None) -> Context:
        """Apply what a spawner or executor carries over the caller's context."""
        if not overrides:
            return parent
        (changes,) = decode(overrides, handles=self.engine.modules.find_object)
        values = changes.get("context")
        return Context(
            values={**parent.values, **values} if values else parent.values,
            actor=changes.get("actor", parent.actor),
            scope=changes.get("scope", parent.scope),
            network=changes.get("network", parent.network),
            trace=parent.trace,
        )

    def admit(
        self,
        parent: int,
        id: bytes,  # noqa: A002 - its name
        host: bytes,
        flags: int,
        name: Any,
        overrides: Any,
    ) -> tuple[Any, ...]:
        plan = self._plans.get((id, host))
        if plan is None or plan.host.state != "running":
            plan = self._plan(id, host)
        if plan.unit == ELSEWHERE:
            return True, False
        spawner = self._process(parent)
        context = spawner.context
        if overrides:
            context = self._context(context, overrides)
        process = self.node.admit(
            self.engine.body,
            plan.host,
            entry=plan.entry,
            context=context,
            name=text(name) if name else None,
            monitor=parent if flags & 1 else None,
            link=parent if flags & 2 else None,
            parent=parent,
            nurse=False,
            lazy=plan.lazy,
        )
        if spawner.frame is not None:
            process.frame = inherited(spawner.frame)
        number = process.pid.number
        return (
            True,
            number,
            plan.text % number,
            plan.unit,
            self._guard(context),
        )

    def _plan(self, id: bytes, host: bytes) -> _Plan:  # noqa: A002 - its name
        """Find what a spawn needs, once for each entry and host.

        A plan holds until code changes, or until its host stops: a host that is
        configured anew is another one.
        """
        engine = self.engine
        entry, host_id = text(id), text(host)
        place = engine.surroundings.host(host_id)
        place.check_running()
        if engine.elsewhere(place.id):
            unit = ELSEWHERE
        else:
            budget = engine.budget(host_id)
            unit = engine.units.of_process(entry, budget=budget).key
        at = f"{self.node.name}@{place.id}" if self.node.name else place.id
        plan = _Plan(
            entry=entry,
            host=place,
            unit=unit,
            lazy=engine.lazy(host_id),
            text=b"{%b|0x%%05x}" % to_bytes(at).replace(b"%", b"%%"),
        )
        self._plans[id, host] = plan
        return plan

    def forget_plans(self) -> None:
        """Code has changed: the next spawns look again."""
        self._plans.clear()

    def birth_elsewhere(
        self,
        parent: int,
        call: int,
        id: bytes,  # noqa: A002 - its name
        host: bytes,
        flags: int,
        wants_result: bool,
        name: Any,
        overrides: Any,
        args: bytes,
    ) -> tuple[Any, ...]:
        values = self.engine.channels.sealed(args)
        spawner = self._process(parent)
        self.engine.birth_elsewhere(
            self.engine,
            spawner,
            call,
            text(id),
            text(host),
            values,
            wants_result=wants_result,
            context=self._context(spawner.context, overrides or None),
            name=text(name) if name else None,
            monitor=parent if flags & 1 else None,
            link=parent if flags & 2 else None,
        )
        return True, True

    def admit_call(self, parent: int, id: bytes, overrides: Any) -> tuple[Any, ...]:  # noqa: A002
        engine = self.engine
        entry = text(id)
        frame = None
        if isinstance(overrides, int) and overrides is not False:
            context = engine.call_contexts.get(overrides, Context())
            frame = engine.call_frames.get(overrides)
        else:
            caller = self._process(parent)
            context = self._context(caller.context, overrides or None)
            frame = inherited(caller.frame)
        context = engine.surroundings.function_context(entry, context)
        process = self.node.admit(
            engine.body,
            engine.surroundings.function_host(),
            entry=entry,
            context=context,
            place=entry,
            nurse=False,
            lazy=True,
        )
        process.frame = frame
        return (
            True,
            process.pid.number,
            to_bytes(str(process.pid)),
            self._guard(context),
        )

    def birth(self, number: int) -> tuple[Any, ...] | None:
        process = self.node.processes.get(number)
        if process is None:
            return None
        return to_bytes(str(process.pid)), self._guard(process.context)

    def unborn(self, number: int) -> None:
        process = self.node.processes.get(number)
        if process is not None:
            self.engine.body.reporting = number
            try:
                self.node.unborn(process)
            finally:
                self.engine.body.reporting = None

    def unit(self, key: int) -> bytes:
        return encode([self.engine.units.by_key(key).describe()])

    def chunk(self, key: int) -> tuple[bytes, bytes]:
        chunks = self.engine.chunks
        return to_bytes(chunks.name(key)), chunks.text(key)

    def plain_chunk(self, key: int, message: bytes) -> bytes:
        chunks = self.engine.chunks
        log.warning(
            "chunk.unchecked",
            entry=chunks.name(key),
            reason=message.decode("utf-8", "replace"),
        )
        return chunks.plain(key).text

    def types(self, unit: int, chunk: int) -> bytes:
        return self.engine.types.describe(unit, chunk)

    def upgrade(self, number: int, id: bytes) -> tuple[Any, ...]:  # noqa: A002
        process = self._process(number)
        budget = self.engine.budget(process.pid.host)
        unit = self.engine.units.of_process(text(id), budget=budget)
        process.entry = unit.id
        return True, unit.key

    def kernel_channels(self, number: int) -> bool:
        process = self._process(number)
        return self.engine.surroundings.kernel_channels(process.pid.host)

    def set_upgradable(self, number: int, value: bool) -> None:
        (self.engine.upgradable.add if value else self.engine.upgradable.discard)(
            number
        )

    # -- fates and messages ---------------------------------------------------------

    def resolve(self, name: bytes) -> bytes | None:
        try:
            return to_bytes(str(self.node.resolve(text(name))))
        except NotFoundError:
            return None

    def send(
        self, sender: bytes, target: bytes, topic: bytes, wire: bytes
    ) -> tuple[Any, ...]:
        pid = Pid.parse(text(target))
        origin = Pid.parse(text(sender)) if sender else None
        values = self.engine.channels.sealed(wire)
        self.node.send(pid, text(topic), values, sender=origin)
        return True, True

    def allowed(self, number: int, action: bytes, resource: bytes) -> bool:
        process = self._process(number)
        return self.engine.surroundings.allowed(process, text(action), text(resource))

    def link(self, number: int, target: bytes) -> tuple[Any, ...]:
        self.node.link(self._process(number).pid, Pid.parse(text(target)))
        return True, True

    def unlink(self, number: int, target: bytes) -> tuple[Any, ...]:
        self.node.unlink(self._process(number).pid, Pid.parse(text(target)))
        return True, True

    def monitor(self, number: int, target: bytes) -> tuple[Any, ...]:
        self.node.monitor(self._process(number).pid, Pid.parse(text(target)))
        return True, True

    def unmonitor(self, number: int, target: bytes) -> tuple[Any, ...]:
        self.node.unmonitor(self._process(number).pid, Pid.parse(text(target)))
        return True, True

    def terminate(self, _number: int, target: bytes) -> tuple[Any, ...]:
        self.node.terminate(Pid.parse(text(target)))
        return True, True

    def cancel(self, number: int, target: bytes, reason: bytes) -> tuple[Any, ...]:
        sender = self._process(number).pid
        self.node.cancel(Pid.parse(text(target)), text(reason), sender=sender)
        return True, True

    def register(self, _number: int, name: bytes, pid: bytes) -> tuple[Any, ...]:
        self.node.names.register(text(name), Pid.parse(text(pid)))
        return True, True

    def unregister(self, name: bytes) -> bool:
        return self.node.names.unregister(text(name))

    def clean_up_after(self, number: int) -> None:
        """Clean up what modules made for a process that has just ended in the VM."""
        process = self.node.processes.get(number)
        if process is not None:
            process.clean_up()

    def release_names(self, number: int, detached: bool) -> None:
        process = self.node.processes.get(number)
        if process is not None and not process.unnamed:
            process.unnamed = True
            if self.node.names:
                self.node.names.release(process.pid)
            if process.unclean and not detached:
                protect(process.clean_up)()

    def log(
        self, number: int, level: bytes, message: bytes, location: bytes, fields: Any
    ) -> None:
        decoded = decode(fields)[0] if fields else None
        self.engine.surroundings.log(
            self.node.processes.get(number) or self.engine.detached.get(number),
            text(level),
            message.decode("utf-8", "replace"),
            text(location),
            decoded,
        )

    # -- functions -----------------------------------------------------------------

    def find_function(self, id: bytes) -> tuple[Any, ...]:  # noqa: A002
        entry = text(id)
        target = self.engine.surroundings.function(entry)
        unit = self.engine.units.get(entry).key if target.kind == "function" else None
        return True, unit, target.limit, target.kind.encode(), target.host.encode()

    def retry_options(self, id: bytes) -> bytes | None:  # noqa: A002
        options = self.engine.surroundings.retry_options(text(id))
        return encode([dict(options)]) if options else None

    def call_remote(self, number: int, id: bytes, overrides: Any, wire: bytes) -> int:  # noqa: A002
        process = self._process(number)
        context = self._context(process.context, overrides or None)
        return self.engine.call_remote(process, text(id), decode(wire), context)

    def loaded(self, number: int) -> None:
        self.engine.modules.keep(self._process(number))

    def cancel_call(self, ticket: int) -> None:
        self.engine.cancel_remote(ticket)

    # -- payloads ------------------------------------------------------------------

    def payload_decode(self, kind: bytes, data: bytes) -> tuple[Any, ...]:
        value = self.engine.surroundings.read_payload(text(kind), data)
        # An empty object of JSON stays one when it is written again (modules-data 1.1).
        return True, encode([value], mark_objects=kind == b"json/plain")

    def payload_encode(self, kind: bytes, wire: bytes) -> tuple[Any, ...]:
        (value,) = decode(wire)
        return True, self.engine.surroundings.write_payload(text(kind), value)

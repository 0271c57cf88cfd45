"""The Python functions that the prelude calls: admission, fates, modules, permissions.

Every one returns at once and never enters a VM. No exception leaves one: `protect`
catches everything and returns ``(False, kind, message, retryable, details)``, which the
prelude turns into ``nil, err``. This is one of the three places that catch broadly.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import trio

from wippy_trio.duration import parse_nanoseconds
from wippy_trio.errors import Error, InternalError, InvalidError, NotFoundError
from wippy_trio.kernel import Channel, Context, Pid
from wippy_trio.logs import get_logger
from wippy_trio.lua.body import to_bytes
from wippy_trio.lua.codec import decode, encode, reader
from wippy_trio.lua.crossing import HANDLE_CLASS
from wippy_trio.lua.functions import (
    MisuseError,
    TooLongError,
    attempted_in_place,
    describe_function,
    running_process,
)
from wippy_trio.lua.type_pools import matches
from wippy_trio.lua.unicode import lower, upper

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.kernel import Host, Process
    from wippy_trio.lua.engine import VmEngine
    from wippy_trio.lua.functions import HandleClass, HostFunction, ModuleDescription

__all__ = ["Commands", "failure_of"]

log = get_logger(__name__)


def text(data: bytes) -> str:
    """Read a name, topic or id of a program; any bytes survive."""
    return data.decode("utf-8", "surrogateescape")


def inherited(frame: Any) -> Any:
    """Give the frame of a caller to what it calls or spawns, if it says so."""
    return frame if getattr(frame, "inherited", False) else None


def failure_of(error: BaseException) -> Error:
    """Turn what a host function raised into the error that a program sees."""
    if isinstance(error, Error):
        return error
    log.error("host_function.failed", error=repr(error), exc_info=error)
    return InternalError(f"internal fault, please report it: {error!r}")


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


class _Shown:
    """An object that programs hold, and by how many handles.

    Attributes:
      owner: Number of the process whose handles they are; 0 for the chunks' ones.
      value: The object.
      handles: How many there are: all of them are equal to the program (core G-7).
    """

    __slots__ = ("handles", "owner", "value")

    def __init__(self, owner: int, value: Any) -> None:
        self.owner = owner
        self.value = value
        self.handles = 1


ELSEWHERE = -1
"""Stands for the unit of a process that is born in another VM."""


class Commands:
    """Carry out what the prelude of one VM asks for."""

    def __init__(self, engine: VmEngine) -> None:
        self.engine = engine
        self.node = engine.node
        self.functions: list[HostFunction] = []
        self._classes: dict[type, int] = {}
        self._class_list: list[tuple[HandleClass, bytes]] = []
        self.objects: dict[int, _Shown] = {}
        self._numbers: dict[tuple[int, int], int] = {}  # owner, identity: number
        self.owned: dict[int, set[int]] = {}  # owner: numbers of objects
        self._plans: dict[tuple[bytes, bytes], _Plan] = {}
        self._last_object = 0
        self._read = reader(self.find_object)
        self.kept: list[list[Callable[[], None]]] = []  # of the chunks of functions

    def table(self) -> dict[str, Callable[..., Any]]:
        """Give the functions by the names the prelude knows."""
        plain: dict[str, Callable[..., Any]] = {
            "clock": run_clock(),
            "perf": self.engine.slice_clock,
            "wall": self.wall,
            "call": self.call,
            "attempt": self.attempt,
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
            "loaded",
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
            "module",
            "class_",
            "kernel_channels",
        )
        for name in names:
            plain[name.rstrip("_")] = protect(getattr(self, name))
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
        (changes,) = decode(overrides, handles=self.find_object)
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

    # -- modules -------------------------------------------------------------------

    def module(self, name: bytes) -> bytes:
        return encode([self._describe(self.engine.surroundings.module(text(name)))])

    def _describe(self, module: ModuleDescription) -> dict[str, Any]:
        return {
            "name": module.name,
            "functions": [self._add(function) for function in module.functions],
            "classes": [self._describe_class(cls) for cls in module.classes],
            "constants": dict(module.constants),
            "tables": {
                name: self._describe(table) for name, table in module.tables.items()
            },
            "source": module.source,
        }

    def _add(self, function: HostFunction) -> dict[str, Any]:
        self.functions.append(function)
        return describe_function(function, len(self.functions) - 1)

    def _describe_class(self, handle: HandleClass) -> dict[str, Any]:
        known = self._classes.get(handle.cls)
        if known is None:
            known = len(self._class_list)
            self._classes[handle.cls] = known
            description = {
                "id": known,
                "name": handle.name,
                "methods": [self._add(method) for method in handle.methods],
            }
            self._class_list.append((handle, encode([description])))
        (description,) = decode(self._class_list[known][1])
        return dict(description)

    def class_(self, key: int) -> bytes:
        return self._class_list[key][1]

    def add_class(self, handle: HandleClass) -> None:
        """Make a class known before a module names it."""
        self._describe_class(handle)

    def handle_of(self, value: Any) -> tuple[Any, int] | None:
        """Give the numbers of the handle for an object, if its class is known."""
        if isinstance(value, Channel):
            return self.engine.channels.handle_of(value)
        for cls in type(value).__mro__:
            key = self._classes.get(cls)
            if key is not None:
                break
        else:
            handle = getattr(type(value), "__lua_handle__", None)
            if handle is None:
                return None
            self._describe_class(handle)
            key = self._classes[handle.cls]
        process = running_process.get()
        owner = 0 if process is None else process.pid.number
        known = self._numbers.get((owner, id(value)))
        if known is not None:
            self.objects[known].handles += 1
            return key, known
        self._last_object += 1
        number = self._last_object
        if process is not None and process.exit and owner not in self.engine.detached:
            return key, number  # it ended meanwhile: nobody will ever use this
        self.objects[number] = _Shown(owner, value)
        self._numbers[owner, id(value)] = number
        self.owned.setdefault(owner, set()).add(number)
        return key, number

    def find_object(self, key: Any, number: int) -> Any:
        """Give the object of a handle, or a channel.

        Raises:
          InvalidError: It was released.
        """
        if key == HANDLE_CLASS:
            return self.engine.channels.table.find(key, number)
        try:
            return self.objects[number].value
        except KeyError:
            raise InvalidError("the handle was released with its process") from None

    def release(self, owner: int) -> None:
        """Forget the objects of an ended process."""
        for number in self.owned.pop(owner, ()):
            found = self.objects.pop(number, None)
            if found is not None:
                self._numbers.pop((owner, id(found.value)), None)

    def loaded(self, number: int) -> None:
        """Let what the chunk of a function made live as long as its state.

        The call that loaded the state ends; others go on with what the chunk keeps in
        its locals. What was to be cleaned up is, when the engine closes.
        """
        process = self._process(number)
        cleanups = process.take_cleanups()
        if cleanups:
            self.kept.append(cleanups)
        for key in self.owned.pop(number, ()):
            found = self.objects[key]
            del self._numbers[found.owner, id(found.value)]
            found.owner = 0
            self._numbers.setdefault((0, id(found.value)), key)
            self.owned.setdefault(0, set()).add(key)

    def clean_up(self) -> None:
        """Clean up after the chunks of functions."""
        for cleanups in reversed(self.kept):
            for cleanup in reversed(cleanups):
                try:
                    cleanup()
                except Exception as error:  # noqa: BLE001 - the rest follows all the same
                    log.error("cleanup.failed", error=repr(error))  # noqa: TRY400
        self.kept.clear()

    def freed(self, numbers: list[int]) -> None:
        """Forget objects whose handles the collector freed."""
        for number in numbers:
            found = self.objects.get(number)
            if found is None:
                continue
            found.handles -= 1
            if found.handles:
                continue
            del self.objects[number]
            key = (found.owner, id(found.value))
            if self._numbers.get(key) == number:
                del self._numbers[key]
            owned = self.owned.get(found.owner)
            if owned is not None:
                owned.discard(number)

    # -- calls of module functions -----------------------------------------------------

    def call(self, fid: int, number: int, *args: Any) -> tuple[Any, ...]:
        """Run a plain module function in place: a tag and a value."""
        function = self.functions[fid]
        process = self.node.processes.get(number) or self.engine.detached.get(number)
        token = running_process.set(process)
        try:
            if function.flat:
                found = self.find_object(0, args[0])
                given: tuple[Any, ...] = function.fn(found, *args[1:])
                return given
            if function.scalars:
                values = self.scalars(function, args)
            else:
                values = self.arguments(function, args[0])
            return self.result(function, function.fn(*values))
        except Exception as raised:  # noqa: BLE001 - no exception reaches a program
            return self.failure(function, raised)
        finally:
            running_process.reset(token)

    def attempt(self, fid: int, number: int, wire: bytes) -> tuple[int, Any]:
        """Run a function in place that may ask for a thread: then the tag is 5."""
        function = self.functions[fid]
        process = self.node.processes.get(number) or self.engine.detached.get(number)
        token, mark = running_process.set(process), attempted_in_place.set(True)
        try:
            return self.result(function, function.fn(*self.arguments(function, wire)))
        except TooLongError:
            return 5, None
        except Exception as raised:  # noqa: BLE001 - no exception reaches a program
            return self.failure(function, raised)
        finally:
            attempted_in_place.reset(mark)
            running_process.reset(token)

    def failure(self, function: HostFunction, raised: Exception) -> tuple[int, bytes]:
        """Encode what a module function raised; tag 3 is raised in Lua."""
        if isinstance(raised, MisuseError):
            return 3, encode([raised.message])
        error = failure_of(raised)
        if error.retryable is None:
            error.retryable = False
        raises = function.raises is not None and isinstance(error, function.raises)
        return 3 if raises else 2, encode([error])

    def scalars(self, function: HostFunction, args: tuple[Any, ...]) -> list[Any]:
        """Read arguments that crossed as they are."""
        values: list[Any] = []
        parameters = function.parameters
        for position, value in enumerate(args):
            kind = (
                parameters[position].kind
                if position < len(parameters)
                else function.rest
            )
            if kind == "s" and value is not None:
                values.append(self._text(function, position, value))
            else:
                values.append(value)
        return values

    def arguments(self, function: HostFunction, wire: bytes) -> list[Any]:
        """Read arguments that crossed in the wire format."""
        values = list(self._read(wire))
        for position, (parameter, value) in enumerate(
            zip(function.parameters, values, strict=False)
        ):
            kind = type(value)
            if kind is bytes:
                if parameter.kind == "s":
                    values[position] = self._text(function, position, value)
            elif kind is str:
                if parameter.kind == "y":
                    values[position] = value.encode()
            elif kind is list and parameter.kind == "m":
                values[position] = dict(enumerate(value, 1))
        if function.rest is None:
            return values
        start = len(function.parameters)
        if function.rest == "y":
            values[start:] = [
                v.encode() if isinstance(v, str) else v for v in values[start:]
            ]
        elif function.rest == "s":
            values[start:] = [
                self._text(function, at, v) if isinstance(v, bytes) else v
                for at, v in enumerate(values[start:], start)
            ]
        return values

    @staticmethod
    def _text(function: HostFunction, position: int, value: bytes) -> str:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidError(
                f"{function.name}: argument {position + 1}: wanted UTF-8 text,"
                f" got bytes that are not ({error.reason} at byte {error.start})"
            ) from None

    def result(self, function: HostFunction, value: Any) -> tuple[int, Any]:
        """Encode a result: tag 0 as it is, 1 in the wire format."""
        if function.many:
            for item in value:
                if isinstance(item, Error) and item.retryable is None:
                    item.retryable = False  # core G-3, as for raised ones
            return 1, encode(value, handles=self.handle_of)
        if value is None or isinstance(value, (bool, float, bytes)):
            return 0, value
        if isinstance(value, str):
            return 0, to_bytes(value)
        if type(value) is int and -(2**63) <= value < 2**63:
            return 0, value
        return 1, encode([value], handles=self.handle_of, mark_objects=function.marks)

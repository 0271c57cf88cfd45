"""The functions of modules, called from Lua, and the objects that programs hold.

A `HostFunction` is known to a VM by its place in a list, an object by its number; no
Python object crosses. What a call raises is encoded: no exception reaches a program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.errors import Error, InternalError, InvalidError
from wippy_trio.kernel import Channel
from wippy_trio.logs import get_logger
from wippy_trio.lua.body import text, to_bytes
from wippy_trio.lua.codec import decode, encode, reader
from wippy_trio.lua.crossing import HANDLE_CLASS
from wippy_trio.lua.functions import (
    MisuseError,
    TooLongError,
    attempted_in_place,
    describe_function,
    running_process,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.kernel import Process
    from wippy_trio.lua.engine import VmEngine
    from wippy_trio.lua.functions import HandleClass, HostFunction, ModuleDescription

__all__ = ["ModuleCalls", "failure_of"]

log = get_logger(__name__)


def failure_of(error: BaseException) -> Error:
    """Turn what a host function raised into the error that a program sees."""
    if isinstance(error, Error):
        return error
    log.error("host_function.failed", error=repr(error), exc_info=error)
    return InternalError(f"internal fault, please report it: {error!r}")


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


class ModuleCalls:
    """The modules of one VM: their functions, classes and objects."""

    def __init__(self, engine: VmEngine) -> None:
        self.engine = engine
        self.node = engine.node
        self.functions: list[HostFunction] = []
        self._classes: dict[type, int] = {}
        self._class_list: list[tuple[HandleClass, bytes]] = []
        self.objects: dict[int, _Shown] = {}
        self._numbers: dict[tuple[int, int], int] = {}  # owner, identity: number
        self.owned: dict[int, set[int]] = {}  # owner: numbers of objects
        self._last_object = 0
        self._read = reader(self.find_object)
        self._kept: list[list[Callable[[], None]]] = []  # of the chunks of functions

    # -- descriptions ------------------------------------------------------------------

    def module(self, name: bytes) -> bytes:
        """Describe a module to the prelude."""
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
        """Describe a class of handles to the prelude."""
        return self._class_list[key][1]

    def add_class(self, handle: HandleClass) -> None:
        """Make a class known before a module names it."""
        self._describe_class(handle)

    # -- objects -----------------------------------------------------------------------

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

    def keep(self, process: Process) -> None:
        """Let what the chunk of a function made live as long as its state.

        The call that loaded the state ends; others go on with what the chunk keeps in
        its locals. What was to be cleaned up is, when the engine closes.
        """
        cleanups = process.take_cleanups()
        if cleanups:
            self._kept.append(cleanups)
        for key in self.owned.pop(process.pid.number, ()):
            found = self.objects[key]
            del self._numbers[found.owner, id(found.value)]
            found.owner = 0
            self._numbers.setdefault((0, id(found.value)), key)
            self.owned.setdefault(0, set()).add(key)

    def clean_up(self) -> None:
        """Clean up after the chunks of functions."""
        for cleanups in reversed(self._kept):
            for cleanup in reversed(cleanups):
                try:
                    cleanup()
                except Exception as error:  # noqa: BLE001 - the rest follows all the same
                    log.error("cleanup.failed", error=repr(error))  # noqa: TRY400
        self._kept.clear()

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

    # -- calls -------------------------------------------------------------------------

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

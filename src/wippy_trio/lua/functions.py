"""What the bridge must know of a Python function, class or module to show it to Lua.

The sdk builds these descriptions from decorated functions; the bridge turns each into a
Lua closure. A description says how every argument crosses, whether the call may block,
and in which shape its results come back.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import attrs

from wippy_trio.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from wippy_trio.errors import Error
    from wippy_trio.kernel import Process

__all__ = [
    "HandleClass",
    "HostFunction",
    "MisuseError",
    "ModuleDescription",
    "Parameter",
    "TooLongError",
    "attempted_in_place",
    "current_process",
    "move_to_thread",
    "running_process",
]

attempted_in_place: ContextVar[bool] = ContextVar("attempted_in_place", default=False)
running_process: ContextVar[Process | None] = ContextVar("process", default=None)


def current_process() -> Process:
    """Tell for which process the running function of a module acts.

    Raises:
      LookupError: It is not called from a process.
    """
    process = running_process.get()
    if process is None:
        raise LookupError(
            "no process: this function acts for the process that calls it"
        )
    return process


class MisuseError(InvalidError):
    """A call that no program writes on purpose: its text is raised in Lua.

    A function whose other failures are returned raises it for an argument of a wrong
    type, as the bridge does for annotated arguments.

    Source: modules-data 0.1 ("argument error"), E-e.
    """


class TooLongError(Exception):
    """A call that runs in place has to begin again in a thread."""


def move_to_thread() -> None:
    """Begin this call again in a worker thread, if it runs in place and may wait.

    A function that is exported with ``offload`` calls it as soon as it knows that it
    has more to do than the size of its arguments told. It has changed nothing before.
    Where the caller cannot wait, or in the thread, nothing happens.
    """
    if attempted_in_place.get():
        raise TooLongError


@attrs.frozen(slots=True)
class Parameter:
    """Say how one argument crosses.

    ``kind`` is ``s`` text, ``y`` bytes, ``i`` integer, ``n`` number, ``b`` boolean,
    ``t`` a table, ``m`` one that arrives as a mapping, ``v`` any value, ``g`` any value
    made plain data, ``h`` a handle of the class named by ``handle``.
    """

    kind: str
    optional: bool = False
    handle: str | None = None


@attrs.frozen(slots=True, eq=False)
class HostFunction:
    """Describe one function.

    Attributes:
      name: Its name in error texts.
      fn: The function, plain or a coroutine function.
      parameters: How its arguments cross; for a method the first one is the handle.
      rest: The kind of further arguments, or ``None``.
      blocking: Whether it is a coroutine function.
      pair: Whether success gives ``value, nil``; otherwise its values as they are.
      raises: Errors of this class are raised in Lua, not returned as ``nil, err``;
        ``None`` raises none.
      many: Whether it returns a tuple of several values.
      opaque: What inside its arguments becomes of functions, threads and objects that
        have no form: ``null`` or ``text``; without it they are left out.
      marks: Whether its empty mappings are objects to JSON in Lua.
      threaded: The same function carried out in a worker thread: what the bridge
        takes for large arguments where the caller may wait.
      offload: From how many bytes of arguments on it does so.
      flat: Whether it is a method that takes and gives scalars as they are, any number
        of them, without the wire format and without checks: for the Lua part of a
        module, which knows what it does. It returns a tuple of bytes, numbers,
        booleans and ``None`` that begins with a boolean, and never a ``str``.
    """

    name: str
    fn: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    rest: str | None = None
    blocking: bool = False
    pair: bool = True
    raises: type[Error] | None = None
    many: bool = False
    opaque: str | None = None
    marks: bool = False
    threaded: Callable[..., Awaitable[Any]] | None = None
    offload: int = 0
    flat: bool = False
    scalars: bool = attrs.field(init=False)
    """Whether all arguments cross as they are, without the wire format."""

    @scalars.default
    def _scalars(self) -> bool:
        return (
            not self.blocking
            and self.threaded is None
            and self.opaque is None
            and self.rest in (None, "s", "y", "i", "n", "b")
            and all(p.kind in "syinb" for p in self.parameters)
        )


@attrs.frozen(slots=True, eq=False)
class HandleClass:
    """Describe a Python class whose instances Lua holds as handles."""

    name: str
    cls: type
    methods: tuple[HostFunction, ...]


@attrs.frozen(slots=True, eq=False)
class ModuleDescription:
    """Describe what ``require`` gives for one name.

    ``source`` is Lua text of a built-in module, run once per VM with the private state
    and the table of the Python functions; it returns the module.
    """

    name: str
    functions: tuple[HostFunction, ...] = ()
    classes: tuple[HandleClass, ...] = ()
    constants: Mapping[str, Any] = attrs.Factory(dict)
    tables: Mapping[str, ModuleDescription] = attrs.Factory(dict)
    source: bytes | None = None


def describe_function(function: HostFunction, fid: int) -> dict[str, Any]:
    """Write a description as the bridge's Lua part reads it."""
    parameters: Sequence[Parameter] = function.parameters
    return {
        "name": function.name,
        "fid": fid,
        "async": function.blocking,
        "kinds": [[p.kind, p.optional, p.handle] for p in parameters],
        "rest": function.rest,
        "scalars": function.scalars,
        "opaque": function.opaque,
        "offload": None if function.threaded is None else function.offload,
        "flat": function.flat,
        "shape": 2 if function.pair else 1,
    }

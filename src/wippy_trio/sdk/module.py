"""Lua modules written in Python: one `LuaModule` per ``require`` name.

The annotations of an exported function say how its arguments cross: `str` is decoded
strictly as UTF-8, `bytes` comes as it is, `dict`, `list` and `Any` are copied values (a
`dict` is one for a table 1..n too, a `list` may turn out to be a mapping), a handle
class takes a handle, `Bag` any value made plain data: lists without other keys,
maps with text keys, functions and handles as their text. Its colour says whether it may
block: `def` runs in place, `async def` suspends the calling coroutine and runs in a
task of its process.

What it returns is what Lua gets: one value and ``nil``, or several values for a `tuple`
annotation. An `Error` it raises is returned as ``nil, err``, or raised in Lua if it was
exported with ``raises=True``.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, overload

import attrs

from wippy_trio.errors import Error
from wippy_trio.lua.functions import (
    HandleClass,
    HostFunction,
    ModuleDescription,
    Parameter,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Bag", "LuaModule", "handle_class"]

F = TypeVar("F", bound="Callable[..., Any]")
C = TypeVar("C", bound=type)

if TYPE_CHECKING:
    Bag = Any
else:

    class Bag:
        """The annotation of a parameter that takes plain data (modules-data 0.5)."""


_KINDS: dict[Any, str] = {str: "s", bytes: "y", bool: "b", int: "i", float: "n"}
_MAPS = (dict, Mapping)
_TABLES = (list, Sequence, Iterable)


class LuaModule:
    """Collect what one ``require`` name gives.

    Args:
      name: What programs require and declare under ``modules:``.
      declares: Signatures of its functions, one a line, for the checker and the docs.
      classes: Module classes, for evaluated code and workflows (modules-data 0.3).
      source: Lua text of a built-in part; see `ModuleDescription`.
      extra: The extra that installs what it needs, and the packages it imports; an
        entry that lists the module is not built while one is missing.
    """

    def __init__(
        self,
        name: str,
        *,
        declares: str = "",
        classes: Sequence[str] = (),
        source: bytes | None = None,
        extra: tuple[str, Sequence[str]] | None = None,
    ) -> None:
        self.name = name
        self.declares = declares
        self.classes = tuple(classes)
        self.source = source
        self.extra = extra
        self._functions: list[HostFunction] = []
        self._handles: list[HandleClass] = []
        self._constants: dict[str, Any] = {}
        self._tables: dict[str, LuaModule] = {}

    @overload
    def export(self, fn: F) -> F: ...

    @overload
    def export(
        self,
        *,
        name: str | None = None,
        pair: bool = True,
        raises: bool | type[Error] = False,
        offload: int | None = None,
        marks: bool = False,
        opaque: Literal["null", "text"] | None = None,
    ) -> Callable[[F], F]: ...

    def export(
        self,
        fn: F | None = None,
        *,
        name: str | None = None,
        pair: bool = True,
        raises: bool | type[Error] = False,
        offload: int | None = None,
        marks: bool = False,
        opaque: Literal["null", "text"] | None = None,
    ) -> F | Callable[[F], F]:
        """Show a function to Lua, under its own name.

        Args:
          fn: The function, when used as a plain decorator.
          name: Another name, for those that Python reserves.
          pair: Success gives ``value, nil``; otherwise the value alone.
          raises: Errors are raised in Lua, all or those of one class.
          offload: From how many bytes of arguments on a plain function runs in a
            worker thread, while its caller waits; where the caller cannot wait it
            runs in place (modules-data 0.8). See `move_to_thread`, too.
          opaque: What becomes of functions and the like inside the arguments; without
            it they are left out.
          marks: Empty mappings of its result are objects to JSON, ``{}``.
        """

        def add(function: F) -> F:
            self._functions.append(
                describe(
                    function,
                    name=name,
                    pair=pair,
                    raises=raises,
                    offload=offload,
                    marks=marks,
                    opaque=opaque,
                )
            )
            return function

        return add if fn is None else add(fn)

    def constant(self, name: str, value: Any) -> None:
        """Give the module a constant field."""
        self._constants[name] = value

    def table(self, name: str) -> LuaModule:
        """Give the module a sub-table of functions, like ``compress.gzip``."""
        return self._tables.setdefault(name, LuaModule(f"{self.name}.{name}"))

    def handle(self, cls: C) -> C:
        """Make the instances of a class handles of this module."""
        found = handle_class(cls, f"{self.name}.{cls.__name__}")
        self._handles.append(found)
        return cls

    def handle_for(self, cls: type, name: str) -> Callable[[C], C]:
        """Make the instances of a class that knows nothing of Lua handles.

        The decorated class is never made: its methods, called with an instance of
        ``cls`` as ``self``, are what Lua sees.

        Args:
          cls: The class of the objects.
          name: Of the handle, after the module's.
        """

        def add(methods: C) -> C:
            found = handle_class(methods, f"{self.name}.{name}")
            shown = attrs.evolve(found, cls=cls)
            type.__setattr__(cls, "__lua_handle__", shown)
            self._handles.append(shown)
            return methods

        return add

    def missing(self) -> str | None:
        """Say what is not installed that the module needs, and how to install it."""
        if self.extra is None:
            return None
        name, packages = self.extra
        lacking = [package for package in packages if not _installed(package)]
        if not lacking:
            return None
        return (
            f"module {self.name} needs the Python package {', '.join(lacking)}:"
            f" pip install 'wippy-trio[{name}]'"
        )

    @property
    def declarations(self) -> dict[str, str]:
        """What `declares` says, by name; a declared type has ``type`` before its own.

        A declaration goes on until its brackets are closed.
        """
        found: dict[str, str] = {}
        text = ""
        for line in self.declares.splitlines():
            text = f"{text} {line.strip()}".strip()
            if not text or sum(map(text.count, "({[")) > sum(map(text.count, ")}]")):
                continue
            separator = "=" if text.startswith("type ") else ":"
            name, _, signature = text.partition(separator)
            found[name.strip()] = signature.strip()
            text = ""
        return found

    def describe(self) -> ModuleDescription:
        """Describe it for the bridge."""
        return ModuleDescription(
            name=self.name,
            functions=tuple(self._functions),
            classes=tuple(self._handles),
            constants=self._constants,
            tables={name: table.describe() for name, table in self._tables.items()},
            source=self.source,
        )

    @property
    def exports(self) -> frozenset[str]:
        """The names Lua sees in the module's table."""
        return frozenset(
            [f.name for f in self._functions] + [*self._constants, *self._tables]
        )


def handle_class(cls: type, name: str) -> HandleClass:
    """Describe a class whose instances Lua holds as handles.

    Its public methods become methods of the handle; ``__str__`` becomes ``tostring``,
    ``__eq__`` is left to identity. A class is described once.
    """
    known = cls.__dict__.get("__lua_handle__")
    if isinstance(known, HandleClass):
        return known
    methods: list[HostFunction] = []
    found = HandleClass(name=getattr(cls, "lua_name", name), cls=cls, methods=())
    type.__setattr__(cls, "__lua_handle__", found)
    for attribute in dir(cls):
        member = inspect.getattr_static(cls, attribute)
        if not inspect.isfunction(member):
            continue
        if attribute == "__str__":
            methods.append(
                describe(member, name="__tostring", pair=False, raises=True, cls=cls)
            )
        elif not attribute.startswith("_"):
            options = getattr(member, "__lua_options__", {})
            methods.append(describe(member, cls=cls, **options))
    object.__setattr__(found, "methods", tuple(methods))
    return found


def describe(
    fn: Callable[..., Any],
    *,
    name: str | None = None,
    pair: bool = True,
    raises: bool | type[Error] = False,
    offload: int | None = None,
    marks: bool = False,
    opaque: Literal["null", "text"] | None = None,
    waiting: Callable[..., Any] | None = None,
    flat: bool = False,
    cls: type | None = None,
) -> HostFunction:
    """Read a function's annotations.

    Raises:
      TypeError: An annotation says nothing about how the argument crosses.
    """
    name = name or fn.__name__.rstrip("_")
    hints = typing.get_type_hints(fn)
    parameters: list[Parameter] = []
    rest: str | None = None
    for position, parameter in enumerate(inspect.signature(fn).parameters.values()):
        if position == 0 and cls is not None:
            handle = cls.__dict__["__lua_handle__"].name
            parameters.append(Parameter("h", handle=handle))
            continue
        if parameter.name not in hints:
            raise TypeError(f"{name}: parameter {parameter.name} has no annotation")
        kind, optional, handle = _kind(hints[parameter.name], name)
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            rest = kind
        else:
            optional = optional or parameter.default is not inspect.Parameter.empty
            parameters.append(Parameter(kind, optional, handle))
    returns = hints.get("return")
    many = typing.get_origin(returns) is tuple or returns is tuple
    return HostFunction(
        name=name,
        fn=fn,
        parameters=tuple(parameters),
        rest=rest,
        blocking=inspect.iscoroutinefunction(fn),
        pair=pair and not many,
        raises=Error if raises is True else raises or None,
        many=many,
        marks=marks,
        opaque=opaque,
        threaded=None if offload is None else waiting or _threaded(fn),
        offload=offload or 0,
        flat=flat,
    )


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # the package it is in is not there either
        return False


def _threaded(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Make the form of a plain function that runs in a worker thread.

    If its caller is cancelled it is left to finish alone: it is plain computing.
    """

    async def run(*args: Any) -> Any:
        from wippy_trio.sdk.threads import run_in_thread  # noqa: PLC0415 - start-up

        return await run_in_thread(fn, *args, abandon=True)

    return run


def _kind(hint: Any, owner: str) -> tuple[str, bool, str | None]:
    """Tell kind, optional and handle class of one annotation."""
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        arms = [arm for arm in typing.get_args(hint) if arm is not type(None)]
        optional = len(arms) < len(typing.get_args(hint))
        kinds = {_kind(arm, owner) for arm in arms}
        if len(kinds) == 1:
            kind, _, handle = kinds.pop()
            return kind, optional, handle
        if {kind for kind, _, _ in kinds} == {"m", "t"}:
            return "t", optional, None
        return "v", optional, None
    plain = origin or hint
    if plain in _KINDS:
        return _KINDS[plain], False, None
    if plain in (Any, object):
        return "v", True, None
    if plain is Bag:
        return "g", True, None
    if plain in _MAPS:
        return "m", False, None
    if plain in _TABLES:
        return "t", False, None
    handle = getattr(plain, "__lua_handle__", None)
    if handle is not None:
        return "h", False, handle.name
    raise TypeError(f"{owner}: no way to pass a {hint!r} from Lua")

"""Which modules and kinds there are: ours, and those of installed packages.

Ours are found by walking the packages ``modules`` and ``services``: a file with a
``MODULE`` is a module, a class with ``kinds`` is a handler. Others come by the entry
points ``wippy_trio.modules`` and ``wippy_trio.kinds``. A module is imported when it is
first wanted.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from wippy_trio.errors import NotFoundError, UnavailableError
from wippy_trio.registry import known_module
from wippy_trio.sdk import EntryKind, LuaModule

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["handler_classes", "has_module", "load_module", "module_names"]

ALWAYS = frozenset(
    {"process", "channel", "errors", "payload", "table", "math", "string", "coroutine"}
    | {"print", "subscribe", "unsubscribe", "funcs"}
)
"""What the prelude itself provides."""


@functools.cache
def _own_modules() -> dict[str, str]:
    package = importlib.import_module("wippy_trio.modules")
    names = {}
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_"):
            names[info.name.rstrip("_")] = f"wippy_trio.modules.{info.name}"
    return names


@functools.cache
def _foreign_modules() -> dict[str, str]:
    return {
        point.name: point.value for point in entry_points(group="wippy_trio.modules")
    }


def module_names() -> frozenset[str]:
    """List the modules that can be declared here."""
    return frozenset(_own_modules()) | frozenset(_foreign_modules()) | ALWAYS


def has_module(name: str) -> bool:
    """Tell whether a module may be declared; one not built yet counts (design 7)."""
    return name in module_names() or known_module(name)


@functools.cache
def load_module(name: str) -> LuaModule:
    """Import a module.

    Raises:
      NotFoundError: There is none of that name.
      UnavailableError: It is known but not part of this version, or a package that it
        needs is missing.
    """
    where = _own_modules().get(name)
    attribute = "MODULE"
    if where is None and name in _foreign_modules():
        where, _, attribute = _foreign_modules()[name].partition(":")
    if where is None:
        if known_module(name):
            raise UnavailableError(f"module {name} is not available in this version")
        raise NotFoundError(f"module '{name}' not found")
    found = getattr(importlib.import_module(where), attribute or "MODULE", None)
    if not isinstance(found, LuaModule):
        raise UnavailableError(f"module {name} is not available in this version")
    return found


def handler_classes() -> Iterator[type[EntryKind]]:
    """Find the handlers of all kinds."""
    package = importlib.import_module("wippy_trio.services")
    for info in pkgutil.walk_packages(package.__path__, "wippy_trio.services."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if (
                inspect.isclass(value)
                and issubclass(value, EntryKind)
                and value.kinds
                and value.__module__ == module.__name__
            ):
                yield value
    for point in entry_points(group="wippy_trio.kinds"):
        yield point.load()

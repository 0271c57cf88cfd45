"""Which modules and kinds there are: ours, and those of installed packages.

Ours are found by walking the packages ``modules`` and ``services``: a file with a
``MODULE`` is a module, a class with ``kinds`` is a handler. Others come by the entry
points ``wippy_trio.modules`` and ``wippy_trio.kinds``. A module is imported when it is
first wanted, and so is a handler: an application pays for the services it has.
"""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
import sys
from typing import TYPE_CHECKING, Any

from wippy_trio.errors import NotFoundError, UnavailableError
from wippy_trio.registry import known_module
from wippy_trio.sdk import EntryKind, LuaModule

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "check_installed",
    "handler_class",
    "handler_classes",
    "has_module",
    "load_module",
    "module_names",
]

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
    return {point.name: point.value for point in _plugins("wippy_trio.modules")}


def module_names() -> frozenset[str]:
    """List the modules that can be declared here."""
    return frozenset(_own_modules()) | frozenset(_foreign_modules()) | ALWAYS


def has_module(name: str) -> bool:
    """Tell whether a module may be declared; one not built yet counts (design 7)."""
    return (
        name in ALWAYS
        or name in _own_modules()
        or known_module(name)
        or name in _foreign_modules()
    )


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


def module_table() -> list[dict[str, Any]]:
    """Tell name, purpose and classes of every module that is built."""
    rows: list[dict[str, Any]] = []
    for name in sorted({*_own_modules(), *_foreign_modules()}):
        try:
            module = load_module(name)
        except UnavailableError:
            continue
        where = _own_modules().get(name) or _foreign_modules()[name].partition(":")[0]
        text = (sys.modules[where].__doc__ or "").partition("\n")[0]
        text = text.partition("(")[0].strip().rstrip(".")
        rows.append(
            {
                "name": name,
                "description": text.partition(": ")[2] or text,
                "class": list(module.classes),
            }
        )
    return rows


def check_installed(name: str) -> None:
    """Refuse a module whose Python packages are not all installed.

    Raises:
      UnavailableError: With the line that installs them.

    Source: modules-data L-5.
    """
    if name in _own_modules() or name in _foreign_modules():
        try:
            missing = load_module(name).missing()
        except UnavailableError:  # known, not built yet: fails at use (design 7)
            return
        if missing is not None:
            raise UnavailableError(missing, retryable=False)


# -- kinds -----------------------------------------------------------------------------


@functools.cache
def handler_class(kind: str) -> type[EntryKind] | None:
    """Find the handler of a kind, importing no more than that needs.

    A file whose text does not hold the kind's name in quotes cannot be its handler,
    unless it takes the name from elsewhere: those are tried last.
    """
    mentioned: list[str] = []
    others: list[str] = []
    for name in _service_modules():
        (mentioned if _mentions(name, kind) else others).append(name)
    for name in (*mentioned, *others):
        for cls in _handlers_in(name):
            if kind in cls.kinds:
                return cls
    for cls in _foreign_handlers():
        if kind in cls.kinds:
            return cls
    return None


def handler_classes() -> Iterator[type[EntryKind]]:
    """Find the handlers of all kinds."""
    for name in _service_modules():
        yield from _handlers_in(name)
    yield from _foreign_handlers()


@functools.cache
def _service_modules() -> tuple[str, ...]:
    """List the files of the package ``services``, without importing them."""
    found: list[str] = []

    def walk(package: str, places: list[str]) -> None:
        for info in pkgutil.iter_modules(places, package + "."):
            found.append(info.name)
            if info.ispkg:
                folder = info.name.rpartition(".")[2]
                walk(info.name, [os.path.join(place, folder) for place in places])  # noqa: PTH118

    package = importlib.import_module("wippy_trio.services")
    walk(package.__name__, list(package.__path__))
    return tuple(found)


def _mentions(name: str, kind: str) -> bool:
    text = _source(name)
    return b"kinds" in text and f'"{kind}"'.encode() in text


@functools.cache
def _source(name: str) -> bytes:
    """Read the text of a file of ``services``; nothing if only bytecode is there."""
    package = importlib.import_module("wippy_trio.services")
    parts = name.removeprefix(package.__name__ + ".").split(".")
    for place in package.__path__:
        base = os.path.join(place, *parts)  # noqa: PTH118 - start-up cost
        for path in (base + ".py", os.path.join(base, "__init__.py")):  # noqa: PTH118
            try:
                with open(path, "rb") as file:  # noqa: PTH123 - start-up cost
                    return file.read()
            except OSError:
                continue
    return b""


@functools.cache
def _handlers_in(name: str) -> tuple[type[EntryKind], ...]:
    module = importlib.import_module(name)
    return tuple(
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, EntryKind)
        and value.kinds
        and value.__module__ == module.__name__
    )


@functools.cache
def _foreign_handlers() -> tuple[type[EntryKind], ...]:
    return tuple(point.load() for point in _plugins("wippy_trio.kinds"))


# -- installed packages ----------------------------------------------------------------


def _plugins(group: str) -> tuple[Any, ...]:
    """List the entry points of a group."""
    if not _has_plugins():
        return ()
    from importlib.metadata import entry_points  # noqa: PLC0415 - start-up cost

    return tuple(entry_points(group=group))


@functools.cache
def _has_plugins() -> bool:
    """Tell whether an installed package may have entry points for us.

    ``importlib.metadata`` parses the entry points of all packages, 20 ms and more; a
    look at the files for our name takes a tenth. Where packages may lie in an archive
    or are found by a finder of their own, the answer is yes.
    """
    usual = {"BuiltinImporter", "FrozenImporter", "PathFinder"}
    for finder in sys.meta_path:
        name = getattr(finder, "__name__", type(finder).__name__)
        if name not in usual and hasattr(finder, "find_distributions"):
            return True
    for place in dict.fromkeys(sys.path):
        try:
            with os.scandir(place or ".") as entries:
                names = [e.path for e in entries if e.name.endswith(("-info", ".egg"))]
        except NotADirectoryError:
            return True
        except OSError:
            continue
        for path in names:
            file = os.path.join(path, "entry_points.txt")  # noqa: PTH118
            if path.endswith(".egg"):
                file = os.path.join(path, "EGG-INFO", "entry_points.txt")  # noqa: PTH118
            try:
                with open(file, "rb") as opened:  # noqa: PTH123 - start-up cost
                    if b"[wippy_trio." in opened.read():
                        return True
            except NotADirectoryError:
                return True
            except OSError:
                continue
    return False

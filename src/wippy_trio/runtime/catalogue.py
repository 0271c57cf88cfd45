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
from wippy_trio.loading.plugins import KINDS_GROUP, MODULES_GROUP, Plugin, plugins
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
NATIVE: dict[str, tuple[str, tuple[str, ...]]] = {
    "channel": (
        "hand values over, wait for the first",
        ("deterministic",),
    ),
    "funcs": ("call the functions of the registry", ("process",)),
    "payload": ("values with their formats", ("encoding", "deterministic")),
    "process": ("spawn processes and send them messages", ("process",)),
}
"""Purpose and classes of those modules among them that are ours."""


@functools.cache
def _own_modules() -> dict[str, str]:
    package = importlib.import_module("wippy_trio.modules")
    names = {}
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_"):
            names[info.name.rstrip("_")] = f"wippy_trio.modules.{info.name}"
    return names


def module_names() -> frozenset[str]:
    """List the modules that can be declared here."""
    return frozenset(_own_modules()) | frozenset(plugins(MODULES_GROUP)) | ALWAYS


def has_module(name: str) -> bool:
    """Tell whether a module may be declared; one not built yet counts (design 7)."""
    return (
        name in ALWAYS
        or name in _own_modules()
        or known_module(name)
        or name in plugins(MODULES_GROUP)
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
    if where is not None:
        found = getattr(importlib.import_module(where), "MODULE", None)
    else:
        plugin = plugins(MODULES_GROUP).get(name)
        if plugin is None:
            if known_module(name):
                raise _not_available(name)
            raise NotFoundError(f"module '{name}' not found")
        found = _plugged(plugin, f"module {name}", "MODULE")
        if not isinstance(found, LuaModule):
            raise UnavailableError(
                f"module {name} of the package {plugin.package}: wanted a LuaModule at "
                f"{plugin.place}:{plugin.attribute}, found {type(found).__name__}",
                retryable=False,
            )
        if found.name != name:
            raise UnavailableError(
                f"module {name} of the package {plugin.package}: its LuaModule has the "
                f"name {found.name!r}, wanted that of its entry point",
                retryable=False,
            )
    if not isinstance(found, LuaModule):
        raise _not_available(name)
    return found


def _not_available(name: str) -> UnavailableError:
    return UnavailableError(f"module {name} is not available in this version")


def _plugged(plugin: Plugin, what: str, default: str) -> Any:
    """Import what an entry point names; its faults become ours to tell."""
    where = f"{what} of the package {plugin.package}"
    try:
        found: Any = importlib.import_module(plugin.place)
        for part in (plugin.attribute or default).split("."):
            found = getattr(found, part)
    except Exception as error:
        # Whatever a stranger's module raises while it is imported.
        raise UnavailableError(
            f"{where} cannot be imported: {type(error).__name__}: {error}",
            retryable=False,
        ) from error
    return found


def module_table() -> list[dict[str, Any]]:
    """Tell name, purpose and classes of every module that is built."""
    rows: list[dict[str, Any]] = []
    for name in sorted({*_own_modules(), *plugins(MODULES_GROUP)}):
        try:
            module = load_module(name)
        except UnavailableError:
            continue
        where = _own_modules().get(name) or plugins(MODULES_GROUP)[name].place
        text = (sys.modules[where].__doc__ or "").partition("\n")[0]
        text = text.partition("(")[0].strip().rstrip(".")
        rows.append(
            {
                "name": name,
                "description": text.partition(": ")[2] or text,
                "class": list(module.classes),
            }
        )
    rows += [
        {"name": name, "description": purpose, "class": list(classes)}
        for name, (purpose, classes) in NATIVE.items()
    ]
    return sorted(rows, key=lambda row: str(row["name"]))


def check_installed(name: str) -> None:
    """Refuse a module whose Python packages are not all installed.

    Raises:
      UnavailableError: With the line that installs them.

    Source: modules-data L-5.
    """
    if name in _own_modules() or name in plugins(MODULES_GROUP):
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

    A handler of ours names its kinds in quotes in its own file, so only a file whose
    text does is imported.
    """
    for name in _service_modules():
        if _mentions(name, kind):
            for cls in _handlers_in(name):
                if kind in cls.kinds:
                    return cls
    plugin = plugins(KINDS_GROUP).get(kind)
    return None if plugin is None else _foreign_handler(plugin)


def handler_classes() -> Iterator[type[EntryKind]]:
    """Find the handlers of all kinds."""
    for name in filter(_declares_kinds, _service_modules()):
        yield from _handlers_in(name)
    yield from dict.fromkeys(map(_foreign_handler, plugins(KINDS_GROUP).values()))


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


def _declares_kinds(name: str) -> bool:
    text = _source(name)
    return not text or b"\n    kinds" in text


def _mentions(name: str, kind: str) -> bool:
    text = _source(name)
    if not text:  # only bytecode is there
        return True
    return b"\n    kinds" in text and f'"{kind}"'.encode() in text


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


def _foreign_handler(plugin: Plugin) -> type[EntryKind]:
    found = _plugged(plugin, f"kind {plugin.name}", "")
    if isinstance(found, type) and issubclass(found, EntryKind):
        handler: type[EntryKind] = found
        if plugin.name in handler.kinds:
            return handler
    raise UnavailableError(
        f"kind {plugin.name} of the package {plugin.package}: wanted at "
        f"{plugin.place}:{plugin.attribute} an EntryKind with that name among its "
        f"kinds, found {found!r}",
        retryable=False,
    )

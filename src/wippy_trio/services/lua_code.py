"""``function.lua``, ``library.lua``, ``process.lua``, ``workflow.lua``: Lua entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.logs import get_logger
from wippy_trio.lua import Code
from wippy_trio.registry import complete_id
from wippy_trio.sdk import (
    ConflictError,
    EntryKind,
    InvalidError,
    NotFoundError,
    UnavailableError,
)

if TYPE_CHECKING:
    from wippy_trio.registry import Entry

__all__ = ["LuaCode"]

log = get_logger(__name__)

NEEDS_METHOD = frozenset({"function.lua"})
POOL_TYPES = frozenset({"inline", "lazy", "static", "adaptive"})


class LuaCode(EntryKind):
    """Give the engine the code of Lua entries (apps 2.1, 6.2)."""

    kinds = (
        "function.lua",
        "library.lua",
        "process.lua",
        "workflow.lua",
        "module.lua",
    )

    async def create(self, entry: Entry) -> None:
        """Check and compile an entry's source and make it known."""
        code = read_code(entry)
        read_pool(entry)
        self._check_names(code)
        self.runtime.code.add(code, entry.kind, self._checked(code))

    async def update(self, old: Entry, new: Entry) -> None:
        """Replace the code; running processes keep what they have (apps 7.5)."""
        code = read_code(new)
        read_pool(new)
        self._check_names(code)
        self.runtime.code.replace(code, new.kind, self._checked(code))

    async def delete(self, entry: Entry) -> None:
        """Forget the code; it must not be imported by what stays (apps 2.1.9)."""
        if not self.runtime.live.planned(entry.id):
            importers = self.runtime.code.importers(entry.id)
            if importers:
                raise ConflictError(
                    f"cannot remove node {entry.id}: imported by {', '.join(importers)}"
                )
        self.runtime.code.remove(entry.id)

    def _check_names(self, code: Code) -> None:
        """See that its modules and imports exist, or will (core MOD-7, apps 2.1)."""
        engine, live = self.runtime.engine, self.runtime.live
        for name in code.modules:
            try:
                found = engine.surroundings.has_module(name)
            except UnavailableError as error:
                # One missing package must not keep an application from starting: what
                # lists it fails when it is first built (apps 13.24, modules-data L-5).
                log.warning(error.message, entry=code.id)
                continue
            if not found:
                raise NotFoundError(
                    f"entry {code.id}: wanted a module {name!r}, found none",
                    details={"entry": code.id, "module": name},
                )
        for alias, target in code.imports.items():
            if ":" not in target.removeprefix(":"):
                continue  # a built-in module, checked when the unit is built
            if target not in self.runtime.code and not live.planned(target):
                raise NotFoundError(
                    f"entry {code.id}: import {alias!r}: wanted a library {target},"
                    " found none",
                    details={"entry": code.id, "import": target},
                )
        cycle = self.runtime.code.cycle(code)
        if cycle:
            raise InvalidError(
                f"adding dependency would create a cycle: {' -> '.join(cycle)}"
            )

    def _checked(self, code: Code) -> int:
        """Compile now, so that a syntax error rejects the entry (apps 2.1)."""
        chunks = self.runtime.engine.chunks
        key: int = chunks.key(code.id, code.source)
        chunks.text(key)
        return key


def read_code(entry: Entry) -> Code:
    """Read the fields of a Lua entry.

    Raises:
      InvalidError: One is missing or malformed; the text names it.
    """
    data = entry.data
    if not isinstance(data, dict):
        raise InvalidError("configuration data is required")
    source = data.get("source")
    if not isinstance(source, str) or not source:
        raise InvalidError("source is required")
    method = data.get("method") or ""
    if not isinstance(method, str):
        raise InvalidError(f"method: wanted text, got {method!r}")
    if not method:
        if entry.kind in NEEDS_METHOD:
            raise InvalidError("method is required")
        method = "main"
    return Code(
        id=entry.id,
        source=source.encode("utf-8", "surrogateescape"),
        method=method,
        modules=_modules(data.get("modules")),
        imports=_imports(data.get("imports"), entry),
        process=entry.kind.startswith("process."),
    )


def _modules(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidError(f"modules: wanted a list of names, got {value!r}")
    names: list[str] = []
    for name in value:
        if not isinstance(name, str) or not name:
            raise InvalidError("module cannot be empty")
        if ":" in name:
            raise InvalidError(f"module cannot have a namespace: {name}")
        if name not in names:
            names.append(name)
    return tuple(names)


def _imports(value: Any, entry: Entry) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidError(f"imports: wanted a map of alias to id, got {value!r}")
    imports: dict[str, str] = {}
    for alias, target in value.items():
        if not alias:
            raise InvalidError("import alias cannot be empty")
        if not isinstance(target, str) or not target:
            raise InvalidError(f"imports.{alias}: wanted an id, got {target!r}")
        imports[str(alias)] = target
    del entry
    return imports


def read_pool(entry: Entry) -> int:
    """Read the ``pool`` of a function: how many calls run at once (apps 6.2).

    Raises:
      InvalidError: An unknown type, or a size that is no number or negative.
    """
    data = entry.data if isinstance(entry.data, dict) else {}
    pool = data.get("pool")
    if pool is None:
        return 100
    if not isinstance(pool, dict):
        raise InvalidError(f"pool: wanted a map, got {pool!r}")
    kind = pool.get("type")
    if kind is not None and kind not in POOL_TYPES:
        raise InvalidError(
            f"pool.type: wanted one of {', '.join(sorted(POOL_TYPES))}, got {kind!r}"
        )
    sizes: dict[str, int] = {}
    for field in ("size", "workers", "buffer", "max_size"):
        value = pool.get(field, 0)
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise InvalidError(
                f"pool.{field}: wanted a number of 0 or more, got {value!r}"
            )
        sizes[field] = value
    if kind == "static" or (kind is None and sizes["workers"]):
        return sizes["workers"] or sizes["size"] or 8
    if kind == "inline" or (kind is None and sizes["size"] and not sizes["max_size"]):
        return sizes["size"] or 16
    return sizes["max_size"] or (16 if kind else 100)


def default_host(entry: Entry) -> str | None:
    """Tell the host on which a process runs when it is called (apps 6.6)."""
    options = entry.meta.get("options")
    found = options.get("default_host") if isinstance(options, dict) else None
    found = found or entry.meta.get("default_host")
    return complete_id(found, entry.ns) if isinstance(found, str) and found else None

"""Units: an entry with its import closure, in the order in which the chunks run.

Imports run before the chunk that imports them, dependencies first; one alias of one
target runs once, under two aliases twice (core MOD-5). All names of the closure are
visible in it (MOD-6); a name of the unit's own wins over one that only a library brings
(apps 13.32).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

from wippy_trio.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wippy_trio.lua.chunks import Chunks

__all__ = ["Code", "CodeSource", "Unit", "Units"]


@attrs.frozen(slots=True)
class Code:
    """Hold the Lua part of one entry; ``process`` if it can be spawned.

    ``absent`` names globals of every program that this one does not have. Code that is
    ``evaluated`` came as data: it is bounded, and starts anew in each call.
    """

    id: str
    source: bytes
    method: str = "main"
    modules: tuple[str, ...] = ()
    imports: Mapping[str, str] = attrs.Factory(dict)
    process: bool = True
    absent: tuple[str, ...] = ()
    evaluated: bool = False


class CodeSource(Protocol):
    """Where the code of entries comes from."""

    def code(self, id: str) -> Code | None:  # noqa: A002 - its name
        """Give the Lua code of an entry, or ``None`` if there is no such entry."""
        ...

    def has_module(self, name: str) -> bool:
        """Tell whether there is a built-in or installed module of that name."""
        ...


@attrs.frozen(slots=True, eq=False)
class Unit:
    """Name what a VM must load to run one entry.

    Attributes:
      key: Stands for this unit across the door.
      id: The entry.
      method: The function to look up in what its chunk returns.
      main: The key of its chunk.
      imports: Pairs of alias and chunk key, in the order in which they run.
      modules: Pairs of the name it has in the program and the module's name.
      members: Every entry in it, for invalidation.
      absent: Globals that it lacks.
      evaluated: Whether it came as data.
    """

    key: int
    id: str
    method: str
    main: int
    imports: tuple[tuple[str, int], ...]
    modules: tuple[tuple[str, str], ...]
    members: frozenset[str]
    absent: tuple[str, ...] = ()
    evaluated: bool = False

    @property
    def chunks(self) -> tuple[int, ...]:
        """The keys of all its chunks."""
        return (self.main, *(key for _, key in self.imports))

    def describe(self) -> dict[str, Any]:
        """Write it as the prelude reads it."""
        return {
            "id": self.id,
            "absent": dict.fromkeys(self.absent, True) or None,
            "evaluated": self.evaluated or None,
            "method": self.method,
            "main": self.main,
            "imports": [list(pair) for pair in self.imports],
            "modules": [list(pair) for pair in self.modules],
        }


class Units:
    """Build units and keep them until one of their members changes."""

    def __init__(self, source: CodeSource, chunks: Chunks) -> None:
        self._source = source
        self._chunks = chunks
        self._by_id: dict[tuple[str, str], Unit] = {}
        self._by_key: dict[int, Unit] = {}
        self._leaving: list[Unit] = []
        self._last = 0

    def get(self, id: str, *, budget: str = "full") -> Unit:  # noqa: A002
        """Give the unit of an entry.

        Raises:
          NotFoundError: No such entry; or it imports or declares what does not exist.
          InvalidError: Its imports form a cycle.
          ConflictError: One alias stands for two targets (core MOD-7).
        """
        found = self._by_id.get((id, budget))
        if found is None:
            found = self._build(id, budget)
            self._by_id[id, budget] = found
            self._by_key[found.key] = found
        return found

    def of_process(self, id: str, *, budget: str = "full") -> Unit:  # noqa: A002
        """Give the unit of an entry that can be spawned.

        Raises:
          NotFoundError: No such entry, or it is no process (core S-4).
          Error: As `get`.
        """
        code = self._source.code(id)
        if code is None or not code.process:
            raise NotFoundError("factory not found", details={"factory_id": id})
        return self.get(id, budget=budget)

    def by_key(self, key: int) -> Unit:
        """Give a unit that `get` returned before.

        Raises:
          UnavailableError: Code has changed twice since then.
        """
        try:
            return self._by_key[key]
        except KeyError:
            raise UnavailableError("the code changed meanwhile, try again") from None

    def __len__(self) -> int:
        """Count those that can be had by their key."""
        return len(self._by_key)

    def forget(self, ids: frozenset[str]) -> list[Unit]:
        """Drop every unit with a changed member; the VMs must forget them too.

        A birth that is on its way to a VM may still ask for one by its key: they are
        let go of, with the text of their chunks, when code changes the next time.
        """
        self._let_go()
        dropped = [
            unit for unit in self._by_id.values() if not ids.isdisjoint(unit.members)
        ]
        for key, unit in list(self._by_id.items()):
            if unit in dropped:
                del self._by_id[key]
        self._leaving = dropped
        return dropped

    def _let_go(self) -> None:
        leaving, self._leaving = self._leaving, []
        if not leaving:
            return
        for unit in leaving:
            del self._by_key[unit.key]
        used = {key for unit in self._by_id.values() for key in unit.chunks}
        for key in {key for unit in leaving for key in unit.chunks} - used:
            self._chunks.forget(key)

    def _build(self, id: str, budget: str) -> Unit:  # noqa: A002
        code = self._source.code(id)
        if code is None:
            raise NotFoundError("factory not found", details={"factory_id": id})
        walk = _Walk(self._source, self._chunks, budget)
        walk.visit(code, ())
        self._last += 1
        return Unit(
            key=self._last,
            id=id,
            method=code.method,
            main=self._chunks.key(id, code.source, budget=budget),
            imports=tuple(walk.imports),
            modules=tuple(walk.modules.items()),
            members=frozenset(walk.members),
            absent=code.absent,
            evaluated=code.evaluated,
        )


class _Walk:
    """Visit a closure depth first; collect what runs before the entry."""

    def __init__(self, source: CodeSource, chunks: Chunks, budget: str) -> None:
        self.source = source
        self.chunks = chunks
        self.budget = budget
        self.imports: list[tuple[str, int]] = []
        self.modules: dict[str, str] = {}
        self.members: set[str] = set()
        self._targets: dict[str, str] = {}

    def visit(self, code: Code, path: tuple[str, ...]) -> None:
        self.members.add(code.id)
        for module in code.modules:
            if self._claim(module, module, code.id):
                self._module(module, module, code.id)
        for alias, target in code.imports.items():
            name = target.removeprefix(":")
            if ":" not in name:  # `:registry` or `contract`: a built-in module
                if self._claim(alias, name, code.id):
                    self._module(alias, name, code.id)
                continue
            if target in (*path, code.id):
                cycle = " -> ".join((*path, code.id, target))
                raise InvalidError(f"adding dependency would create a cycle: {cycle}")
            if not self._claim(alias, target, code.id):
                continue
            library = self.source.code(target)
            if library is None:
                raise NotFoundError(
                    f"entry {code.id}: import {alias!r}: wanted a library {target},"
                    " found no Lua code of that id",
                    details={"entry": code.id, "import": target},
                )
            self.visit(library, (*path, code.id))
            chunk = self.chunks.key(target, library.source, budget=self.budget)
            self.imports.append((alias, chunk))

    def _claim(self, alias: str, target: str, owner: str) -> bool:
        """Take an alias for a target; False if it has it already."""
        taken = self._targets.get(alias)
        if taken is None:
            self._targets[alias] = target
            return True
        if taken != target:
            raise ConflictError(
                f"alias '{alias}' collision in {owner}: it stands for {taken}"
                f" and for {target}"
            )
        return False

    def _module(self, alias: str, name: str, owner: str) -> None:
        if not self.source.has_module(name):
            raise NotFoundError(
                f"entry {owner}: wanted a module {name!r}, found none",
                details={"entry": owner, "module": name},
            )
        self.modules[alias] = name
